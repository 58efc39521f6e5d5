//! What is sent: how often, how large, and from whom.

use std::collections::HashMap;

use super::{Seen, Sight, count};
use crate::message::Header;
use crate::report::transaction::{Identity, Mailbox};

pub(super) fn once(sight: &Sight<'_>) -> Seen {
    let mut first = HashMap::new();
    let mut known = 0;
    let mut twice = Vec::new();
    for message in &sight.messages {
        let Some(identity) = Identity::of(&message.headers) else { continue };
        known += 1;
        for delivery in &message.deliveries {
            let key = (identity.clone(), Mailbox::of(&delivery.recipient).key);
            match first.get(&key) {
                None => {
                    first.insert(key, message);
                }
                Some(earlier) => twice.push((*earlier, message, delivery.recipient.as_str())),
            }
        }
    }
    if let Some((earlier, later, recipient)) = twice.first() {
        let words = |transaction: &&crate::report::transaction::Transaction<'_>| {
            transaction.session.id == earlier.session && transaction.text.as_ref().is_some_and(|text| text.last_words)
        };
        let lost = if sight.transactions.iter().any(|transaction| words(&transaction)) {
            "; the first time it left without another command, so that it may not have read the 250"
        } else {
            ""
        };
        let text = format!("<{recipient}> got `{}` twice; {} in all{lost}", later.subject, count(twice.len(), "copy"));
        return Seen::bad(text, twice.iter().flat_map(|(earlier, later, _)| [earlier.session, later.session]));
    }
    if known == 0 {
        return Seen::nothing("no message with a Message-ID or a Date was accepted");
    }
    let lost = sight.transactions.iter().filter(|transaction| transaction.lost_reply()).count();
    let lost = match lost {
        0 => "; no reply was lost".to_owned(),
        lost => format!("; {} after the final dot", count(lost, "lost reply")),
    };
    Seen::good(
        format!("{} accepted, none twice{lost}", count(known, "message")),
        sight.messages.iter().map(|message| message.session),
    )
}

pub(super) fn size(sight: &Sight<'_>) -> Seen {
    let (mut sent, mut declared, mut sessions) = (0, 0, Vec::new());
    for transaction in sight.transactions {
        let Some((limit, text)) = transaction.limit.zip(transaction.text.as_ref()) else { continue };
        // Of a text that is too large nobody knows how large it was, for it is not looked at.
        let refused = text.bytes.is_none() && transaction.end().is_some_and(|answer| answer.code == 552);
        if limit > 0 && (refused || text.bytes.is_some_and(|bytes| bytes > limit)) {
            let said =
                transaction.declared.map_or_else(|| "without SIZE=".to_owned(), |size| format!("as SIZE={size}"));
            let text = format!("sent a message larger than the {limit} bytes that EHLO allows, {said}");
            return Seen::bad(text, [transaction.session.id]);
        }
        sent += 1;
        declared += usize::from(transaction.declared.is_some());
        sessions.push(transaction.session.id);
    }
    match sent {
        0 => Seen::nothing("no message was sent where EHLO offered SIZE"),
        sent => Seen::good(
            format!("{} within the limit, {declared} of them announced with SIZE=", count(sent, "message")),
            sessions,
        ),
    }
}

pub(super) fn null_sender(sight: &Sight<'_>) -> Seen {
    let notices = || sight.transactions.iter().filter(|transaction| is_notice(transaction.headers));
    if let Some(bad) = notices().find(|transaction| !transaction.from.shown.is_empty()) {
        return Seen::bad(format!("sent a notification from <{}>", bad.from.shown), [bad.session.id]);
    }
    match notices().count() {
        0 => Seen::nothing("no notification was sent"),
        number => Seen::good(
            format!("{} from the null path", count(number, "notification")),
            notices().map(|transaction| transaction.session.id),
        ),
    }
}

/// A delivery status notification (RFC 3464), or one of disposition (RFC 8098), to neither of which anybody may answer.
fn is_notice(headers: &[Header]) -> bool {
    let kind = headers.iter().find(|header| header.name.eq_ignore_ascii_case("Content-Type"));
    kind.is_some_and(|kind| {
        let kind = kind.value.to_ascii_lowercase();
        let reports = ["delivery-status", "disposition-notification"];
        kind.trim_start().starts_with("multipart/report") && reports.iter().any(|report| kind.contains(report))
    })
}
