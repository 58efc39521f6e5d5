//! The record of a notification: what the sender of a message is told later, and how it was passed on.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, Kind, Message, Record, header_lines, header_of, rule_names};
use crate::clock::Time;
use crate::journal::Entry;
use crate::journal::query::Field;
use crate::message::{Bounds, Header, MessageFacts};
use crate::notification;
use crate::verdict::{Later, NotificationKind};

/// What the sender of a message is told, without its bytes. It is written with the message, and *waits* until its
/// lane's clock shows when it is *due*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// Its id.
    pub id: Id,
    /// The message that it is about.
    pub message: Id,
    /// The session that the message came in.
    pub session: Id,
    /// The lane.
    pub lane: String,
    /// What it tells of.
    pub kind: NotificationKind,
    /// The provider that tells it.
    pub provider: String,
    /// The rule that says so, as `263/keyword`, or `stub/ID`; absent if the sender asked for it (RFC 3461).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// When the message was accepted.
    pub accepted: Time,
    /// When it is sent.
    pub due: Time,
    /// The sender of its envelope; empty for the null path.
    pub from: String,
    /// The recipient of its envelope.
    pub to: String,
    /// The recipients that it tells of.
    pub recipients: Vec<String>,
    /// Whether it has to be sent with SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// Its bytes.
    pub size: u64,
    /// Its subject, decoded.
    pub subject: String,
    /// Its header fields, decoded.
    pub headers: Vec<Header>,
}

impl Notification {
    /// The record of what was written of a message.
    #[must_use]
    pub fn of(
        message: &Message,
        later: &Later,
        written: &notification::Notification,
        recipients: Vec<String>,
        due: Time,
    ) -> Self {
        let facts = MessageFacts::read_header(&written.raw, &Bounds::default());
        let rule = later.rule.as_ref();
        Self {
            id: Id::new(),
            message: message.id,
            session: message.session,
            lane: message.lane.clone(),
            kind: later.kind,
            provider: later.provider.clone(),
            rule: rule.map(ToString::to_string),
            accepted: message.received,
            due,
            from: written.from.clone(),
            to: written.to.clone(),
            recipients,
            smtputf8: written.smtputf8,
            size: written.raw.len() as u64,
            subject: facts.subject.clone(),
            headers: header_of(&facts),
        }
    }

    /// Whether it is sent by then.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        self.due <= now
    }
}

impl Record for Notification {
    const KIND: Kind = Kind::Notification;

    fn id(&self) -> Id {
        self.id
    }

    /// When it is due: what waits is not too old.
    fn at(&self) -> Time {
        self.due
    }

    fn due(&self) -> Option<Time> {
        Some(self.due)
    }

    fn lane(&self) -> &str {
        &self.lane
    }

    fn values(&self, field: Field) -> Vec<Cow<'_, str>> {
        match field {
            Field::Session => vec![Cow::Owned(self.session.to_string())],
            Field::Message => vec![Cow::Owned(self.message.to_string())],
            Field::Provider => vec![Cow::Borrowed(&self.provider)],
            Field::Rule => {
                let rule = self.rule.as_deref().and_then(|rule| rule.split_once('/'));
                rule.into_iter().flat_map(|(provider, rule)| rule_names(provider, rule)).collect()
            }
            Field::Kind => vec![Cow::Borrowed(self.kind.name())],
            Field::From => vec![Cow::Borrowed(&self.from)],
            Field::To => vec![Cow::Borrowed(&self.to)],
            Field::Recipient => self.recipients.iter().map(|to| Cow::Borrowed(to.as_str())).collect(),
            Field::Subject => vec![Cow::Borrowed(&self.subject)],
            Field::Text => {
                let texts = [&self.from, &self.to, &self.subject].into_iter().chain(&self.rule);
                texts.chain(&self.recipients).map(Cow::from).collect()
            }
            Field::Header => header_lines(&self.headers),
            Field::Stage | Field::Verdict | Field::Login | Field::Listener | Field::Notification => Vec::new(),
        }
    }

    fn weight(&self) -> u64 {
        let headers = self.headers.iter().map(|header| header.name.len() + header.value.len() + size_of::<Header>());
        let recipients = self.recipients.iter().map(|to| to.len() + size_of::<String>());
        (size_of::<Self>() + headers.chain(recipients).sum::<usize>()) as u64
    }

    fn of_entry(entry: &Entry) -> Option<&Arc<Self>> {
        if let Entry::Notification(record) = entry { Some(record) } else { None }
    }
}

/// A try to pass a notification on to the server of its recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its id.
    pub id: Id,
    /// The notification.
    pub notification: Id,
    /// The lane.
    pub lane: String,
    /// When, on the lane's clock.
    pub at: Time,
    /// The server that was tried.
    pub host: String,
    /// What came of it.
    pub outcome: Passed,
    /// What the server said, or why it could not be asked.
    pub reply: String,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Passed {
    /// The server has it.
    Relayed,
    /// It is tried again.
    Deferred,
    /// It is given up.
    Failed,
}

impl Record for Attempt {
    const KIND: Kind = Kind::Attempt;

    fn id(&self) -> Id {
        self.id
    }

    fn at(&self) -> Time {
        self.at
    }

    fn lane(&self) -> &str {
        &self.lane
    }

    fn values(&self, field: Field) -> Vec<Cow<'_, str>> {
        if field == Field::Notification { vec![Cow::Owned(self.notification.to_string())] } else { Vec::new() }
    }

    fn weight(&self) -> u64 {
        (size_of::<Self>() + self.host.len() + self.reply.len()) as u64
    }

    fn of_entry(entry: &Entry) -> Option<&Arc<Self>> {
        if let Entry::Attempt(record) = entry { Some(record) } else { None }
    }
}
