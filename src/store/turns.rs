//! How often stubs were used, in which state scenarios are, and which numbers were drawn.

use std::collections::{BTreeMap, HashMap};

use crate::policy::START;
use crate::policy::ask::{Draw, Step, Turn};
use crate::store::MOST_KEYS;

/// The uses of one lane.
#[derive(Debug, Default)]
pub(super) struct Turns {
    uses: HashMap<String, Uses>,
    /// States by scenario. Stubs, packs and operators name them, so settings and the API bound their number.
    states: BTreeMap<String, String>,
    draws: HashMap<String, u64>,
}

#[derive(Debug, Default)]
struct Uses {
    all: u32,
    by_key: HashMap<String, u32>,
}

impl Turns {
    /// One more use, if there may be one: counts it, moves its scenario on, and says which use it is, from 0.
    pub(super) fn take(&mut self, turn: &Turn) -> Option<u32> {
        let is_there = |step: &Step| step.is.as_deref().is_none_or(|is| is == self.state(&step.scenario));
        let used = self.used(&turn.user);
        if turn.times.is_some_and(|times| used >= times) || !turn.step.as_ref().is_none_or(is_there) {
            return None;
        }
        if let Some(Step { scenario, becomes: Some(becomes), .. }) = &turn.step {
            self.states.insert(scenario.clone(), becomes.clone());
        }
        let uses = self.uses.entry(turn.user.clone()).or_default();
        uses.all = uses.all.saturating_add(1);
        if uses.by_key.len() >= MOST_KEYS && !uses.by_key.contains_key(&turn.key) {
            // Sequences begin anew: a test that misses one beats a process that dies.
            uses.by_key.clear();
        }
        let of_key = uses.by_key.entry(turn.key.clone()).or_default();
        let nth = *of_key;
        *of_key = nth.saturating_add(1);
        Some(nth)
    }

    /// Draws the next number, and says which it was, from 0, if it is one that fires.
    pub(super) fn draw(&mut self, draw: &Draw) -> Option<u64> {
        let next = self.draws.entry(draw.counter.clone()).or_default();
        let nth = *next;
        *next += 1;
        (draw.number(nth) < draw.percent).then_some(nth)
    }

    /// How often a stub was used.
    pub(super) fn used(&self, user: &str) -> u32 {
        self.uses.get(user).map_or(0, |uses| uses.all)
    }

    pub(super) fn forget(&mut self, user: &str) {
        self.uses.remove(user);
        self.draws.remove(&format!("stub/{user}"));
    }

    pub(super) fn state(&self, scenario: &str) -> &str {
        self.states.get(scenario).map_or(START, String::as_str)
    }

    pub(super) fn set_state(&mut self, scenario: &str, state: &str) {
        self.states.insert(scenario.to_owned(), state.to_owned());
    }

    /// The scenarios that were moved or set, and their states.
    pub(super) fn states(&self) -> Vec<(String, String)> {
        self.states.iter().map(|(scenario, state)| (scenario.clone(), state.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ask::End;

    fn turn(key: &str, times: Option<u32>, step: Option<(&str, &str)>) -> Turn {
        let step = step.map(|(is, becomes)| Step {
            scenario: "s".to_owned(),
            is: Some(is.to_owned()),
            becomes: Some(becomes.to_owned()),
        });
        Turn { user: "u".to_owned(), key: key.to_owned(), times, ends: vec![End::Everything], step }
    }

    #[test]
    fn uses_are_counted_by_key_and_bounded_in_all() {
        let mut turns = Turns::default();
        let taken: Vec<_> = ["a", "b", "a", "a"].map(|key| turns.take(&turn(key, Some(3), None))).into();
        assert_eq!(taken, [Some(0), Some(0), Some(1), None]);
        assert_eq!(turns.used("u"), 3);
        turns.forget("u");
        assert_eq!(turns.take(&turn("a", Some(3), None)), Some(0));
    }

    #[test]
    fn a_step_is_taken_in_its_state_alone() {
        let mut turns = Turns::default();
        assert_eq!(turns.take(&turn("", None, Some(("full", "empty")))), None);
        assert_eq!(turns.take(&turn("", None, Some((START, "full")))), Some(0));
        assert_eq!(turns.take(&turn("", None, Some((START, "full")))), None);
        assert_eq!(turns.states(), [("s".to_owned(), "full".to_owned())]);
        turns.set_state("s", START);
        assert_eq!(turns.take(&turn("", Some(1), Some((START, "full")))), None, "it was used once before");
        assert_eq!(turns.state("s"), START, "what is not used moves nothing");
    }
}
