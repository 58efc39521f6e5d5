//! Prisons.

use super::holding::{Holding, HoldingKind};
use super::until::Until;
use crate::clock::Time;
use crate::policy::ask::Cell;

/// Who is locked up, until when.
#[derive(Debug, Default)]
pub(super) struct Prisons(Until);

impl Prisons {
    /// Until when the key is locked up, if it is. A visit from inside starts the time anew where the prison says so.
    pub(super) fn visit(&mut self, cell: &Cell, now: Time) -> Option<Time> {
        let until = self.0.still(cell.prison.clone(), cell.key.clone(), now)?;
        if cell.renew {
            *until = now.after(cell.time);
        }
        Some(*until)
    }

    /// Who is inside.
    pub(super) fn holdings(&self, now: Time) -> Vec<Holding> {
        self.0.holdings(HoldingKind::Prison, now)
    }

    /// Lets a key out. Says whether it was inside.
    pub(super) fn release(&mut self, prison: &str, key: &str) -> bool {
        self.0.release(prison, key)
    }

    /// Locks the key up.
    pub(super) fn lock(&mut self, cell: &Cell, now: Time) {
        self.0.set(cell.prison.clone(), cell.key.clone(), now.after(cell.time), now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::MOST_KEYS;

    fn cell(renew: bool) -> Cell {
        let time = Duration::from_secs(900);
        Cell { prison: "t/sender".to_owned(), key: "a@b".to_owned(), time, renew }
    }

    #[test]
    fn a_prison_lets_go_after_its_time() {
        let mut prisons = Prisons::default();
        prisons.lock(&cell(false), Time::from_unix_seconds(0));
        let until = Some(Time::from_unix_seconds(900));
        assert_eq!(prisons.visit(&cell(false), Time::from_unix_seconds(1)), until);
        assert_eq!(prisons.visit(&cell(false), Time::from_unix_seconds(899)), until);
        assert_eq!(prisons.visit(&cell(false), Time::from_unix_seconds(900)), None);
        assert_eq!(prisons.0.len(), 0);
    }

    #[test]
    fn every_try_starts_the_time_anew() {
        let mut prisons = Prisons::default();
        prisons.lock(&cell(true), Time::from_unix_seconds(0));
        assert_eq!(prisons.visit(&cell(true), Time::from_unix_seconds(800)), Some(Time::from_unix_seconds(1700)));
        assert_eq!(prisons.visit(&cell(true), Time::from_unix_seconds(1699)), Some(Time::from_unix_seconds(2599)));
        assert_eq!(prisons.visit(&cell(true), Time::from_unix_seconds(2599)), None);
    }

    #[test]
    fn a_flood_of_keys_stays_within_bounds() {
        let mut prisons = Prisons::default();
        for key in 0..MOST_KEYS as u64 + 10 {
            let cell = Cell { key: key.to_string(), ..cell(true) };
            prisons.lock(&cell, Time::from_unix_seconds(key / 1000));
        }
        assert!(prisons.0.len() <= MOST_KEYS);
    }
}
