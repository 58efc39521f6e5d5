//! The record of a session.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Done, Id, Kind, Message, Record, Verdict, rule_names};
use crate::clock::Time;
use crate::facts::{Facts, Helo, Role, Tls};
use crate::journal::Entry;
use crate::journal::query::Field;
use crate::stage::Stage;

/// Bytes of a transcript that a database keeps with the rest of its session. Most sessions have less.
const WITH_THE_REST: usize = 8 * 1024;

/// Addresses that a session lists, and verdicts and messages.
const MOST_ADDRESSES: usize = 100;
const MOST_RECORDS: usize = 1_000;

/// A session, from the connection to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id.
    pub id: Id,
    /// Its number in this process, as log lines name it.
    pub number: String,
    /// The lane that it named last; `default` if it named none.
    pub lane: String,
    /// The provider that greeted.
    pub provider: String,
    /// The listener's name.
    pub listener: String,
    /// What the listener is for.
    pub role: Role,
    /// The client's address.
    #[schema(value_type = String, example = "127.0.0.1:40312")]
    pub peer: SocketAddr,
    /// When it began.
    pub started: Time,
    /// When it ended; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<Time>,
    /// How it ended: `closed`, `closed by the client`, `reset`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<String>,
    /// TLS, if it came to that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls: Option<Tls>,
    /// The latest HELO or EHLO.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub helo: Option<Helo>,
    /// Who logged in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub login: Option<String>,
    /// Bytes that the client sent.
    pub bytes: u64,
    /// The senders that it named, in the order of their first MAIL, a hundred at most.
    pub senders: Vec<String>,
    /// The recipients that it named, accepted or not, a hundred at most.
    pub recipients: Vec<String>,
    /// What rules said in it, a thousand at most.
    pub verdicts: Vec<Said>,
    /// The ids of the messages that were accepted in it, a thousand at most.
    pub messages: Vec<Id>,
    /// Every line of it. Lists leave it out unless it is asked for.
    #[schema(required = false)]
    pub transcript: Transcript,
}

/// A verdict as the session lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    /// The verdict's id.
    pub id: Id,
    /// The provider whose rule it was.
    pub provider: String,
    /// The rule.
    pub rule: String,
    /// Where it spoke.
    pub stage: Stage,
    /// What was done.
    pub verdict: Done,
}

impl Said {
    /// A verdict in short.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        Self {
            id: verdict.id,
            provider: verdict.provider.clone(),
            rule: verdict.rule.clone(),
            stage: verdict.stage,
            verdict: verdict.verdict,
        }
    }
}

/// What was said, line by line, up to a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "Written")]
pub struct Transcript {
    /// The lines.
    pub lines: Vec<Line>,
    /// Lines that are not here, for there was no more room.
    pub left_out: u64,
    #[serde(skip)]
    bytes: usize,
}

/// A transcript as it is read.
#[derive(Deserialize)]
struct Written {
    lines: Vec<Line>,
    left_out: u64,
}

impl From<Written> for Transcript {
    fn from(Written { lines, left_out }: Written) -> Self {
        let bytes = lines.iter().map(Line::weight).sum();
        Self { lines, left_out, bytes }
    }
}

impl Transcript {
    /// Bytes of lines that a session keeps.
    const MOST: usize = 1024 * 1024;

    /// Adds a line, if there is room.
    pub fn push(&mut self, line: Line) {
        let weight = line.weight();
        if self.bytes + weight > Self::MOST {
            self.left_out += 1;
        } else {
            self.bytes += weight;
            self.lines.push(line);
        }
    }
}

/// A line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// When.
    pub at: Time,
    /// By whom.
    pub by: Speaker,
    /// Without its end. Never a password; of a message only its size.
    pub text: String,
    /// Of a line of the server: the client had sent more before it could read this.
    #[serde(skip_serializing_if = "is_false", default)]
    pub ahead: bool,
    /// Of a line of the client: a bare LF ended it, or of a text, stands in it.
    #[serde(skip_serializing_if = "is_false", default)]
    pub bare_lf: bool,
}

impl Line {
    /// A line of which no more is known.
    #[must_use]
    pub const fn new(at: Time, by: Speaker, text: String) -> Self {
        Self { at, by, text, ahead: false, bare_lf: false }
    }

    const fn weight(&self) -> usize {
        self.text.len() + size_of::<Self>()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Who said a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// The client.
    Client,
    /// The provider that is imitated.
    Server,
    /// mockmx itself, about what was not a line.
    Mockmx,
}

impl Session {
    /// A session that has just begun.
    #[must_use]
    pub fn begun(facts: &Facts, provider: &str) -> Self {
        Self {
            id: Id::new(),
            number: facts.session.to_string(),
            lane: facts.lane.to_string(),
            provider: provider.to_owned(),
            listener: facts.listener.name.clone(),
            role: facts.listener.role,
            peer: facts.peer,
            started: facts.started,
            ended: None,
            end: None,
            tls: None,
            helo: None,
            login: None,
            bytes: 0,
            senders: Vec::new(),
            recipients: Vec::new(),
            verdicts: Vec::new(),
            messages: Vec::new(),
            transcript: Transcript::default(),
        }
    }

