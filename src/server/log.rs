//! What is told of sessions, verdicts and messages: one event each. Nothing here ever sees a password.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::escape::{Escaped, EscapedList};
use crate::facts::Facts;
use crate::journal::record::Message;
use crate::verdict::{Action, Fate, Verdict};

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// After a last reply: QUIT, or a refusal that closes.
    Closed,
    /// By the client, who closed its side.
    ByClient,
    /// By an error of the connection.
    Broken(io::Error),
    /// Without a handshake.
    Handshake(io::Error),
    /// The client took too long.
    TimedOut,
    /// The client did not read its replies.
    NotReading,
    /// By a fault of mockmx.
    Panicked,
    /// mockmx is stopping.
    ShutDown,
    /// mockmx is stopping, and the session did not end in time.
    Cut,
    /// By a verdict: without a reply.
    Dropped,
    /// By a verdict: by RST.
    Reset,
    /// By a verdict: the client was left waiting.
    Stalled,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::ByClient => f.write_str("closed by the client"),
            Self::Broken(error) => write!(f, "connection lost: {error}"),
            Self::Handshake(error) => write!(f, "tls handshake failed: {error}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::NotReading => f.write_str("client did not read"),
            Self::Panicked => f.write_str("panicked"),
            Self::ShutDown => f.write_str("shut down"),
            Self::Cut => f.write_str("cut at shutdown"),
            Self::Dropped => f.write_str("dropped"),
            Self::Reset => f.write_str("reset"),
            Self::Stalled => f.write_str("stalled"),
        }
    }
}

/// A session has ended.
pub(crate) fn session(facts: &Facts, ended: &Ended, bytes: u64, duration: Duration) {
    let tls = facts.tls.as_ref().map(|tls| format!("{} {}", tls.version, tls.cipher));
    tracing::info!(
        target: "mockmx::session",
        session = %facts.session,
        listener = %facts.listener.name,
        peer = %facts.peer,
        helo = facts.helo.as_ref().map(|helo| tracing::field::display(Escaped(&helo.name))),
        tls,
        login = facts.login.as_deref().map(|login| tracing::field::display(Escaped(login))),
        messages = facts.counts.messages,
        recipients_refused = facts.counts.refused_recipients,
        bytes,
        milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        %ended,
        "session ended"
    );
}

/// Rules had their say.
pub(crate) fn verdict(facts: &Facts, verdict: &Verdict) {
    let (action, reply) = match &verdict.action {
        Action::Accept => ("accept", None),
        Action::Refuse(reply) => ("refuse", Some(reply.to_string())),
        Action::RefuseAndClose(reply) => ("refuse and close", Some(reply.to_string())),
        Action::Drop => ("drop", None),
        Action::Reset => ("reset", None),
        Action::Stall => ("stall", None),
    };
    for finding in &verdict.findings {
        tracing::info!(
            target: "mockmx::verdict",
            session = %facts.session,
            provider = %finding.rule.provider,
            rule = %finding.rule.id,
            stage = %finding.stage,
            action,
            reply = reply.as_deref().map(|reply| tracing::field::display(Escaped(reply))),
            source = %format_args!("{}:{}", finding.rule.file, finding.rule.line),
            late = finding.late,
            triggered = finding.triggered,
            recipient = finding.recipient.as_deref().map(|recipient| tracing::field::display(Escaped(recipient))),
            delay_milliseconds = u64::try_from(verdict.delay.as_millis()).unwrap_or(u64::MAX),
            evidence = %EscapedList(&finding.evidence),
            "rule spoke"
        );
    }
}

/// Not all of a message was looked at.
pub(crate) fn unseen(facts: &Facts, unseen: &[String]) {
    if !unseen.is_empty() {
        tracing::warn!(
            target: "mockmx::unseen",
            session = %facts.session,
            unseen = %EscapedList(unseen),
            "not all of the message was looked at, for it is beyond the bounds"
        );
    }
}

/// A message was accepted.
pub(crate) fn message(facts: &Facts, message: &Message) {
    if !tracing::enabled!(target: "mockmx::message", tracing::Level::INFO) {
        return;
    }
    let fates: Vec<String> = message
        .deliveries
        .iter()
        .take(20)
        .map(|delivery| format!("{} {}", delivery.recipient, FateName(&delivery.fate)))
        .collect();
    tracing::info!(
        target: "mockmx::message",
        session = %facts.session,
        queue_id = %message.queue_id,
        from = %Escaped(&message.from),
        recipients = message.deliveries.len(),
        size = message.size,
        fates = %EscapedList(&fates),
        "message accepted"
    );
}

struct FateName<'a>(&'a Fate);

impl fmt::Display for FateName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Fate::Inbox => f.write_str("inbox"),
            Fate::Folder(name) => write!(f, "folder {name}"),
            Fate::Discarded => f.write_str("discarded"),
            Fate::Replaced(_) => f.write_str("replaced"),
            Fate::Bounced => f.write_str("bounced"),
        }
    }
}
