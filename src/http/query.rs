//! What is asked of a collection: its filters, its pages, and waiting.

use std::time::Duration;

use super::errors::ApiError;
use super::parameters::{Given, Holds, LANE, Parameter, near, one_of};
use crate::journal::query::{Field, Filter, state};
use crate::journal::record::{Done, Id, Kind};
use crate::lane::Clocks;
use crate::stage::Stage;
use crate::verdict::NotificationKind;

/// The most records of a page, and how many there are if nothing is said.
pub(crate) const MOST_ITEMS: usize = 1_000;
const USUAL_ITEMS: usize = 100;

/// How long somebody may wait.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

pub(crate) const DONE: [Done; 10] = [
    Done::Accept,
    Done::Refuse,
    Done::RefuseAndClose,
    Done::Drop,
    Done::Reset,
    Done::Stall,
    Done::File,
    Done::Discard,
    Done::Replace,
    Done::Bounce,
];

/// The filters that look at a field.
const FIELDS: [(Field, Parameter); 15] = [
    (Field::Session, filter("session", "1a", "the session's id, or for sessions its number")),
    (Field::Provider, filter("provider", "263", "the provider")),
    (Field::Rule, filter("rule", "263/keyword", "the rule, as `263/keyword` or `keyword`")),
    (Field::Stage, Parameter::many("stage", Holds::OneOf(stages), "rcpt", "the stage at which a rule spoke")),
    (Field::Verdict, Parameter::many("verdict", Holds::OneOf(verdicts), "refuse", "what was done")),
    (Field::From, address("from", "@example.org", "the sender: `a@b.example`, `@b.example`, `a@`, `.example`, `<>`")),
    (Field::To, address("to", "user@263.net", "a recipient, written like `from`")),
    (Field::Subject, filter("subject", "invoice", "a part of the subject, without regard to case")),
    (Field::Header, filter("header", "X-Test: 1", "a part of a header field, written `Name: value`")),
    (Field::Login, filter("login", "user@263.net", "who was logged in")),
    (Field::Listener, filter("listener", "smtp", "the listener's name")),
    (
        Field::Message,
        filter("message", "019ab7a2-0000-7000-8000-000000000000", "the id of the message that it is about"),
    ),
    (Field::Kind, Parameter::many("kind", Holds::OneOf(notifications), "failed", "what it tells of")),
    (Field::Recipient, address("recipient", "user@263.net", "a recipient that it tells of, written like `from`")),
    (
        Field::Text,
        filter("text", "invoice", "a part of an address, a name, a rule or a subject, without regard to case"),
    ),
];

pub(crate) const SINCE: Parameter =
    Parameter::once("since", Holds::Time, "2026-11-25T08:00:00Z", "not before this moment");
pub(crate) const UNTIL: Parameter = Parameter::once("until", Holds::Time, "2200-01-01T00:00:00Z", "before this moment");

const STATE: Parameter = Parameter::once(
    "state",
    Holds::OneOf(states),
    "due",
    "`waiting` until the clock of its lane shows when it is sent, then `due`",
);

const LIMIT: Parameter =
    Parameter::once("limit", Holds::Number { least: 1, most: MOST_ITEMS }, "100", "how many at most; 100 if not given");
const CURSOR: Parameter = Parameter::once(
    "cursor",
    Holds::Id,
    "019ab7a2-0000-7000-8000-000000000000",
    "where the page before ended: its `next`",
);
const COUNT: Parameter = Parameter::once(
    "count",
    Holds::Number { least: 1, most: MOST_ITEMS },
    "1",
    "with `wait`: how many are waited for; 1 if not given",
);
const WAIT: Parameter = Parameter::once(
    "wait",
    Holds::Text,
    "50ms",
    "answers as soon as `count` are there, and with 408 if they are not after this time; 5m at most",
);
const TRANSCRIPT: Parameter =
    Parameter::once("transcript", Holds::Boolean, "true", "whether each session has its transcript");

