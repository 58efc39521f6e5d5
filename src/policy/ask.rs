//! Questions to what is remembered between sessions, and the answers.
//!
//! The policy is pure, so it cannot look at a counter; it says what it would have to know. All questions of a stage go
//! to the store at once, in the order of the rules, and the store stops where a rule is settled: a rule behind the one
//! that fires is not counted.

use std::time::Duration;

use crate::clock::Time;
use crate::facts::SessionId;

/// The questions of one rule. It fires if all are answered with yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The questions, in order. The first no ends the group.
    pub asks: Vec<Ask>,
    /// No rule behind this one is asked if it fires.
    pub last: bool,
}

/// A question that can be answered with yes or no. Asking some of them counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Is this one too many for a rate? Counted if not.
    Rate(Rate),
    /// Are there as many sessions at once as may be? Counted, until the session ends, if not.
    Concurrency(Concurrency),
    /// Is the key locked up?
    Prison(Cell),
    /// Is a mailbox full?
    Usage(Usage),
}

/// So many in a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Which counter: `263/too-frequent`.
    pub counter: String,
    /// Whose.
    pub key: String,
    /// How many at once, and in `per`.
    pub count: u32,
    /// The time in which a full allowance comes back.
    pub per: Duration,
}

/// So many at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Which counter: `263/too-many-connections`.
    pub counter: String,
    /// Whose.
    pub key: String,
    /// The session that would be one more.
    pub session: SessionId,
    /// How many there may be.
    pub limit: usize,
}

/// A key's place in a prison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Which prison: `263/sender`.
    pub prison: String,
    /// Who is in it.
    pub key: String,
    /// For how long this key is locked up.
    pub time: Duration,
    /// Whether a try from inside starts the time anew.
    pub renew: bool,
}

/// What a mailbox holds already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The mailbox's key.
    pub mailbox: String,
    /// It is full as soon as so many messages or so many bytes came since the start.
    pub full_at: Amount,
}

/// Messages and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What the store says to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No.
    No,
    /// The rate is used up, until then.
    UsedUp(Time),
    /// So many sessions are there already.
    AtOnce(usize),
    /// Locked up, until then.
    LockedUntil(Time),
    /// The mailbox holds this much more than it did at the start.
    Holds(Amount),
}

impl Answer {
    /// Whether it says yes.
    #[must_use]
    pub const fn yes(&self) -> bool {
        !matches!(self, Self::No)
    }
}

/// What has to be remembered because of a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A key goes to prison.
    Lock(Cell),
    /// A message of so many bytes was put into a mailbox.
    Deliver {
        /// The mailbox's key.
        mailbox: String,
        /// The message's size.
        bytes: u64,
    },
}
