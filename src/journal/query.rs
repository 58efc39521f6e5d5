//! What is asked of the journal: filters, pages, and by how much a record missed.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;
use serde::Serialize;
use utoipa::ToSchema;

use super::record::{Id, Record};
use crate::address::Address;
use crate::clock::Time;
use crate::lane::Clocks;
use crate::policy::AddressPattern;

/// What a filter can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The session's id or number.
    Session,
    /// The provider.
    Provider,
    /// The rule, as `263/keyword` or `keyword`.
    Rule,
    /// The stage.
    Stage,
    /// What was done.
    Verdict,
    /// The sender of the envelope.
    From,
    /// A recipient of the envelope.
    To,
    /// The subject.
    Subject,
    /// A header field, as `Name: value`.
    Header,
    /// Who was logged in.
    Login,
    /// The listener's name.
    Listener,
    /// The message that a notification is about.
    Message,
    /// What a notification tells of.
    Kind,
    /// A recipient that a notification tells of.
    Recipient,
    /// The notification that was passed on.
    Notification,
    /// Any of what a person would look for: addresses, names, rules, subjects.
    Text,
}

impl Field {
    /// Its name in a query.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Provider => "provider",
            Self::Rule => "rule",
            Self::Stage => "stage",
            Self::Verdict => "verdict",
            Self::From => "from",
            Self::To => "to",
            Self::Subject => "subject",
            Self::Header => "header",
            Self::Login => "login",
            Self::Listener => "listener",
            Self::Message => "message",
            Self::Kind => "kind",
            Self::Recipient => "recipient",
            Self::Notification => "notification",
            Self::Text => "text",
        }
    }
}

/// What a record must be like. An empty filter lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    lane: Option<String>,
    /// Not before this moment.
    since: Option<Time>,
    /// Before this moment.
    until: Option<Time>,
    /// Whether it is due, by the clock of its lane.
    due: Option<(bool, Clocks)>,
    tests: Vec<Test>,
}

#[derive(Clone, Debug)]
struct Test {
    field: Field,
    wanted: String,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// Equal, without regard to case.
    Equals,
    /// Holds the text, without regard to case.
    Contains(String),
    /// An address: `a@b.example`, `@b.example`, `a@`, `.example`, or `<>` for the null path.
    Address(Option<AddressPattern>),
}

/// A filter that a record did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Miss {
    /// The filter's name.
    pub filter: &'static str,
    /// What it wanted.
    pub wanted: String,
    /// What the record has, a few at most.
    pub found: Vec<String>,
}

impl Filter {
    /// Everything of a lane, or of all lanes, from one moment up to another.
    #[must_use]
    pub fn within(lane: Option<String>, since: Option<Time>, until: Option<Time>) -> Self {
        Self { lane, since, until, due: None, tests: Vec::new() }
    }

    /// The same, and the field must be, or hold, `wanted`.
    ///
    /// # Errors
    /// If an address is none.
    pub fn and(mut self, field: Field, wanted: &str) -> Result<Self, String> {
        let how = match field {
            Field::From | Field::To | Field::Recipient if wanted == "<>" => How::Address(None),
            Field::From | Field::To | Field::Recipient => How::Address(Some(AddressPattern::parse(wanted)?)),
            Field::Subject | Field::Header | Field::Text => How::Contains(wanted.to_lowercase()),
            _ => How::Equals,
        };
        self.tests.push(Test { field, wanted: wanted.to_owned(), how });
        Ok(self)
    }

    /// The same, and it must be due, or wait to be, by the clocks of lanes.
    #[must_use]
    pub fn and_due(self, due: bool, clocks: Clocks) -> Self {
        Self { due: Some((due, clocks)), ..self }
    }

    /// Everything of its lane.
    #[must_use]
    pub fn lane_alone(&self) -> Self {
        Self::within(self.lane.clone(), None, None)
    }

    /// Whether a record passes. Moments are compared by milliseconds, which is what a record shows and a store keeps.
    pub fn matches<R: Record>(&self, record: &R) -> bool {
        let at = record.at().unix_millis();
        self.lane.as_deref().is_none_or(|lane| lane == record.lane())
            && self.since.is_none_or(|since| since.unix_millis() <= at)
            && self.until.is_none_or(|until| at < until.unix_millis())
            && self.due_as_wanted(record)
            && self.tests.iter().all(|test| test.passes(record))
    }

