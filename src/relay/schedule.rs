//! When a message is tried again.

use std::time::Duration;

use crate::clock::Time;

/// How long is waited before an attempt, and when there is no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The time between the first attempt and the second; each later one is twice as long as the one before.
    pub retry: Duration,
    /// The time after which there is one last attempt.
    pub give_up: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { retry: Duration::from_secs(60), give_up: Duration::from_secs(60 * 60) }
    }
}

impl Schedule {
    /// When a message is tried again that was tried `tries` times, the first time at `first` and the last time now;
    /// never, if its time is up.
    #[must_use]
    pub fn next_attempt(&self, tries: u32, first: Time, now: Time) -> Option<Time> {
        let end = first.after(self.give_up);
        let factor = 2_u32.checked_pow(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        let next = now.after(self.retry.saturating_mul(factor));
        (now < end).then(|| next.min(end))
    }
}
