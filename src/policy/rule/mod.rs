//! Rules: a stage, conditions, and an outcome.
//!
//! Each kind of condition is one file here, with its TOML, its meaning and its tests, and one variant of [`Condition`]
//! in `condition`. Conditions are tested against a [`View`] of the facts; those that depend on what is remembered
//! between sessions answer with a question for the store.

mod attachment;
mod bounce;
mod chance;
mod charset;
mod concurrency;
mod condition;
mod delay;
mod envelope;
mod greylist;
mod identity;
mod keyword;
mod mailbox;
pub(crate) mod manner;
mod outcome;
mod prison;
mod rate;
mod same_domain;
mod scenario;
mod score;
mod session;
mod text;
mod virus;

use std::sync::Arc;

use jiff::civil::Date;

use crate::document::{Node, Table, text};
use crate::evidence::Evidence;
use crate::policy::ask::{Ask, Step, Turn};
use crate::policy::pack::Lists;
use crate::policy::parse::date;
use crate::policy::period::Period;
use crate::problem::{Place, Problem, Problems};
use crate::stage::Stage;
use crate::template::Template;
use crate::verdict::RuleRef;

pub(crate) use bounce::{Bounce, Speaker};
pub(crate) use condition::{Condition, Test, View, conditions};
pub(crate) use delay::Delay;
pub(crate) use keyword::{Hits, KeywordIndex};
pub(crate) use outcome::{Outcome, Turned};
pub(crate) use prison::Prison;
pub use scenario::START;
pub(crate) use scenario::step as scenario_step;
pub(crate) use score::Signal;

/// A rule of a pack.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its name and where it stands.
    pub(crate) reference: Arc<RuleRef>,
    pub(crate) stage: Stage,
    /// All of these must hold.
    pub(crate) when: Vec<Condition>,
    /// None of these may hold.
    pub(crate) unless: Vec<Condition>,
    /// It fires only when it is named.
    pub(crate) trigger_only: bool,
    /// The days on which the provider answers so.
    pub(crate) period: Period,
    /// It is in force on the day of the settings. If it is not, it still fires when it is named.
    pub(crate) in_force: bool,
    pub(crate) does: Turned,
    /// The prison that its key goes to when it fires.
    pub(crate) lock: Option<String>,
    /// The step of a scenario that it is.
    pub(crate) step: Option<Step>,
    pub(crate) words: Words,
}

/// What a rule says to people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) reason_zh: Option<String>,
    pub(crate) reason_en: Option<String>,
    pub(crate) remedy_zh: Option<String>,
    pub(crate) remedy_en: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) note: Option<String>,
}

/// What reading a condition needs to know.
pub(crate) struct Reading<'r, 'n> {
    pub(crate) lists: &'r Lists<'n>,
    pub(crate) prisons: &'r [(String, Prison)],
    pub(crate) keywords: &'r mut KeywordIndex,
    pub(crate) signals: &'r [Arc<Signal>],
    pub(crate) problems: &'r mut Problems,
    pub(crate) provider: &'r str,
    pub(crate) stage: Stage,
    pub(crate) rule: &'r str,
    /// The day whose rules are in force; the document's if none is given.
    pub(crate) as_of: Option<Date>,
}

impl Reading<'_, '_> {
    pub(crate) fn problem(&mut self, place: &Place, text: impl Into<String>) {
        self.problems.push(Problem::new(place, text));
    }

    /// Notes that a condition stands at a stage where what it looks at is not known yet.
    fn needs(&mut self, key: &str, from: Stage, place: &Place) {
        if !self.stage.knows(from) {
            let text = format!("`{key}` is not known at stage {}; it is from stage {from} on", self.stage);
            self.problem(place, text);
        }
    }

    /// Notes each placeholder of a key that has no value yet at the rule's stage.
    pub(crate) fn knows(&mut self, key: &Template, place: &Place) {
        let stage = self.stage;
        for placeholder in key.placeholders().filter(|placeholder| !placeholder.known_at(stage)) {
            self.problem(place, format!("{{{}}} is not known at stage {stage}", placeholder.name()));
        }
    }

    /// The name that a counter of this rule is kept by.
    fn counter(&self) -> String {
        format!("{}/{}", self.provider, self.rule)
    }
}

