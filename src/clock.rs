//! The only reader of the system clock, and a clock that can be set and moved.
//!
//! Everything that mockmx decides by time (prisons, rates, stamps) asks a [`Clock`] once and passes the [`Time`] on as an
//! argument, so that twenty minutes of prison pass in one call of [`Clock::advance`]. Deadlines on sockets are not
//! decisions about mail; they run on tokio's own time, see [`io_now`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;
use utoipa::ToSchema;

/// A moment on mockmx's clock, counted in nanoseconds since the Unix epoch (enough until the year 2554).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Time(u64);

impl Time {
    /// The moment so many seconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The moment so many nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch: as exactly as a moment is shown.
    #[must_use]
    pub const fn unix_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time that passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `duration` later, or the last that can be told.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// The moment `duration` earlier, or the first that can be told.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// The date and time as RFC 5322 §3.3 writes it, in UTC: `Sat, 1 Feb 2008 00:00:00 +0000`.
    #[must_use]
    pub fn rfc5322(self) -> String {
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        // "-0000" would say that the zone is unknown (RFC 5322 §3.3); this is UTC.
        printer
            .timestamp_to_string(&self.timestamp())
            .map_or_else(|_| String::new(), |date| date.replace("-0000", "+0000"))
    }

    /// The moment as a format of strftime writes it, in UTC.
    ///
    /// # Errors
    /// If it is no such format.
    pub(crate) fn format(self, format: &str) -> Result<String, String> {
        let zoned = self.timestamp().to_zoned_datetime(jiff::tz::TimeZone::UTC);
        jiff::fmt::strtime::format(format, &zoned).map_err(|error| error.to_string())
    }

    /// The moment that is written so, as RFC 3339 writes it.
    ///
    /// # Errors
    /// If it is no moment since 1970.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time as `2026-11-25T08:00:00Z`");
        let moment: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        u64::try_from(moment.as_nanosecond()).map(Self).map_err(|_| wrong())
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(jiff::Timestamp::MAX)
    }
}

/// A length of time as people write it: `500ms`, `20m`, `1h 30m`.
#[must_use]
pub fn length(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|length| length.try_into().ok())
}

/// RFC 3339 with milliseconds, in UTC.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

/// As it is shown.
impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A clock that runs with the system's, unless it was moved, or stands still where it was set.
///
/// Clones are handles to the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    reading: Arc<Mutex<Reading>>,
    /// Told when this clock, or one that was forked from the same, is moved.
    moved: watch::Sender<()>,
}

/// Tells that clocks were moved: one, and those that were forked from the same.
#[derive(Debug)]
pub struct Moves(watch::Receiver<()>);

impl Moves {
    /// Waits for a move that was not seen.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // No clock is left that could be moved.
            std::future::pending::<()>().await;
        }
    }

    /// Whatever was moved so far is seen.
    pub fn seen(&mut self) {
        self.0.mark_unchanged();
    }
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Runs: this time was shown at that instant.
    Runs { shown: Time, at: Instant },
    /// Stands still.
    Stands(Time),
}

impl Reading {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clocks")]
    fn now(self) -> Time {
        match self {
            Self::Runs { shown, at } => shown.after(at.elapsed()),
            Self::Stands(time) => time,
        }
    }
}

