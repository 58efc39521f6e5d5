//! What is remembered between sessions: rates, sessions at once, prisons, what mailboxes have taken, and whom somebody
//! who is away has told so.
//!
//! All of it lives in this process, behind one lock that is never held while waiting. It survives a reload of the
//! settings. Each table is bounded: peers choose the keys (a sender's address), so without a bound a flood of made-up
//! keys would take all memory. A table that is full forgets first what no longer matters.

mod answers;
mod concurrency;
mod greylist;
mod holding;
mod lanes;
mod prison;
mod rate;
mod turns;
mod until;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Time;
use crate::facts::SessionId;
use crate::policy::STUB_PROVIDER;
use crate::policy::ask::{Amount, Answer, Ask, Effect, End, Group, Turn, Usage};

pub use holding::{Holding, HoldingKind};
pub use lanes::{Lane, Lanes};

use answers::Answers;
use concurrency::Places;
use greylist::Greylists;
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
    greylists: Greylists,
    turns: Turns,
    answers: Answers,
    /// By mailbox; only those with a table of their own are ever asked for, so settings bound it.
    delivered: HashMap<String, Amount>,
}

impl Store {
    /// Answers the questions of one stage, group by group. A group ends at its first no; the first group that is
    /// answered with yes throughout and is the last to be asked ends it all, or all of its recipient. What was not asked
    /// was not counted.
    #[must_use]
    pub fn settle(&self, groups: &[Group], now: Time) -> Vec<Vec<Answer>> {
        if groups.is_empty() {
            return Vec::new();
        }
        let mut state = self.state();
        let mut answers = Vec::with_capacity(groups.len());
        let mut settled = HashSet::new();
        let mut taken = HashMap::new();
        for group in groups {
            if group.of.as_ref().is_some_and(|recipient| settled.contains(recipient)) {
                answers.push(vec![Answer::No]);
                continue;
            }
            let mut given = Vec::with_capacity(group.asks.len());
            for ask in &group.asks {
                let answer = match ask {
                    // Whoever speaks of several recipients at once is used once.
                    Ask::Turn(Turn { user, key, .. }) => {
                        taken.entry((user, key)).or_insert_with(|| state.answer(ask, now)).clone()
                    }
                    _ => state.answer(ask, now),
                };
                let go_on = answer.yes();
                given.push(answer);
                if !go_on {
                    break;
                }
            }
            let end = group.ends(&given);
            answers.push(given);
            match end {
                End::Nothing => {}
                End::Recipient => settled.extend(&group.of),
                End::Everything => break,
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

    /// Notes that somebody who is away tells a sender so, once in a time.
    ///
    /// # Errors
    /// If the sender was told before: until when it is not told again.
    pub fn answer(&self, recipient: &str, sender: &str, every: Duration, now: Time) -> Result<(), Time> {
        self.state().answers.tell(recipient, sender, every, now)
    }

    /// Whether a session has a place among several at once.
    #[must_use]
    pub fn holds_place(&self, session: SessionId) -> bool {
        self.state().places.holds(session)
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

    /// Forgets what a stub has counted. Places are given back by the sessions that have them.
    pub fn forget_stub(&self, stub: &str) {
        let mut state = self.state();
        state.turns.forget(stub);
        state.rates.forget(&format!("{}/{stub}", STUB_PROVIDER));
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

    /// All that is remembered and not yet free, by key.
    #[must_use]
    pub fn holdings(&self, now: Time) -> Vec<Holding> {
        let state = self.state();
        let mailbox = |(mailbox, amount): (&String, &Amount)| Holding {
            count: Some(amount.messages),
            bytes: Some(amount.bytes),
            ..Holding::new(HoldingKind::Mailbox, "", mailbox)
        };
        let mut holdings: Vec<_> = state.delivered.iter().map(mailbox).collect();
        holdings.extend(state.answers.holdings(now));
        holdings.extend(state.prisons.holdings(now));
        holdings.extend(state.greylists.holdings(now));
        holdings.extend(state.rates.holdings(now));
        holdings.extend(state.places.holdings());
        drop(state);
        holdings.sort_by(|a, b| a.key.cmp(&b.key));
        holdings
    }

    /// Lets go of what a holding's key names. Says whether there was such a thing.
    pub fn release(&self, key: &str) -> bool {
        let Some((kind, of, subject)) = holding::parse_key(key) else { return false };
        let mut state = self.state();
        match kind {
            HoldingKind::Prison => state.prisons.release(of, subject),
            HoldingKind::Greylist => state.greylists.release(of, subject),
            HoldingKind::Rate => state.rates.release(of, subject),
            HoldingKind::Concurrency => state.places.release_all(of, subject),
            HoldingKind::Answer => state.answers.release(of, subject),
            HoldingKind::Mailbox => state.delivered.remove(subject).is_some(),
        }
    }

    /// Forgets everything, but for the places of sessions that are there.
    pub fn clear(&self) {
        let mut state = self.state();
        let places = std::mem::take(&mut state.places);
        *state = State { places, ..State::default() };
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
            Ask::Greylist(list) => self.greylists.visit(list, now).map_or(Answer::No, Answer::Waits),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ask::{Cell, Concurrency, Rate};

    #[test]
    fn what_is_held_can_be_seen_and_released() {
        let (store, now) = (Store::default(), Time::from_unix_seconds(1000));
        let time = Duration::from_secs(900);
        let cell = Cell { prison: "263/sender".to_owned(), key: "a:b@c.d".to_owned(), time, renew: false };
        let rate = Rate { counter: "263/r".to_owned(), key: "192.0.2.1".to_owned(), count: 1, per: time };
        let places = Concurrency { counter: "263/c".to_owned(), key: "k".to_owned(), session: SessionId(1), limit: 1 };
        let group = |ask| [Group { asks: vec![ask], last: true, of: None }];
        store.apply(&[Effect::Lock(cell.clone()), Effect::Deliver { mailbox: "m@c.d".to_owned(), bytes: 7 }], now);
        let _ = store.settle(&group(Ask::Rate(rate)), now);
        let _ = store.settle(&group(Ask::Concurrency(places)), now);

        let keys: Vec<_> = store.holdings(now).into_iter().map(|holding| holding.key).collect();
        assert_eq!(
            keys,
            ["concurrency:263/c:k", "mailbox::m@c.d", "prison:263/sender:a:b@c.d", "rate:263/r:192.0.2.1"]
        );
        assert_eq!(store.holdings(now)[2].free, Some(now.after(time)));
        for key in &keys {
            assert!(store.release(key), "{key}");
            assert!(!store.release(key), "{key}");
        }
        assert!(store.holdings(now).is_empty());
        assert_eq!(store.settle(&group(Ask::Prison(cell)), now), [[Answer::No]]);
        assert!(!store.release("nothing") && !store.release("prison:263"));
    }
}
