//! Mail transactions (RFC 5321 §3.3): who sent what to whom, and what came of it for each recipient.

use std::collections::HashSet;

use super::dialogue::{Answer, Dialogue, Exchange, Verb, path};
use crate::address::Address;
use crate::clock::Time;
use crate::journal::record::{Done, Id, Message, Session, Verdict};
use crate::message::Header;
use crate::stage::Stage;

/// A transaction, from MAIL to whatever ended it.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) session: &'a Session,
    pub(super) from: Mailbox,
    pub(super) at: Time,
    /// What MAIL announced.
    pub(super) declared: Option<u64>,
    /// What EHLO offered: `SIZE`, and its number.
    pub(super) limit: Option<u64>,
    pub(super) recipients: Vec<Recipient<'a>>,
    mail: Place,
    data: Option<Place>,
    pub(super) text: Option<Text>,
    /// Which message it is, if its header came.
    pub(super) identity: Option<Identity>,
    pub(super) headers: &'a [Header],
    /// mockmx ended the session in this transaction.
    cut: bool,
    answers: Answers<'a>,
}

type Answers<'a> = Vec<&'a Answer<'a>>;

/// A place in the answers of a transaction; none if there was no answer.
type Place = Option<usize>;

/// A recipient as RCPT named it.
#[derive(Debug)]
pub(super) struct Recipient<'a> {
    pub(super) mailbox: Mailbox,
    pub(super) answer: Option<&'a Answer<'a>>,
}

/// The text of a message, by DATA or BDAT.
#[derive(Debug)]
pub(super) struct Text {
    /// Its size, if all of it came and was looked at.
    pub(super) bytes: Option<u64>,
    answer: Place,
    /// No command of the client's came after the answer, and it left without QUIT.
    pub(super) last_words: bool,
}

/// An address as it was written, and as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mailbox {
    pub(super) shown: String,
    pub(super) key: String,
    pub(super) domain: String,
}

/// What tells a message from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    MessageId(String),
    SubjectAndDate(String, String),
}

/// What came of a transaction for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// 4xx.
    Transient,
    /// 5xx.
    Permanent,
    /// The answer never came: mockmx dropped, reset or stalled, or the connection was lost.
    Unanswered,
    /// The client gave it up, or what was refused was not the mail.
    Abandoned,
}

impl Mailbox {
    pub(super) fn of(text: &str) -> Self {
        let shown = text.to_owned();
        match Address::parse(text) {
            Some(address) => Self { shown, key: address.key(), domain: address.domain().to_owned() },
            None => Self { shown, key: text.to_lowercase(), domain: String::new() },
        }
    }
}

