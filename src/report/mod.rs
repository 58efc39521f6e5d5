//! How the senders under test behaved towards what mockmx answered.
//!
//! A sender is whoever sends from one domain, that of MAIL FROM, over one IP address, in one lane. A session belongs to
//! every sender that it names, a transaction to the one whose MAIL it is. Where a session names none, because it never
//! came to MAIL or has the null path alone, it belongs to the senders that its address has in its lane, and if there
//! are none, to one without a domain.
//!
//! `dialogue` reads a transcript as commands and answers, `transaction` makes mail transactions of them and finds what
//! came of each for each recipient, `attempt` which of these are of the same message. Each check looks at them and gives
//! one [`SenderLine`]. All of it is pure: what the time is, and where the records end, is said by whoever asks.

mod attempt;
mod check;
mod dialogue;
mod group;
#[cfg(test)]
mod tests;
mod transaction;

use std::borrow::Borrow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Time;
use crate::journal::record::{Id, Message, Session, Verdict};

pub use self::check::SenderCheck;

/// How all senders behaved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Each sender, by lane, domain and address.
    pub senders: Vec<SenderReport>,
    /// All sessions that were asked for were looked at. Of very many only the latest are.
    pub complete: bool,
}

/// How one sender behaved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SenderReport {
    /// The lane.
    pub lane: String,
    /// The domain of MAIL FROM; empty where there was none.
    pub domain: String,
    /// Where it connected from.
    #[schema(value_type = String, example = "192.0.2.1")]
    pub peer: IpAddr,
    /// When its first session began.
    pub since: Time,
    /// Up to when it was looked at: what it had not done by then, it may still do.
    pub until: Time,
    /// Its sessions.
    pub sessions: u64,
    /// Its messages that were accepted.
    pub messages: u64,
    /// What was looked at, always all of it and in the same order.
    pub lines: Vec<SenderLine>,
}

/// What a sender did where something was asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SenderLine {
    /// What was looked at.
    pub check: SenderCheck,
    /// How it did.
    pub conduct: Conduct,
    /// What was seen, in a line for people.
    pub text: String,
    /// What asks it of a sender: `RFC 5321 §4.5.4.1`.
    pub rfc: String,
    /// The sessions that show it, twenty at most.
    pub sessions: Vec<Id>,
    /// Where it was not seen: how to make mockmx provoke it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provoke: Option<String>,
}

/// How a sender did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conduct {
    /// As the RFC asks.
    Good,
    /// Otherwise, at least once.
    Bad,
    /// It never came to it, or not all of it can be seen yet.
    NotSeen,
}

impl Conduct {
    /// Its name, as the JSON has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::NotSeen => "not-seen",
        }
    }
}

impl Report {
    /// What the records say, which are in the order of time. A sender is looked at up to the latest of its lane's
    /// records.
    #[must_use]
    pub fn of(
        sessions: &[impl Borrow<Session>],
        verdicts: &[impl Borrow<Verdict>],
        messages: &[impl Borrow<Message>],
    ) -> Self {
        Self::until(None, sessions, verdicts, messages)
    }

    /// The same, but looked at up to `until`, if that is later: whoever knows that nothing came since can say so.
    #[must_use]
    pub fn until(
        until: Option<Time>,
        sessions: &[impl Borrow<Session>],
        verdicts: &[impl Borrow<Verdict>],
        messages: &[impl Borrow<Message>],
    ) -> Self {
        let sessions: Vec<_> = sessions.iter().map(Borrow::borrow).collect();
        let records = group::Records::of(verdicts.iter().map(Borrow::borrow), messages.iter().map(Borrow::borrow));
        Self { complete: true, senders: group::senders(&sessions, &records, until) }
    }

    /// Only the senders of that domain, or of that address.
    pub fn retain(&mut self, sender: &str) {
        let address: Option<IpAddr> = sender.parse().ok();
        let domain = crate::address::fold(sender);
        self.senders.retain(|of| address.map_or(of.domain == domain, |address| of.peer == address));
    }

    /// Whether there is a line of that kind.
    #[must_use]
    pub fn has(&self, conduct: Conduct) -> bool {
        self.senders.iter().flat_map(|sender| &sender.lines).any(|line| line.conduct == conduct)
    }
}

impl SenderReport {
    /// Its name, for people: `example.org from 192.0.2.1`.
    #[must_use]
    pub fn name(&self) -> String {
        let domain = if self.domain.is_empty() { "no domain" } else { &self.domain };
        format!("{domain} from {}", self.peer)
    }
}
