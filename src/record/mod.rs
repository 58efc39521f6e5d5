//! From what a real server answered to a pack that answers so.
//!
//! `dialogue` stands between a client and the server: it says what is passed on either way, and what each reply was the
//! answer to. A [`Recording`] keeps that, within bounds, and never a password nor the text of a message. `words` makes
//! placeholders of what varies in a reply, with `vary`; `cases` finds for each reply the condition under which it is given;
//! `pack` writes it all down. All of this is pure; `server/proxy` has the sockets.

mod cases;
pub(crate) mod dialogue;
#[cfg(fuzzing)]
pub mod fuzzing;
mod pack;
mod replies;
mod secrets;
#[cfg(test)]
mod tests;
mod vary;
mod words;

use std::net::IpAddr;
use std::sync::Arc;

use crate::address::Address;
use crate::clock::Time;
use crate::facts::ReversePath;
use crate::smtp::{Canned, Extensions};
use crate::stage::Stage;

pub use crate::reproduce::Match;

/// Replies that are kept, and bytes of them and of what they answer.
const MOST_EXCHANGES: usize = 2_000;
const MOST_BYTES: usize = 8 << 20;

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    /// The connection.
    Connect,
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// AUTH, at its end.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The end of a message.
    Message,
    /// A command that belongs to no stage, and the words that mockmx has for it.
    Verb(&'static str, Canned),
    /// A command that was unknown, malformed or out of order, and the words that mockmx has for it.
    Fault(Canned),
    /// Nothing: it came by itself.
    Nothing,
}

impl Asked {
    /// The stage of rules that can answer so.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::Connect => Stage::Connect,
            Self::Ehlo | Self::Helo => Stage::Helo,
            Self::Auth => Stage::Auth,
            Self::Mail => Stage::Mail,
            Self::Rcpt => Stage::Rcpt,
            Self::Data => Stage::Data,
            Self::Message => Stage::Message,
            Self::Verb(..) | Self::Nothing => Stage::Command,
            Self::Fault(_) => Stage::Fault,
        }
    }

    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ehlo => "ehlo",
            Self::Verb(verb, _) => verb,
            Self::Nothing => "unasked",
            other => other.stage().name(),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A reply, with its line ends, and whether the server closed the connection behind it.
    Reply {
        /// As the client was given it.
        bytes: Vec<u8>,
        /// The connection ended behind it, and not by QUIT.
        closed: bool,
    },
    /// The server closed the connection.
    Dropped,
    /// The server reset the connection.
    Reset,
    /// Nothing came in the time that there was.
    Silent,
}

/// What the client had said when a reply came.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The session's number.
    pub session: u64,
    /// When the reply came.
    pub time: Time,
    /// The client's address as the server sees it.
    pub ip: IpAddr,
    /// The name given with EHLO or HELO.
    pub helo: Option<String>,
    /// Who has logged in.
    pub login: Option<String>,
    /// The sender of the envelope.
    pub sender: Option<ReversePath>,
    /// At RCPT the recipient; later those that were accepted.
    pub recipients: Vec<Address>,
    /// The SIZE that the server offers, if the message, or what MAIL announced, is larger.
    pub too_large_for: Option<u64>,
    /// The message's subject as a person reads it.
    pub subject: Option<String>,
}

/// A reply, and what it answers.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it answers.
    pub asked: Asked,
    /// What came.
    pub answer: Answer,
    /// What had been said.
    pub of: Arc<Circumstances>,
}

impl Exchange {
    /// Bytes that it takes, about.
    fn weight(&self) -> usize {
        let reply = match &self.answer {
            Answer::Reply { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let of = &self.of;
        let texts = [&of.helo, &of.login, &of.subject].into_iter().flatten().map(String::len).sum::<usize>();
        let recipients = of.recipients.iter().map(|to| 2 * to.as_str().len() + 48).sum::<usize>();
        reply + texts + recipients + 512
    }
}

/// What was recorded so far.
#[derive(Debug, Default)]
pub struct Recording {
    exchanges: Vec<Exchange>,
    weight: usize,
    sessions: u64,
    /// Replies that there was no room for, and those that repeated a password.
    beyond: usize,
    confidential: usize,
    /// What the server offers with EHLO, and the lines that were taken out of it.
    offered: Option<Extensions>,
    withheld: Vec<String>,
}

impl Recording {
    /// Begins a session, and says its number.
    pub fn session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    /// Keeps an exchange, and says its place if there was room for it.
    pub fn add(&mut self, exchange: Exchange) -> Option<usize> {
        let weight = exchange.weight();
        if self.exchanges.len() >= MOST_EXCHANGES || self.weight.saturating_add(weight) > MOST_BYTES {
            self.beyond += 1;
            return None;
        }
        self.weight += weight;
        self.exchanges.push(exchange);
        Some(self.exchanges.len() - 1)
    }

    /// The server closed the connection behind that reply.
    pub fn closed(&mut self, place: usize) {
        if let Some(Exchange { answer: Answer::Reply { closed, .. }, .. }) = self.exchanges.get_mut(place) {
            *closed = true;
        }
    }

    /// A reply was left out, for it repeats what must not be written down.
    pub fn leave_out(&mut self) {
        self.confidential += 1;
    }

    /// Keeps what EHLO offers.
    pub fn offer(&mut self, offered: Extensions, withheld: Vec<String>) {
        self.offered = Some(offered);
        self.withheld = withheld;
    }

    /// Replies that are kept, sessions that there were, and replies that are not kept.
    #[must_use]
    pub const fn counts(&self) -> (usize, u64, usize) {
        (self.exchanges.len(), self.sessions, self.beyond + self.confidential)
    }

    /// A pack that answers so: `id` is the name of its file without `.toml`, `upstream` the server's, and `wanted` what
    /// mails must have in common with one that was refused at the end of its text.
    #[must_use]
    pub fn pack(&self, id: &str, upstream: &str, wanted: &[Match]) -> String {
        pack::write(self, id, upstream, wanted)
    }
}
