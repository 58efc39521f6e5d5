//! What happened in each of the latest minutes.
//!
//! They are counted here, and not in the journal's records: a page that shows them costs the same however much mail comes,
//! a bound or a reset of the journal makes no gap, and they are minutes of the world. A record's time is its lane's, so
//! that moving a clock by a day would leave nothing of the last hour.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::Time;

/// Minutes that are remembered.
pub const MINUTES: usize = 60;

/// Verdicts of the latest minutes, by provider. There are as many names as packs, so settings bound them.
#[derive(Debug, Default)]
pub(super) struct Minutes(VecDeque<(u64, BTreeMap<String, u64>)>);

/// A minute, and how many verdicts each provider's rules gave in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minute {
    /// When it began.
    pub began: Time,
    /// By provider; only those that said something.
    pub verdicts: BTreeMap<String, u64>,
}

impl Minutes {
    /// Counts a verdict. Times do not go back.
    pub(super) fn count(&mut self, provider: &str, now: Time) {
        let minute = now.unix_seconds() / 60;
        if self.0.back().is_none_or(|(latest, _)| *latest < minute) {
            self.0.push_back((minute, BTreeMap::new()));
            while self.0.len() > MINUTES {
                self.0.pop_front();
            }
        }
        let Some((_, verdicts)) = self.0.back_mut() else { return };
        match verdicts.get_mut(provider) {
            Some(count) => *count += 1,
            None => drop(verdicts.insert(provider.to_owned(), 1)),
        }
    }

    /// The latest minutes up to the one that has begun, also those in which nothing happened.
    pub(super) fn all(&self, now: Time) -> Vec<Minute> {
        let last = now.unix_seconds() / 60;
        let first = last.saturating_sub(MINUTES as u64 - 1);
        let minutes = (first..=last).map(|minute| {
            let found = self.0.iter().find(|(known, _)| *known == minute);
            let verdicts = found.map(|(_, verdicts)| verdicts.clone()).unwrap_or_default();
            Minute { began: Time::from_unix_seconds(minute * 60), verdicts }
        });
        minutes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_remembered_minute_by_minute() {
        let (mut minutes, at) = (Minutes::default(), |second: u64| Time::from_unix_seconds(1_201_824_000 + second));
        for (provider, second) in [("263", 0), ("263", 59), ("21cn", 59), ("263", 60), ("stub", 3_540)] {
            minutes.count(provider, at(second));
        }
        let all = minutes.all(at(3_599));
        assert_eq!(all.len(), MINUTES);
        assert_eq!(all[0].began, at(0));
        assert_eq!(all[0].verdicts, BTreeMap::from([("21cn".to_owned(), 1), ("263".to_owned(), 2)]));
        assert_eq!(all[1].verdicts["263"], 1);
        assert!(all[2..59].iter().all(|minute| minute.verdicts.is_empty()));
        assert_eq!(all[59].verdicts["stub"], 1);
        let later = minutes.all(at(3_600));
        assert_eq!((later[0].began, later[59].verdicts.len()), (at(60), 0), "the first is over an hour ago");
    }

    #[test]
    fn older_minutes_are_let_go_of() {
        let mut minutes = Minutes::default();
        for minute in 0..1_000 {
            minutes.count("263", Time::from_unix_seconds(minute * 60));
        }
        assert_eq!(minutes.0.len(), MINUTES);
    }
}
