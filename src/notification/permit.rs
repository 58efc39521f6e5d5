//! Whether a notification may be written.

use std::collections::HashSet;
use std::fmt;

use super::{Event, Head, Kind, Source};
use crate::address::Address;

/// Why no notification is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// The original has the null sender (RFC 5321 §4.5.5).
    NullSender,
    /// No recipient's NOTIFY asks for it (RFC 3461 §4.1), or there is no such recipient.
    NotAsked,
    /// The original is a report itself (RFC 6522).
    Report,
    /// The original was sent by a program or a list, to which nobody replies (RFC 3834 §2).
    Automatic,
    /// The original does not name the recipient, who is one of many (RFC 3834 §2).
    NotAddressed,
    /// The original asks for no read receipt, or for one of a sort that is not known (RFC 8098 §2).
    NoReceiptAsked,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NullSender => "the message has the null sender",
            Self::NotAsked => "no recipient's NOTIFY asks for it",
            Self::Report => "the message is a report itself",
            Self::Automatic => "the message was sent by a program or a list",
            Self::NotAddressed => "the message does not name the recipient in To or Cc",
            Self::NoReceiptAsked => "the message asks for no read receipt",
        })
    }
}

/// What keeps a notification of the event from being written.
#[must_use]
pub fn hindrance(event: &Event<'_>) -> Option<Hindrance> {
    told(&Source { event, head: &Head::read(event.original.raw), place: 0 }).err()
}

/// The recipients that a notification tells of, at least one.
pub(super) fn told(source: &Source<'_>) -> Result<Vec<usize>, Hindrance> {
    let event = source.event;
    if source.message().from.is_empty() {
        return Err(Hindrance::NullSender);
    }
    if starts_with(source.header("content-type").unwrap_or_default(), "multipart/report") {
        return Err(Hindrance::Report);
    }
    let (mut told, mut seen) = (Vec::new(), HashSet::new());
    for &index in event.recipients {
        let delivery = source.message().deliveries.get(index);
        let asked = |notify: Option<&str>| !event.kind.is_of_delivery() || asks(notify, event.kind);
        if delivery.is_some_and(|delivery| asked(delivery.parameters.notify.as_deref())) && seen.insert(index) {
            told.push(index);
        }
    }
    let first = *told.first().ok_or(Hindrance::NotAsked)?;
    match event.kind {
        Kind::OutOfOffice { .. } => reply(source, first)?,
        Kind::ReadReceipt => receipt(source)?,
        _ => {}
    }
    Ok(told)
}

/// Whether NOTIFY asks for that kind of report. Without it, failures and delays are reported (RFC 3461 §4.1).
fn asks(notify: Option<&str>, kind: &Kind) -> bool {
    let word = match kind {
        Kind::Failed { .. } => "FAILURE",
        Kind::Delayed { .. } => "DELAY",
        _ => "SUCCESS",
    };
    match notify {
        None => word != "SUCCESS",
        Some(notify) => notify.split(',').any(|asked| asked.trim().eq_ignore_ascii_case(word)),
    }
}

/// RFC 3834 §2: a person's responder answers people who wrote to that person.
fn reply(source: &Source<'_>, recipient: usize) -> Result<(), Hindrance> {
    let from = source.message().from.as_str();
    let header = |name: &str| source.header(name).unwrap_or_default();
    let local = from.rsplit_once('@').map_or(from, |(local, _)| local).to_ascii_lowercase();
    let by_program = source.header("auto-submitted").is_some_and(|value| !starts_with(value, "no"))
        || ["bulk", "list", "junk"].iter().any(|word| header("precedence").eq_ignore_ascii_case(word))
        || source.head.fields.iter().any(|field| starts_with(&field.name, "list-"))
        || ["all", "oof", "autoreply"].iter().any(|word| has_word(header("x-auto-response-suppress"), word))
        || local == "mailer-daemon"
        || local.starts_with("owner-")
        || local.ends_with("-request");
    if by_program || same(from, source.recipient(recipient)) {
        return Err(Hindrance::Automatic);
    }
    let names = ["to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"];
    let mut fields =
        source.head.fields.iter().filter(|field| names.contains(&field.name.to_ascii_lowercase().as_str()));
    let address = source.recipient(recipient).to_lowercase();
    fields.any(|field| names_it(&field.value.to_lowercase(), &address)).then_some(()).ok_or(Hindrance::NotAddressed)
}

/// Whether the address stands in a text, and not as a part of a longer one.
fn names_it(text: &str, address: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '-';
    text.match_indices(address).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = &text[at + address.len()..];
        // A full stop may be the sentence's.
        let behind = behind.strip_prefix('.').unwrap_or(behind).chars().next();
        !before.is_some_and(|c| goes_on(c) || "!#$%&'*+/=?^_`{|}~.".contains(c)) && !behind.is_some_and(goes_on)
    })
}

/// RFC 8098 §2: a receipt is asked for with an address, and with no option that is required and not known (§2.2).
fn receipt(source: &Source<'_>) -> Result<(), Hindrance> {
    let options = source.header("disposition-notification-options").unwrap_or_default();
    if receipt_address(source).is_none() || has_word(options, "required") {
        return Err(Hindrance::NoReceiptAsked);
    }
    if source.header("auto-submitted").is_some_and(|value| starts_with(value, "auto-replied")) {
        return Err(Hindrance::Automatic);
    }
    Ok(())
}

/// The address that asks for a read receipt; of several the first.
pub(super) fn receipt_address(source: &Source<'_>) -> Option<String> {
    let value = source.header("disposition-notification-to")?;
    let value = value.rsplit_once('<').map_or(value, |_| value.split_once('<').map_or(value, |(_, after)| after));
    let address = value.split(['>', ',', ' ', ';']).next()?;
    super::field::is_mailbox(address, source.message().parameters.utf8).then(|| address.to_owned())
}

fn same(one: &str, other: &str) -> bool {
    match (Address::parse(one), Address::parse(other)) {
        (Some(one), Some(other)) => one.is_same_mailbox(&other),
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// Whether it begins so, without regard to case.
fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
}
