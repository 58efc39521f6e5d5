//! By when a client must have said what it has to say.
//!
//! A deadline holds for a whole command line and a whole message, never for one read: a client that sends a byte a
//! minute would otherwise keep a connection for ever.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::ServerLimits;

/// What the client is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A command line.
    Line {
        /// When the last reply was written.
        since: Instant,
    },
    /// A message.
    Text {
        /// When the message began.
        began: Instant,
        /// When its latest bytes came.
        latest: Instant,
        /// How many bytes came.
        bytes: u64,
    },
}

/// The moment at which the client has taken too long, if nothing more comes until then.
pub(crate) fn deadline(limits: &ServerLimits, progress: Progress) -> Instant {
    match progress {
        Progress::Line { since } => later(since, limits.idle),
        Progress::Text { began, latest, bytes } => {
            let in_all = later(began, limits.message_time);
            let silent = later(latest, limits.idle);
            in_all.min(silent).min(later(began, earned(limits, bytes)))
        }
    }
}

/// The time that so many bytes may take at the minimum rate, and no less than the grace.
fn earned(limits: &ServerLimits, bytes: u64) -> Duration {
    let milliseconds = bytes.saturating_mul(1000).checked_div(limits.minimum_rate);
    milliseconds.map_or(Duration::MAX, |milliseconds| limits.rate_grace.max(Duration::from_millis(milliseconds)))
}

/// `moment` and `duration` together, or a moment that is not reached.
fn later(moment: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    moment.checked_add(duration.min(FAR)).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::io_now;
    use crate::server::tests::limits;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn text(began: Instant, latest: u64, bytes: u64) -> Progress {
        Progress::Text { began, latest: began + seconds(latest), bytes }
    }

    #[test]
    fn a_line_must_be_complete_within_the_idle_bound() {
        let since = io_now();
        assert_eq!(deadline(&limits(), Progress::Line { since }), since + limits().idle);
    }

    #[test]
    fn a_message_has_its_grace_then_must_keep_the_rate() {
        let limits = ServerLimits { minimum_rate: 100, rate_grace: seconds(30), ..limits() };
        let began = io_now();
        assert_eq!(deadline(&limits, text(began, 0, 0)), began + seconds(30));
        assert_eq!(deadline(&limits, text(began, 10, 3_000)), began + seconds(30));
        assert_eq!(deadline(&limits, text(began, 20, 4_050)), began + Duration::from_millis(40_500));
    }

    #[test]
    fn a_fast_message_may_not_fall_silent_nor_take_for_ever() {
        let limits = ServerLimits { minimum_rate: 1, idle: seconds(300), message_time: seconds(600), ..limits() };
        let began = io_now();
        assert_eq!(deadline(&limits, text(began, 10, 1_000_000)), began + seconds(310));
        assert_eq!(deadline(&limits, text(began, 500, 1_000_000)), began + seconds(600));
    }

    #[test]
    fn a_bound_without_end_is_kept_from_overflowing() {
        let limits = ServerLimits {
            minimum_rate: 0,
            idle: Duration::MAX,
            message_time: Duration::MAX,
            rate_grace: Duration::MAX,
            ..limits()
        };
        let began = io_now();
        assert!(deadline(&limits, text(began, 0, u64::MAX)) > began + seconds(60 * 60 * 24));
        assert!(deadline(&limits, Progress::Line { since: began }) > began + seconds(60 * 60 * 24));
    }
}
