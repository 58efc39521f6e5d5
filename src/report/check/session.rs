//! How a sender begins and ends sessions, and whether it keeps away when it is locked out.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Seen, Sight, count, span};
use crate::journal::record::Verdict;
use crate::report::dialogue::Verb;

pub(super) fn quit(sight: &Sight<'_>) -> Seen {
    let (mut well, mut badly) = (Vec::new(), Vec::new());
    for dialogue in &sight.dialogues {
        // Who said nothing may have been a probe; who was cut could not say it.
        let Some(last) = dialogue.exchanges.last().filter(|_| dialogue.session.ended.is_some()) else { continue };
        match last.verb {
            Verb::Quit => well.push(dialogue.session.id),
            _ if dialogue.was_cut() => {}
            _ => badly.push(dialogue),
        }
    }
    if let Some(first) = badly.first() {
        let end = first.session.end.as_deref().unwrap_or_default();
        let text = format!("{} of {} without QUIT: {end}", badly.len(), count(badly.len() + well.len(), "session"));
        return Seen::bad(text, badly.iter().map(|dialogue| dialogue.session.id));
    }
    match well.len() {
        0 => Seen::nothing("no session came to its own end"),
        number => Seen::good(format!("{} with QUIT", count(number, "session")), well),
    }
}

/// Who tries sooner does not wait at all.
const AT_ONCE: Duration = Duration::from_secs(60);

pub(super) fn prison(sight: &Sight<'_>) -> Seen {
    let is_inside = |evidence: &&String| evidence.contains(" is in prison ");
    let inside = |verdict: &&Verdict| verdict.evidence.iter().any(|evidence| is_inside(&evidence));
    let tries: Vec<_> = sight.verdicts.iter().copied().filter(inside).collect();
    let Some(first) = tries.first() else { return Seen::nothing("it was in no prison") };
    let sessions = || tries.iter().map(|verdict| verdict.session);
    let soonest = tries.windows(2).map(|pair| pair[1].at.since(pair[0].at)).min();
    let evidence = first.evidence.iter().find(is_inside).map_or("", String::as_str);
    let renews = evidence.contains("starts the time anew");
    let number = count(tries.len(), "attempt");
    match soonest {
        Some(soonest) if soonest < AT_ONCE => {
            Seen::bad(format!("{number} in prison, {} apart: {evidence}", span(soonest)), sessions())
        }
        // Every try renews the time, so that it never ends.
        Some(soonest) if renews && tries.len() > 2 => {
            Seen::bad(format!("{number} in prison, {} apart or more: {evidence}", span(soonest)), sessions())
        }
        _ => Seen::good(format!("{number} in prison, and then it waited: {evidence}"), sessions()),
    }
}

pub(super) fn greeting(sight: &Sight<'_>) -> Seen {
    let mut names = BTreeSet::new();
    for dialogue in &sight.dialogues {
        for exchange in dialogue.exchanges.iter().filter(|said| matches!(said.verb, Verb::Ehlo | Verb::Helo)) {
            let name = exchange.line.split_ascii_whitespace().nth(1).unwrap_or_default();
            if let Err(wrong) = judge(name) {
                return Seen::bad(format!("greeted as `{name}`, {wrong}"), [dialogue.session.id]);
            }
            names.insert(name);
        }
    }
    match names.first() {
        None => Seen::nothing("nobody greeted"),
        Some(name) => {
            let others = match names.len() {
                1 => String::new(),
                number => format!(" and {}", count(number - 1, "other name")),
            };
            let text = format!("greeted as `{name}`{others}");
            Seen::good(text, sight.dialogues.iter().map(|dialogue| dialogue.session.id))
        }
    }
}

/// What is wrong with a name in EHLO, by its form alone.
fn judge(name: &str) -> Result<(), &'static str> {
    if let Some(literal) = name.strip_prefix('[') {
        let address = literal.strip_suffix(']').unwrap_or_default();
        let is_address = match address.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")) {
            Some(_) => address[5..].parse::<Ipv6Addr>().is_ok(),
            None => address.parse::<Ipv4Addr>().is_ok(),
        };
        return if is_address { Ok(()) } else { Err("no address literal") };
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let lower = name.to_ascii_lowercase();
    match () {
        () if name.is_empty() => Err("no name at all"),
        () if name.parse::<Ipv4Addr>().is_ok() || name.parse::<Ipv6Addr>().is_ok() => {
            Err("an address without brackets")
        }
        () if lower == "localhost" || lower.ends_with(".localdomain") || lower.ends_with(".localhost") => {
            Err("which every machine is called")
        }
        () if !name.contains('.') => Err("a name without a domain"),
        () if !name.split('.').all(is_label) => Err("no name of a host"),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_a_domain_or_an_address_literal() {
        for good in ["mail.example.org", "mail.example.org.", "xn--fsq.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "localhost.localdomain",
            "mail",
            "192.0.2.1",
            "[192.0.2]",
            "[2001:db8::1]",
            "2001:db8::1",
            "a_b.example",
            "-a.example",
            "a..example",
            "a.example/",
            "[192.0.2.1",
        ] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }
}
