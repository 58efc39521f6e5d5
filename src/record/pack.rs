//! The pack as TOML. All of it that came over the wire stands in strings and comments that it cannot end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::cases::{Case, Does, Ruling, rulings, usual};
use super::words::{Words, varying};
use super::{Answer, Asked, Exchange, Match, Recording};
use crate::address::parse_domain;
use crate::escape::Escaped;
use crate::smtp::{Canned, Extension};

/// The first line of every pack that was recorded.
const FIRST: &str = "# Recorded by `mockmx record`";

/// The longest text that is shown in a comment.
const SHOWN: usize = 200;

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
        if stage.contains(&Asked::Ehlo) && ehlo_alone_is_refused(&of_stage) {
            let refused = of_stage.iter().filter(|(exchange, _)| exchange.asked == Asked::Ehlo);
            if let Some(Some(words)) = refused.map(|(_, words)| words.as_ref()).next() {
                rules.push(Written { key: "command", of: "EHLO", words: Some(words), ruling: None });
            }
            continue;
        }
        let cases: Vec<_> = of_stage.iter().map(|(exchange, words)| case(exchange, words.as_ref(), &usual)).collect();
        let (found, more) = rulings(&cases, wanted);
        notes.extend(more);
        rules.extend(found.into_iter().map(|ruling| Written { key: "", of: "", words: None, ruling: Some(ruling) }));
    }
    let mut replies = canned(&usual);
    let others = others(&pairs, &mut replies, &mut notes);
    rules.extend(others);
    let mut pack = head(recording, id, upstream, &notes);
    body(&mut pack, recording, &pairs, &replies, upstream);
    let mut ids = BTreeSet::new();
    for rule in &rules {
        rule.write(&mut pack, &mut ids);
    }
    pack
}

/// What is answered at one stage; EHLO and HELO share theirs.
const STAGES: [&[Asked]; 6] =
    [&[Asked::Connect], &[Asked::Ehlo, Asked::Helo], &[Asked::Mail], &[Asked::Rcpt], &[Asked::Data], &[Asked::Message]];

/// A rule: what was found for a stage, or the words for one command or fault.
struct Written<'a> {
    key: &'static str,
    of: &'static str,
    words: Option<&'a Words>,
    ruling: Option<Ruling>,
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

/// An old server knows HELO alone.
fn ehlo_alone_is_refused(of_stage: &[&(&Exchange, &Option<Words>)]) -> bool {
    let classes = |asked: Asked| {
        let of = of_stage.iter().filter(move |(exchange, _)| exchange.asked == asked);
        of.filter_map(|(_, words)| words.as_ref().map(Words::class)).collect::<Vec<_>>()
    };
    let (ehlo, helo) = (classes(Asked::Ehlo), classes(Asked::Helo));
    !ehlo.is_empty() && ehlo.iter().all(|class| *class == b'5') && helo.contains(&b'2')
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

/// The words for what no rule is asked about. The first that came is taken; rules say what cannot stand among replies.
fn others<'a>(
    pairs: &[(&'a Exchange, &'a Option<Words>)],
    replies: &mut BTreeMap<&'static str, String>,
    notes: &mut Vec<String>,
) -> Vec<Written<'a>> {
    let mut rules = Vec::new();
    let mut first = BTreeMap::<&str, &str>::new();
    for (exchange, words) in pairs {
        let Some(words) = words else {
            if matches!(exchange.asked, Asked::Verb(..) | Asked::Fault(_) | Asked::Auth) {
                notes.push(format!("{}: it was not answered, and no rule says so", exchange.asked.name()));
            }
            continue;
        };
        let good = matches!(words.class(), b'2' | b'3');
        let canned = match exchange.asked {
            Asked::Verb(_, canned) => canned,
            Asked::Auth if good => Canned::AuthOk,
            Asked::Auth => Canned::AuthFailed,
            Asked::Nothing if !good => Canned::Timeout,
            Asked::Fault(canned) if !good => canned,
            Asked::Fault(canned) => {
                notes.push(format!("{}: it was taken, which mockmx does not: {}", canned.name(), words.key()));
                continue;
            }
            _ => continue,
        };
        let known = *first.entry(canned.name()).or_insert_with(|| words.key());
        if known != words.key() {
            notes.push(format!("{}: it was answered otherwise as well: {}", canned.name(), words.key()));
        } else if let Words::Template { text, charset: None, .. } = words {
            replies.insert(canned.name(), text.clone());
        } else if !rules.iter().any(|rule: &Written<'_>| {
            rule.of == canned.name() || matches!(exchange.asked, Asked::Verb(verb, _) if rule.of == verb)
        }) {
            match exchange.asked {
                Asked::Verb(verb, _) => {
                    rules.push(Written { key: "command", of: verb, words: Some(words), ruling: None })
                }
                Asked::Fault(_) => {
                    rules.push(Written { key: "fault", of: canned.name(), words: Some(words), ruling: None })
                }
                _ => notes.push(format!("{}: no reply can be written so: {}", canned.name(), words.key())),
            }
        }
    }
    rules
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
    if left_out > 0 {
        comment(
            &mut pack,
            &format!("{left_out} replies are not here: there were too many, or they repeated a password."),
        );
    }
    let mut seen = BTreeSet::new();
    notes.iter().filter(|note| seen.insert(note.as_str())).for_each(|note| comment(&mut pack, note));
    pack
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

