//! The pack as TOML. All of it that came over the wire stands in strings and comments that it cannot end.

mod other;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::other::Others;
use super::cases::{Case, Does, Ruling, rulings, usual};
use super::words::{Words, varying};
use super::{Answer, Asked, Exchange, Match, Recording};
use crate::address::{Address, fold, parse_domain};
use crate::document::written::{add, quoted};
use crate::escape::Escaped;
use crate::policy::trigger::DOMAIN;
use crate::smtp::{Canned, Extension};

/// The first line of every pack that was recorded.
const FIRST: &str = "# Recorded by `mockmx record`";

/// The longest text that is shown in a comment, and how many notes there are at most.
const SHOWN: usize = 200;
const MOST_NOTES: usize = 50;

pub(super) fn write(recording: &Recording, id: &str, upstream: &str, wanted: &[Match]) -> String {
    let varying = varying(&recording.exchanges);
    let heard = |exchange: &Exchange| match &exchange.answer {
        Answer::Reply { bytes, .. } => Some(Words::of(exchange, bytes, &varying)),
        _ => None,
    };
    let words: Vec<_> = recording.exchanges.iter().map(heard).collect();
    let pairs: Vec<_> = recording.exchanges.iter().zip(&words).collect();
    let mut notes = Vec::new();
    let usual = usual(pairs.iter().filter_map(|(exchange, words)| {
        let words = words.as_ref()?;
        is_usual(exchange, words).then_some((exchange.asked, words))
    }));
    let mut rules = Vec::new();
    for stage in STAGES {
        let of_stage: Vec<_> = pairs.iter().filter(|(exchange, _)| stage.contains(&exchange.asked)).collect();
        if let Some(words) = refusal_of_ehlo_alone(&of_stage) {
            rules.push(Rule::Words { stage: "command", of: "EHLO", words });
            continue;
        }
        let cases: Vec<_> = of_stage.iter().map(|(exchange, words)| case(exchange, words.as_ref(), &usual)).collect();
        let (found, more) = rulings(&cases, wanted);
        notes.extend(more);
        rules.extend(found.into_iter().map(|ruling| Rule::Ruled(ruling.into())));
    }
    let mut others = Others::new(canned(&usual));
    pairs.iter().for_each(|(exchange, words)| others.add(exchange, words.as_ref()));
    rules.append(&mut others.rules);
    notes.append(&mut others.notes);
    let mut pack = head(recording, id, upstream, &notes);
    body(&mut pack, recording, &pairs, &others.replies, upstream);
    let mut ids = BTreeSet::new();
    rules.iter().for_each(|rule| rule.write(&mut pack, &mut ids));
    pack
}

/// What is answered at one stage; EHLO and HELO share theirs.
const STAGES: [&[Asked]; 6] =
    [&[Asked::Connect], &[Asked::Ehlo, Asked::Helo], &[Asked::Mail], &[Asked::Rcpt], &[Asked::Data], &[Asked::Message]];

/// A rule.
enum Rule<'a> {
    /// What was found for a stage.
    Ruled(Box<Ruling>),
    /// The words for one command or fault, by its name at a stage of that name.
    Words { stage: &'static str, of: &'static str, words: &'a Words },
}

/// Whether a reply can be what is said where no rule speaks.
fn is_usual(exchange: &Exchange, words: &Words) -> bool {
    let good = if exchange.asked == Asked::Data { b'3' } else { b'2' };
    let staged = STAGES.iter().any(|stage| stage.contains(&exchange.asked));
    staged && words.class() == good && matches!(words, Words::Template { charset: None, .. })
}

fn case<'a>(exchange: &'a Exchange, words: Option<&Words>, usual: &BTreeMap<Asked, &Words>) -> Case<'a> {
    let does = match (&exchange.answer, words) {
        (Answer::Reply { closed, .. }, Some(words)) => {
            let is_usual = usual.get(&exchange.asked).is_some_and(|usual| usual.key() == words.key());
            match (is_usual, closed) {
                (true, false) => Does::Accept,
                (true, true) => Does::End { then: "drop", after: true },
                (false, closed) => {
                    let goodbye = matches!(words, Words::Template { code: 421, .. });
                    // Instead of the banner, a refusal is the last word anyway.
                    let refuses = !matches!(words.class(), b'2' | b'3') && exchange.asked != Asked::Connect;
                    Does::Say { words: words.clone(), closed: refuses && (*closed || goodbye) }
                }
            }
        }
        (Answer::Reset, _) => Does::End { then: "reset", after: false },
        (Answer::Silent, _) => Does::End { then: "stall", after: false },
        _ => Does::End { then: "drop", after: false },
    };
    Case { exchange, does }
}