/// What is asked of a collection.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) given: Given,
    pub(crate) filter: Filter,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Id>,
    /// How many are waited for, and how long.
    pub(crate) wait: Option<(usize, Duration)>,
    pub(crate) transcript: bool,
}

/// The filters of a collection.
pub(crate) fn filters(kind: Kind) -> Vec<Parameter> {
    let fields = FIELDS.into_iter().filter(|(field, _)| applies(kind, *field)).map(|(_, parameter)| parameter);
    let state = (kind == Kind::Notification).then_some(STATE);
    [LANE].into_iter().chain(fields).chain(state).chain([SINCE, UNTIL]).collect()
}

/// All parameters of a collection.
pub(crate) fn parameters(kind: Kind) -> Vec<Parameter> {
    let mut all = filters(kind);
    all.extend([LIMIT, CURSOR, COUNT, WAIT]);
    all.extend((kind == Kind::Session).then_some(TRANSCRIPT));
    all
}

impl Asked {
    pub(crate) fn read(query: Option<&str>, kind: Kind) -> Result<Self, ApiError> {
        let given = given(query, kind, &parameters(kind))?;
        let filter = filter_of(&given)?;
        let limit = given.number(LIMIT.name, 1, MOST_ITEMS)?.unwrap_or(USUAL_ITEMS);
        let cursor = given.get(CURSOR.name).map(|text| {
            let wrong = || ApiError::parameter(CURSOR.name, "this is no cursor").help("take the `next` of a page");
            Id::parse(text).ok_or_else(wrong)
        });
        let cursor = cursor.transpose()?;
        let count = given.number(COUNT.name, 1, MOST_ITEMS)?;
        let wait = match (count, given.duration(WAIT.name, LONGEST_WAIT)?) {
            (Some(_), None) => {
                let error = ApiError::parameter(COUNT.name, "`count` says how many are waited for");
                return Err(error.help("add `wait=10s`, or use `limit` for the size of a page"));
            }
            (_, Some(_)) if cursor.is_some() => {
                return Err(ApiError::parameter(WAIT.name, "older records cannot be waited for: there is a `cursor`"));
            }
            (count, wait) => wait.map(|wait| (count.unwrap_or(1), wait)),
        };
        let transcript = given.boolean(TRANSCRIPT.name)?;
        Ok(Self { filter, limit, cursor, wait, transcript, given })
    }

    /// The same, by these clocks.
    pub(crate) fn by(self, clocks: &Clocks) -> Self {
        let filter = by_state(self.filter, &self.given, clocks);
        Self { filter, ..self }
    }

    /// The query of the page that begins behind a record.
    pub(crate) fn next(&self, last: Id) -> String {
        self.given.rewritten(&[COUNT.name, WAIT.name], CURSOR.name, &last.to_string())
    }
}

/// The filters of a query that has nothing else.
pub(crate) fn filter_alone(query: Option<&str>, kind: Kind, clocks: &Clocks) -> Result<Filter, ApiError> {
    let given = given(query, kind, &filters(kind))?;
    Ok(by_state(filter_of(&given)?, &given, clocks))
}

fn by_state(filter: Filter, given: &Given, clocks: &Clocks) -> Filter {
    match given.get(STATE.name) {
        Some(wanted) => filter.and_due(wanted == state(true), clocks.clone()),
        None => filter,
    }
}

fn given(query: Option<&str>, kind: Kind, known: &[Parameter]) -> Result<Given, ApiError> {
    let misplaced = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, _)| FIELDS.iter().find(|(field, it)| it.name == name && !applies(kind, *field)));
    match misplaced {
        Some((field, parameter)) => {
            let error = ApiError::parameter(parameter.name, format!("a {} has no {}", kind.name(), parameter.name));
            let of = if applies(Kind::Message, *field) { "messages" } else { "the outbox" };
            Err(error.help(format!("ask for {of}")))
        }
        None => Given::read(query, known),
    }
}

