//! All that one message brings about.

use super::*;
use crate::verdict::{Later, NotificationKind};

fn later(recipient: usize, diagnostic: &str, status: &str) -> Later {
    let (status, diagnostic) = (status.to_owned(), diagnostic.to_owned());
    Later { status, diagnostic, ..Later::of(NotificationKind::Failed, "neutral", "mx.example", recipient) }
}

fn letters<'a>(message: &Message, raw: &[u8], later: &'a [Later]) -> Vec<Letter<'a>> {
    let found = write_later(message, raw, later, forms(), |_| Ok(()));
    assert_eq!(found.unsent, Vec::<String>::new());
    found.letters
}

#[test]
fn only_what_is_the_same_of_several_is_told_at_once() {
    let message = message(&["a@x.test", "b@x.test"]);
    let said = [
        later(0, "550 no", "5.1.1"),
        later(0, "550 no", "5.2.2"),
        Later { remote: Some("mx.other.test".to_owned()), ..later(0, "550 no", "5.1.1") },
        later(1, "550 no", "5.1.1"),
        later(1, "550 no", "5.1.1"),
    ];
    let letters = letters(&message, RAW.as_bytes(), &said);
    let told: Vec<_> =
        letters.iter().map(|letter| (letter.later.status.as_str(), letter.recipients.join(" "))).collect();
    let both = "a@x.test b@x.test".to_owned();
    let one = |to: &str| ("5.1.1", to.to_owned());
    assert_eq!(told, [("5.1.1", both), ("5.2.2", "a@x.test".to_owned()), one("a@x.test"), one("b@x.test")]);
    let raw = String::from_utf8_lossy(&letters[2].written.raw);
    assert!(raw.contains("Remote-MTA: dns; mx.other.test"), "{raw}");
    let raws = letters.iter().map(|letter| String::from_utf8_lossy(&letter.written.raw).into_owned());
    let ids: std::collections::HashSet<_> =
        raws.filter_map(|raw| raw.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned)).collect();
    assert_eq!(ids.len(), letters.len(), "{ids:?}");
}

/// Of a header that is all of the message, each of a thousand notifications would else take seconds.
#[test]
fn the_header_is_read_once_for_all() {
    let to: Vec<_> = (0..300).map(|number| format!("{number}@x.test")).collect();
    let message = message(&to.iter().map(String::as_str).collect::<Vec<_>>());
    let said: Vec<_> = (0..300).map(|at| later(at, &format!("550 5.1.1 <{}>", to[at]), "")).collect();
    let raw = "X:\r\n".repeat(2 << 20);
    let letters = letters(&message, raw.as_bytes(), &said);
    assert_eq!(letters.len(), 300);
    assert!(letters.iter().all(|letter| (64 << 10..70 << 10).contains(&letter.written.raw.len())));
}