/// An old server knows HELO alone; what it says to EHLO.
fn refusal_of_ehlo_alone<'a>(of_stage: &[&(&Exchange, &'a Option<Words>)]) -> Option<&'a Words> {
    let of = |asked: Asked| {
        let of = of_stage.iter().filter(move |(exchange, _)| exchange.asked == asked);
        of.filter_map(|(_, words)| words.as_ref())
    };
    let helo = of(Asked::Helo).any(|words| words.class() == b'2');
    let refused = of(Asked::Ehlo).all(|words| words.class() == b'5');
    of(Asked::Ehlo).next().filter(|_| helo && refused)
}

fn canned(usual: &BTreeMap<Asked, &Words>) -> BTreeMap<&'static str, String> {
    let canned = |asked: &Asked| match asked {
        Asked::Connect => Some(Canned::Banner),
        Asked::Ehlo => Some(Canned::Ehlo),
        Asked::Helo => Some(Canned::Helo),
        Asked::Mail => Some(Canned::Mail),
        Asked::Rcpt => Some(Canned::Rcpt),
        Asked::Data => Some(Canned::Data),
        Asked::Message => Some(Canned::Message),
        _ => None,
    };
    let text = |words: &Words| match words {
        Words::Template { text, .. } => Some(text.clone()),
        Words::Raw { .. } => None,
    };
    usual.iter().filter_map(|(asked, words)| Some((canned(asked)?.name(), text(words)?))).collect()
}

fn head(recording: &Recording, id: &str, upstream: &str, notes: &[String]) -> String {
    let mut pack = String::new();
    let (kept, sessions, left_out) = recording.counts();
    add(&mut pack, FIRST);
    comment(&mut pack, &format!("from {upstream}: {kept} replies in {sessions} sessions."));
    comment(&mut pack, &format!("It is played back by `mockmx --policies {id}.toml --provider {id}`."));
    if !recording.withheld.is_empty() {
        comment(&mut pack, &format!("Not passed on, so not here: {}.", recording.withheld.join(", ")));
    }
    if recording.offered.is_some_and(|offered| offered.contains(Extension::Auth)) {
        comment(&mut pack, "EHLO offers AUTH on submission listeners alone, 127.0.0.1:2587 by default.");
    }
    if recording.exchanges.iter().any(names_a_rule) {
        comment(
            &mut pack,
            "Names within mockmx.test may name a rule of mockmx's own, which then speaks instead of those here.",
        );
    }
    if left_out > 0 {
        comment(
            &mut pack,
            &format!("{left_out} replies are not here: there were too many, or they repeated a password."),
        );
    }
    let mut seen = BTreeSet::new();
    notes.iter().filter(|note| seen.insert(note.as_str())).take(MOST_NOTES).for_each(|note| comment(&mut pack, note));
    pack
}

/// Whether what was said would be taken for the name of a rule when it is said again.
fn names_a_rule(exchange: &Exchange) -> bool {
    let of = &exchange.of;
    let sender = of.sender.as_ref().and_then(|sender| sender.address());
    let domains = of.recipients.iter().chain(sender).map(Address::domain);
    let is_within = |name: &str| fold(name).strip_suffix(DOMAIN).is_some_and(|rest| rest.ends_with('.'));
    domains.chain(of.helo.as_deref()).any(is_within)
}

fn body(
    pack: &mut String,
    recording: &Recording,
    pairs: &[(&Exchange, &Option<Words>)],
    replies: &BTreeMap<&'static str, String>,
    upstream: &str,
) {
    add(pack, &format!("name = {}", quoted(&format!("Recorded from {upstream}"))));
    let greeting = pairs.iter().find(|(exchange, _)| exchange.asked == Asked::Connect);
    let host = greeting.and_then(|(_, words)| match words {
        Some(Words::Template { raw, .. }) => raw.get(4..)?.split_ascii_whitespace().next(),
        _ => None,
    });
    let is_name =
        |name: &&str| name.contains('.') && parse_domain(name).is_ok_and(|domain| domain == name.to_lowercase());
    if let Some(host) = host.filter(is_name) {
        add(pack, &format!("host = {}", quoted(host)));
    }
    if let Some(offered) = recording.offered {
        let names: Vec<_> = offered.iter().map(Extension::name).collect();
        add(pack, &format!("extensions = {}", Value::from(names)));
    }
    if !replies.is_empty() {
        add(pack, "\n[replies]");
        for (name, text) in replies {
            add(pack, &format!("{name} = {}", quoted(text)));
        }
    }
}

/// Adds a comment of one line, of which a stranger may have written a part.
fn comment(pack: &mut String, text: &str) {
    let mut shown = Escaped(text).to_string();
    if let Some((end, _)) = shown.char_indices().nth(SHOWN) {
        shown.truncate(end);
        shown.push('…');
    }
    add(pack, &format!("# {shown}"));
}
