//! The geometry of the charts. Pure.

use std::collections::BTreeMap;

use crate::metrics::{Bound, Minute};

/// The height of a chart, and the width of a minute and of its bar, in its own units.
pub(super) const HEIGHT: u64 = 200;
pub(super) const STEP: usize = 10;
const BAR: usize = 8;

/// Series that have a colour and a pattern of their own; the smallest share the last one.
pub(super) const MOST_SERIES: usize = 8;

/// The shortest time that the logarithmic scale of times shows, and the longest, as powers of ten of a second.
const SHORTEST: f64 = -6.0;
const LONGEST: f64 = 0.0;

/// What stands on top of each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Series {
    /// The provider; none: all that are not named.
    pub(super) name: Option<String>,
    pub(super) total: u64,
}

/// A part of a bar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) width: usize,
    pub(super) height: u64,
    /// The place of its series.
    pub(super) series: usize,
    /// The place of its minute.
    pub(super) minute: usize,
    pub(super) count: u64,
}

/// Bars, one a minute, each with a part for each series.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) series: Vec<Series>,
    pub(super) bars: Vec<Bar>,
    /// The number at the upper edge.
    pub(super) top: u64,
    /// For each minute, the number of each series.
    pub(super) counts: Vec<Vec<u64>>,
}

impl Stack {
    pub(super) fn of(minutes: &[Minute]) -> Self {
        let series = series(minutes);
        let counts: Vec<_> = minutes.iter().map(|minute| counts(minute, &series)).collect();
        let top = round_up(counts.iter().map(|counts| counts.iter().sum()).max().unwrap_or_default());
        let bars = counts.iter().enumerate().flat_map(|(minute, counts)| bars(minute, counts, top)).collect();
        Self { series, bars, top, counts }
    }
}

/// The largest ones, by name, and one for all others.
fn series(minutes: &[Minute]) -> Vec<Series> {
    let mut totals = BTreeMap::<&str, u64>::new();
    for (provider, count) in minutes.iter().flat_map(|minute| &minute.verdicts) {
        *totals.entry(provider).or_default() += count;
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    let mut others = Vec::new();
    if totals.len() > MOST_SERIES {
        totals.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
        others = totals.split_off(MOST_SERIES - 1);
        totals.sort_unstable();
    }
    let named = totals.into_iter().map(|(name, total)| Series { name: Some(name.to_owned()), total });
    let others =
        (!others.is_empty()).then(|| Series { name: None, total: others.iter().map(|(_, total)| total).sum() });
    named.chain(others).collect()
}

fn counts(minute: &Minute, series: &[Series]) -> Vec<u64> {
    let mut rest: u64 = minute.verdicts.values().sum();
    let counts = series.iter().map(|series| {
        let count = match &series.name {
            Some(name) => minute.verdicts.get(name).copied().unwrap_or_default(),
            None => rest,
        };
        rest -= count;
        count
    });
    counts.collect()
}

fn bars(minute: usize, counts: &[u64], top: u64) -> Vec<Bar> {
    let mut below = 0;
    let height = |count: u64| count * HEIGHT / top.max(1);
    let bars = counts.iter().enumerate().map(|(series, &count)| {
        // Sums are rounded, and not parts, so that parts leave no gap between them.
        let (lower, upper) = (height(below), height(below + count));
        below += count;
        Bar { x: minute * STEP + 1, y: HEIGHT - upper, width: BAR, height: upper - lower, series, minute, count }
    });
    bars.filter(|bar| bar.count > 0).collect()
}

/// The next number that begins with 1, 2 or 5 and has only noughts behind; two at least, which can be halved.
fn round_up(number: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for digit in [1, 2, 5] {
            let round = power.saturating_mul(digit);
            if round >= number.max(2) {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// Where a time stands on a logarithmic scale, from 0 to 100.
pub(super) fn place(bound: Bound) -> u64 {
    let (Bound::About(seconds) | Bound::Over(seconds)) = bound;
    let part = (seconds.log10() - SHORTEST) / (LONGEST - SHORTEST);
    // A float becomes the nearest whole number that there is.
    (part * 100.0).round().clamp(0.0, 100.0) as u64
}

/// A time to be read.
pub(super) fn time(bound: Bound) -> String {
    let (sign, seconds) = match bound {
        Bound::About(seconds) => ("", seconds),
        Bound::Over(seconds) => ("> ", seconds),
    };
    let (number, unit) = match seconds {
        _ if seconds < 0.001 => (seconds * 1e6, "µs"),
        _ if seconds < 1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let digits = usize::from(number < 10.0);
    format!("{sign}{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    fn minute(verdicts: &[(&str, u64)]) -> Minute {
        let verdicts = verdicts.iter().map(|(provider, count)| ((*provider).to_owned(), *count)).collect();
        Minute { began: Time::default(), verdicts }
    }

    #[test]
    fn parts_stand_on_each_other_without_a_gap() {
        let stack = Stack::of(&[minute(&[("263", 3), ("21cn", 4)]), minute(&[]), minute(&[("263", 10)])]);
        assert_eq!(stack.top, 10);
        assert_eq!(stack.counts, [vec![4, 3], vec![0, 0], vec![0, 10]]);
        let drawn: Vec<_> = stack.bars.iter().map(|bar| (bar.x, bar.y, bar.height, bar.series)).collect();
        assert_eq!(drawn, [(1, 120, 80, 0), (1, 60, 60, 1), (21, 0, 200, 1)]);
        let sevenths = Stack::of(&[minute(&[("a", 1), ("b", 1), ("c", 1), ("d", 4)])]);
        let mut lower = HEIGHT;
        for bar in sevenths.bars {
            assert_eq!(bar.y + bar.height, lower);
            lower = bar.y;
        }
    }

    #[test]
    fn the_smallest_share_the_last_series() {
        let names: Vec<_> = (0..12).map(|number| format!("p{number:02}")).collect();
        let verdicts: Vec<_> = names.iter().zip(1..).map(|(name, count)| (name.as_str(), count)).collect();
        let stack = Stack::of(&[minute(&verdicts)]);
        let names: Vec<_> = stack.series.iter().map(|series| series.name.as_deref()).collect();
        assert_eq!(names[..7], ["p05", "p06", "p07", "p08", "p09", "p10", "p11"].map(Some));
        assert_eq!((names.len(), names[7], stack.series[7].total), (8, None, 1 + 2 + 3 + 4 + 5));
        assert_eq!(stack.counts[0][7], 15);
    }

    #[test]
    fn an_edge_is_a_round_number() {
        for (number, edge) in [(0, 2), (1, 2), (3, 5), (5, 5), (6, 10), (11, 20), (2_001, 5_000)] {
            assert_eq!(round_up(number), edge, "{number}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn times_are_told_in_their_units() {
        for (seconds, told, at) in [
            (0.000_001, "1.0 µs", 0),
            (0.000_025, "25 µs", 23),
            (0.001_2, "1.2 ms", 51),
            (1.0, "1.0 s", 100),
            (0.0, "0.0 µs", 0),
        ] {
            assert_eq!((time(Bound::About(seconds)).as_str(), place(Bound::About(seconds))), (told, at));
        }
        assert_eq!(time(Bound::Over(1.0)), "> 1.0 s");
    }
}
