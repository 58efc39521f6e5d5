//! The record of a message that was accepted, without its bytes.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, Kind, Record, Said, header_lines, headers, rule_names, subject};
use crate::clock::Time;
use crate::facts::{Facts, Helo, MailParameters, RcptParameters, ReversePath, Role, Tls};
use crate::journal::query::Field;
use crate::journal::{Content, Entry, trace};
use crate::message::{self, Bounds, Header, MessageFacts};
use crate::stage::Stage;
use crate::verdict::{self, Fate, Replacement};

/// A message that the client was told is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its id.
    pub id: Id,
    /// The session that it came in.
    pub session: Id,
    /// The lane.
    pub lane: String,
    /// Its id in the reply and in the trace.
    pub queue_id: String,
    /// When it was accepted.
    pub received: Time,
    /// The providers that answered for its recipients.
    pub providers: Vec<String>,
    /// The listener's name.
    pub listener: String,
    /// What the listener is for.
    pub role: Role,
    /// The client's address.
    #[schema(value_type = String, example = "127.0.0.1:40312")]
    pub peer: SocketAddr,
    /// Who was logged in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub login: Option<String>,
    /// The latest HELO or EHLO.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub helo: Option<Helo>,
    /// TLS, if it was in use.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls: Option<Tls>,
    /// The name of the server that the client believes to talk to.
    pub host: String,
    /// The sender of the envelope; empty for the null path.
    pub from: String,
    /// What MAIL said with its parameters.
    pub parameters: MailParameters,
    /// The recipients of the envelope, at least one, and what became of it for each.
    pub deliveries: Vec<Delivery>,
    /// What rules said of it.
    pub verdicts: Vec<Said>,
    /// What its sender is told later.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notifications: Vec<Id>,
    /// Bytes as they came.
    pub size: u64,
    /// The subject, decoded.
    pub subject: String,
    /// The header fields, decoded, as far as there is room for them.
    pub headers: Vec<Header>,
}

/// What became of a message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The recipient.
    pub recipient: String,
    /// What RCPT said with its parameters.
    pub parameters: RcptParameters,
    /// What became of it.
    pub fate: Fate,
}

impl Message {
    /// The message that a session's facts and the verdict at stage `message` tell of. `providers` answered for its
    /// recipients, `said` is what rules said of it.
    #[must_use]
    pub fn accepted(
        session: Id,
        facts: &Facts,
        verdict: &verdict::Verdict,
        (host, providers): (&str, Vec<String>),
        said: Vec<Said>,
        size: u64,
        received: Time,
    ) -> Self {
        let envelope = &facts.envelope;
        let deliveries = envelope.recipients.iter().enumerate().map(|(index, recipient)| Delivery {
            recipient: recipient.to_string(),
            parameters: envelope.recipient_parameters.get(index).cloned().unwrap_or_default(),
            fate: verdict.fates.get(index).cloned().unwrap_or(Fate::Inbox),
        });
        Self {
            id: Id::new(),
            session,
            lane: facts.lane.to_string(),
            queue_id: facts.queue_id(),
            received,
            providers,
            listener: facts.listener.name.clone(),
            role: facts.listener.role,
            peer: facts.peer,
            login: facts.login.clone(),
            helo: facts.helo.clone(),
            tls: facts.tls.clone(),
            host: host.to_owned(),
            from: envelope.sender.as_ref().unwrap_or(&ReversePath::Null).to_string(),
            parameters: envelope.parameters.clone(),
            deliveries: deliveries.collect(),
            verdicts: said,
            notifications: Vec::new(),
            size,
            subject: subject(facts).unwrap_or_default(),
            headers: headers(facts),
        }
    }

    /// What the recipient of that index finds: the trace, then the message or what replaced it. Nothing if it was
    /// discarded or there is no such recipient. Blocks on the file of a large message.
    ///
    /// What replaces a message is made here, each time anew and always the same, for it differs by recipient and can
    /// be as large as the message.
    ///
    /// # Errors
    /// If the temporary file of a large message cannot be read.
    pub fn delivered(&self, content: &Content, recipient: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(delivery) = self.deliveries.get(recipient) else { return Ok(None) };
        let mut delivered = trace::trace(self, &delivery.recipient).into_bytes();
        match delivery.fate {
            Fate::Discarded | Fate::Bounced => return Ok(None),
            Fate::Inbox | Fate::Folder(_) => content.append_to(&mut delivered)?,
            Fate::Replaced(Replacement::VirusNotice) => {
                let original = content.read_all()?;
                let facts = MessageFacts::read(&original, &Bounds::default());
                let date = self.received.rfc5322();
                delivered.extend(message::virus_notice(&original, &facts, &delivery.recipient, &self.host, &date));
            }
        }
        Ok(Some(delivered))
    }
}

impl Record for Message {
    const KIND: Kind = Kind::Message;

    fn id(&self) -> Id {
        self.id
    }

    fn at(&self) -> Time {
        self.received
    }

    fn lane(&self) -> &str {
        &self.lane
    }

    fn values(&self, field: Field) -> Vec<Cow<'_, str>> {
        let said = self.verdicts.iter();
        let deliveries = self.deliveries.iter();
        match field {
            Field::Session => vec![Cow::Owned(self.session.to_string())],
            Field::Provider => self.providers.iter().map(|id| Cow::Borrowed(id.as_str())).collect(),
            Field::Rule => said.flat_map(|said| rule_names(&said.provider, &said.rule)).collect(),
            // A message is what came of stage `message`, whether a rule spoke there or not.
            Field::Stage => vec![Cow::Borrowed(Stage::Message.name())],
            Field::Verdict => said.map(|said| Cow::Borrowed(said.verdict.name())).chain(["accept".into()]).collect(),
            Field::From => vec![Cow::Borrowed(&self.from)],
            Field::To => deliveries.map(|delivery| Cow::Borrowed(delivery.recipient.as_str())).collect(),
            Field::Subject => vec![Cow::Borrowed(&self.subject)],
            Field::Header => header_lines(&self.headers),
            Field::Login => self.login.iter().map(|login| Cow::Borrowed(login.as_str())).collect(),
            Field::Listener => vec![Cow::Borrowed(&self.listener)],
            Field::Text => {
                let to = self.deliveries.iter().map(|delivery| Cow::Borrowed(delivery.recipient.as_str()));
                [&self.from, &self.subject, &self.queue_id].into_iter().map(Cow::from).chain(to).collect()
            }
            Field::Message | Field::Notification | Field::Kind | Field::Recipient => Vec::new(),
        }
    }

    /// A thousand long recipients weigh more than most messages.
    fn weight(&self) -> u64 {
        let deliveries = self.deliveries.iter().map(|delivery| delivery.recipient.len() + size_of::<Delivery>());
        let headers = self.headers.iter().map(|header| header.name.len() + header.value.len() + size_of::<Header>());
        let said = self.verdicts.len() * (size_of::<Said>() + 32) + self.notifications.len() * size_of::<Id>();
        (size_of::<Self>() + said + deliveries.chain(headers).sum::<usize>()) as u64
    }

    fn of_entry(entry: &Entry) -> Option<&Arc<Self>> {
        if let Entry::Message(record) = entry { Some(record) } else { None }
    }
}
