//! Stubs, written as Rust.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::expect::Times;
use crate::policy::Stub;
use crate::stage::Stage;
use crate::store::Lane;

/// A stub to be: everywhere, until conditions narrow it.
pub fn when() -> When {
    When { stage: Stage::Connect, fixed: false, when: Map::new(), rest: Map::new(), turns: Vec::new(), expected: None }
}

/// Conditions of a stub, and what it does.
///
/// It is asked at the first stage at which all its conditions are known, unless [`at`](Self::at) says another. Calls
/// that say what it does make a sequence: the first for the first use, and so on; the last one stays.
#[derive(Clone, Debug)]
#[must_use = "a stub does nothing until a MockMx has it"]
pub struct When {
    stage: Stage,
    fixed: bool,
    when: Map<String, Value>,
    rest: Map<String, Value>,
    turns: Vec<Map<String, Value>>,
    expected: Option<Times>,
}

impl When {
    /// The recipient: `a@example.com`, `@example.com`, `a@`, `.example.com`.
    pub fn recipient(self, pattern: &str) -> Self {
        self.known("recipient", pattern.into(), Stage::Rcpt)
    }

    /// The sender, written as a recipient, or `<>`.
    pub fn sender(self, pattern: &str) -> Self {
        self.known("sender", pattern.into(), Stage::Mail)
    }

    /// The name given with EHLO or HELO.
    pub fn helo(self, name: &str) -> Self {
        self.known("helo", name.into(), Stage::Helo)
    }

    /// A regular expression that the subject meets, without regard to case.
    pub fn subject(self, regex: &str) -> Self {
        self.known("subject", json!({ "regex": regex }), Stage::Message)
    }

    /// A regular expression that a header field meets, without regard to case.
    pub fn header(mut self, name: &str, regex: &str) -> Self {
        let mut headers = self.when.remove("header").unwrap_or_else(|| json!({}));
        headers[name] = json!({ "regex": regex });
        self.known("header", headers, Stage::Message)
    }

    /// A text that a person reads in the subject or the body.
    pub fn keyword(self, word: &str) -> Self {
        self.known("keyword", json!({ "any": [word] }), Stage::Message)
    }

    /// Any condition of packs, known from that stage on.
    pub fn condition(self, key: &str, value: Value, from: Stage) -> Self {
        self.known(key, value, from)
    }

    fn known(mut self, key: &str, value: Value, from: Stage) -> Self {
        self.when.insert(key.to_owned(), value);
        if !self.fixed {
            self.stage = self.stage.max(from);
        }
        self
    }

    /// Asked at this stage.
    pub fn at(mut self, stage: Stage) -> Self {
        (self.stage, self.fixed) = (stage, true);
        self
    }

    /// Used so often at most.
    pub fn times(self, times: u32) -> Self {
        self.with("times", times.into())
    }

    /// Uses are counted for each value of this: `{recipient}`.
    pub fn per(self, key: &str) -> Self {
        self.with("per", key.into())
    }

    /// Smaller ones are asked first; 5 if nothing is said.
    pub fn priority(self, priority: i32) -> Self {
        self.with("priority", priority.into())
    }

    /// In this lane alone.
    pub fn lane(self, name: &str) -> Self {
        self.with("lane", name.into())
    }

    /// Only in this state of a scenario.
    pub fn in_state(self, scenario: &str, state: &str) -> Self {
        self.step(scenario, "is", state)
    }

    /// Moves a scenario to this state.
    pub fn becomes(self, scenario: &str, state: &str) -> Self {
        self.step(scenario, "becomes", state)
    }

    fn step(mut self, scenario: &str, key: &str, state: &str) -> Self {
        let mut step = self.rest.remove("scenario").unwrap_or_else(|| json!({}));
        step["name"] = scenario.into();
        step[key] = state.into();
        self.with("scenario", step)
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.rest.insert(key.to_owned(), value);
        self
    }

    /// Refuses: `550 5.1.1 no such user`.
    pub fn reply(self, reply: &str) -> Self {
        self.turn("reply", reply.into())
    }

    /// Refuses, and closes the connection.
    pub fn reply_and_close(mut self, reply: &str) -> Self {
        self = self.turn("reply", reply.into());
        self.also("close", true.into())
    }

    /// Accepts, whatever the provider's own rules say.
    pub fn accept(self) -> Self {
        self.turn("then", "accept".into())
    }

    /// Accepts, and files the message in a folder.
    pub fn folder(self, name: &str) -> Self {
        self.turn("folder", name.into())
    }

    /// Accepts the message, and tells the sender later that it failed: `550 5.1.1 no such user`; or what else `bounce`
    /// says.
    pub fn bounce(mut self, bounce: impl Into<Value>) -> Self {
        if !self.fixed {
            self.stage = Stage::Message;
        }
        self.turn("bounce", bounce.into())
    }

    /// Accepts, and throws the message away.
    pub fn discard(self) -> Self {
        self.turn("then", "discard".into())
    }

    /// Closes the connection without a reply.
    pub fn disconnect(self) -> Self {
        self.turn("then", "drop".into())
    }

    /// Resets the connection.
    pub fn reset(self) -> Self {
        self.turn("then", "reset".into())
    }

    /// Says nothing more.
    pub fn stall(self) -> Self {
        self.turn("then", "stall".into())
    }

    /// Waits before what was last said; alone, it waits and lets the provider decide.
    pub fn after(mut self, delay: Duration) -> Self {
        if self.turns.is_empty() {
            self.turns.push(Map::new());
        }
        self.also("delay", format!("{}ms", delay.as_millis()).into())
    }

    fn turn(mut self, key: &str, value: Value) -> Self {
        self.turns.push(Map::from_iter([(key.to_owned(), value)]));
        self
    }

    fn also(mut self, key: &str, value: Value) -> Self {
        if let Some(turn) = self.turns.last_mut() {
            turn.insert(key.to_owned(), value);
        }
        self
    }

    /// Expects so many uses; verified when the mock is dropped.
    pub fn expect(mut self, times: impl Into<Times>) -> Self {
        self.expected = Some(times.into());
        self
    }

    /// In the words of the API.
    pub(super) fn build(self) -> (Value, Option<Times>) {
        let mut stub = self.rest;
        stub.insert("stage".to_owned(), self.stage.name().into());
        if !self.when.is_empty() {
            stub.insert("when".to_owned(), self.when.into());
        }
        let mut turns = self.turns;
        match turns.len() {
            0 | 1 => stub.extend(turns.pop().unwrap_or_default()),
            _ => drop(stub.insert("sequence".to_owned(), turns.into())),
        }
        (stub.into(), self.expected)
    }
}

/// A stub that a mock has.
#[derive(Clone, Debug)]
pub struct StubHandle {
    stub: Arc<Stub>,
    lane: Arc<Lane>,
    /// How often it was used when it was taken away.
    last: Arc<OnceLock<u32>>,
}

impl StubHandle {
    pub(super) fn new(stub: Arc<Stub>, lane: Arc<Lane>) -> Self {
        Self { stub, lane, last: Arc::default() }
    }

    /// Its id, which its verdicts carry as their rule.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.stub.id
    }

    /// How often it was used.
    #[must_use]
    pub fn uses(&self) -> u32 {
        self.last.get().copied().unwrap_or_else(|| self.lane.store.uses(&self.stub.id))
    }

    /// Takes it away.
    pub fn remove(&self) {
        let _ = self.last.set(self.uses());
        self.lane.remove_stubs(|stub| stub.id == self.stub.id);
    }
}