fn filter_of(given: &Given) -> Result<Filter, ApiError> {
    if let Some(wanted) = given.get(STATE.name) {
        one_of(STATE.name, wanted, &states())?;
    }
    let lane = given.lane()?.map(|lane| lane.to_string());
    let mut filter = Filter::within(lane, given.time(SINCE.name)?, given.time(UNTIL.name)?);
    for (field, parameter) in FIELDS {
        for value in given.all(parameter.name) {
            if let Holds::OneOf(words) = parameter.holds {
                one_of(parameter.name, value, &words())?;
            }
            let added = filter.and(field, value);
            filter = added.map_err(|error| ApiError::parameter(parameter.name, error))?;
        }
    }
    Ok(filter)
}

/// Whether records of a kind have such a field at all.
const fn applies(kind: Kind, field: Field) -> bool {
    match field {
        Field::Kind | Field::Message | Field::Recipient => matches!(kind, Kind::Notification),
        Field::Subject | Field::Header => !matches!(kind, Kind::Session),
        Field::Login | Field::Listener => !matches!(kind, Kind::Verdict | Kind::Notification),
        Field::Stage | Field::Verdict => !matches!(kind, Kind::Notification),
        _ => true,
    }
}

const fn address(name: &'static str, example: &'static str, about: &'static str) -> Parameter {
    Parameter::many(name, Holds::Like(r"[^@]@|@[^@]|^\.|^<>$"), example, about)
}

const fn filter(name: &'static str, example: &'static str, about: &'static str) -> Parameter {
    Parameter::many(name, Holds::Text, example, about)
}

fn stages() -> Vec<&'static str> {
    Stage::ALL.into_iter().map(Stage::name).collect()
}

fn notifications() -> Vec<&'static str> {
    NotificationKind::ALL.map(NotificationKind::name).into()
}

fn states() -> Vec<&'static str> {
    vec![state(false), state(true)]
}

fn verdicts() -> Vec<&'static str> {
    DONE.into_iter().map(Done::name).collect()
}

/// The kinds that are named, all of them if none is.
pub(crate) fn kinds(given: &Given, name: &str) -> Result<Vec<Kind>, ApiError> {
    let names = Kind::ALL.map(Kind::name);
    let named: Result<Vec<_>, _> = given.all(name).map(|text| one_of(name, text, &names)).collect();
    let named = named?;
    Ok(Kind::ALL.into_iter().filter(|kind| named.is_empty() || named.contains(&kind.name())).collect())
}

/// What to say of an id that nothing has, where there are only a few.
pub(crate) fn or_near<'a>(id: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    near(id, known.clone()).map_or_else(
        || format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_the_table_are_the_fields_by_their_names() {
        for (field, parameter) in FIELDS {
            assert_eq!(field.name(), parameter.name);
        }
    }

    #[test]
    fn every_example_is_a_value() {
        for kind in Kind::ALL {
            for parameter in filters(kind) {
                let mut query = form_urlencoded::Serializer::new(String::new());
                let query = query.append_pair(parameter.name, parameter.example).finish();
                assert!(Asked::read(Some(&query), kind).is_ok(), "{query}");
            }
        }
    }

    #[test]
    fn what_is_asked_is_read() {
        let asked = Asked::read(Some("limit=7&count=2&wait=1s&transcript=true&stage=rcpt"), Kind::Session).unwrap();
        assert_eq!((asked.limit, asked.wait, asked.transcript), (7, Some((2, Duration::from_secs(1))), true));
        for query in [
            "count=1",
            "limit=0",
            "limit=1001",
            "limit=x",
            "wait=6m",
            "wait=-1s",
            "cursor=x",
            "wait=1s&cursor=019ab7a2-0000-7000-8000-000000000000",
            "stage=rctp",
            "verdict=no",
            "from=x",
            "since=yesterday",
            "subject=x",
            "lane=a%20b",
        ] {
            assert!(Asked::read(Some(query), Kind::Session).is_err(), "{query}");
        }
    }
}