impl Rule {
    /// Reads a `[[rule]]`. Returns nothing if it is switched off or has a problem.
    pub(crate) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let before = reading.problems.0.len();
        let mut table = Table::of(node, reading.problems);
        let reference = RuleRef {
            provider: reading.provider.to_owned(),
            id: reading.rule.to_owned(),
            file: node.place.name().to_owned(),
            line: node.place.line(),
        };
        let _ = table.node("id");
        let _ = table.node("stage");
        let period = Period {
            since: table.converted("since", reading.problems, date),
            until: table.converted("until", reading.problems, date),
        };
        let enabled = table.boolean("enabled", reading.problems).unwrap_or(true);
        let words = Words::read(&mut table, reading.problems);
        let turned = Turned::read(&mut table, reading);
        let step = table.node("scenario").and_then(|node| scenario_step(node, reading.problems));
        let lock = table.node("lock").and_then(|node| prison::name(node, reading));
        let trigger_only = table.boolean("trigger-only", reading.problems).unwrap_or_default();
        let when = table.node("when").map(|node| conditions(node, reading)).unwrap_or_default();
        let unless_node = table.node("unless");
        let unless = unless_node.map(|node| conditions(node, reading)).unwrap_or_default();
        let place = table.place();
        table.finish(reading.problems);

        if period.is_never() {
            reading.problem(place, "`until` is not after `since`, so the rule is never in force");
        }
        if let Some(node) = unless_node.filter(|_| unless.iter().any(Condition::remembers)) {
            reading.problem(
                &node.place,
                "`unless` cannot hold what is counted: `rate`, `concurrency`, `prison`, `greylist`, `chance`, a full mailbox",
            );
        }
        if trigger_only && !(when.is_empty() && unless.is_empty()) {
            reading.problem(place, "a rule that is `trigger-only` has no conditions");
        }
        let turned = turned?;
        let rule = Self {
            reference: Arc::new(reference),
            stage: reading.stage,
            when,
            unless,
            trigger_only,
            period,
            in_force: period.holds(reading.as_of),
            does: turned,
            lock,
            step,
            words,
        };
        if rule.does.outcome.is_of_recipient() && rule.counts() {
            reading.problem(
                place,
                "a rule that files, discards, replaces or bounces is asked for each recipient, so it cannot count",
            );
        }
        (enabled && reading.problems.0.len() == before).then_some(rule)
    }

    /// All its conditions.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.when.iter().chain(&self.unless)
    }

    /// Whether it depends on what is remembered between sessions.
    pub(crate) fn remembers(&self) -> bool {
        self.step.is_some() || self.conditions().any(Condition::remembers)
    }

    /// Whether it leaves something behind when it is asked.
    fn counts(&self) -> bool {
        self.step.is_some() || self.conditions().any(|condition| condition.remembers() && !condition.only_looks())
    }

    /// Whether it has to be asked for each recipient of a message.
    pub(crate) fn of_recipient(&self) -> bool {
        self.conditions().any(Condition::of_recipient)
    }

    /// Whether no rule behind it is asked if it fires.
    pub(crate) fn is_last(&self) -> bool {
        self.does.is_last()
    }

    /// Whether it fires on every session that comes to its stage.
    pub(crate) fn is_unconditional(&self) -> bool {
        !self.trigger_only && self.when.is_empty() && self.unless.is_empty()
    }

    /// The use that it is, if that has to be counted.
    fn turn(&self) -> Option<Turn> {
        let step = Some(self.step.clone()?);
        let user = self.reference.to_string();
        Some(Turn { user, key: String::new(), times: None, ends: vec![self.does.end()], step })
    }

    /// Tests everything that can be told without what is remembered: what was found, and what is left to ask.
    pub(crate) fn test(&self, view: &View<'_>) -> Option<(Vec<Evidence>, Vec<Ask>)> {
        if self.trigger_only || !self.in_force || self.unless.iter().any(|condition| condition.test(view) != Test::No) {
            return None;
        }
        let (mut evidence, mut asks) = (Vec::new(), Vec::new());
        for condition in &self.when {
            match condition.test(view) {
                Test::No => return None,
                Test::Yes(why) => evidence.extend(why),
                Test::Ask(ask) => asks.push(ask),
            }
        }
        // Last, so that it is counted only where all else holds.
        asks.extend(self.turn().map(Ask::Turn));
        Some((evidence, asks))
    }
}

impl Words {
    /// Reads `reason`, `remedy`, `source` and `note`.
    pub(crate) fn read(table: &mut Table<'_>, problems: &mut Problems) -> Self {
        let mut words = Self {
            source: table.text("source", problems).map(str::to_owned),
            note: table.text("note", problems).map(str::to_owned),
            ..Self::default()
        };
        let mut in_languages = |key, problems: &mut Problems| {
            let node = table.node(key)?;
            let mut table = Table::of(node, problems);
            let zh = table.node("zh").and_then(|node| text(node, problems)).map(str::to_owned);
            let en = table.node("en").and_then(|node| text(node, problems)).map(str::to_owned);
            table.finish(problems);
            Some((zh, en))
        };
        (words.reason_zh, words.reason_en) = in_languages("reason", problems).unwrap_or_default();
        (words.remedy_zh, words.remedy_en) = in_languages("remedy", problems).unwrap_or_default();
        words
    }
}