    /// Each filter that a record does not pass.
    #[must_use]
    pub fn misses<R: Record>(&self, record: &R) -> Vec<Miss> {
        let mut misses = Vec::new();
        let mut note = |filter, wanted: &str, found: &str| {
            misses.push(Miss { filter, wanted: wanted.to_owned(), found: vec![found.to_owned()] });
        };
        if let Some(lane) = self.lane.as_deref().filter(|lane| *lane != record.lane()) {
            note("lane", lane, record.lane());
        }
        if let Some(since) = self.since.filter(|since| record.at().unix_millis() < since.unix_millis()) {
            note("since", &since.to_string(), &record.at().to_string());
        }
        if let Some(until) = self.until.filter(|until| until.unix_millis() <= record.at().unix_millis()) {
            note("until", &until.to_string(), &record.at().to_string());
        }
        if let Some((due, _)) = self.due.as_ref().filter(|_| !self.due_as_wanted(record)) {
            note("state", state(*due), state(!due));
        }
        for test in self.tests.iter().filter(|test| !test.passes(record)) {
            let found = record.values(test.field).into_iter().map(Cow::into_owned);
            // Of a header, the fields of the wanted name say more than the first few.
            let name = test.wanted.split(':').next().unwrap_or_default().to_lowercase();
            let is_near = |text: &String| test.field != Field::Header || text.to_lowercase().starts_with(&name);
            let found = found.filter(is_near).take(5).collect();
            misses.push(Miss { filter: test.field.name(), wanted: test.wanted.clone(), found });
        }
        misses
    }

    fn due_as_wanted<R: Record>(&self, record: &R) -> bool {
        self.due
            .as_ref()
            .is_none_or(|(wanted, clocks)| record.due().is_none_or(|due| due <= clocks.now(record.lane())) == *wanted)
    }

    /// What a database can look for: the lane, from when, up to when.
    pub(super) fn columns(&self) -> (Option<&str>, Option<Time>, Option<Time>) {
        (self.lane.as_deref(), self.since, self.until)
    }

    /// Whether that is all that it looks at.
    pub(super) fn is_settled_by_columns(&self) -> bool {
        self.tests.is_empty() && self.due.is_none()
    }

    /// What is found in the JSON of each record that passes, if that can be said: looking for it takes a tenth of the time
    /// that it takes to read a record.
    pub(super) fn traces(&self) -> Vec<AhoCorasick> {
        let texts = self.tests.iter().filter(|test| matches!(test.field, Field::Text | Field::Subject));
        texts.filter_map(|test| trace(&test.wanted)).collect()
    }

    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lane.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.due.is_none()
            && self.tests.is_empty()
    }
}

/// Whether something is due, in a word.
#[must_use]
pub const fn state(is_due: bool) -> &'static str {
    if is_due { "due" } else { "waiting" }
}

/// Finds a text in JSON, without regard to case. JSON has other text than ASCII in several ways, and a rule in two members.
fn trace(text: &str) -> Option<AhoCorasick> {
    let is_plain = |c: char| c.is_ascii() && !c.is_ascii_control() && !['"', '\\', '/'].contains(&c);
    // Of all that is beyond ASCII, only these have ASCII in their small letters.
    let patterns = [text, "\u{212a}", "\u{130}"];
    let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(patterns).ok();
    (!text.is_empty() && text.chars().all(is_plain)).then(build)?
}

impl Test {
    fn passes<R: Record>(&self, record: &R) -> bool {
        record.values(self.field).iter().any(|value| match &self.how {
            How::Equals => value.eq_ignore_ascii_case(&self.wanted),
            How::Contains(text) => value.to_lowercase().contains(text),
            How::Address(None) => value.is_empty(),
            How::Address(Some(pattern)) => match Address::parse(value) {
                Some(address) => pattern.matches(&address),
                None => value.eq_ignore_ascii_case(&self.wanted),
            },
        })
    }
}

/// A page of records, newest first.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which.
    pub filter: Filter,
    /// Only those that are older than this one: where the last page ended.
    pub before: Option<Id>,
    /// How many at most.
    pub limit: usize,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::facts::{Facts, Listener, Role, SessionId, TlsMode, loopback};
    use crate::journal::record::Session;

    proptest! {
        #[test]
        fn what_passes_has_its_trace(sender in "[aAkKiI\u{212a}\u{130}İß@. \"\\\\/é发]{0,12}", wanted in "[aAkKiI@. \"\\\\/é]{0,3}") {
            let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
            let facts = Facts::new(SessionId(1), Arc::new(listener), loopback(), Time::from_unix_seconds(1));
            let mut session = Session::begun(&facts, "263");
            session.senders.push(sender);
            let filter = Filter::default().and(Field::Text, &wanted).unwrap();
            let json = serde_json::to_string(&session).unwrap();
            let has_trace = filter.traces().iter().all(|trace| trace.is_match(&json));
            prop_assert!(has_trace || !filter.matches(&session), "{json}");
        }
    }

    #[test]
    fn what_has_no_trace_need_not_be_read() {
        let filter = Filter::default().and(Field::Text, "Nobody-At-All").unwrap();
        let [trace] = &filter.traces()[..] else { panic!() };
        assert!(trace.is_match("{\"x\":\"<nobody-AT-all>\"}") && !trace.is_match("{\"x\":\"nobody\"}"));
        assert!(Filter::default().and(Field::Text, "263/keyword").unwrap().traces().is_empty());
    }
}
