//! How long is waited.
//!
//! ```toml
//! delay = "5s"                               # always so long
//! delay = ["1s", "10s"]                      # any time between the two
//! delay = { median = "2s", p99 = "30s" }     # log-normal, as servers are: half within two seconds, one in a hundred beyond thirty
//! ```
//!
//! What is drawn is fixed by the session, its transaction and its command, so a run can be repeated.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::document::{Node, Table, Value, note, text};
use crate::facts::Facts;
use crate::policy::parse;
use crate::problem::{Problem, Problems};

/// The longest that is drawn: nobody waits longer.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

/// A wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delay {
    #[default]
    None,
    Fixed(Duration),
    Uniform {
        least: Duration,
        most: Duration,
    },
    LogNormal {
        median: Duration,
        p99: Duration,
    },
}

impl Delay {
    pub(crate) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let one = |node: &Node, problems: &mut Problems| note(node, parse::duration(text(node, problems)?), problems);
        match &node.value {
            Value::List(_) => parse::span(node, problems).map(|(least, most)| Self::Uniform { least, most }),
            Value::Table(_) => {
                let mut table = Table::of(node, problems);
                let median = table.required("median", problems).and_then(|node| one(node, problems));
                let p99 = table.required("p99", problems).and_then(|node| one(node, problems));
                table.finish(problems);
                let (median, p99) = (median?, p99?);
                if p99 <= median {
                    problems.push(Problem::new(&node.place, "`p99` is longer than `median`"));
                }
                Some(Self::LogNormal { median, p99 })
            }
            _ => one(node, problems).map(Self::Fixed),
        }
    }

    /// Whether there is one.
    pub(crate) const fn is_some(self) -> bool {
        !matches!(self, Self::None)
    }

    /// `at once`, `after 5m`, for people.
    pub(crate) fn describe(self) -> String {
        let shown = |time: Duration| {
            jiff::SignedDuration::try_from(time).map_or_else(|_| format!("{time:?}"), |time| format!("{time:#}"))
        };
        match self {
            Self::None => "at once".to_owned(),
            Self::Fixed(time) => format!("after {}", shown(time)),
            Self::Uniform { least, most } => format!("after {} to {}", shown(least), shown(most)),
            Self::LogNormal { median, p99 } => {
                format!("after {}, rarely more than {}", shown(median), shown(p99))
            }
        }
    }

    /// How long, for this rule at this place of a session.
    pub(crate) fn of(self, rule: &str, facts: &Facts) -> Duration {
        self.up_to(LONGEST, rule, facts)
    }

    /// The same, where nobody waits for it: what is drawn is `longest` at most.
    pub(crate) fn up_to(self, longest: Duration, rule: &str, facts: &Facts) -> Duration {
        let draw = |salt: u8| {
            // The hasher has fixed keys, so that what is drawn is the same in every run.
            let mut hasher = DefaultHasher::new();
            (salt, rule, facts.session.0, facts.counts.transactions, facts.counts.commands).hash(&mut hasher);
            f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
        };
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(time) => time,
            Self::Uniform { least, most } => least + most.saturating_sub(least).mul_f64(draw(0)),
            Self::LogNormal { median, p99 } => {
                let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln() / Z99;
                // Box and Muller's way from two even draws to a normal one.
                let normal = (-2.0 * (1.0 - draw(0)).ln()).sqrt() * (std::f64::consts::TAU * draw(1)).cos();
                let time = median.as_secs_f64() * (sigma * normal).exp();
                Duration::try_from_secs_f64(time).unwrap_or(longest).min(longest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::facts::{Listener, Role, SessionId, TlsMode, loopback};

    fn drawn(delay: Delay) -> Vec<Duration> {
        let listener = std::sync::Arc::new(Listener::plain("smtp", Role::Mx, TlsMode::None));
        let facts = |session| Facts::new(SessionId(session), listener.clone(), loopback(), Time::default());
        let mut times: Vec<_> = (0..2_000).map(|session| delay.of("263/slow", &facts(session))).collect();
        assert_eq!(times[7], delay.of("263/slow", &facts(7)), "the same session draws the same");
        times.sort_unstable();
        times
    }

    #[test]
    fn an_even_span_is_drawn_from_evenly() {
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(11));
        let times = drawn(Delay::Uniform { least, most });
        assert!(times[0] >= least && times[1_999] <= most);
        assert!((5.5..6.5).contains(&times[1_000].as_secs_f64()), "{:?}", times[1_000]);
    }

    #[test]
    fn a_log_normal_delay_has_its_median_and_its_tail() {
        let times = drawn(Delay::LogNormal { median: Duration::from_secs(2), p99: Duration::from_secs(30) });
        assert!((1.8..2.2).contains(&times[1_000].as_secs_f64()), "{:?}", times[1_000]);
        assert!((20.0..45.0).contains(&times[1_980].as_secs_f64()), "{:?}", times[1_980]);
        assert!(times[1_999] <= LONGEST);
    }
}
