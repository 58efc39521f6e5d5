//! What a provider writes to the sender after it accepted a message: delivery status notifications (RFC 3464), and what
//! its users send back: out-of-office replies (RFC 3834), read receipts (RFC 8098), abuse reports (RFC 5965).
//!
//! Pure: [`write()`] makes bytes of an [`Event`] and a [`Form`]; the same ones give the same bytes. `permit` says whether
//! anything may be written, `report` and `personal` write the kinds, `returned` chooses what of the original goes back,
//! `field` and `mime` know how header fields and parts are written; `later` has all that one message brings about.

mod field;
mod form;
mod later;
mod mime;
mod permit;
mod personal;
mod report;
mod returned;
#[cfg(test)]
mod tests;

use crate::clock::Time;
use crate::journal::record::Message;
use crate::message::{Bounds, Header, MessageFacts};

pub use form::{Charset, Form, Forms, Language, Placeholder, Returns, Template, TemplateError};
pub use later::{Letter, Letters, write_later};
pub use permit::{Hindrance, hindrance};

/// The message that a notification is about.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    /// Its record: envelope, parameters, when it came.
    pub message: &'a Message,
    /// Its bytes, as they are to be returned.
    pub raw: &'a [u8],
}

/// What happened to a message, and when.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The message.
    pub original: Original<'a>,
    /// The indices of the recipients that it happened for. Out-of-office replies, read receipts and abuse reports come
    /// of the first one.
    pub recipients: &'a [usize],
    /// What happened.
    pub kind: &'a Kind,
    /// Why, for people.
    pub reason: Reason<'a>,
    /// The host that reports it.
    pub host: &'a str,
    /// The host that it tried to pass the message to, if that is another one (`Remote-MTA`).
    pub remote: Option<&'a str>,
    /// When the notification is written.
    pub now: Time,
}

/// What happened to a message after it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It could not be delivered, and is given up.
    Failed {
        /// The status code (RFC 3463) as `5.1.1`. What is none is taken from the diagnostic, or is `5.0.0`.
        status: String,
        /// What a server said: `550 User Unknown`.
        diagnostic: String,
    },
    /// It could not be delivered yet.
    Delayed {
        /// The status code, as `4.2.2`. What is none is taken from the diagnostic, or is `4.0.0`.
        status: String,
        /// What a server said.
        diagnostic: String,
        /// When it would be given up.
        will_retry_until: Option<Time>,
    },
    /// It was handed to a server that does not report deliveries.
    Relayed,
    /// It is in the mailbox.
    Delivered,
    /// The recipient is away.
    OutOfOffice {
        /// What the recipient says.
        text: String,
    },
    /// The recipient read it.
    ReadReceipt,
    /// The recipient calls it spam.
    AbuseReport,
}

impl Kind {
    /// The names of all kinds, as forms have them.
    pub const NAMES: [&'static str; 7] =
        ["failed", "delayed", "relayed", "delivered", "out-of-office", "read-receipt", "abuse-report"];

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "failed",
            Self::Delayed { .. } => "delayed",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
            Self::OutOfOffice { .. } => "out-of-office",
            Self::ReadReceipt => "read-receipt",
            Self::AbuseReport => "abuse-report",
        }
    }

    /// Whether it tells of the delivery (RFC 3464), and not of what a person did.
    #[must_use]
    pub const fn is_of_delivery(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Delayed { .. } | Self::Relayed | Self::Delivered)
    }

    /// What a server said.
    fn diagnostic(&self) -> &str {
        match self {
            Self::Failed { diagnostic, .. } | Self::Delayed { diagnostic, .. } => diagnostic,
            _ => "",
        }
    }
}

