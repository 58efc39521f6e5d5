//! Sessions at once.

use std::collections::HashMap;

use crate::facts::SessionId;
use crate::policy::ask::Concurrency;
use crate::store::holding::{Holding, HoldingKind};

/// Who holds a place under which key. Bounded by the number of sessions, which the server bounds.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: HashMap<(String, String), usize>,
    /// For each session, its key under each counter.
    of_session: HashMap<SessionId, HashMap<String, String>>,
}

impl Places {
    /// Takes a place for the session. Says how many there are already, if there is none left.
    pub(super) fn take(&mut self, limit: &Concurrency) -> Option<usize> {
        let held = self.of_session.get(&limit.session).and_then(|held| held.get(&limit.counter));
        if held == Some(&limit.key) {
            return None;
        }
        let place = (limit.counter.clone(), limit.key.clone());
        let taken = self.taken.get(&place).copied().unwrap_or_default();
        if taken >= limit.limit {
            return Some(taken);
        }
        self.taken.insert(place, taken + 1);
        let held = self.of_session.entry(limit.session).or_default();
        if let Some(former) = held.insert(limit.counter.clone(), limit.key.clone()) {
            self.release(limit.counter.clone(), former);
        }
        None
    }

    /// The places that are taken.
    pub(super) fn holdings(&self) -> Vec<Holding> {
        let holding = |((counter, key), taken): (&(String, String), &usize)| Holding {
            count: Some(*taken as u64),
            ..Holding::new(HoldingKind::Concurrency, counter, key)
        };
        self.taken.iter().map(holding).collect()
    }

    /// Gives back all places of a key, whoever has them. Says whether there was one.
    pub(super) fn release_all(&mut self, counter: &str, key: &str) -> bool {
        for held in self.of_session.values_mut() {
            if held.get(counter).is_some_and(|of| of == key) {
                held.remove(counter);
            }
        }
        self.taken.remove(&(counter.to_owned(), key.to_owned())).is_some()
    }

    /// Whether a session has a place.
    pub(super) fn holds(&self, session: SessionId) -> bool {
        self.of_session.get(&session).is_some_and(|held| !held.is_empty())
    }

    /// Gives back all places of a session.
    pub(super) fn leave(&mut self, session: SessionId) {
        for (counter, key) in self.of_session.remove(&session).into_iter().flatten() {
            self.release(counter, key);
        }
    }

    fn release(&mut self, counter: String, key: String) {
        let place = (counter, key);
        match self.taken.get_mut(&place) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => drop(self.taken.remove(&place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u64, key: &str) -> Concurrency {
        Concurrency { counter: "t/rule".to_owned(), key: key.to_owned(), session: SessionId(number), limit: 2 }
    }

    #[test]
    fn places_are_taken_and_given_back() {
        let mut places = Places::default();
        assert_eq!(places.take(&session(1, "a")), None);
        assert_eq!(places.take(&session(1, "a")), None, "a session has one place");
        assert_eq!(places.take(&session(2, "a")), None);
        assert_eq!(places.take(&session(3, "a")), Some(2));
        assert_eq!(places.take(&session(2, "b")), None, "it counts for its latest key");
        assert_eq!(places.take(&session(3, "a")), None);
        for number in 1..=3 {
            places.leave(SessionId(number));
        }
        assert!(places.taken.is_empty() && places.of_session.is_empty());
    }
}
