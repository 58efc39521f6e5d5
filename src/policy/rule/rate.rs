//! So many in a time.
//!
//! ```toml
//! when.rate = { messages = 30, per = "1m", key = "{sender}" }
//! ```
//!
//! What is counted is named for the stage where it is counted: `connections` at connect, `messages` at mail or
//! message, `recipients` at rcpt, `commands` at command. The key is a template; several placeholders make a key of
//! several facts (`{ip}+{sender-domain}`). An empty key (the null sender) is not counted.
//!
//! The allowance is a bucket (GCRA): 30 at once, then one more every two seconds until 30 are back after a minute.

use std::time::Duration;

use crate::clock::Time;
use crate::document::{Node, Table, note, text};
use crate::evidence::{Clue, Evidence};
use crate::policy::ask::{Ask, Rate};
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;
use crate::template::Template;

/// The condition.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    counter: String,
    key: Template,
    count: u32,
    per: Duration,
}

const COUNTED: [(&str, &[Stage]); 4] = [
    ("commands", &[Stage::Command]),
    ("connections", &[Stage::Connect]),
    ("messages", &[Stage::Mail, Stage::Data, Stage::Message]),
    ("recipients", &[Stage::Rcpt]),
];

impl Limit {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut table = Table::of(node, reading.problems);
        let mut count = None;
        for (name, stages) in COUNTED {
            let Some(number) = table.number::<u32>(name, reading.problems) else { continue };
            let place = table.node(name).map_or(&node.place, |node| &node.place);
            if !stages.contains(&reading.stage) {
                let names: Vec<_> = stages.iter().map(|stage| stage.name()).collect();
                let text =
                    format!("{name} are counted at stage {}, not at stage {}", names.join(" or "), reading.stage);
                reading.problem(place, text);
            }
            if number == 0 || count.is_some() {
                reading.problem(place, "a rate counts one kind of thing, and at least one of it");
            }
            count = Some(number);
        }
        let per = parse::duration_at(&mut table, "per", reading.problems);
        let key = key(&mut table, reading);
        table.finish(reading.problems);
        if count.is_none() || per.is_none() {
            reading.problem(&node.place, "a rate is written as `{ messages = 30, per = \"1m\", key = \"{sender}\" }`");
        }
        Some(Self { counter: reading.counter(), key: key?, count: count?, per: per? })
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let key = self.key.key(view.facts, view.host);
        if key.is_empty() {
            return Test::No;
        }
        Test::Ask(Ask::Rate(Rate { counter: self.counter.clone(), key, count: self.count, per: self.per }))
    }
}

/// The key of a counter: a template whose placeholders are all known at the rule's stage.
pub(super) fn key(table: &mut Table<'_>, reading: &mut Reading<'_, '_>) -> Option<Template> {
    let node = table.required("key", reading.problems)?;
    let template = note(node, Template::parse(text(node, reading.problems)?), reading.problems)?;
    if template.placeholders().next().is_none() {
        reading.problem(&node.place, "a key without a placeholder is the same for everybody; write `{ip}` or the like");
    }
    reading.knows(&template, &node.place);
    Some(template)
}

impl Rate {
    /// What is said of it when it is used up.
    pub(crate) fn evidence(&self, until: Time) -> Evidence {
        let text = format!("{:?}: more than {} in {}, again from {until}", self.key, self.count, short(self.per));
        let (count, limit) = (self.count.into(), self.count.into());
        Evidence::with(text, Clue::Count { of: self.key.clone(), count, limit, until: Some(until) })
    }
}

/// A duration in the units that people use.
pub(super) fn short(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration).map_or_else(|_| format!("{duration:?}"), |span| format!("{span:#}"))
}
