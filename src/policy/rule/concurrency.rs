//! So many at once.
//!
//! ```toml
//! when.concurrency = { sessions = 10, key = "{ip}" }
//! ```
//!
//! A session counts from the moment that the rule lets it pass until it ends. At a later stage than connect its key
//! can change (another sender); it then counts for its latest key. A session that was refused does not count.

use crate::document::{Node, Table};
use crate::evidence::{Clue, Evidence};
use crate::policy::ask::{Ask, Concurrency};
use crate::policy::rule::rate::key;
use crate::policy::rule::{Reading, Test, View};
use crate::template::Template;

/// The condition.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    counter: String,
    key: Template,
    sessions: usize,
}

impl Limit {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut table = Table::of(node, reading.problems);
        let sessions = table.number::<u32>("sessions", reading.problems);
        let key = key(&mut table, reading);
        table.finish(reading.problems);
        if sessions.is_none() {
            reading.problem(&node.place, "a limit is written as `{ sessions = 10, key = \"{ip}\" }`");
        }
        Some(Self { counter: reading.counter(), key: key?, sessions: sessions? as usize })
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let key = self.key.key(view.facts, view.host);
        if key.is_empty() {
            return Test::No;
        }
        let (counter, session) = (self.counter.clone(), view.facts.session);
        Test::Ask(Ask::Concurrency(Concurrency { counter, key, session, limit: self.sessions }))
    }
}

impl Concurrency {
    /// What is said of it when there are too many.
    pub(crate) fn evidence(&self, at_once: usize) -> Evidence {
        let text = format!("{:?}: {at_once} sessions at once already, {} may be", self.key, self.limit);
        let (count, limit) = (at_once as u64, self.limit as u64);
        Evidence::with(text, Clue::Count { of: self.key.clone(), count, limit, until: None })
    }
}