impl Clock {
    /// A clock that shows the system's time now and keeps running by the monotonic clock: a step of the system's date
    /// does not open prisons.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clocks")]
    pub fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let reading = Reading::Runs { shown: Time(nanos(since_epoch)), at: Instant::now() };
        Self::of(reading, watch::Sender::new(()))
    }

    /// A clock that stands at `time` until it is advanced.
    #[must_use]
    pub fn standing(time: Time) -> Self {
        Self::of(Reading::Stands(time), watch::Sender::new(()))
    }

    /// The time that it shows.
    #[must_use]
    pub fn now(&self) -> Time {
        self.reading().now()
    }

    /// Waits until it shows `time` or a later one, by running or by being moved.
    pub async fn until(&self, time: Time) {
        let mut moves = self.moves();
        loop {
            moves.seen();
            let reading = *self.reading();
            let left = time.since(reading.now());
            match reading {
                _ if left.is_zero() => return,
                Reading::Stands(_) => moves.next().await,
                Reading::Runs { .. } => tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    () = moves.next() => {}
                },
            }
        }
    }

    /// Moves it forward. A clock never goes back: prisons and rates rely on it.
    pub fn advance(&self, by: Duration) {
        self.change(|reading| match reading {
            Reading::Runs { shown, at } => Reading::Runs { shown: shown.after(by), at },
            Reading::Stands(time) => Reading::Stands(time.after(by)),
        });
    }

    /// Tells of the moves of this clock and of those that were forked from the same.
    #[must_use]
    pub fn moves(&self) -> Moves {
        Moves(self.moved.subscribe())
    }

    /// Stops it where it is. It can still be advanced.
    pub fn freeze(&self) {
        self.change(|reading| Reading::Stands(reading.now()));
    }

    /// Lets it run again, from what it shows.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clocks")]
    pub fn run(&self) {
        self.change(|reading| match reading {
            Reading::Stands(shown) => Reading::Runs { shown, at: Instant::now() },
            running @ Reading::Runs { .. } => running,
        });
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(*self.reading(), Reading::Stands(_))
    }

    /// Another clock that shows the same, runs or stands as this one does, and from now on is moved alone.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::of(*self.reading(), self.moved.clone())
    }

    /// Shows what another shows, and runs or stands as that one does. Where that is earlier, whatever was remembered by
    /// this clock has to be forgotten.
    pub fn show_as(&self, other: &Self) {
        let reading = *other.reading();
        self.change(|_| reading);
    }

    fn of(reading: Reading, moved: watch::Sender<()>) -> Self {
        Self { reading: Arc::new(Mutex::new(reading)), moved }
    }

    fn change(&self, to: impl FnOnce(Reading) -> Reading) {
        let mut reading = self.reading();
        *reading = to(*reading);
        drop(reading);
        self.moved.send_replace(());
    }

    fn reading(&self) -> std::sync::MutexGuard<'_, Reading> {
        // A reading is replaced whole, so a panic elsewhere cannot have left it half written.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The present for deadlines on sockets, which tokio's test clock can pause and move.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clocks")]
pub fn io_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_when_told() {
        let clock = Clock::standing(Time::from_unix_seconds(1_201_824_000));
        let handle = clock.clone();
        handle.advance(Duration::from_secs(20 * 60));
        assert_eq!(clock.now().since(Time::from_unix_seconds(1_201_824_000)), Duration::from_secs(1200));
        assert_eq!(clock.now().to_string(), "2008-02-01T00:20:00.000Z");
        assert_eq!(clock.now().rfc5322(), "Fri, 1 Feb 2008 00:20:00 +0000");
    }

    #[test]
    fn a_clock_that_is_stopped_while_it_is_moved_loses_nothing() {
        let (clock, start) = (Clock::system(), Clock::system().now());
        let advances = 20_000;
        std::thread::scope(|scope| {
            scope.spawn(|| (0..advances).for_each(|_| clock.advance(Duration::from_secs(60))));
            (0..advances).for_each(|_| {
                clock.freeze();
                clock.run();
            });
        });
        assert!(clock.now().since(start) >= Duration::from_secs(60) * advances);
    }

    #[test]
    fn a_running_clock_can_be_moved_forward() {
        let clock = Clock::system();
        let before = clock.now();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now().since(before) >= Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_time_hears_of_every_move() {
        let start = Time::from_unix_seconds(1_201_824_000);
        let clock = Clock::standing(start);
        let (hour, handle) = (Duration::from_secs(3600), clock.clone());
        clock.until(start).await;
        let waiting = tokio::spawn(async move { handle.until(start.after(hour)).await });
        tokio::task::yield_now().await;
        clock.advance(hour / 2);
        tokio::time::sleep(hour * 24).await;
        assert!(!waiting.is_finished(), "it waits by the clock's time, not by tokio's");
        clock.advance(hour / 2);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_runs_comes_to_every_time() {
        let clock = Clock::standing(Time::from_unix_seconds(1_201_824_000));
        let soon = clock.now().after(Duration::from_millis(20));
        clock.run();
        clock.until(soon).await;
        assert!(clock.now() >= soon);
    }
}
