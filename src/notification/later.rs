//! What a message's sender is told later, written when the message comes: the same notifications as would be written
//! then, dated for when they are due.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::HashMap;

use super::{Event, Forms, Head, Kind, Notification, Original, Reason, Source, permit, written};
use crate::clock::Time;
use crate::journal::record::{Delivery, Message};
use crate::verdict::{Later, NotificationKind};

/// The most notifications of one message: it can have a thousand recipients, and a rule ten things to say of each.
const MOST: usize = 1_000;

/// Bytes of notifications behind which no more originals are returned whole, only their headers.
const MOST_WHOLE: usize = 16 << 20;

/// A notification that waits to be sent.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// What asked for it.
    pub later: &'a Later,
    /// It.
    pub written: Notification,
    /// The recipients that it tells of.
    pub recipients: Vec<String>,
    /// When it is sent.
    pub due: Time,
}

/// What came of what a message's sender is to be told.
#[derive(Clone, Debug, Default)]
pub struct Letters<'a> {
    /// In the order in which it was asked for.
    pub letters: Vec<Letter<'a>>,
    /// What is not sent, and why, for people.
    pub unsent: Vec<String>,
}

/// Writes what the sender is told. What happened to several recipients at once is told at once. Of what a recipient
/// tells now and then only, `may` says whether it is time, or why it is not.
pub fn write_later<'a>(
    message: &Message,
    raw: &[u8],
    later: &'a [Later],
    forms: &Forms,
    mut may: impl FnMut(&Later) -> Result<(), String>,
) -> Letters<'a> {
    let mut found = Letters::default();
    let mut bytes = 0;
    let head = Head::read(raw);
    let headers_alone = LazyCell::new(|| alone(message.clone()));
    for (later, recipients) in groups(later) {
        if found.letters.len() >= MOST {
            found.unsent.push(format!("no more than {MOST} notifications are sent of a message"));
            break;
        }
        let told = told(if bytes < MOST_WHOLE { message } else { &headers_alone }, later, recipients);
        let names = |indices: &[usize]| -> Vec<String> {
            indices.iter().filter_map(|&index| Some(told.message.deliveries.get(index)?.recipient.clone())).collect()
        };
        let kind = kind(later, message);
        let due = message.received.after(later.after);
        let event = Event {
            original: Original { message: &told.message, raw },
            recipients: &told.recipients,
            kind: &kind,
            reason: Reason {
                reason_zh: &later.why.reason_zh,
                reason_en: &later.why.reason_en,
                remedy_zh: &later.why.remedy_zh,
                remedy_en: &later.why.remedy_en,
            },
            host: &later.host,
            remote: later.remote.as_deref(),
            now: due,
        };
        let unsent = |why: &str| format!("no {} about {}: {why}", kind.name(), names(&told.recipients).join(", "));
        let Some(form) = forms.of(&later.provider) else { continue };
        let source = Source { event: &event, head: &head, place: found.letters.len() };
        match permit::told(&source) {
            Err(hindrance) => found.unsent.push(unsent(&hindrance.to_string())),
            Ok(asked) => match may(later) {
                Err(why) => found.unsent.push(unsent(&why)),
                Ok(()) => {
                    let written = written(&source, form, asked);
                    bytes += written.raw.len();
                    found.letters.push(Letter { later, recipients: names(&written.recipients), written, due });
                }
            },
        }
    }
    found
}

/// What is told together, and of which recipients.
fn groups(later: &[Later]) -> Vec<(&Later, Vec<usize>)> {
    let mut groups: Vec<(&Later, Vec<usize>)> = Vec::new();
    let mut known = HashMap::new();
    for later in later {
        let rule = later.rule.as_ref().map(std::sync::Arc::as_ptr);
        let said = (&later.status, &later.diagnostic, &later.remote, later.given_up_after);
        let what = (rule, later.kind.name(), later.after, said, &later.provider, &later.about);
        let of_group = known.get(&what).copied();
        match of_group.and_then(|of_group: usize| groups.get_mut(of_group)) {
            // One copy came to somebody else, however many recipients it was made for.
            Some(_) if later.about.is_some() => {}
            // What is said twice of one recipient is told twice.
            Some((_, recipients)) if later.kind.is_of_delivery() && recipients.last() != Some(&later.recipient) => {
                recipients.push(later.recipient);
            }
            _ => {
                known.insert(what, groups.len());
                groups.push((later, vec![later.recipient]));
            }
        }
    }
    groups
}

/// The message as it is told of.
struct Told<'m> {
    message: Cow<'m, Message>,
    recipients: Vec<usize>,
}

fn told<'m>(message: &'m Message, later: &Later, recipients: Vec<usize>) -> Told<'m> {
    if let (Some(about), Some(&index)) = (&later.about, recipients.first()) {
        // The sender asked for the recipient, and is told of somebody else (RFC 3461 §5.2.7).
        let delivery = message.deliveries.get(index).cloned();
        let deliveries = delivery.map(|delivery| Delivery { recipient: about.clone(), ..delivery });
        let message = Message { deliveries: deliveries.into_iter().collect(), ..without_lists(message) };
        return Told { message: Cow::Owned(message), recipients: vec![0] };
    }
    Told { message: Cow::Borrowed(message), recipients }
}

/// The message as if its sender wanted no more of it than its header.
fn alone(mut message: Message) -> Message {
    message.parameters.ret = Some("HDRS".to_owned());
    message
}

/// A copy of the message without what can be long and says nothing here.
fn without_lists(message: &Message) -> Message {
    let (deliveries, headers, verdicts) = (Vec::new(), Vec::new(), Vec::new());
    Message {
        deliveries,
        headers,
        verdicts,
        notifications: Vec::new(),
        lane: message.lane.clone(),
        queue_id: message.queue_id.clone(),
        providers: message.providers.clone(),
        listener: message.listener.clone(),
        login: message.login.clone(),
        helo: message.helo.clone(),
        tls: message.tls.clone(),
        host: message.host.clone(),
        from: message.from.clone(),
        parameters: message.parameters.clone(),
        subject: message.subject.clone(),
        ..*message
    }
}

fn kind(later: &Later, message: &Message) -> Kind {
    let (status, diagnostic) = (later.status.clone(), later.diagnostic.clone());
    match later.kind {
        NotificationKind::Failed => Kind::Failed { status, diagnostic },
        NotificationKind::Delayed => Kind::Delayed {
            status,
            diagnostic,
            will_retry_until: later.given_up_after.map(|time| message.received.after(time)),
        },
        NotificationKind::Relayed => Kind::Relayed,
        NotificationKind::Delivered => Kind::Delivered,
        NotificationKind::OutOfOffice => Kind::OutOfOffice { text: later.text.clone() },
        NotificationKind::ReadReceipt => Kind::ReadReceipt,
        NotificationKind::AbuseReport => Kind::AbuseReport,
    }
}
