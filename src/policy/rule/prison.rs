//! Prisons: a key that offends is locked out for a time (263 W022 §4.0.9 G).
//!
//! ```toml
//! [prisons.sender]
//! key = "{sender}"
//! time = ["15m", "20m"]     # or "15m"; of a span, each key has a fixed time of its own
//! renew = true              # whoever tries from inside starts the time anew
//!
//! [[rule]]                  # who is inside is refused
//! when.prison = "sender"
//!
//! [[rule]]                  # who offends goes inside
//! lock = "sender"
//! ```

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::clock::Time;
use crate::document::{Node, Table, Value, note, text};
use crate::facts::Facts;
use crate::policy::ask::{Ask, Cell};
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::problem::{Problem, Problems};
use crate::template::Template;

/// A `[prisons.ID]`.
#[derive(Clone, Debug)]
pub(crate) struct Prison {
    name: String,
    key: Template,
    least: Duration,
    most: Duration,
    renew: bool,
}

/// The condition: the key is inside.
#[derive(Clone, Debug)]
pub(crate) struct Inside(Prison);

impl Prison {
    /// Reads a prison of the pack `provider`.
    pub(crate) fn read(provider: &str, id: &str, node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut table = Table::of(node, problems);
        let key = table.required("key", problems);
        let key = key.and_then(|node| note(node, Template::parse(text(node, problems)?), problems));
        let time = table.required("time", problems).and_then(|node| span(node, problems));
        let renew = table.boolean("renew", problems).unwrap_or_default();
        table.finish(problems);
        let (least, most) = time?;
        Some(Self { name: format!("{provider}/{id}"), key: key?, least, most, renew })
    }

    /// The key's place in this prison; nothing if the key is empty.
    pub(crate) fn cell(&self, facts: &Facts, host: &str) -> Option<Cell> {
        let key = self.key.key(facts, host);
        // The hasher has fixed keys, so that a time derived from a key is the same in every run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let span = u64::try_from((self.most - self.least).as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let time = self.least + Duration::from_millis(hasher.finish() % span);
        (!key.is_empty()).then(|| Cell { prison: self.name.clone(), key, time, renew: self.renew })
    }
}

/// One time, or the two ends of a span.
fn span(node: &Node, problems: &mut Problems) -> Option<(Duration, Duration)> {
    match &node.value {
        Value::List(_) => parse::span(node, problems),
        _ => note(node, parse::duration(text(node, problems)?), problems).map(|time| (time, time)),
    }
}

/// The id of a prison that the pack has and whose key is known at the rule's stage.
pub(super) fn name(node: &Node, reading: &mut Reading<'_, '_>) -> Option<String> {
    let name = text(node, reading.problems)?;
    let Some((_, prison)) = reading.prisons.iter().find(|(id, _)| id == name) else {
        let known: Vec<_> = reading.prisons.iter().map(|(id, _)| id.as_str()).collect();
        let problem = Problem::new(&node.place, format!("there is no prison `{name}`"));
        reading.problems.push(problem.help(format!("prisons of this pack: {}", known.join(", "))));
        return None;
    };
    reading.knows(&prison.key, &node.place);
    Some(name.to_owned())
}

impl Inside {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let name = name(node, reading)?;
        reading.prisons.iter().find(|(id, _)| *id == name).map(|(_, prison)| Self(prison.clone()))
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        self.0.cell(view.facts, view.host).map_or(Test::No, |cell| Test::Ask(Ask::Prison(cell)))
    }
}

impl Cell {
    /// What is said of a key that is inside.
    pub(crate) fn evidence(&self, until: Time) -> String {
        let anew = if self.renew { ", and every try starts the time anew" } else { "" };
        format!("{:?} is in prison {} until {until}{anew}", self.key, self.prison)
    }
}
