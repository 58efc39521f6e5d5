//! Rates, by governor, with mockmx's clock in place of its own.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Time;
use crate::policy::ask::Rate;
use crate::store::MOST_KEYS;

/// Limiters by what they count and how: a counter whose numbers were changed in the settings begins anew.
#[derive(Debug, Default)]
pub(super) struct Rates {
    limiters: HashMap<(String, u32, Duration), Limiter>,
    clock: Hand,
}

type Keyed = RateLimiter<String, HashMapStateStore<String>, Hand, NoOpMiddleware<Moment>>;

struct Limiter(Keyed, Quota);

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({} keys)", self.0.len())
    }
}

impl Rates {
    /// Counts one more. Says when the next may come, if this one is too many; it is then not counted.
    pub(super) fn count(&mut self, rate: &Rate, now: Time) -> Option<Time> {
        self.clock.set(now);
        let of = (rate.counter.clone(), rate.count, rate.per);
        let clock = &self.clock;
        let limiter = self.limiters.entry(of).or_insert_with(|| Limiter::new(quota(rate), clock.clone()));
        limiter.make_room();
        let denied = limiter.0.check_key(&rate.key).err()?;
        let wait = denied.wait_time_from(Moment(now.unix_nanos()));
        Some(now.after(wait))
    }
}

impl Limiter {
    fn new(quota: Quota, clock: Hand) -> Self {
        Self(RateLimiter::new(quota, HashMapStateStore::default(), clock), quota)
    }

    /// Keeps the number of keys within bounds. Keys whose allowance is whole again go first; if a flood of fresh ones
    /// leaves too many even so, all are forgotten: a limit that misses beats a process that dies.
    fn make_room(&mut self) {
        if self.0.len() < MOST_KEYS {
            return;
        }
        self.0.retain_recent();
        if self.0.len() >= MOST_KEYS * 9 / 10 {
            let emptied = Self::new(self.1, self.0.clock().clone());
            *self = emptied;
        }
    }
}

/// All at once, and all of it back after `per`.
fn quota(rate: &Rate) -> Quota {
    let count = NonZeroU32::new(rate.count).unwrap_or(NonZeroU32::MIN);
    let one = rate.per / count.get();
    Quota::with_period(one).unwrap_or_else(|| Quota::per_second(count)).allow_burst(count)
}

/// A clock that shows what it was last set to.
#[derive(Clone, Debug, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, now: Time) {
        // Always set and read under the store's lock, so any order will do.
        self.0.store(now.unix_nanos(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }
}

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u64);

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(key: &str) -> Rate {
        Rate { counter: "t/rule".to_owned(), key: key.to_owned(), count: 3, per: Duration::from_secs(60) }
    }

    #[test]
    fn an_allowance_is_used_up_and_comes_back() {
        let (mut rates, start) = (Rates::default(), Time::from_unix_seconds(1000));
        for _ in 0..3 {
            assert_eq!(rates.count(&rate("a"), start), None);
        }
        assert_eq!(rates.count(&rate("a"), start), Some(Time::from_unix_seconds(1020)));
        assert_eq!(rates.count(&rate("b"), start), None, "another key has its own allowance");
        let later = Time::from_unix_seconds(1020);
        assert_eq!(rates.count(&rate("a"), later), None, "one is back after a third of the minute");
        assert!(rates.count(&rate("a"), later).is_some());
    }

    #[test]
    fn a_flood_of_keys_stays_within_bounds() {
        let (mut rates, start) = (Rates::default(), Time::from_unix_seconds(1000));
        for key in 0..MOST_KEYS + 10 {
            rates.count(&rate(&key.to_string()), start);
        }
        let limiter = rates.limiters.values().next().unwrap();
        assert!(limiter.0.len() <= MOST_KEYS, "{limiter:?}");
    }
}
