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
    /// The recipient that a stub speaks of, if it speaks of one.
    pub of: Option<String>,
}

/// What is not asked any more behind a rule that fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// All is asked.
    #[default]
    Nothing,
    /// No other stub for the same recipient.
    Recipient,
    /// No other rule.
    Everything,
}

impl Group {
    /// What is not asked any more if these are the answers.
    #[must_use]
    pub fn ends(&self, answers: &[Answer]) -> End {
        let of_turn = |(ask, answer): (&Ask, &Answer)| match (ask, answer) {
            (Ask::Turn(turn), Answer::Turn(nth)) => Some(turn.ends(*nth)),
            _ => None,
        };
        if !answers.iter().all(Answer::yes) {
            return End::Nothing;
        }
        match self.asks.iter().zip(answers).find_map(of_turn).unwrap_or_default() {
            _ if self.last => End::Everything,
            End::Recipient if self.of.is_none() => End::Everything,
            end => end,
        }
    }
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
    /// Does the key have to come back later? Noted if it is new.
    Greylist(Greylist),
    /// Is the next number one of those that fire? Draws it.
    Draw(Draw),
    /// May a stub, or a rule that is a step of a scenario, be used once more? Counted, and the scenario moved on, if so.
    Turn(Turn),
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

/// A key that has to come back later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greylist {
    /// Whose list: `netease/greylisted`.
    pub counter: String,
    /// The key.
    pub key: String,
    /// How long after its first try it is let in.
    pub wait: Duration,
    /// How long after its latest try it is forgotten.
    pub forget: Duration,
}

/// A number drawn at random.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Whose numbers: `263/flaky`.
    pub counter: String,
    /// How many of a hundred fire.
    pub percent: u8,
    /// What fixes the numbers.
    pub seed: u64,
}

/// One more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose: a stub's id, or `263/mailbox-full`.
    pub user: String,
    /// Uses are counted for each key; empty if all are counted together.
    pub key: String,
    /// How many uses there may be in all.
    pub times: Option<u32>,
    /// For each turn of a sequence, what is not asked any more behind it. The last one stays.
    pub ends: Vec<End>,
    /// The state that must be, and what it becomes.
    pub step: Option<Step>,
}

impl Turn {
    /// What is said of a use.
    pub(crate) fn evidence(&self, nth: u32) -> String {
        let of = self.times.map(|times| format!(" of {times}")).unwrap_or_default();
        let key = if self.key.is_empty() { String::new() } else { format!(" for {:?}", self.key) };
        let step = self.step.as_ref().map(|step| format!(", {}", step.evidence())).unwrap_or_default();
        format!("use {}{of}{key}{step}", nth.saturating_add(1))
    }

    fn ends(&self, nth: u32) -> End {
        let last = self.ends.len().saturating_sub(1);
        self.ends.get(usize::try_from(nth).unwrap_or(usize::MAX).min(last)).copied().unwrap_or_default()
    }
}

/// A step of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The scenario's name.
    pub scenario: String,
    /// The state that it must be in.
    pub is: Option<String>,
    /// The state that it moves to.
    pub becomes: Option<String>,
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
    /// It has to wait until then.
    Waits(Time),
    /// It fires: the draw of that number, from 0.
    Drawn(u64),
    /// It may be used, for that time, from 0.
    Turn(u32),
}

impl Answer {
    /// Whether it says yes.
    #[must_use]
    pub const fn yes(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// Which use it is, if it is one.
    #[must_use]
    pub const fn turn(&self) -> Option<u32> {
        if let Self::Turn(nth) = self { Some(*nth) } else { None }
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
