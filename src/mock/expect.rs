//! What a test expects, and the report of what came instead.

use std::fmt::{self, Write};
use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds, RangeFrom, RangeInclusive, RangeToInclusive};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::stub::StubHandle;
use crate::escape::Escaped;
use crate::journal::Journal;
use crate::journal::query::{Field, Filter, Query};
use crate::journal::record::{Kind, Message, Notification, Record, Session, Verdict};
use crate::lane::Clocks;

/// Records like the latest ones that a report lists.
const LISTED: usize = 5;

/// Any message.
#[must_use]
pub fn message() -> Wanted<Message> {
    Wanted::any()
}

/// Anything that a sender is told later.
#[must_use]
pub fn notification() -> Wanted<Notification> {
    Wanted::any()
}

/// Any verdict.
#[must_use]
pub fn verdict() -> Wanted<Verdict> {
    Wanted::any()
}

/// Any session.
#[must_use]
pub fn session() -> Wanted<Session> {
    Wanted::any()
}

/// What a record must be like.
#[derive(Clone, Debug)]
pub struct Wanted<R> {
    filter: Filter,
    said: Vec<String>,
    kind: PhantomData<fn() -> R>,
}

impl<R: Record> Wanted<R> {
    fn any() -> Self {
        Self { filter: Filter::default(), said: Vec::new(), kind: PhantomData }
    }

    /// A recipient of the envelope: `a@example.com`, `@example.com`, `a@`, `.example.com`.
    #[must_use]
    pub fn to(self, pattern: &str) -> Self {
        self.and(Field::To, pattern)
    }

    /// The sender of the envelope, written as a recipient, or `<>`.
    #[must_use]
    pub fn from(self, pattern: &str) -> Self {
        self.and(Field::From, pattern)
    }

    /// A part of the subject, without regard to case.
    #[must_use]
    pub fn subject(self, part: &str) -> Self {
        self.and(Field::Subject, part)
    }

    /// A part of a header field, written `Name: value`.
    #[must_use]
    pub fn header(self, part: &str) -> Self {
        self.and(Field::Header, part)
    }

    /// A rule that spoke: `263/keyword`, `keyword`, or a stub's id.
    #[must_use]
    pub fn rule(self, name: &str) -> Self {
        self.and(Field::Rule, name)
    }

    /// What was done: `refuse`, `accept`, `drop`.
    #[must_use]
    pub fn done(self, verdict: &str) -> Self {
        self.and(Field::Verdict, verdict)
    }

    /// Any filter.
    ///
    /// # Panics
    /// If an address is none.
    #[must_use]
    pub fn and(mut self, field: Field, wanted: &str) -> Self {
        self.filter = self.filter.and(field, wanted).unwrap_or_else(|error| panic!("{error}"));
        self.said.push(format!("{} {wanted:?}", field.name()));
        self
    }

    /// A kind of notification: `failed`, `out-of-office`.
    #[must_use]
    pub fn kind(self, name: &str) -> Self {
        self.and(Field::Kind, name)
    }

    /// It is due, by these clocks.
    pub(super) fn due(self, clocks: Clocks) -> Self {
        let said = self.said.into_iter().chain(["due".to_owned()]).collect();
        Self { filter: self.filter.and_due(true, clocks), said, ..self }
    }

    pub(super) const fn filter(&self) -> &Filter {
        &self.filter
    }
}

/// `a message with to "a@example.com"`.
impl<R: Record> fmt::Display for Wanted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", R::KIND.name())?;
        if self.said.is_empty() { Ok(()) } else { write!(f, " with {}", self.said.join(", ")) }
    }
}

/// A message that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// What is known of it.
    pub record: Arc<Message>,
    /// Its bytes, as they came.
    pub raw: Vec<u8>,
}

impl Received {
    /// Its bytes as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// What a sender is told, and when it is due.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What is known of it.
    pub record: Arc<Notification>,
    /// Its bytes.
    pub raw: Vec<u8>,
}

impl Sent {
    /// Its bytes as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// How often something is expected: `2`, `1..`, `1..=3`, `0`. A range of no numbers panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    least: u64,
    most: u64,
}

