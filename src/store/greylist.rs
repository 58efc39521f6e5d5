//! Who has to come back, and who has.

use std::collections::HashMap;

use crate::clock::Time;
use crate::policy::ask::Greylist;
use crate::store::MOST_KEYS;
use crate::store::holding::{Holding, HoldingKind};

/// When each key is let in, and when it is forgotten.
#[derive(Debug, Default)]
pub(super) struct Greylists(HashMap<(String, String), Place>);

#[derive(Clone, Copy, Debug)]
struct Place {
    free: Time,
    forgotten: Time,
}

impl Greylists {
    /// Until when a key has to wait, if it has to. A new one is noted.
    pub(super) fn visit(&mut self, list: &Greylist, now: Time) -> Option<Time> {
        if self.0.len() >= MOST_KEYS {
            self.0.retain(|_, place| place.forgotten > now);
        }
        if self.0.len() >= MOST_KEYS {
            // All begin anew: who has waited waits once more.
            self.0.clear();
        }
        let place = (list.counter.clone(), list.key.clone());
        let fresh = Place { free: now.after(list.wait), forgotten: now.after(list.forget) };
        let known = self.0.entry(place).or_insert(fresh);
        if known.forgotten <= now {
            *known = fresh;
        }
        if known.free > now {
            return Some(known.free);
        }
        known.forgotten = now.after(list.forget);
        None
    }

    /// Who has to wait.
    pub(super) fn holdings(&self, now: Time) -> Vec<Holding> {
        let waiting = self.0.iter().filter(|(_, place)| place.free > now);
        let holding = |((counter, key), place): (&(String, String), &Place)| Holding {
            free: Some(place.free),
            ..Holding::new(HoldingKind::Greylist, counter, key)
        };
        waiting.map(holding).collect()
    }

    /// Forgets a key. Says whether it was known.
    pub(super) fn release(&mut self, counter: &str, key: &str) -> bool {
        self.0.remove(&(counter.to_owned(), key.to_owned())).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_comes_back_late_enough_is_let_in() {
        let list = |key: &str| Greylist {
            counter: "t/rule".to_owned(),
            key: key.to_owned(),
            wait: Duration::from_secs(120),
            forget: Duration::from_secs(3600),
        };
        let at = Time::from_unix_seconds;
        let mut lists = Greylists::default();
        assert_eq!(lists.visit(&list("a"), at(0)), Some(at(120)));
        assert_eq!(lists.visit(&list("a"), at(119)), Some(at(120)), "a try too early does not start the time anew");
        assert_eq!(lists.visit(&list("b"), at(119)), Some(at(239)), "another key waits for itself");
        assert_eq!(lists.visit(&list("a"), at(120)), None);
        assert_eq!(lists.visit(&list("a"), at(3700)), None, "it is remembered for as long as it comes");
        assert_eq!(lists.visit(&list("a"), at(7300)), Some(at(7420)), "and then forgotten");
        assert_eq!(lists.holdings(at(7300)).len(), 1);
        assert!(lists.release("t/rule", "a") && !lists.release("t/rule", "a"));
    }
}
