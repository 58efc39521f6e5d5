//! What is remembered between sessions: rates, sessions at once, prisons, and what mailboxes have taken.
//!
//! All of it lives in this process, behind one lock that is never held while waiting. It survives a reload of the
//! settings. Each table is bounded: peers choose the keys (a sender's address), so without a bound a flood of made-up
//! keys would take all memory. A table that is full forgets first what no longer matters.

mod concurrency;
mod lanes;
mod prison;
mod rate;
mod turns;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Time;
use crate::facts::SessionId;
use crate::policy::ask::{Amount, Answer, Ask, Effect, Group, Usage};

pub use lanes::{Lane, Lanes};

use concurrency::Places;
use prison::Prisons;
use rate::Rates;
use turns::Turns;

/// The most keys that a table holds.
const MOST_KEYS: usize = 100_000;

/// The memory of this process.
#[derive(Debug, Default)]
pub struct Store(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rates: Rates,
    places: Places,
    prisons: Prisons,
    turns: Turns,
    /// By mailbox; only those with a table of their own are ever asked for, so settings bound it.
    delivered: HashMap<String, Amount>,
}

impl Store {
    /// Answers the questions of one stage, group by group. A group ends at its first no; the first group that is
    /// answered with yes throughout and is the last to be asked ends it all. What was not asked was not counted.
    #[must_use]
    pub fn settle(&self, groups: &[Group], now: Time) -> Vec<Vec<Answer>> {
        if groups.is_empty() {
            return Vec::new();
        }
        let mut state = self.state();
        let mut answers = Vec::with_capacity(groups.len());
        for group in groups {
            let mut given = Vec::with_capacity(group.asks.len());
            for ask in &group.asks {
                let answer = state.answer(ask, now);
                let go_on = answer.yes();
                given.push(answer);
                if !go_on {
                    break;
                }
            }
            let ends = group.ends(&given);
            answers.push(given);
            if ends {
                break;
            }
        }
        answers
    }

    /// Remembers what a verdict brings with it.
    pub fn apply(&self, effects: &[Effect], now: Time) {
        if effects.is_empty() {
            return;
        }
        let mut state = self.state();
        for effect in effects {
            match effect {
                Effect::Lock(cell) => state.prisons.lock(cell, now),
                Effect::Deliver { mailbox, bytes } => {
                    let amount = state.delivered.entry(mailbox.clone()).or_default();
                    amount.messages += 1;
                    amount.bytes += bytes;
                }
            }
        }
    }

    /// A session has ended: it no longer counts as one of several at once.
    pub fn leave(&self, session: SessionId) {
        self.state().places.leave(session);
    }

    /// How often a stub was used.
    #[must_use]
    pub fn uses(&self, stub: &str) -> u32 {
        self.state().turns.used(stub)
    }

    /// Forgets how often a stub was used.
    pub fn forget_uses(&self, stub: &str) {
        self.state().turns.forget(stub);
    }

    /// The state of a scenario.
    #[must_use]
    pub fn scenario(&self, name: &str) -> String {
        self.state().turns.state(name).to_owned()
    }

    /// Moves a scenario to a state.
    pub fn set_scenario(&self, name: &str, state: &str) {
        self.state().turns.set_state(name, state);
    }

    /// The scenarios that were moved or set, and their states.
    #[must_use]
    pub fn scenarios(&self) -> Vec<(String, String)> {
        self.state().turns.states()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, ask: &Ask, now: Time) -> Answer {
        match ask {
            Ask::Rate(rate) => self.rates.count(rate, now).map_or(Answer::No, Answer::UsedUp),
            Ask::Concurrency(limit) => self.places.take(limit).map_or(Answer::No, Answer::AtOnce),
            Ask::Draw(draw) => self.turns.draw(draw).map_or(Answer::No, Answer::Drawn),
            Ask::Turn(turn) => self.turns.take(turn).map_or(Answer::No, Answer::Turn),
            Ask::Prison(cell) => self.prisons.visit(cell, now).map_or(Answer::No, Answer::LockedUntil),
            Ask::Usage(Usage { mailbox, full_at }) => {
                let holds = self.delivered.get(mailbox).copied().unwrap_or_default();
                let full = holds.messages >= full_at.messages || holds.bytes >= full_at.bytes;
                if full { Answer::Holds(holds) } else { Answer::No }
            }
        }
    }
}
