//! What commands do.

use crate::address::Address;
use crate::facts::{Attempt, Helo, MailParameters, RcptParameters, ReversePath, Role, TlsMode};
use crate::lane;
use crate::reply::Reply;

use super::super::Step;
use super::super::auth::{Exchange, Outcome};
use super::super::command::Command;
use super::super::content::{Incoming, Refusal};
use super::super::extension::Extension;
use super::super::persona::Canned;
use super::{Chunks, Judged, Session, State};

impl Session {
    /// Does what a command line says.
    pub(super) fn command(&mut self, line: &[u8]) {
        let command = match Command::parse(line, self.service.persona.extensions) {
            Ok(command) => command,
            Err(wrong) => return self.error(wrong),
        };
        match command {
            Command::Helo { extended, name } => {
                let helo = Helo { extended, name: name.to_owned() };
                self.judged = Some(Judged::Helo(self.facts.helo.replace(helo)));
            }
            Command::Mail { sender, parameters } => self.mail(sender, parameters),
            Command::Rcpt { recipient, parameters } => self.rcpt(recipient, parameters),
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Rset => {
                self.forget_transaction();
                self.answer(Canned::Rset);
            }
            Command::Noop => self.answer(Canned::Noop),
            Command::Quit => {
                self.answer(Canned::Quit);
                self.end(Step::Close);
            }
            Command::Vrfy => self.answer(Canned::Vrfy),
            Command::Expn => self.answer(Canned::Expn),
            Command::Help => self.answer(Canned::Help),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
        }
    }

    fn mail(&mut self, sender: ReversePath, parameters: MailParameters) {
        let Some(helo) = &self.facts.helo else { return self.error(Canned::HeloFirst) };
        if self.in_transaction() {
            return self.error(Canned::NestedMail);
        }
        let undeclared = sender.address().is_some_and(|address| self.utf8_missing(address, helo, &parameters));
        if undeclared {
            return self.error(Canned::Utf8NotDeclared);
        }
        if parameters.size.is_some_and(|size| size > self.service.limits.message) {
            return self.answer(Canned::MessageTooBig);
        }
        self.facts.counts.transactions = self.facts.counts.transactions.wrapping_add(1);
        self.facts.envelope.sender = Some(sender);
        self.facts.envelope.parameters = parameters;
        self.judged = Some(Judged::Mail);
    }

    fn rcpt(&mut self, recipient: Address, parameters: RcptParameters) {
        let Some(helo) = &self.facts.helo else { return self.error(Canned::HeloFirst) };
        if !self.in_transaction() {
            return self.error(Canned::MailFirst);
        }
        if !matches!(self.chunks, Chunks::None) {
            return self.error(Canned::BadSequence);
        }
        if self.utf8_missing(&recipient, helo, &self.facts.envelope.parameters) {
            return self.error(Canned::Utf8NotDeclared);
        }
        if self.facts.envelope.recipients.len() >= self.service.limits.recipients {
            return self.answer(Canned::TooManyRecipients);
        }
        self.facts.envelope.candidate = Some(recipient);
        self.judged = Some(Judged::Rcpt(parameters));
    }

    /// Whether SMTPUTF8 should have been said with MAIL (RFC 6531 §3.3). A client that was not offered it, or that did
    /// not ask by EHLO, cannot say it; its address is taken as it is, as Postfix does (`strict_smtputf8 = no`) and as
    /// 263 does in its own document.
    fn utf8_missing(&self, address: &Address, helo: &Helo, parameters: &MailParameters) -> bool {
        let offered = helo.extended && self.offers(Extension::SmtpUtf8);
        offered && !parameters.utf8 && !address.as_str().is_ascii()
    }

    fn data(&mut self) {
        if !self.in_transaction() {
            return self.error(Canned::MailFirst);
        }
        if !matches!(self.chunks, Chunks::None) {
            return self.error(Canned::BadSequence);
        }
        if self.facts.envelope.recipients.is_empty() {
            // No error of a client that pipelines: it could not know that all recipients would be refused.
            return self.answer(Canned::NoRecipients);
        }
        self.judged = Some(Judged::Data);
    }

