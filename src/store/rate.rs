//! Rates, by governor, with mockmx's clock in place of its own.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Time;
use crate::policy::ask::Rate;
use crate::store::MOST_KEYS;
use crate::store::holding::{Holding, HoldingKind};

/// Limiters by what they count and how: a counter whose numbers were changed in the settings begins anew.
#[derive(Debug, Default)]
pub(super) struct Rates {
    limiters: HashMap<(String, u32, Duration), Limiter>,
    clock: Hand,
}

struct Limiter {
    governor: RateLimiter<String, Arrivals, Hand, NoOpMiddleware<Moment>>,
    arrivals: Arrivals,
    /// What [`Arrivals`] count from.
    start: Time,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({} keys)", self.arrivals.keys().len())
    }
}

/// For each key, when a next one would be due if all came evenly (GCRA's theoretical arrival time), in
/// nanoseconds since the limiter's start. governor's own stores keep the same, and cannot be looked at.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<HashMap<String, Nanos>>>);

impl Arrivals {
    fn keys(&self) -> MutexGuard<'_, HashMap<String, Nanos>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Arrivals {
    type Key = String;

    fn measure_and_replace<T, F, E>(&self, key: &String, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut keys = self.keys();
        if let Some(arrival) = keys.get_mut(key) {
            let (decided, next) = decide(Some(*arrival))?;
            *arrival = next;
            return Ok(decided);
        }
        let (decided, next) = decide(None)?;
        keys.insert(key.clone(), next);
        Ok(decided)
    }
}

impl Rates {
    /// Counts one more. Says when the next may come, if this one is too many; it is then not counted.
    pub(super) fn count(&mut self, rate: &Rate, now: Time) -> Option<Time> {
        self.clock.set(now);
        let of = (rate.counter.clone(), rate.count, rate.per);
        let clock = &self.clock;
        let limiter = self.limiters.entry(of).or_insert_with(|| Limiter::new(quota(rate), clock.clone(), now));
        limiter.make_room(now);
        let denied = limiter.governor.check_key(&rate.key).err()?;
        let wait = denied.wait_time_from(Moment(now.unix_nanos()));
        Some(now.after(wait))
    }

    /// The allowances that are not whole, and when one more may come.
    pub(super) fn holdings(&self, now: Time) -> Vec<Holding> {
        let mut holdings = Vec::new();
        for ((counter, count, per), limiter) in &self.limiters {
            let one = *per / (*count).max(1);
            for (key, arrival) in limiter.arrivals.keys().iter() {
                let whole = limiter.whole(*arrival);
                let used = whole.since(now).as_nanos().div_ceil(one.as_nanos().max(1));
                let used = u64::try_from(used).unwrap_or(u64::MAX).min(u64::from(*count));
                if used > 0 {
                    // One is back as soon as no more than all but one are used.
                    let all_but_one = one.saturating_mul(count.saturating_sub(1));
                    holdings.push(Holding {
                        count: Some(used),
                        limit: Some(u64::from(*count)),
                        free: Some(now.after(whole.since(now).saturating_sub(all_but_one))),
                        ..Holding::new(HoldingKind::Rate, counter, key)
                    });
                }
            }
        }
        holdings
    }

    /// Forgets all of a counter.
    pub(super) fn forget(&mut self, counter: &str) {
        self.limiters.retain(|(of, ..), _| of != counter);
    }

    /// Gives a key its whole allowance back. Says whether any of it was used.
    pub(super) fn release(&mut self, counter: &str, key: &str) -> bool {
        let of_counter = self.limiters.iter().filter(|((of, ..), _)| of == counter);
        of_counter.filter(|(_, limiter)| limiter.arrivals.keys().remove(key).is_some()).count() > 0
    }
}

impl Limiter {
    fn new(quota: Quota, clock: Hand, start: Time) -> Self {
        let arrivals = Arrivals::default();
        Self { governor: RateLimiter::new(quota, arrivals.clone(), clock), arrivals, start }
    }

    /// Keeps the number of keys within bounds. Keys whose allowance is whole again go first; if a flood of fresh ones
    /// leaves too many even so, all are forgotten: a limit that misses beats a process that dies.
    fn make_room(&self, now: Time) {
        let mut keys = self.arrivals.keys();
        if keys.len() < MOST_KEYS {
            return;
        }
        keys.retain(|_, arrival| self.whole(*arrival) > now);
        if keys.len() >= MOST_KEYS * 9 / 10 {
            keys.clear();
        }
    }

    /// When the whole allowance is back.
    fn whole(&self, arrival: Nanos) -> Time {
        self.start.after(Duration::from_nanos(arrival.as_u64()))
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
    fn what_is_used_is_shown_until_it_is_back() {
        let (mut rates, start) = (Rates::default(), Time::from_unix_seconds(1000));
        let shown = |rates: &Rates, now| {
            let holdings = rates.holdings(now);
            holdings.iter().map(|of| (of.count.unwrap(), of.free.unwrap().since(start).as_secs())).collect::<Vec<_>>()
        };
        for used in 1..=3 {
            rates.count(&rate("a"), start);
            assert_eq!(shown(&rates, start), [(used, if used == 3 { 20 } else { 0 })], "{used}");
        }
        assert_eq!(rates.holdings(start)[0].key, "rate:t/rule:a");
        assert_eq!(shown(&rates, Time::from_unix_seconds(1020)), [(2, 20)]);
        assert_eq!(shown(&rates, Time::from_unix_seconds(1060)), []);
        assert!(rates.count(&rate("a"), start).is_some());
        assert!(rates.release("t/rule", "a") && !rates.release("t/rule", "a"));
        assert_eq!(rates.count(&rate("a"), start), None);
    }

    #[test]
    fn a_flood_of_keys_stays_within_bounds() {
        let (mut rates, start) = (Rates::default(), Time::from_unix_seconds(1000));
        for key in 0..MOST_KEYS + 10 {
            rates.count(&rate(&key.to_string()), start);
        }
        let limiter = rates.limiters.values().next().unwrap();
        assert!(limiter.arrivals.keys().len() <= MOST_KEYS, "{limiter:?}");
    }
}