impl Identity {
    pub(super) fn of(headers: &[Header]) -> Option<Self> {
        let value = |name: &str| {
            let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            header.map(|header| header.value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let by_date = || Some(Self::SubjectAndDate(value("Subject").unwrap_or_default(), value("Date")?));
        value("Message-ID").map(Self::MessageId).or_else(by_date)
    }

    /// Whether both may be of one message: what is not known contradicts nothing.
    pub(super) fn agree(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// What is known of a session's messages besides its transcript.
#[derive(Debug, Default)]
pub(super) struct Records<'a> {
    pub(super) messages: Vec<&'a Message>,
    pub(super) verdicts: Vec<&'a Verdict>,
}

/// The transactions of a session.
pub(super) fn transactions<'a>(dialogue: &'a Dialogue<'a>, records: &Records<'a>) -> Vec<Transaction<'a>> {
    let mut found: Vec<Transaction<'a>> = Vec::new();
    let mut open = false;
    for (place, exchange) in dialogue.exchanges.iter().enumerate() {
        match exchange.verb {
            // One within another, or one without a greeting, is none.
            Verb::Mail if exchange.code() == 503 => {}
            Verb::Mail => {
                found.push(Transaction::begun(dialogue, exchange));
                open = true;
            }
            Verb::Ehlo | Verb::Helo | Verb::Rset | Verb::StartTls | Verb::Quit if !exchange.is_refused() => {
                open = false;
            }
            _ => {
                let Some(transaction) = found.last_mut().filter(|_| open) else { continue };
                transaction.go_on(exchange);
                if exchange.ends_message() {
                    let left = place + 1 == dialogue.exchanges.len() && !dialogue.was_cut();
                    transaction.text.iter_mut().for_each(|text| text.last_words = left);
                    open = false;
                }
            }
        }
    }
    if let Some(last) = found.last_mut() {
        let quit = dialogue.exchanges.last().is_some_and(|exchange| exchange.verb == Verb::Quit);
        last.cut = dialogue.session.end.is_some() && dialogue.was_cut() && !quit;
    }
    let mut used = HashSet::new();
    for transaction in &mut found {
        transaction.learn(records, &mut used);
    }
    found
}

impl<'a> Transaction<'a> {
    fn begun(dialogue: &'a Dialogue<'a>, exchange: &'a Exchange<'a>) -> Self {
        let (address, parameters) = path(exchange.line);
        let declared = parameters.split_ascii_whitespace().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("SIZE").then(|| value.parse().ok())?
        });
        let mut transaction = Self {
            session: dialogue.session,
            from: Mailbox::of(address),
            at: exchange.at,
            declared,
            limit: dialogue.offered(exchange, "SIZE").and_then(|size| size.trim().parse().ok()),
            recipients: Vec::new(),
            mail: None,
            data: None,
            text: None,
            identity: None,
            headers: &[],
            cut: false,
            answers: Vec::new(),
        };
        transaction.mail = transaction.keep(exchange);
        transaction
    }

    fn keep(&mut self, exchange: &'a Exchange<'a>) -> Place {
        let answer = exchange.answer.as_ref()?;
        self.answers.push(answer);
        Some(self.answers.len() - 1)
    }

    fn go_on(&mut self, exchange: &'a Exchange<'a>) {
        match exchange.verb {
            Verb::Rcpt => {
                let mailbox = Mailbox::of(path(exchange.line).0);
                // Behind a MAIL that was refused, RCPT is out of order, but says whom the mail was for.
                let begun = self.mail().is_some_and(Answer::is_positive);
                let answer = exchange.answer.as_ref().filter(|_| begun);
                self.recipients.push(Recipient { mailbox, answer });
            }
            Verb::Data => self.data = Some(self.keep(exchange)),
            Verb::Text | Verb::Bdat if self.mail().is_some_and(Answer::is_positive) => {
                let answer = self.keep(exchange);
                let bytes = exchange.bytes;
                if exchange.ends_message() || exchange.is_refused() {
                    self.text = Some(Text { bytes, answer, last_words: false });
                }
            }
            _ => {}
        }
    }

    /// Takes over what the records of the message say: the one that was accepted, else the rule that refused it.
    fn learn(&mut self, records: &Records<'a>, used: &mut HashSet<Id>) {
        let Some(text) = &self.text else { return };
        let (since, until) = (self.at, self.answer(text.answer).map(|answer| answer.at));
        let fits = |id: Id, at: Time, from: &str| {
            at >= since && until.is_none_or(|until| at <= until) && from == self.from.shown && !used.contains(&id)
        };
        let accepted = self.answer(text.answer).is_some_and(Answer::is_positive);
        let message = records.messages.iter().find(|message| fits(message.id, message.received, &message.from));
        let refused = || {
            let about_text = records.verdicts.iter().filter(|verdict| verdict.stage == Stage::Message || verdict.late);
            about_text
                .filter(|verdict| verdict.verdict != Done::Accept && !verdict.headers.is_empty())
                .find(|verdict| fits(verdict.id, verdict.at, verdict.from.as_deref().unwrap_or_default()))
        };
        let (id, headers) = match message.filter(|_| accepted) {
            Some(message) => (message.id, message.headers.as_slice()),
            None => match refused().filter(|_| !accepted) {
                Some(verdict) => (verdict.id, verdict.headers.as_slice()),
                None => return,
            },
        };
        used.insert(id);
        self.headers = headers;
        self.identity = Identity::of(headers);
    }

    fn answer(&self, place: Place) -> Option<&'a Answer<'a>> {
        self.answers.get(place?).copied()
    }

    /// The answer to MAIL.
    pub(super) fn mail(&self) -> Option<&'a Answer<'a>> {
        self.answer(self.mail)
    }

    /// The answer to the text.
    pub(super) fn end(&self) -> Option<&'a Answer<'a>> {
        self.answer(self.text.as_ref()?.answer)
    }

    /// All of the text came, and no answer to it did.
    pub(super) fn lost_reply(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.bytes.is_some()) && self.end().is_none()
    }

    /// What came of it for the recipient of that index, or, without one, of MAIL; and the answer that says so.
    pub(super) fn outcome(&self, recipient: Option<usize>) -> (Outcome, Option<&'a Answer<'a>>) {
        let Some(mail) = self.mail() else { return self.unanswered() };
        if !mail.is_positive() {
            return judged(mail);
        }
        let Some(recipient) = recipient.and_then(|index| self.recipients.get(index)) else {
            return (Outcome::Abandoned, None);
        };
        match recipient.answer {
            None => return self.unanswered(),
            Some(answer) if !answer.is_positive() => return judged(answer),
            Some(_) => {}
        }
        match (self.data.map(|data| self.answer(data)), &self.text) {
            (_, Some(_)) => match self.end() {
                Some(answer) => judged(answer),
                None => self.unanswered(),
            },
            (Some(Some(answer)), None) if !answer.is_positive() => judged(answer),
            (_, None) => self.unanswered(),
        }
    }

    fn unanswered(&self) -> (Outcome, Option<&'a Answer<'a>>) {
        let lost = self.cut || self.lost_reply();
        (if lost { Outcome::Unanswered } else { Outcome::Abandoned }, None)
    }
}

fn judged<'a>(answer: &'a Answer<'a>) -> (Outcome, Option<&'a Answer<'a>>) {
    let outcome = match () {
        () if answer.is_positive() => Outcome::Accepted,
        () if answer.is_about_the_dialogue() => Outcome::Abandoned,
        () if answer.is_transient() => Outcome::Transient,
        () => Outcome::Permanent,
    };
    (outcome, Some(answer))
}
