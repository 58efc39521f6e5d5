//! What a store holds, as it is shown and released.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Time;

/// Something remembered: a key in a prison, an allowance partly used, sessions at once, a mailbox's content, an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Holding {
    /// What it is released by: `prison:263/sender:a@example.com`.
    pub key: String,
    /// What it is.
    pub kind: HoldingKind,
    /// The rule or the prison that it belongs to, or the recipient who is away.
    pub of: String,
    /// Whose it is: the prison's or the counter's key, the mailbox, or the sender who was told.
    pub subject: String,
    /// How much of the allowance is used, how many sessions there are, how many messages came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How much there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Bytes in the mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// When it is free: let out of prison, or one more may come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<Time>,
}

/// What is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldingKind {
    /// A key in a prison.
    Prison,
    /// A key that has to come back later.
    Greylist,
    /// An allowance of a rate.
    Rate,
    /// Sessions at once.
    Concurrency,
    /// What came into a mailbox since the start.
    Mailbox,
    /// A sender whom a recipient who is away has told so.
    Answer,
}

impl HoldingKind {
    const ALL: [Self; 6] = [Self::Prison, Self::Greylist, Self::Rate, Self::Concurrency, Self::Mailbox, Self::Answer];

    const fn name(self) -> &'static str {
        match self {
            Self::Prison => "prison",
            Self::Greylist => "greylist",
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
            Self::Mailbox => "mailbox",
            Self::Answer => "answer",
        }
    }
}

impl Holding {
    pub(super) fn new(kind: HoldingKind, of: &str, subject: &str) -> Self {
        let key = format!("{}:{of}:{subject}", kind.name());
        let (of, subject) = (of.to_owned(), subject.to_owned());
        Self { key, kind, of, subject, count: None, limit: None, bytes: None, free: None }
    }
}

/// A holding's kind, what it belongs to, and whose it is. Names of rules and prisons have no colon.
pub(super) fn parse_key(key: &str) -> Option<(HoldingKind, &str, &str)> {
    let (kind, rest) = key.split_once(':')?;
    let kind = HoldingKind::ALL.into_iter().find(|known| known.name() == kind)?;
    let (of, subject) = rest.split_once(':')?;
    Some((kind, of, subject))
}
