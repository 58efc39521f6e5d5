//! The server's side: what a reply answers, and what it changes.

use std::sync::Arc;

use super::{Dialogue, Event, Gone, MOST_RECIPIENTS, Mode, Pending, Said, Text, WITHHELD};
use crate::clock::Time;
use crate::message::{Bounds, MessageFacts};
use crate::record::replies::{class, has_code};
use crate::record::{Answer, Asked, Circumstances, Exchange};
use crate::smtp::{Canned, Decoder, Extension};

impl Dialogue {
    /// The server went away, or has taken too long.
    pub(crate) fn gone(&mut self, how: Gone, now: Time) {
        self.mode = Mode::Over;
        // A part of a reply is none that could be given again.
        if self.leaving || self.replies.has_begun() {
            return;
        }
        let owed = std::mem::take(&mut self.pending).into_iter().find_map(|pending| match pending {
            Pending::Server(said) => Some(said),
            Pending::Own(..) => None,
        });
        match owed {
            Some(said) => {
                let answer = match how {
                    Gone::Closed => Answer::Dropped,
                    Gone::Reset => Answer::Reset,
                    Gone::Silent => Answer::Silent,
                };
                let of = Arc::new(self.circumstances(now, &said));
                self.events.push(Event::Heard(Exchange { asked: self.asked(&said), answer, of }));
            }
            None if how == Gone::Silent => {}
            None => self.events.push(Event::Closed),
        }
    }

    /// Whether the server said that it would go.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Passes a reply on, and takes note of it.
    pub(super) fn heard(&mut self, mut reply: Vec<u8>, now: Time) {
        let said = match self.pending.pop_front() {
            Some(Pending::Server(said)) => said,
            own => {
                self.pending.extend(own);
                self.unasked += 1;
                self.leaving |= has_code(&reply, b"421");
                let of = self.circumstances(now, &Said::Connect);
                return self.note(Asked::Nothing, reply, of);
            }
        };
        if self.mode == Mode::Waiting && self.pending.is_empty() {
            self.mode = Mode::Commands;
        }
        if matches!(said, Said::Auth) && class(&reply) == b'3' {
            self.mode = Mode::Response;
            return self.to_client.extend_from_slice(&reply);
        }
        let asked = self.asked(&said);
        let of = self.circumstances(now, &said);
        self.take_effect(said, &mut reply);
        self.note(asked, reply, of);
    }

    /// What a command was, or what it was too early or too late for.
    fn asked(&self, said: &Said) -> Asked {
        let in_transaction = self.sender.is_some();
        match said {
            Said::Mail { .. } | Said::Rcpt(_) if self.helo.is_none() => Asked::Fault(Canned::HeloFirst),
            Said::Mail { .. } if in_transaction => Asked::Fault(Canned::NestedMail),
            Said::Rcpt(_) | Said::Data if !in_transaction => Asked::Fault(Canned::MailFirst),
            Said::Data if self.recipients.is_empty() => Asked::Fault(Canned::NoRecipients),
            Said::Connect => Asked::Connect,
            Said::Helo { extended: true, .. } => Asked::Ehlo,
            Said::Helo { .. } => Asked::Helo,
            Said::Auth => Asked::Auth,
            Said::Mail { .. } => Asked::Mail,
            Said::Rcpt(_) => Asked::Rcpt,
            Said::Data => Asked::Data,
            Said::Message => Asked::Message,
            Said::Verb(verb, canned) => Asked::Verb(verb, *canned),
            Said::Fault(canned) => Asked::Fault(*canned),
        }
    }

