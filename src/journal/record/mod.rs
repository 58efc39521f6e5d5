//! What the journal keeps: sessions, verdicts, messages and notifications, as the API shows them and as stores on disk
//! keep them.

mod message;
mod notification;
mod session;
mod verdict;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::message::{Delivery, Message};
pub use self::notification::{Attempt, Notification, Passed};
pub use self::session::{Line, Said, Session, Speaker, Transcript};
pub use self::verdict::{Done, Verdict};
use super::Entry;
use super::query::Field;
use crate::clock::Time;
use crate::facts::Facts;
use crate::message::{Header, MessageFacts};

/// The id of a record: a UUID of version 7, so that ids sort by the time at which they were made, also across
/// processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, format = "uuid")]
pub struct Id(Uuid);

impl Id {
    /// A new one, later than all that this process has made.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl Default for Id {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A kind of record.
pub trait Record: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;

    /// Its id.
    fn id(&self) -> Id;

    /// When it was, on its lane's clock.
    fn at(&self) -> Time;

    /// When it is sent, if that is yet to come.
    fn due(&self) -> Option<Time> {
        None
    }

    /// Whose it is.
    fn lane(&self) -> &str;

    /// What a filter on that field compares with; none if the record has no such thing.
    fn values(&self, field: Field) -> Vec<Cow<'_, str>>;

    /// Bytes that it takes in memory, about, without a message's own bytes.
    fn weight(&self) -> u64;

    /// The record, if it is of this kind.
    fn of_entry(entry: &Entry) -> Option<&Arc<Self>>;

    /// The record without its bulk, and that, if it is so large that a database keeps it by itself: lists do without.
    ///
    /// # Errors
    /// If it cannot be written as bytes.
    fn apart(&self) -> serde_json::Result<Option<(Self, Vec<u8>)>> {
        Ok(None)
    }

    /// Takes back the bulk that was kept by itself.
    ///
    /// # Errors
    /// If the bytes are none.
    fn rejoin(&mut self, _bulk: &[u8]) -> serde_json::Result<()> {
        Ok(())
    }

    /// Whether its bulk may be missing.
    fn lacks_bulk(&self) -> bool {
        false
    }
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// [`Session`].
    Session,
    /// [`Verdict`].
    Verdict,
    /// [`Message`].
    Message,
    /// [`Notification`].
    Notification,
    /// [`Attempt`].
    Attempt,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Session, Self::Verdict, Self::Message, Self::Notification, Self::Attempt];

    /// Its name, as tables and events have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Verdict => "verdict",
            Self::Message => "message",
            Self::Notification => "notification",
            Self::Attempt => "attempt",
        }
    }
}

/// Header fields that a record keeps, and bytes of them.
const MOST_FIELDS: usize = 200;
const MOST_FIELD_BYTES: usize = 32 * 1024;

/// The header of the message under way, as far as a record keeps it.
fn headers(facts: &Facts) -> Vec<Header> {
    facts.message.as_deref().map(header_of).unwrap_or_default()
}

/// The header of a message, as far as a record keeps it.
fn header_of(message: &MessageFacts) -> Vec<Header> {
    let mut bytes = 0;
    let within = |header: &&Header| {
        bytes += header.name.len() + header.value.len();
        bytes <= MOST_FIELD_BYTES
    };
    message.headers.iter().take(MOST_FIELDS).take_while(within).cloned().collect()
}

/// Header fields as a filter compares them.
fn header_lines(headers: &[Header]) -> Vec<Cow<'_, str>> {
    headers.iter().map(|header| Cow::Owned(format!("{}: {}", header.name, header.value))).collect()
}

/// The subject of the message under way.
fn subject(facts: &Facts) -> Option<String> {
    facts.message.as_ref().map(|message| message.subject.clone())
}

/// A rule's two names as a filter compares them: `263/keyword` and `keyword`.
fn rule_names<'a>(provider: &str, rule: &'a str) -> [Cow<'a, str>; 2] {
    [Cow::Owned(format!("{provider}/{rule}")), Cow::Borrowed(rule)]
}
