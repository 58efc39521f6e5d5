//! When a rule is in force: providers change their replies, and a pack may know both.

use std::fmt;

use jiff::civil::Date;

/// The days from `since` on, and before `until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first day; none: since ever.
    pub since: Option<Date>,
    /// The first day on which it is over; none: it is not.
    pub until: Option<Date>,
}

impl Period {
    /// Whether it is all days.
    #[must_use]
    pub const fn is_always(self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Whether it ends before it begins.
    pub(crate) fn is_never(self) -> bool {
        self.since.zip(self.until).is_some_and(|(since, until)| until <= since)
    }

    /// Whether it holds a day. On no day in particular, what the document says is in force: no later variants.
    pub(crate) fn holds(self, day: Option<Date>) -> bool {
        match day {
            None => self.since.is_none(),
            Some(day) => self.since.is_none_or(|since| since <= day) && self.until.is_none_or(|until| day < until),
        }
    }

    /// Whether all days of `other` are days of this one.
    pub(crate) fn covers(self, other: Self) -> bool {
        // No `since` is before all dates, as none of an option is; no `until` is behind them.
        self.since <= other.since && self.until.is_none_or(|until| other.until.is_some_and(|others| others <= until))
    }
}

/// `since 2012-01-01, until 2015-01-01`; `always`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (None, None) => f.write_str("always"),
            (Some(since), None) => write!(f, "since {since}"),
            (None, Some(until)) => write!(f, "until {until}"),
            (Some(since), Some(until)) => write!(f, "since {since}, until {until}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_period_holds_its_first_day_and_not_the_one_that_ends_it() {
        let (first, end) = (date(2012, 1, 1), date(2015, 1, 1));
        let period = Period { since: Some(first), until: Some(end) };
        assert!(period.holds(Some(first)) && !period.holds(Some(end)) && !period.holds(None));
        assert!(Period { until: Some(end), ..Period::default() }.holds(None));
        assert!(!period.is_never() && Period { since: Some(end), until: Some(end) }.is_never());
        assert_eq!(period.to_string(), "since 2012-01-01, until 2015-01-01");
    }

    #[test]
    fn a_period_covers_what_lies_within_it() {
        let (early, late) = (Some(date(2012, 1, 1)), Some(date(2015, 1, 1)));
        let between = Period { since: early, until: late };
        let until = Period { since: None, until: late };
        let since = Period { since: early, until: None };
        for (wide, narrow) in [(until, between), (since, between), (Period::default(), until), (between, between)] {
            assert!(wide.covers(narrow), "{wide}, {narrow}");
            assert!(wide == narrow || !narrow.covers(wide), "{narrow}, {wide}");
        }
    }
}
