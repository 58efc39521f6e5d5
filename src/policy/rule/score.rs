//! A score over several signals, for what providers call 特征: no single one decides.
//!
//! ```toml
//! [[signal]]
//! id = "shouting"
//! points = 2
//! when.subject = { regex = "[A-Z]{10}" }
//!
//! [[rule]]
//! stage = "message"
//! when.score = { at-least = 5 }                # of all signals of the pack, or of { signals = ["shouting", …] }
//! ```
//!
//! A signal has the conditions of a rule at stage `message`, but for what is counted between sessions.

use std::sync::Arc;

use crate::document::{Node, Table, text};
use crate::evidence::{Clue, Evidence};
use crate::policy::parse::is_id;
use crate::policy::rule::{Condition, Reading, Test, View, conditions};
use crate::problem::Problem;
use crate::stage::Stage;

/// A `[[signal]]`.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    id: String,
    points: u32,
    when: Vec<Condition>,
}

/// The condition.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    at_least: u32,
    signals: Vec<Arc<Signal>>,
}

impl Signal {
    /// Reads a signal; `reading` is at stage `message`.
    pub(crate) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut table = Table::of(node, reading.problems);
        let id = table.required("id", reading.problems);
        let points = table.required("points", reading.problems);
        let points = points.and_then(|_| table.number("points", reading.problems));
        let when = table.required("when", reading.problems).map(|node| conditions(node, reading)).unwrap_or_default();
        table.finish(reading.problems);
        let id = id.and_then(|id| text(id, reading.problems));
        if let Some(wrong) = id.filter(|id| !is_id(id)) {
            reading
                .problem(&node.place, format!("`{wrong}` cannot be a signal's id: small letters, digits and hyphens"));
        }
        if when.iter().any(Condition::remembers) {
            reading.problem(&node.place, "a signal cannot hold what is counted between sessions");
        }
        Some(Self { id: id?.to_owned(), points: points?, when })
    }

    /// Whether all its conditions hold.
    fn is_there(&self, view: &View<'_>) -> bool {
        self.when.iter().all(|condition| matches!(condition.test(view), Test::Yes(_)))
    }
}

impl Score {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs("score", Stage::Message, &node.place);
        let mut table = Table::of(node, reading.problems);
        let at_least = table.required("at-least", reading.problems);
        let at_least = at_least.and_then(|_| table.number("at-least", reading.problems));
        let names = table.node("signals").map(|_| table.list("signals"));
        table.finish(reading.problems);
        let known = reading.signals;
        let mut named = |node: &Node| {
            let name = text(node, reading.problems)?;
            let signal = known.iter().find(|signal| signal.id == name);
            if signal.is_none() {
                reading.problems.push(Problem::new(&node.place, format!("there is no signal `{name}`")));
            }
            signal.cloned()
        };
        let signals = names.map_or_else(|| known.to_vec(), |names| names.iter().filter_map(&mut named).collect());
        let score = Self { at_least: at_least?, signals };
        let most = score.signals.iter().fold(0_u32, |sum, signal| sum.saturating_add(signal.points));
        if most < score.at_least {
            let text = format!("all signals together have {most} points, so this rule can never fire");
            reading.problem(&node.place, text);
        }
        Some(score)
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.signals.iter().flat_map(|signal| &signal.when)
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let there: Vec<_> = self.signals.iter().filter(|signal| signal.is_there(view)).collect();
        let points = there.iter().fold(0_u32, |sum, signal| sum.saturating_add(signal.points));
        if points < self.at_least {
            return Test::No;
        }
        let told: Vec<_> = there.iter().map(|signal| format!("{} {}", signal.id, signal.points)).collect();
        let text = format!("score {points}, {} is too much: {}", self.at_least, told.join(", "));
        let (count, limit) = (points.into(), self.at_least.into());
        Test::why(Evidence::with(text, Clue::Count { of: "score".to_owned(), count, limit, until: None }))
    }
}
