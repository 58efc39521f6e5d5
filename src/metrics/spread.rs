//! How long something takes as a rule, and at its worst, out of a histogram's buckets.

use prometheus::Histogram;
use prometheus::core::Metric as _;

/// How a time is spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How often it was measured.
    pub count: u64,
    /// Half of the times are not longer, in seconds.
    pub p50: Bound,
    /// Ninety-nine in a hundred are not longer, in seconds.
    pub p99: Bound,
}

/// A time in seconds as exactly as buckets tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// About so long.
    About(f64),
    /// Longer than the largest bucket.
    Over(f64),
}

impl Spread {
    /// The spread of what was measured; none if nothing was.
    pub(super) fn of(histogram: &Histogram) -> Option<Self> {
        let measured = histogram.metric();
        let measured = measured.get_histogram();
        let buckets: Vec<_> =
            measured.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect();
        let count = measured.get_sample_count();
        let quantile = |quantile| within(quantile, count, &buckets);
        (count > 0).then(|| Self { count, p50: quantile(0.5), p99: quantile(0.99) })
    }
}

/// The time that this part of all does not exceed, by the buckets' upper bounds with how many are below. Within a bucket
/// times are taken to be spread evenly, as Prometheus' `histogram_quantile` does.
fn within(quantile: f64, count: u64, buckets: &[(f64, u64)]) -> Bound {
    let rank = quantile * count as f64;
    let (mut lower, mut below) = (0.0, 0);
    for &(upper, up_to) in buckets {
        if up_to as f64 >= rank && up_to > below {
            return Bound::About(lower + (upper - lower) * (rank - below as f64) / (up_to - below) as f64);
        }
        (lower, below) = (upper, up_to);
    }
    Bound::Over(lower)
}

#[cfg(test)]
mod tests {
    use prometheus::HistogramOpts;

    use super::*;

    #[test]
    fn times_are_found_between_the_bounds_of_their_bucket() {
        let histogram = Histogram::with_opts(HistogramOpts::new("x", "x").buckets(vec![0.001, 0.01, 0.1])).unwrap();
        assert_eq!(Spread::of(&histogram), None);
        for _ in 0..98 {
            histogram.observe(0.002);
        }
        histogram.observe(0.05);
        histogram.observe(7.0);
        let spread = Spread::of(&histogram).unwrap();
        assert_eq!(spread.count, 100);
        let Bound::About(half) = spread.p50 else { panic!("{spread:?}") };
        assert!((half - (0.001 + 0.009 * 50.0 / 98.0)).abs() < 1e-9, "{half}");
        assert_eq!(spread.p99, Bound::About(0.1));
        histogram.observe(7.0);
        assert_eq!(Spread::of(&histogram).unwrap().p99, Bound::Over(0.1));
    }
}
