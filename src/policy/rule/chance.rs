//! Failures at random, the same in every run.
//!
//! ```toml
//! when.chance = { percent = 10, seed = 42 }
//! ```
//!
//! Of a rule's numbers, drawn one after the other as often as it is asked, so many in a hundred fire it. The seed fixes
//! the numbers: a run in which the same things happen in the same order meets the same failures. It is 0 if none is
//! given.

use crate::document::{Node, Table};
use crate::policy::ask::{Ask, Draw};
use crate::policy::rule::{Reading, Test};

/// The condition.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    counter: String,
    percent: u8,
    seed: u64,
}

impl Chance {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut table = Table::of(node, reading.problems);
        let percent = table.number::<u8>("percent", reading.problems);
        let seed = table.number("seed", reading.problems).unwrap_or_default();
        table.finish(reading.problems);
        if !percent.is_some_and(|percent| (1..=99).contains(&percent)) {
            reading.problem(&node.place, "a chance is written as `{ percent = 10, seed = 42 }`, with 1 to 99 percent");
            return None;
        }
        Some(Self { counter: reading.counter(), percent: percent?, seed })
    }

    pub(super) fn test(&self) -> Test {
        Test::Ask(Ask::Draw(Draw { counter: self.counter.clone(), percent: self.percent, seed: self.seed }))
    }
}

impl Draw {
    /// The number drawn the `nth` time, from 0 to 99.
    #[must_use]
    pub fn number(&self, nth: u64) -> u8 {
        // SplitMix64: every seed has its own sequence, and neighbouring numbers have nothing in common.
        let mut z = self.seed.wrapping_add((nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u8::try_from((z ^ (z >> 31)) % 100).unwrap_or_default()
    }

    /// What is said of a number that fired.
    pub(crate) fn evidence(&self, nth: u64) -> String {
        format!("draw {} with seed {}: {} is below {}", nth + 1, self.seed, self.number(nth), self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_numbers_and_they_are_spread() {
        let draw = |seed| Draw { counter: String::new(), percent: 10, seed };
        let of = |seed| (0..1000).map(|nth| draw(seed).number(nth)).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let below = of(42).iter().filter(|number| **number < 10).count();
        assert!((70..130).contains(&below), "{below}");
    }
}
