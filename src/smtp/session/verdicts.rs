//! What verdicts do.

use crate::address::Address;
use crate::facts::Helo;
use crate::reply::Reply;

use super::super::Step;
use super::super::content::{Incoming, Refusal};
use super::super::extension::Extension;
use super::super::persona::Canned;
use super::{Judged, Session, State};

impl Session {
    pub(super) fn accepted(&mut self, judged: Judged) {
        match judged {
            Judged::Connect => {
                self.answer(Canned::Banner);
                self.state = State::Commands;
            }
            Judged::Command(line) => self.command(&line),
            Judged::Fault(canned) => self.answer(canned),
            Judged::Helo(before) => self.helo_accepted(before),
            Judged::Auth => self.auth_accepted(),
            Judged::Mail => self.answer(Canned::Mail),
            Judged::Rcpt(parameters) => {
                self.answer(Canned::Rcpt);
                let envelope = &mut self.facts.envelope;
                // A mailbox that is named twice gets one copy.
                let candidate = envelope.candidate.take();
                let is_new = |to: &Address| !envelope.recipients.iter().any(|known| known.is_same_mailbox(to));
                if let Some(recipient) = candidate.filter(is_new) {
                    envelope.recipients.push(recipient);
                    envelope.recipient_parameters.push(parameters);
                }
            }
            Judged::Data => {
                self.answer(Canned::Data);
                self.state = State::Text(Incoming::data(&self.service.limits).into());
            }
            Judged::Chunk { size, last } => self.state = State::Text(Incoming::chunk(size, last, 0).into()),
            Judged::Message => {
                self.answer(Canned::Message);
                self.facts.counts.messages = self.facts.counts.messages.saturating_add(1);
                self.forget_transaction();
            }
        }
    }

    pub(super) fn refused(&mut self, judged: Judged, reply: &Reply) {
        match judged {
            Judged::Connect => {
                self.reply(reply);
                self.end(Step::Close);
            }
            Judged::Command(_) | Judged::Data | Judged::Fault(_) => self.reply(reply),
            Judged::Helo(before) => {
                self.reply(reply);
                self.facts.helo = before;
            }
            Judged::Auth => self.login_failed(Some(reply)),
            Judged::Mail | Judged::Message => {
                self.reply(reply);
                self.forget_transaction();
            }
            Judged::Rcpt(_) => {
                self.reply(reply);
                self.facts.envelope.candidate = None;
                self.facts.counts.refused_recipients = self.facts.counts.refused_recipients.saturating_add(1);
            }
            Judged::Chunk { size, last } => {
                let refusal = Refusal::Reply(reply.clone());
                self.state = State::Text(Incoming::chunk(size, last, 0).refused(refusal).into());
            }
        }
    }

    fn helo_accepted(&mut self, before: Option<Helo>) {
        let (extended, nameless) =
            self.facts.helo.as_ref().map_or((false, true), |helo| (helo.extended, helo.name.is_empty()));
        if nameless {
            self.facts.helo = before;
            return self.error(Canned::HeloSyntax);
        }
        self.forget_transaction();
        if extended {
            let reply = self.ehlo();
            self.reply(&reply);
        } else {
            self.answer(Canned::Helo);
        }
    }

    /// What [`fail`](Self::fail) answers.
    #[must_use]
    pub fn local_error(&self) -> Reply {
        self.say(Canned::LocalError)
    }

    /// The reply to EHLO: the persona's greeting, and a line for each extension (RFC 5321 §4.1.1.1). An extension that
    /// the greeting itself has a line for stands there, in the persona's words, while it is offered.
    fn ehlo(&self) -> Reply {
        let greeting = self.say(Canned::Ehlo);
        let mut left = self.service.persona.extensions;
        let mut lines = Vec::new();
        for (index, line) in greeting.lines().iter().enumerate() {
            let named = Extension::of_line(line).filter(|_| index > 0);
            if named.is_none_or(|extension| self.offers(extension)) {
                lines.push(line.clone());
            }
            left = named.map_or(left, |extension| left.without(extension));
        }
        let offered = left.iter().filter(|extension| self.offers(*extension));
        lines.extend(offered.map(|extension| match extension {
            Extension::Size => format!("SIZE {}", self.service.limits.message),
            Extension::Auth => "AUTH PLAIN LOGIN".to_owned(),
            _ => extension.name().to_owned(),
        }));
        Reply::with_lines(greeting.code(), lines)
    }

    fn auth_accepted(&mut self) {
        match &self.facts.attempt {
            Some(attempt) if attempt.valid => {
                self.answer(Canned::AuthOk);
                let attempt = self.facts.attempt.take();
                (self.facts.login, self.facts.login_lane) =
                    attempt.map_or((None, None), |attempt| (Some(attempt.login), attempt.lane));
            }
            _ => self.login_failed(None),
        }
    }
}
