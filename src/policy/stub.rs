//! Stubs: rules that are added while mockmx runs, ahead of the packs' rules.
//!
//! ```json
//! {"stage": "rcpt", "when": {"recipient": "a@example.com"},
//!  "sequence": [{"reply": "450 4.2.0 try later"}, {"accept": true}]}
//! ```
//!
//! Stages and conditions are those of packs, and so is what a stub does: `reply`, `then`, `folder`, `replace`, `delay`,
//! `close`, alone or as the turns of a `sequence`, of which the last one stays. `accept: true` is `then: "accept"`. A
//! stub without a `lane` is one of the lane `default`. One that looks at recipients is used once for a message, however
//! many of them it speaks of, and each recipient is filed by the first stub that files for it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::document::{Node, Table, Value, note, text};
use crate::identity::Needs;
use crate::lane::LaneName;
use crate::message::MessageFacts;
use crate::policy::Policy;
use crate::policy::ask::Turn;
use crate::policy::pack::Lists;
use crate::policy::parse;
use crate::policy::period::Period;
use crate::policy::rule::{
    Condition, Delay, Hits, KeywordIndex, Outcome, Reading, Rule, Turned, Words, conditions, scenario_step,
};
use crate::problem::{Problem, Problems};
use crate::stage::Stage;
use crate::template::Template;
use crate::verdict::{Manner, RuleRef};

/// The provider that a stub's verdicts name.
pub const PROVIDER: &str = "stub";

/// The priority of a stub that names none. Smaller ones are asked first.
const PRIORITY: i64 = 5;

/// The most turns of a sequence.
const MOST_TURNS: usize = 1_000;

/// A stub.
#[derive(Debug)]
pub struct Stub {
    /// Its id, which verdicts carry as their rule.
    pub id: String,
    /// The lane that it is in.
    pub lane: LaneName,
    /// Smaller ones are asked first, and of the same the newer one.
    pub priority: i64,
    /// As it was given.
    pub given: serde_json::Value,
    /// The list that it was read from.
    pub(super) list: Option<PathBuf>,
    /// Only where this provider answers.
    provider: Option<String>,
    /// How often it may be used.
    times: Option<u32>,
    /// Uses are counted for each value of this.
    per: Option<Template>,
    rule: Rule,
    /// What it does, use by use. Never empty.
    turns: Vec<Turned>,
    keywords: KeywordIndex,
    reads_body: bool,
}

impl Stub {
    /// Reads a stub, which gets `id`. Names of providers and prisons are the policy's.
    ///
    /// # Errors
    /// All its problems.
    pub fn read(id: &str, given: serde_json::Value, policy: &Policy) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let node = Node::from_json(&given);
        let stub = read(id, &node, policy, &mut problems);
        let none = || Problems(vec![Problem::new(&node.place, "this is no stub")]);
        match problems.or(stub)? {
            Some(stub) => Ok(Self { given, ..stub }),
            None => Err(none()),
        }
    }

    /// Where it is asked.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.rule.stage
    }

    /// Whether it looks at more of a message than its header.
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        self.reads_body
    }

    /// Adds what it wants to know of who a sender is.
    pub(super) fn identifies(&self, stage: Stage, needs: &mut Needs) {
        if self.rule.stage == stage {
            self.rule.conditions().for_each(|condition| condition.identifies(needs));
        }
    }

    pub(super) const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether it speaks where that provider answers.
    pub(super) fn speaks_for(&self, provider: &str) -> bool {
        self.provider.as_deref().is_none_or(|wanted| wanted == provider)
    }

    pub(super) fn scan(&self, message: &MessageFacts) -> Hits {
        self.keywords.scan(message)
    }

    /// What it does when it is used for the `nth` time, from 0.
    pub(super) fn turn(&self, nth: u32) -> &Turned {
        let last = self.turns.len() - 1;
        &self.turns[usize::try_from(nth).unwrap_or(usize::MAX).min(last)]
    }

    /// The question whether it may be used once more.
    pub(super) fn ask(&self, facts: &crate::facts::Facts, host: &str) -> Turn {
        Turn {
            user: self.id.clone(),
            key: self.per.as_ref().map(|per| per.key(facts, host)).unwrap_or_default(),
            times: self.times,
            ends: self.turns.iter().map(Turned::end).collect(),
            step: self.rule.step.clone(),
        }
    }
}