impl Written<'_> {
    fn write(&self, pack: &mut String, ids: &mut BTreeSet<String>) {
        let (stage, does) = match (&self.ruling, self.words) {
            (Some(ruling), _) => (ruling.asked.stage().name(), ruling.does.clone()),
            (None, Some(words)) => (self.key, Does::Say { words: words.clone(), closed: false }),
            (None, None) => return,
        };
        let what = match &does {
            Does::Accept => "accept".to_owned(),
            Does::End { then, .. } => (*then).to_owned(),
            Does::Say { words: Words::Template { code, .. }, .. } => code.to_string(),
            Does::Say { .. } => "raw".to_owned(),
        };
        let name =
            if self.of.is_empty() { format!("{stage}-{what}") } else { format!("{}-{what}", self.of.to_lowercase()) };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let Some(id) = std::iter::once(name.clone()).chain(numbered).find(|id| !ids.contains(id)) else { return };
        add(pack, &format!("\n[[rule]]\nid = {}\nstage = {}", quoted(&id), quoted(stage)));
        ids.insert(id);
        if !self.of.is_empty() {
            add(pack, &format!("when.{} = {}", self.key, quoted(self.of)));
        }
        // At these stages no more is known than the connection, so the words are written as they came.
        let literal = self.ruling.is_none();
        if let Some(ruling) = &self.ruling {
            ruling.write(pack);
        }
        outcome(pack, &does, literal);
    }
}

impl Ruling {
    fn write(&self, pack: &mut String) {
        for (key, values) in &self.when {
            let value = match &values[..] {
                [one] => quoted(one),
                several => format!("[{}]", several.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
            };
            // The number of bytes beyond which it holds.
            let value = if *key == "size" { values[0].clone() } else { value };
            add(pack, &format!("when.{key} = {value}"));
        }
        if let Some(wait) = self.wait {
            let key = "{network}+{sender}+{recipient}";
            add(pack, &format!("when.greylist = {{ key = {}, wait = \"{wait}s\" }}", quoted(key)));
            comment(pack, &format!("It was let in after {wait} seconds; it may have been less."));
        }
        if let Some(step) = &self.step {
            let becomes = step.becomes.as_ref().map(|becomes| format!(", becomes = {}", quoted(becomes)));
            let (name, is, becomes) = (quoted(&step.name), quoted(&step.is), becomes.unwrap_or_default());
            add(pack, &format!("scenario = {{ name = {name}, is = {is}{becomes} }}"));
        }
        if self.times > 1 {
            comment(pack, &format!("It was said {} times.", self.times));
        }
    }
}

/// Writes what a rule does.
fn outcome(pack: &mut String, does: &Does, literal: bool) {
    let (words, closed) = match does {
        Does::Accept => return add(pack, "then = \"accept\""),
        Does::End { then, after } => {
            add(pack, &format!("then = {}", quoted(then)));
            return if *after {
                add(pack, "after = \"reply\"")
            };
        }
        Does::Say { words, closed } => (words, *closed),
    };
    match words {
        Words::Template { code: 400.., text, charset, .. } if !literal => {
            add(pack, &format!("reply = {}", quoted(text)));
            if let Some(charset) = charset {
                add(pack, &format!("charset = {}", quoted(charset)));
            }
        }
        Words::Template { raw: text, charset, .. } | Words::Raw { text, charset } => {
            add(pack, &format!("raw = {}", quoted(text)));
            if let Some(charset) = charset {
                add(pack, &format!("charset = {}", quoted(charset)));
            }
        }
    }
    if closed {
        add(pack, "close = true");
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

fn add(pack: &mut String, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(pack, "{line}");
}

/// A string of JSON is one of TOML too, but for DEL.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
