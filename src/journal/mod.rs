//! The evidence: what was accepted, as it came, and what became of it.
//!
//! It is kept in memory, the latest messages only, bounded in number and in bytes. An entry never changes once it is
//! recorded, so a reader holds it without a lock. The bytes of a message are kept as they came; the trace that a
//! receiving server puts in front (RFC 5321 §4.4) is added where a copy is handed out as delivered mail.

mod content;
mod trace;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::content::Content;
use crate::address::Address;
use crate::clock::Time;
use crate::facts::{Facts, Helo, Listener, MailParameters, RcptParameters, ReversePath, SessionId, Tls};
use crate::message::{self, Bounds, MessageFacts};
use crate::verdict::{Fate, Finding, Replacement, Verdict};

/// The latest messages that were accepted.
#[derive(Debug)]
pub struct Journal {
    most_messages: usize,
    most_bytes: u64,
    // Nothing is awaited and no file is touched while it is held.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: VecDeque<Arc<Message>>,
    bytes: u64,
}

impl Journal {
    /// A journal of at most so many messages and bytes. The latest message is kept even if it is too large alone.
    #[must_use]
    pub fn with_bounds(most_messages: usize, most_bytes: u64) -> Self {
        Self { most_messages, most_bytes, kept: Mutex::default() }
    }

    /// Adds a message, and lets go of the oldest ones that no longer have room.
    pub fn record(&self, message: Message) -> Arc<Message> {
        let message = Arc::new(message);
        let mut released = Vec::new();
        {
            let mut kept = self.kept();
            kept.bytes += message.weight();
            kept.messages.push_back(Arc::clone(&message));
            while kept.messages.len() > 1
                && (kept.messages.len() > self.most_messages || kept.bytes > self.most_bytes)
                && let Some(oldest) = kept.messages.pop_front()
            {
                kept.bytes -= oldest.weight();
                released.push(oldest);
            }
        }
        // Dropped here, without the lock: the last handle to a file closes it.
        drop(released);
        message
    }

    /// The messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.kept().messages.iter().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change is whole, so a panic elsewhere cannot have left it half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 10,000 messages, 512 MiB.
impl Default for Journal {
    fn default() -> Self {
        Self::with_bounds(10_000, 512 * 1024 * 1024)
    }
}

/// A message that the client was told is accepted.
#[derive(Debug)]
pub struct Message {
    /// The session that it came in.
    pub session: SessionId,
    /// Its id in the reply and in the trace.
    pub queue_id: String,
    /// When it was accepted, on mockmx's clock.
    pub received: Time,
    /// Where the client connected.
    pub listener: Arc<Listener>,
    /// The client's address.
    pub peer: SocketAddr,
    /// Who was logged in.
    pub login: Option<String>,
    /// The latest HELO or EHLO.
    pub helo: Option<Helo>,
    /// TLS, if it was in use.
    pub tls: Option<Tls>,
    /// The name of the server that the client believes to talk to.
    pub host: String,
    /// The sender of the envelope.
    pub sender: ReversePath,
    /// What MAIL said with its parameters.
    pub parameters: MailParameters,
    /// The recipients of the envelope, at least one.
    pub deliveries: Vec<Delivery>,
    /// The rules that had their say about the message.
    pub findings: Vec<Finding>,
    /// The message as it came.
    pub content: Content,
}

/// What became of a message for one recipient.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The recipient.
    pub recipient: Address,
    /// What RCPT said with its parameters.
    pub parameters: RcptParameters,
    /// What became of it.
    pub fate: Fate,
}

impl Message {
    /// The message that a session's facts and the verdict at stage `message` tell of.
    #[must_use]
    pub fn accepted(facts: &Facts, verdict: &Verdict, host: &str, content: Content, received: Time) -> Self {
        let envelope = &facts.envelope;
        let deliveries = envelope.recipients.iter().enumerate().map(|(index, recipient)| Delivery {
            recipient: recipient.clone(),
            parameters: envelope.recipient_parameters.get(index).cloned().unwrap_or_default(),
            fate: verdict.fates.get(index).cloned().unwrap_or(Fate::Inbox),
        });
        Self {
            session: facts.session,
            queue_id: facts.queue_id(),
            received,
            listener: Arc::clone(&facts.listener),
            peer: facts.peer,
            login: facts.login.clone(),
            helo: facts.helo.clone(),
            tls: facts.tls.clone(),
            host: host.to_owned(),
            sender: envelope.sender.clone().unwrap_or(ReversePath::Null),
            parameters: envelope.parameters.clone(),
            deliveries: deliveries.collect(),
            findings: verdict.findings.clone(),
            content,
        }
    }

    /// Bytes that it takes in the journal, about: a thousand long recipients weigh more than most messages.
    fn weight(&self) -> u64 {
        let delivery = |delivery: &Delivery| {
            // The recipient as it was written, and taken apart.
            let texts = 2 * delivery.recipient.as_str().len();
            let folder = if let Fate::Folder(name) = &delivery.fate { name.len() } else { 0 };
            size_of::<Delivery>() + texts + folder
        };
        let envelope: usize = self.deliveries.iter().map(delivery).sum();
        self.content.len() + (size_of::<Self>() + envelope) as u64
    }

    /// What the recipient of that index finds: the trace, then the message or what replaced it. Nothing if it was
    /// discarded or there is no such recipient. Blocks on the file of a large message.
    ///
    /// What replaces a message is made here, each time anew and always the same, for it differs by recipient and can
    /// be as large as the message.
    ///
    /// # Errors
    /// If the temporary file of a large message cannot be read.
    pub fn delivered(&self, recipient: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(delivery) = self.deliveries.get(recipient) else { return Ok(None) };
        let mut delivered = trace::trace(self, &delivery.recipient).into_bytes();
        match delivery.fate {
            Fate::Discarded => return Ok(None),
            Fate::Inbox | Fate::Folder(_) => self.content.append_to(&mut delivered)?,
            Fate::Replaced(Replacement::VirusNotice) => {
                let original = self.content.read_all()?;
                let facts = MessageFacts::read(&original, &Bounds::default());
                let (to, date) = (delivery.recipient.as_str(), self.received.rfc5322());
                delivered.extend(message::virus_notice(&original, &facts, to, &self.host, &date));
            }
        }
        Ok(Some(delivered))
    }
}

#[cfg(test)]
mod tests;
