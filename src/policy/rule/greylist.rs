//! Greylisting: the first try is refused, and one that comes late enough is let in.
//!
//! ```toml
//! when.greylist = { key = "{network}+{sender}+{recipient}", wait = "2m", forget = "36h" }
//! ```
//!
//! It holds for a key that is new, and until `wait` has passed since it was first seen; a try that comes too early does
//! not start the time anew. Who has waited is let in until nothing came for `forget` (a day if it is not said).

use std::time::Duration;

use crate::clock::Time;
use crate::document::{Node, Table};
use crate::policy::ask::{Ask, Greylist};
use crate::policy::parse;
use crate::policy::rule::rate::key;
use crate::policy::rule::{Reading, Test, View};
use crate::template::Template;

/// How long a key is remembered, if nothing is said.
const FORGET: Duration = Duration::from_secs(24 * 60 * 60);

/// The condition.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    counter: String,
    key: Template,
    wait: Duration,
    forget: Duration,
}

impl Limit {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut table = Table::of(node, reading.problems);
        let wait = parse::duration_at(&mut table, "wait", reading.problems);
        let forget = parse::duration_at(&mut table, "forget", reading.problems).unwrap_or(FORGET);
        let key = key(&mut table, reading);
        table.finish(reading.problems);
        if wait.is_none() {
            let text = "greylisting is written as `{ key = \"{network}+{sender}+{recipient}\", wait = \"2m\" }`";
            reading.problem(&node.place, text);
        }
        if wait.is_some_and(|wait| wait >= forget) {
            reading.problem(&node.place, "`forget` is longer than `wait`, or nobody is ever let in");
        }
        Some(Self { counter: reading.counter(), key: key?, wait: wait?, forget })
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let key = self.key.key(view.facts, view.host);
        if key.is_empty() {
            return Test::No;
        }
        let (counter, wait, forget) = (self.counter.clone(), self.wait, self.forget);
        Test::Ask(Ask::Greylist(Greylist { counter, key, wait, forget }))
    }
}

impl Greylist {
    /// What is said of a key that has to wait.
    pub(crate) fn evidence(&self, until: Time) -> String {
        format!("{:?} is greylisted until {until}", self.key)
    }
}
