//! What holds for keys, for each until a time of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::MOST_KEYS;
use super::holding::{Holding, HoldingKind};
use crate::clock::Time;

/// By what a key belongs to and the key, until when. Bounded: whatever ends first goes first.
#[derive(Debug, Default)]
pub(super) struct Until(HashMap<(String, String), Time>);

impl Until {
    /// Until when it holds for a key, if it still does.
    pub(super) fn still(&mut self, of: String, key: String, now: Time) -> Option<&mut Time> {
        let Entry::Occupied(known) = self.0.entry((of, key)) else { return None };
        if *known.get() <= now {
            known.remove();
            return None;
        }
        Some(known.into_mut())
    }

    /// From now on it holds for a key.
    pub(super) fn set(&mut self, of: String, key: String, until: Time, now: Time) {
        if self.0.len() >= MOST_KEYS {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() >= MOST_KEYS {
            // One that is missed beats a process that dies.
            let mut ends: Vec<_> = self.0.values().copied().collect();
            let (_, &mut tenth, _) = ends.select_nth_unstable(MOST_KEYS / 10);
            self.0.retain(|_, until| *until > tenth);
        }
        self.0.insert((of, key), until);
    }

    /// For whom it holds.
    pub(super) fn holdings(&self, kind: HoldingKind, now: Time) -> Vec<Holding> {
        let held = self.0.iter().filter(|(_, until)| **until > now);
        let holding = |((of, key), until): (&(String, String), &Time)| Holding {
            free: Some(*until),
            ..Holding::new(kind, of, key)
        };
        held.map(holding).collect()
    }

    /// It holds for a key no more. Says whether it was known.
    pub(super) fn release(&mut self, of: &str, key: &str) -> bool {
        self.0.remove(&(of.to_owned(), key.to_owned())).is_some()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
