//! Steps of a scenario: a state that rules and stubs ask for and move on.
//!
//! ```toml
//! scenario = { name = "mailbox-filling", is = "nearly-full", becomes = "full" }
//! ```
//!
//! The rule fires only in the state `is`, if it names one, and moves to the state `becomes`, if it names one, each in the
//! session's lane. A scenario that nobody has moved yet is in the state `start`.

use crate::document::{Node, Table, note, text};
use crate::policy::ask::Step;
use crate::policy::parse::is_id;
use crate::problem::{Problem, Problems};

/// The state of a scenario that nobody has moved yet.
pub const START: &str = "start";

/// Reads a `scenario` table.
pub(crate) fn step(node: &Node, problems: &mut Problems) -> Option<Step> {
    let mut table = Table::of(node, problems);
    let name = |node: &Node, problems: &mut Problems| {
        let text = text(node, problems)?;
        let error = || format!("`{text}` is no name: small letters, digits and hyphens make one");
        note(node, if is_id(text) { Ok(text.to_owned()) } else { Err(error()) }, problems)
    };
    let scenario = table.required("name", problems).and_then(|node| name(node, problems));
    let is = table.node("is").and_then(|node| name(node, problems));
    let becomes = table.node("becomes").and_then(|node| name(node, problems));
    table.finish(problems);
    if is.is_none() && becomes.is_none() {
        problems.push(Problem::new(&node.place, "a step of a scenario has `is`, `becomes` or both"));
    }
    Some(Step { scenario: scenario?, is, becomes })
}

impl Step {
    /// What is said of a step that was taken.
    pub(crate) fn evidence(&self) -> String {
        let is = self.is.as_deref().map(|is| format!(" is {is}"));
        let becomes = self.becomes.as_deref().map(|becomes| format!(" becomes {becomes}"));
        let said: Vec<_> = [is, becomes].into_iter().flatten().collect();
        format!("scenario {}{}", self.scenario, said.join(","))
    }
}
