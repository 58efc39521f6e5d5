//! The record of a verdict: what a rule said, and why.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, Kind, Record, header_lines, headers, rule_names, subject};
use crate::clock::Time;
use crate::evidence::Clue;
use crate::facts::Facts;
use crate::journal::Entry;
use crate::journal::query::Field;
use crate::message::Header;
use crate::stage::Stage;
use crate::verdict::{self, Action, Fate, Finding};

/// Recipients that a verdict lists.
const MOST_RECIPIENTS: usize = 100;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// Taken, by a rule that says so.
    Accept,
    /// Refused with a reply.
    Refuse,
    /// Refused with a reply, and the connection closed.
    RefuseAndClose,
    /// The connection closed without a reply.
    Drop,
    /// The connection reset without a reply.
    Reset,
    /// No reply.
    Stall,
    /// Filed in a folder.
    File,
    /// Thrown away after the 250.
    Discard,
    /// Another message delivered in its place.
    Replace,
    /// Taken, and the sender is told something later.
    Bounce,
}

impl Done {
    /// Its name, as filters take it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Refuse => "refuse",
            Self::RefuseAndClose => "refuse-and-close",
            Self::Drop => "drop",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::File => "file",
            Self::Discard => "discard",
            Self::Replace => "replace",
            Self::Bounce => "bounce",
        }
    }

    fn of(action: &Action, fate: Option<&Fate>) -> Self {
        match (action, fate) {
            (Action::Refuse(_), _) => Self::Refuse,
            (Action::RefuseAndClose(_), _) => Self::RefuseAndClose,
            (Action::Drop, _) => Self::Drop,
            (Action::Reset, _) => Self::Reset,
            (Action::Stall, _) => Self::Stall,
            (Action::Accept, Some(Fate::Folder(_))) => Self::File,
            (Action::Accept, Some(Fate::Discarded)) => Self::Discard,
            (Action::Accept, Some(Fate::Replaced(_))) => Self::Replace,
            (Action::Accept, Some(Fate::Bounced)) => Self::Bounce,
            (Action::Accept, Some(Fate::Inbox) | None) => Self::Accept,
        }
    }
}

/// What a rule said, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Its id.
    pub id: Id,
    /// The session.
    pub session: Id,
    /// The lane.
    pub lane: String,
    /// When.
    pub at: Time,
    /// The provider whose rule it is; `stub` for one added at run time, `mockmx` for mockmx itself.
    pub provider: String,
    /// The rule's id, or the stub's.
    pub rule: String,
    /// Where it spoke.
    pub stage: Stage,
    /// What was done.
    pub verdict: Done,
    /// The reply, if there was one; lines are separated by LF.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<String>,
    /// Milliseconds that were waited before.
    pub delay: u64,
    /// The rule's own stage was already over: only a trigger can do that.
    pub late: bool,
    /// A trigger named the rule.
    pub triggered: bool,
    /// The facts that decided it.
    pub evidence: Vec<String>,
    /// What of them there is to see.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub clues: Vec<Clue>,
    /// The pack's file.
    pub file: String,
    /// The line where the rule begins, from 1; 0 for what stands in no file.
    pub line: usize,
    /// The sender of the transaction under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// The recipient that it is about, or all of the transaction, a hundred at most.
    pub to: Vec<String>,
    /// The subject, once the message has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// The message's header fields, once it has come.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub headers: Vec<Header>,
}

impl Verdict {
    /// A record for each rule that had its say.
    #[must_use]
    pub fn of(session: Id, facts: &Facts, verdict: &verdict::Verdict, at: Time) -> Vec<Self> {
        let last = verdict.findings.len().saturating_sub(1);
        let findings = verdict.findings.iter().enumerate();
        findings.map(|(place, finding)| Self::new(session, facts, verdict, finding, place == last, at)).collect()
    }