    /// The same, with an empty transcript in place of one that can be large.
    #[must_use]
    pub fn without_transcript(&self) -> Self {
        Self {
            id: self.id,
            number: self.number.clone(),
            lane: self.lane.clone(),
            provider: self.provider.clone(),
            listener: self.listener.clone(),
            role: self.role,
            peer: self.peer,
            started: self.started,
            ended: self.ended,
            end: self.end.clone(),
            tls: self.tls.clone(),
            helo: self.helo.clone(),
            login: self.login.clone(),
            bytes: self.bytes,
            senders: self.senders.clone(),
            recipients: self.recipients.clone(),
            verdicts: self.verdicts.clone(),
            messages: self.messages.clone(),
            transcript: Transcript::default(),
        }
    }

    /// Takes over what the client has said of itself by now.
    pub fn learn(&mut self, facts: &Facts) {
        // Between transactions it may be in none but the default lane; it stays with the one that it came for.
        if !facts.lane.is_default() && self.lane != facts.lane.as_str() {
            self.lane = facts.lane.to_string();
        }
        // It learns at every verdict, and mostly what it knows.
        take_over(&mut self.tls, &facts.tls);
        take_over(&mut self.helo, &facts.helo);
        take_over(&mut self.login, &facts.login);
        if let Some(sender) = &facts.envelope.sender {
            add(&mut self.senders, &sender.to_string());
        }
        if let Some(recipient) = &facts.envelope.candidate {
            add(&mut self.recipients, recipient.as_str());
        }
    }

    /// Lists a verdict.
    pub fn add_verdict(&mut self, verdict: &Verdict) {
        if self.verdicts.len() < MOST_RECORDS {
            self.verdicts.push(Said::of(verdict));
        }
    }

    /// Lists a message.
    pub fn add_message(&mut self, message: &Message) {
        if self.messages.len() < MOST_RECORDS {
            self.messages.push(message.id);
        }
    }
}

fn take_over<T: Clone + PartialEq>(known: &mut T, now: &T) {
    if known != now {
        known.clone_from(now);
    }
}

fn add(addresses: &mut Vec<String>, address: &str) {
    if addresses.len() < MOST_ADDRESSES && !addresses.iter().any(|known| known == address) {
        addresses.push(address.to_owned());
    }
}

impl Record for Session {
    const KIND: Kind = Kind::Session;

    fn id(&self) -> Id {
        self.id
    }

    fn at(&self) -> Time {
        self.started
    }

    fn lane(&self) -> &str {
        &self.lane
    }

    fn values(&self, field: Field) -> Vec<Cow<'_, str>> {
        let all = |texts: &'_ [String]| texts.iter().map(|text| Cow::Owned(text.clone())).collect();
        let said = self.verdicts.iter();
        match field {
            Field::Session => vec![Cow::Owned(self.id.to_string()), Cow::Borrowed(&self.number)],
            Field::Provider => {
                said.map(|said| said.provider.as_str()).chain([self.provider.as_str()]).map(Cow::Borrowed).collect()
            }
            Field::Rule => said.flat_map(|said| rule_names(&said.provider, &said.rule)).collect(),
            Field::Stage => said.map(|said| Cow::Borrowed(said.stage.name())).collect(),
            Field::Verdict => {
                // A message that no rule spoke of is accepted, too.
                let accepted = (!self.messages.is_empty()).then_some(Done::Accept);
                said.map(|said| said.verdict).chain(accepted).map(|done| Cow::Borrowed(done.name())).collect()
            }
            Field::From => all(&self.senders),
            Field::To => all(&self.recipients),
            Field::Login => self.login.iter().map(|login| Cow::Borrowed(login.as_str())).collect(),
            Field::Listener => vec![Cow::Borrowed(&self.listener)],
            Field::Text => {
                let peer = Cow::Owned(self.peer.to_string());
                let helo = self.helo.iter().map(|helo| Cow::Borrowed(helo.name.as_str()));
                let addresses = self.senders.iter().chain(&self.recipients).chain(&self.login);
                let rules = self.verdicts.iter().map(|said| Cow::Owned(format!("{}/{}", said.provider, said.rule)));
                [peer].into_iter().chain(helo).chain(addresses.map(Cow::from)).chain(rules).collect()
            }
            Field::Subject | Field::Header | Field::Message | Field::Notification | Field::Kind | Field::Recipient => {
                Vec::new()
            }
        }
    }

    fn weight(&self) -> u64 {
        let texts = self.senders.iter().chain(&self.recipients).map(|text| text.len() + size_of::<String>());
        let lists = self.verdicts.len() * (size_of::<Said>() + 32) + self.messages.len() * size_of::<Id>();
        (size_of::<Self>() + self.transcript.bytes + lists + texts.sum::<usize>()) as u64
    }

    fn of_entry(entry: &Entry) -> Option<&Arc<Self>> {
        if let Entry::Session(record) = entry { Some(record) } else { None }
    }

    fn apart(&self) -> serde_json::Result<Option<(Self, Vec<u8>)>> {
        if self.transcript.bytes <= WITH_THE_REST {
            return Ok(None);
        }
        Ok(Some((self.without_transcript(), serde_json::to_vec(&self.transcript)?)))
    }

    fn rejoin(&mut self, bulk: &[u8]) -> serde_json::Result<()> {
        self.transcript = serde_json::from_slice(bulk)?;
        Ok(())
    }

    fn lacks_bulk(&self) -> bool {
        self.transcript.lines.is_empty()
    }
}