impl Times {
    fn of(range: &(impl RangeBounds<u64> + fmt::Debug)) -> Self {
        let least = match range.start_bound() {
            Bound::Included(least) => *least,
            Bound::Excluded(below) => below.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let most = match range.end_bound() {
            Bound::Included(most) => *most,
            Bound::Excluded(above) => above.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        let is_empty = least > most || range.end_bound() == Bound::Excluded(&0);
        assert!(!is_empty, "nothing can come {range:?} times");
        Self { least, most }
    }
}

impl From<u64> for Times {
    fn from(times: u64) -> Self {
        Self::of(&(times..=times))
    }
}

macro_rules! times_of {
    ($($range:ty),*) => {
        $(impl From<$range> for Times {
            fn from(range: $range) -> Self {
                Self::of(&range)
            }
        })*
    };
}

times_of!(Range<u64>, RangeFrom<u64>, RangeInclusive<u64>, RangeToInclusive<u64>);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (1, 1) => f.write_str("once"),
            (least, most) if least == most => write!(f, "{least} times"),
            (least, u64::MAX) => write!(f, "{least} times or more"),
            (least, most) => write!(f, "{least} to {most} times"),
        }
    }
}

/// Something that must have come by the end.
pub(super) struct Expectation {
    what: String,
    times: Times,
    count: Box<dyn Fn(&Journal) -> u64 + Send>,
    instead: Box<dyn Fn(&Journal) -> String + Send>,
}

impl Expectation {
    pub(super) fn of_records<R: Record>(wanted: Wanted<R>, times: Times) -> Self {
        let counted = wanted.clone();
        Self {
            what: wanted.to_string(),
            times,
            count: Box::new(move |journal| {
                let query = Query { filter: counted.filter.clone(), before: None, limit: usize::MAX };
                at_once(journal.page::<R>(&query)).and_then(Result::ok).map_or(0, |found| found.len() as u64)
            }),
            instead: Box::new(move |journal| near(journal, &wanted)),
        }
    }

    pub(super) fn of_stub(handle: StubHandle, given: &serde_json::Value, times: Times) -> Self {
        Self {
            what: format!("a use of the stub {given}"),
            times,
            count: Box::new(move |_| u64::from(handle.uses())),
            instead: Box::new(|journal| near(journal, &verdict())),
        }
    }

    /// What is wrong, if something is.
    pub(super) fn failure(&self, journal: &Journal) -> Option<String> {
        let count = (self.count)(journal);
        let is_right = (self.times.least..=self.times.most).contains(&count);
        let text = || format!("expected {} {}, found {count}\n{}", self.what, self.times, (self.instead)(journal));
        (!is_right).then(text)
    }
}

/// What is said when something did not come in time.
pub(super) fn missing<R: Record>(journal: &Journal, wanted: &Wanted<R>, patience: Duration) -> String {
    format!("{wanted} did not come within {patience:?}\n{}", near(journal, wanted))
}

/// What came instead, the nearest first.
fn near<R: Record>(journal: &Journal, wanted: &Wanted<R>) -> String {
    let mut report = String::new();
    let misses = at_once(journal.near_misses::<R>(&wanted.filter)).and_then(Result::ok).unwrap_or_default();
    for (record, misses) in misses.iter().take(LISTED) {
        let _ = writeln!(report, "  near: {}", shown(record.as_ref()));
        for miss in misses {
            let found: Vec<_> = miss.found.iter().map(|text| format!("\"{}\"", Escaped(text))).collect();
            let _ = writeln!(report, "        {} {:?}, found {}", miss.filter, miss.wanted, found.join(", "));
        }
    }
    if R::KIND != Kind::Verdict || misses.is_empty() {
        let query = Query { filter: Filter::default(), before: None, limit: LISTED };
        let said = at_once(journal.page::<Verdict>(&query)).and_then(Result::ok).unwrap_or_default();
        for verdict in said {
            let _ = writeln!(report, "  refused or else: {}", shown(verdict.as_ref()));
        }
    }
    if report.is_empty() {
        report.push_str("  nothing of the kind came\n");
    }
    report
}

/// A record in a line.
fn shown<R: Record>(record: &R) -> String {
    let texts = |field| record.values(field).iter().take(3).map(|text| Escaped(text).to_string()).collect::<Vec<_>>();
    let part = |name: &str, field| {
        let texts = texts(field).join(", ");
        (!texts.is_empty()).then(|| format!("{name} {texts}"))
    };
    let parts = [
        part("from", Field::From),
        part("to", Field::To),
        part("subject", Field::Subject),
        texts(Field::Rule).first().map(|rule| format!("rule {rule}")),
        texts(Field::Verdict).first().cloned(),
    ];
    format!("{} {}", R::KIND.name(), parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The outcome of a future that waits for nothing, as all of a journal in memory are. A drop cannot wait.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
