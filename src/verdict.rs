//! What is done with what a client said, and which rule said so.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::evidence::Evidence;
use crate::reply::Reply;
use crate::stage::Stage;

/// The answer of the policy at one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How long to wait before anything is done.
    pub delay: Duration,
    /// What is done.
    pub action: Action,
    /// The rules that had their say, the deciding one last. Empty if none objected.
    pub findings: Vec<Finding>,
    /// At stage `message`: what becomes of it for each accepted recipient, in their order. Recipients beyond the end
    /// of the list get it in their inbox.
    pub fates: Vec<Fate>,
    /// At stage `message`: what the sender is told later.
    pub later: Vec<Later>,
    /// How the reply is brought, and how the connection fares.
    pub manner: Manner,
}

impl Verdict {
    /// No rule objected.
    #[must_use]
    pub const fn accept() -> Self {
        Self {
            delay: Duration::ZERO,
            action: Action::Accept,
            findings: Vec::new(),
            fates: Vec::new(),
            later: Vec::new(),
            manner: Manner::plain(),
        }
    }

    /// A refusal by no pack, but by mockmx itself, under a rule's name of its own.
    #[must_use]
    pub fn by_mockmx(rule: &str, stage: Stage, triggered: bool, evidence: String, reply: Reply) -> Self {
        let rule = RuleRef { provider: "mockmx".to_owned(), id: rule.to_owned(), file: "built in".to_owned(), line: 0 };
        let (rule, evidence) = (rule.into(), vec![evidence.into()]);
        let finding = Finding { rule, stage, late: false, triggered, recipient: None, evidence };
        Self { findings: vec![finding], ..Self::of(Action::Refuse(reply)) }
    }

    /// A verdict without a wait, by no rule.
    #[must_use]
    pub fn of(action: Action) -> Self {
        Self { action, ..Self::accept() }
    }
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The positive reply.
    Accept,
    /// A negative reply.
    Refuse(Reply),
    /// A negative reply, and then the end of the connection.
    RefuseAndClose(Reply),
    /// The end of the connection without a reply.
    Drop,
    /// The end of the connection without a reply, by RST.
    Reset,
    /// No reply, for as long as the client waits.
    Stall,
}

/// How a reply is brought, and how the connection fares: as networks break, not as servers refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Bytes of the reply a second.
    pub pace: Option<NonZeroU32>,
    /// Only so many bytes of the reply go out, and then the connection ends.
    pub cut: Option<usize>,
    /// What goes out in place of the reply.
    pub raw: Option<Vec<u8>>,
    /// When the connection ends, and how.
    pub end: Option<(When, End)>,
    /// The message is kept although the client is never told so.
    pub keep: bool,
}

impl Manner {
    /// The whole reply at once.
    #[must_use]
    pub const fn plain() -> Self {
        Self { pace: None, cut: None, raw: None, end: None, keep: false }
    }

    /// Whether there is nothing about it.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self { pace: None, cut: None, raw: None, end: None, .. })
    }
}

impl Default for Manner {
    fn default() -> Self {
        Self::plain()
    }
}

/// When a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// As soon as the reply is out.
    Reply,
    /// As soon as so many bytes of the message have come.
    Bytes(u64),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is closed.
    Drop,
    /// It is reset.
    Reset,
    /// Nothing more is said.
    Stall,
}

/// What becomes of an accepted message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Delivered into the inbox.
    Inbox,
    /// Delivered into the folder of that name.
    Folder(String),
    /// Gone, although the client was told 250.
    Discarded,
    /// Another message, made of this one, was delivered in its place.
    Replaced(Replacement),
    /// Not delivered, although the client was told 250: the sender is told so later.
    Bounced,
}

/// How a message is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// By a notice that carries the original zipped (263 W022 §4.0.16).
    VirusNotice,
}

/// What a sender is told of its message after it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// What happened.
    pub kind: NotificationKind,
    /// The rule that says so; none if the sender asked for it (RFC 3461).
    pub rule: Option<Arc<RuleRef>>,
    /// The provider that tells it.
    pub provider: String,
    /// The name of its host.
    pub host: String,
    /// The place of the recipient among those that were accepted.
    pub recipient: usize,
    /// Whom it happened to, if not to the recipient itself: who gets a copy of its mail.
    pub about: Option<String>,
    /// How long after the message was accepted.
    pub after: Duration,
    /// The status code (RFC 3463); empty where only the diagnostic has one.
    pub status: String,
    /// What a server said; empty if none did.
    pub diagnostic: String,
    /// What a person says who is away.
    pub text: String,
    /// The host that said it.
    pub remote: Option<String>,
    /// How long after the message was accepted it is given up.
    pub given_up_after: Option<Duration>,
    /// Within this time a sender is told once by one recipient.
    pub every: Option<Duration>,
    /// Why, for people.
    pub why: Arc<Why>,
}

impl Later {
    /// What is told of a recipient at once and for no reason that a rule gives, by a provider, of which `host` is the host.
    #[must_use]
    pub fn of(kind: NotificationKind, provider: &str, host: &str, recipient: usize) -> Self {
        Self {
            kind,
            rule: None,
            provider: provider.to_owned(),
            host: host.to_owned(),
            recipient,
            about: None,
            after: Duration::ZERO,
            status: String::new(),
            diagnostic: String::new(),
            text: String::new(),
            remote: None,
            given_up_after: None,
            every: None,
            why: Arc::default(),
        }
    }
}

/// Why a rule says something and what to do about it, in both languages; empty where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
    /// What to do, in Chinese.
    pub remedy_zh: String,
    /// What to do, in English.
    pub remedy_en: String,
}

/// What a notification tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotificationKind {
    /// The message could not be delivered, and is given up (RFC 3464).
    Failed,
    /// It could not be delivered yet.
    Delayed,
    /// It was handed to a server that does not report deliveries.
    Relayed,
    /// It is in the mailbox.
    Delivered,
    /// The recipient is away (RFC 3834).
    OutOfOffice,
    /// The recipient read it (RFC 8098).
    ReadReceipt,
    /// The recipient calls it spam (RFC 5965).
    AbuseReport,
}

impl NotificationKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Failed,
        Self::Delayed,
        Self::Relayed,
        Self::Delivered,
        Self::OutOfOffice,
        Self::ReadReceipt,
        Self::AbuseReport,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
            Self::OutOfOffice => "out-of-office",
            Self::ReadReceipt => "read-receipt",
            Self::AbuseReport => "abuse-report",
        }
    }

    /// Whether it tells of the delivery (RFC 3464), and not of what a person did.
    #[must_use]
    pub const fn is_of_delivery(self) -> bool {
        matches!(self, Self::Failed | Self::Delayed | Self::Relayed | Self::Delivered)
    }
}

/// A rule that had its say, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Arc<RuleRef>,
    /// The stage at which it spoke.
    pub stage: Stage,
    /// The rule's own stage was already over: only a trigger can do that.
    pub late: bool,
    /// A trigger named the rule.
    pub triggered: bool,
    /// The recipient that it spoke of, where it spoke of one among several.
    pub recipient: Option<String>,
    /// The facts that decided it, for people.
    pub evidence: Vec<Evidence>,
}

/// A rule of a pack, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    /// The pack's id.
    pub provider: String,
    /// The rule's id within the pack.
    pub id: String,
    /// The file, as it was named when it was loaded.
    pub file: String,
    /// The line where the rule begins, from 1.
    pub line: usize,
}

/// `263/keyword`.
impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.id)
    }
}