fn read(id: &str, node: &Node, policy: &Policy, problems: &mut Problems) -> Option<Stub> {
    let mut table = Table::of(node, problems);
    let stage = table.required("stage", problems).and_then(|node| parse::stage(node, problems));
    let lane = table.converted("lane", problems, LaneName::parse).unwrap_or_default();
    let priority = table.number("priority", problems).unwrap_or(PRIORITY);
    let times = table.number::<u32>("times", problems);
    let provider = table.node("provider").and_then(|node| {
        let known = |name: &str| policy.index(name).map(|index| (name.to_owned(), index));
        let name = text(node, problems)?;
        note(node, known(name).ok_or_else(|| format!("there is no provider `{name}`")), problems)
    });
    let _ = table.text("name", problems);
    let per = table.node("per").and_then(|node| note(node, Template::parse(text(node, problems)?), problems));
    let step = table.node("scenario").and_then(|node| scenario_step(node, problems));
    let (when, unless) = (table.node("when"), table.node("unless"));
    let sequence = table.node("sequence");
    let lists = Lists::none();
    let mut keywords = KeywordIndex::default();
    let stage = stage?;
    let mut reading = Reading {
        lists: &lists,
        prisons: provider.as_ref().map_or(&[], |(_, index)| policy.prisons(*index)),
        keywords: &mut keywords,
        signals: &[],
        problems,
        provider: PROVIDER,
        stage,
        rule: id,
        as_of: None,
    };
    let turns = match sequence {
        None => turn(&mut table, &mut reading).into_iter().collect(),
        Some(node) => turns(node, &mut reading),
    };
    let when = when.map(|node| conditions(node, &mut reading)).unwrap_or_default();
    let unless = unless.map(|node| conditions(node, &mut reading)).unwrap_or_default();
    if let Some((template, node)) = per.as_ref().zip(table.node("per")) {
        reading.knows(template, &node.place);
    }
    let place = table.place();
    table.finish(problems);
    if times == Some(0) {
        problems.push(Problem::new(place, "`times` is at least 1; without it a stub is used until it is deleted"));
    }
    if unless.iter().any(Condition::remembers) {
        problems.push(Problem::new(place, "`unless` cannot hold what is counted"));
    }
    if let Err(error) = keywords.build() {
        problems.push(Problem::new(place, error));
    }
    let first = turns.first()?;
    let reads_body = when.iter().chain(&unless).any(Condition::reads_body);
    let reference = RuleRef { provider: PROVIDER.to_owned(), id: id.to_owned(), file: "stub".to_owned(), line: 0 };
    let rule = Rule {
        reference: Arc::new(reference),
        stage,
        when,
        unless,
        trigger_only: false,
        period: Period::default(),
        in_force: true,
        does: first.clone(),
        lock: None,
        step,
        words: Words::default(),
    };
    let provider = provider.map(|(name, _)| name);
    let (given, list) = (serde_json::Value::Null, None);
    Some(Stub {
        id: id.to_owned(),
        lane,
        priority,
        given,
        list,
        provider,
        times,
        per,
        rule,
        turns,
        keywords,
        reads_body,
    })
}

fn turns(node: &Node, reading: &mut Reading<'_, '_>) -> Vec<Turned> {
    let Value::List(items) = &node.value else {
        reading.problem(&node.place, format!("a sequence is a list of turns, found {}", node.value.kind()));
        return Vec::new();
    };
    if items.is_empty() || items.len() > MOST_TURNS {
        reading.problem(&node.place, format!("a sequence has 1 to {MOST_TURNS} turns"));
    }
    let one = |item| {
        let mut table = Table::of(item, reading.problems);
        let turn = turn(&mut table, reading);
        table.finish(reading.problems);
        turn
    };
    items.iter().filter_map(one).collect()
}

/// What a stub does: as a pack's rule, or `accept: true`.
fn turn(table: &mut Table<'_>, reading: &mut Reading<'_, '_>) -> Option<Turned> {
    match table.boolean("accept", reading.problems) {
        Some(true) => {
            let delay = table.node("delay").and_then(|node| Delay::read(node, reading.problems)).unwrap_or_default();
            Some(Turned { outcome: Outcome::Accept, delay, manner: Manner::plain(), charset: None })
        }
        _ => Turned::read(table, reading),
    }
}