    fn new(session: Id, facts: &Facts, verdict: &verdict::Verdict, finding: &Finding, is_last: bool, at: Time) -> Self {
        let envelope = &facts.envelope;
        let fate = finding.recipient.as_ref().and_then(|of| {
            let place = envelope.recipients.iter().position(|recipient| recipient.as_str() == of)?;
            verdict.fates.get(place)
        });
        let fate = fate.or_else(|| verdict.fates.first());
        let tells = verdict.later.iter().any(|later| later.rule.as_deref() == Some(&*finding.rule));
        // A rule that only waits is behind nothing that the deciding one did.
        let done = match &verdict.action {
            Action::Accept if tells => Done::Bounce,
            action if is_last => Done::of(action, fate),
            _ => Done::of(&Action::Accept, fate),
        };
        let reply = match &verdict.action {
            Action::Refuse(reply) | Action::RefuseAndClose(reply) if is_last => Some(reply.text()),
            _ => None,
        };
        let to: Vec<_> = match (&finding.recipient, &envelope.candidate) {
            (Some(recipient), _) => vec![recipient.clone()],
            (None, Some(candidate)) => vec![candidate.to_string()],
            (None, None) => envelope.recipients.iter().take(MOST_RECIPIENTS).map(ToString::to_string).collect(),
        };
        Self {
            id: Id::new(),
            session,
            lane: facts.lane.to_string(),
            at,
            provider: finding.rule.provider.clone(),
            rule: finding.rule.id.clone(),
            stage: finding.stage,
            verdict: done,
            reply,
            delay: u64::try_from(verdict.delay.as_millis()).unwrap_or(u64::MAX),
            late: finding.late,
            triggered: finding.triggered,
            evidence: finding.evidence.iter().map(|evidence| evidence.text.clone()).collect(),
            clues: finding.evidence.iter().filter_map(|evidence| evidence.clue.clone()).collect(),
            file: finding.rule.file.clone(),
            line: finding.rule.line,
            from: envelope.sender.as_ref().map(ToString::to_string),
            to,
            subject: subject(facts),
            headers: headers(facts),
        }
    }
}

impl Record for Verdict {
    const KIND: Kind = Kind::Verdict;

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
        match field {
            Field::Session => vec![Cow::Owned(self.session.to_string())],
            Field::Provider => vec![Cow::Borrowed(&self.provider)],
            Field::Rule => rule_names(&self.provider, &self.rule).into(),
            Field::Stage => vec![Cow::Borrowed(self.stage.name())],
            Field::Verdict => vec![Cow::Borrowed(self.verdict.name())],
            Field::From => self.from.iter().map(|from| Cow::Borrowed(from.as_str())).collect(),
            Field::To => self.to.iter().map(|to| Cow::Borrowed(to.as_str())).collect(),
            Field::Subject => self.subject.iter().map(|subject| Cow::Borrowed(subject.as_str())).collect(),
            Field::Header => header_lines(&self.headers),
            Field::Text => {
                let rule = Cow::Owned(format!("{}/{}", self.provider, self.rule));
                let texts = self.from.iter().chain(&self.to).chain(&self.subject).chain(&self.reply);
                [rule].into_iter().chain(texts.map(Cow::from)).collect()
            }
            Field::Login | Field::Listener | Field::Message | Field::Notification | Field::Kind | Field::Recipient => {
                Vec::new()
            }
        }
    }

    fn weight(&self) -> u64 {
        let headers = self.headers.iter().map(|header| header.name.len() + header.value.len() + size_of::<Header>());
        let texts = self.evidence.iter().chain(&self.to).map(|text| text.len() + size_of::<String>());
        (size_of::<Self>() + headers.chain(texts).chain(self.clues.iter().map(Clue::weight)).sum::<usize>()) as u64
    }

    fn of_entry(entry: &Entry) -> Option<&Arc<Self>> {
        if let Entry::Verdict(record) = entry { Some(record) } else { None }
    }
}