/// Why it happened and what to do about it, in both languages; empty where nobody says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reason<'a> {
    /// Why, in Chinese.
    pub reason_zh: &'a str,
    /// Why, in English.
    pub reason_en: &'a str,
    /// What to do, in Chinese.
    pub remedy_zh: &'a str,
    /// What to do, in English.
    pub remedy_en: &'a str,
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The sender of its envelope; empty for the null path, which all but abuse reports have.
    pub from: String,
    /// The recipient of its envelope, as the journal or the original's header has it.
    pub to: String,
    /// It, from its first header field to its last byte. The returned original is in it byte for byte, so that there may
    /// be bare line feeds, long lines and bytes of eight bits.
    pub raw: Vec<u8>,
    /// The name of its kind.
    pub kind: &'static str,
    /// The indices of the recipients that it tells of.
    pub recipients: Vec<usize>,
    /// Whether it has to be sent with SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
}

/// Writes the notification of an event in a provider's form; nothing if [`hindrance`] names something.
#[must_use]
pub fn write(event: &Event<'_>, form: &Form) -> Option<Notification> {
    let head = Head::read(event.original.raw);
    let source = Source { event, head: &head, place: 0 };
    let told = permit::told(&source).ok()?;
    Some(written(&source, form, told))
}

/// The notification of these recipients, at least one, that nothing hinders.
fn written(source: &Source<'_>, form: &Form, told: Vec<usize>) -> Notification {
    match source.event.kind {
        Kind::OutOfOffice { .. } => personal::out_of_office(source, form, told[0]),
        Kind::ReadReceipt => personal::read_receipt(source, form, told[0]),
        Kind::AbuseReport => personal::abuse_report(source, form, told[0]),
        _ => report::delivery(source, form, told),
    }
}

/// The header of an original. It is read once, however many notifications are written of it: it can be all of a message
/// of 35 MiB.
struct Head<'a> {
    section: &'a [u8],
    is_ascii: bool,
    /// Its fields, decoded.
    fields: Vec<Header>,
}

impl<'a> Head<'a> {
    fn read(raw: &'a [u8]) -> Self {
        let section = crate::message::header_section(raw);
        let fields = MessageFacts::read_header(section, &Bounds::default()).headers;
        Self { section, is_ascii: section.is_ascii(), fields }
    }
}

/// An event, and what the header of its original says.
struct Source<'a> {
    event: &'a Event<'a>,
    head: &'a Head<'a>,
    /// Its place among the notifications of its message, all else of which can be the same.
    place: usize,
}

impl<'a> Source<'a> {
    fn message(&self) -> &'a Message {
        self.event.original.message
    }

    /// The first header field of that name.
    fn header(&self, name: &str) -> Option<&str> {
        let field = self.head.fields.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(field.value.trim())
    }

    /// The recipient of that index.
    fn recipient(&self, index: usize) -> &'a str {
        self.message().deliveries.get(index).map_or("", |delivery| &delivery.recipient)
    }

    /// Whom the sender of the message says that it wrote to, of the recipient of that index: the type and the address
    /// (ORCPT, RFC 3461 §4.2).
    fn original_recipient(&self, index: usize) -> Option<(&'a str, &'a str)> {
        let orcpt = self.message().deliveries.get(index)?.parameters.orcpt.as_deref()?;
        orcpt.split_once(';').filter(|(kind, address)| field::is_type(kind) && !field::clean(address, 1).is_empty())
    }

    /// The host, as it may stand in fields.
    fn host(&self) -> String {
        field::domain(self.event.host).unwrap_or_else(|| "localhost".to_owned())
    }

    /// Whether the notification is written with UTF-8 in its fields (RFC 6533): the original was sent so, and has
    /// addresses or fields that cannot be written otherwise. A sender that did not use SMTPUTF8 is not assumed to take
    /// it: addresses are then written as RFC 6533 §3 writes them in ASCII.
    fn is_utf8(&self, told: &[usize]) -> bool {
        let message = self.message();
        let addresses = || told.iter().map(|&index| self.recipient(index)).chain([message.from.as_str()]);
        message.parameters.utf8 && (addresses().any(|address| !address.is_ascii()) || !self.head.is_ascii)
    }
}