    /// The chunk follows the command whatever is answered, so it is read even where it is refused (RFC 3030 §2).
    fn bdat(&mut self, size: u64, last: bool) {
        let refusal = match self.chunks {
            _ if !self.in_transaction() => Refusal::Error(Canned::MailFirst),
            _ if self.facts.envelope.recipients.is_empty() => Refusal::Reply(self.say(Canned::NoRecipients)),
            Chunks::Refused => Refusal::Error(Canned::BadSequence),
            Chunks::None => {
                self.judged = Some(Judged::Chunk { size, last });
                return;
            }
            Chunks::Some(before) => {
                self.state = State::Text(Incoming::chunk(size, last, before).into());
                return;
            }
        };
        self.state = State::Text(Incoming::chunk(size, last, 0).refused(refusal).into());
    }

    fn start_tls(&mut self) {
        if self.facts.tls.is_some() {
            self.error(Canned::StartTlsRepeated);
        } else if self.offers(Extension::StartTls) {
            let reply = self.say(Canned::StartTls);
            self.reply(&reply);
            // A provider's own word for it may be 454, TLS not available (RFC 3207 §4).
            if reply.code() / 100 == 2 {
                self.state = State::Handshake;
            }
        } else {
            self.error(Canned::StartTlsNotOffered);
        }
    }

    fn auth(&mut self, mechanism: &str, initial: Option<&str>) {
        let submission = self.facts.listener.role == Role::Submission;
        if !submission || !self.service.persona.extensions.contains(Extension::Auth) {
            return self.error(Canned::AuthNotOffered);
        }
        if self.facts.helo.is_none() {
            return self.error(Canned::HeloFirst);
        }
        if self.facts.login.is_some() {
            return self.error(Canned::AuthRepeated);
        }
        if self.in_transaction() {
            return self.error(Canned::BadSequence);
        }
        if !self.offers(Extension::Auth) {
            return self.error(Canned::AuthNeedsTls);
        }
        let Some(exchange) = Exchange::named(mechanism) else { return self.error(Canned::AuthMechanism) };
        match initial {
            Some(response) => self.authenticate(exchange.initial(response)),
            None => self.authenticate(Outcome::Challenge(exchange)),
        }
    }

    /// Goes on with an exchange.
    pub(super) fn authenticate(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Challenge(exchange) => {
                self.reply(&Reply::new(334, exchange.challenge()));
                self.state = State::Auth(exchange);
            }
            Outcome::Credentials { login, password } => {
                let (user, lane) = lane::split_login(&login);
                // An account whose own name has such a form is that account.
                let (user, lane) = match lane {
                    Some(_) if self.service.accounts.knows(&login) => (login.as_str().into(), None),
                    lane => (user, lane),
                };
                let valid = self.service.accounts.admit(&user, &password);
                self.facts.attempt = Some(Attempt { login: user.into_owned(), lane, valid });
                self.judged = Some(Judged::Auth);
            }
            Outcome::Failed(Canned::AuthFailed) => self.login_failed(None),
            Outcome::Failed(canned) => self.error(canned),
        }
    }

    /// Refuses a login, in the words of the policy if it has any. One too many ends the session.
    pub(super) fn login_failed(&mut self, reply: Option<&Reply>) {
        let failed = &mut self.facts.counts.failed_logins;
        *failed = failed.saturating_add(1);
        let close = *failed > self.service.limits.failed_logins;
        match reply {
            Some(reply) => self.reply(reply),
            None if close => return self.close_with(Canned::TooManyFailedLogins),
            None => self.answer(Canned::AuthFailed),
        }
        self.facts.attempt = None;
        if close {
            self.end(Step::Close);
        }
    }

    /// Whether the persona offers an extension and this session has it, now.
    pub(super) fn offers(&self, extension: Extension) -> bool {
        let facts = &self.facts;
        let here = match extension {
            Extension::StartTls => facts.tls.is_none() && facts.listener.tls == TlsMode::StartTls,
            Extension::Auth => {
                let private = facts.tls.is_some() || facts.peer.ip().is_loopback() || self.service.auth_without_tls;
                facts.listener.role == Role::Submission && private
            }
            _ => true,
        };
        here && self.service.persona.extensions.contains(extension)
    }
}