    fn circumstances(&self, now: Time, said: &Said) -> Circumstances {
        let (mut helo, mut sender, mut recipients) = (self.helo.clone(), self.sender.clone(), self.recipients.clone());
        let (mut size, mut login, mut subject) = (self.announced, self.login.clone(), None);
        match said {
            Said::Helo { name, .. } => helo = Some(name.clone()),
            Said::Auth => login = self.secrets.login().map(str::to_owned),
            Said::Mail { sender: from, size: announced } => (sender, size) = (Some(from.clone()), *announced),
            Said::Rcpt(recipient) => recipients = vec![recipient.clone()],
            Said::Message => {
                if let Some(text) = &self.text {
                    size = text.size;
                    let facts = MessageFacts::read_header(&text.head, &Bounds::default());
                    subject = Some(facts.subject).filter(|subject| !subject.trim().is_empty());
                }
            }
            _ => {}
        }
        if !matches!(said, Said::Data | Said::Message) {
            recipients.truncate(1);
        }
        let too_large_for = self.most.filter(|most| *most > 0 && size > *most);
        let (session, time, ip) = (self.session, now, self.ip);
        Circumstances { session, time, ip, helo, login, sender, recipients, too_large_for, subject }
    }

    /// What a reply changes.
    fn take_effect(&mut self, said: Said, reply: &mut Vec<u8>) {
        let class = class(reply);
        let good = class == b'2';
        self.leaving = has_code(reply, b"421");
        match said {
            Said::Helo { extended, name } if good => {
                self.helo = Some(name);
                self.forget_transaction();
                if extended {
                    self.offers(reply);
                }
            }
            Said::Auth if good => self.login = self.secrets.login().map(str::to_owned),
            Said::Mail { sender, size } if good => (self.sender, self.announced) = (Some(sender), size),
            Said::Rcpt(recipient) if good && self.recipients.len() < MOST_RECIPIENTS => self.recipients.push(recipient),
            Said::Data if class == b'3' => {
                self.mode = Mode::Text;
                self.text = Some(Text { decoder: Decoder::new(usize::MAX), head: Vec::new(), size: 0 });
                self.pending.push_back(Pending::Server(Said::Message));
            }
            Said::Message => self.forget_transaction(),
            Said::Verb("RSET", _) if good => self.forget_transaction(),
            Said::Verb("QUIT", _) if good => (self.mode, self.leaving) = (Mode::Over, true),
            _ => {}
        }
    }

    fn forget_transaction(&mut self) {
        self.sender = None;
        self.announced = 0;
        self.recipients.clear();
        // The reply may come before the text has ended.
        self.text = self.text.take().filter(|_| self.mode == Mode::Text);
    }

    /// Takes out of the reply to EHLO what is not passed on, and keeps what is offered.
    fn offers(&mut self, reply: &mut Vec<u8>) {
        let lines: Vec<_> = reply.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let text = |line: &[u8]| String::from_utf8_lossy(line.get(4..).unwrap_or_default()).trim_end().to_owned();
        let is_withheld = |line: &[u8]| {
            let text = text(line);
            let word = text.split([' ', '=']).next().unwrap_or_default();
            WITHHELD.iter().any(|withheld| withheld.eq_ignore_ascii_case(word))
        };
        let (mut kept, mut withheld) = (Vec::new(), Vec::new());
        for (index, line) in lines.into_iter().enumerate() {
            if index > 0 && is_withheld(&line) { withheld.push(text(&line)) } else { kept.push(line) }
        }
        if let Some(last) = kept.last_mut().filter(|last| last.get(3) == Some(&b'-')) {
            last[3] = b' ';
        }
        let extensions = kept.iter().skip(1).filter_map(|line| Extension::of_line(&text(line))).collect();
        let size = kept
            .iter()
            .skip(1)
            .find_map(|line| text(line).to_ascii_uppercase().strip_prefix("SIZE ")?.trim().parse().ok());
        (self.offered, self.most) = (Some(extensions), size);
        *reply = kept.concat();
        self.events.push(Event::Offered(extensions, withheld));
    }

    fn note(&mut self, asked: Asked, reply: Vec<u8>, of: Circumstances) {
        self.to_client.extend_from_slice(&reply);
        if self.secrets.are_in(&reply) {
            self.events.push(Event::Confidential(asked));
        } else {
            let answer = Answer::Reply { bytes: reply, closed: false };
            self.events.push(Event::Heard(Exchange { asked, answer, of: Arc::new(of) }));
        }
    }
}
