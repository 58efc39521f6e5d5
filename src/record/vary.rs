//! What of a reply is another each time, and not because of what the client said: ids and times.
//!
//! An id is known by its form, or because it is what two otherwise equal replies differ in. What came back the same in
//! another session is none.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::clock::Time;

/// A part of a text, and the placeholder for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: Range<usize>,
    /// As a template has it.
    pub(super) template: String,
    /// The same without what is in the template only for the form.
    pub(super) key: String,
}

/// Ids by their form, in the first group. What stands before one counts: `queued as`, `id=`.
static IDS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        // Coremail's and Exim's, and UUIDs.
        r"\b([0-9A-Za-z_-]{20,26}--\.\d{3,6}S\d+)",
        r"\b([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})\b",
        r"\b([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})\b",
        r"([0-9A-Za-z._-]{10,}) - gsmtp",
        r"(?i)\b(?:queued as|queued mail for delivery as|message accepted as|internalid=|queue[ -]?id[ :=]*|\bid[ :=]+|\bqp|\bsession)[ <(#]*([0-9A-Za-z][0-9A-Za-z_=+/-]{4,})",
        // Anything long that is neither a word nor a number.
        r"\b([0-9A-Za-z_-]{16,})",
    ];
    forms.iter().filter_map(|form| Regex::new(form).ok()).collect()
});

static COREMAIL_TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^coremail ([0-9A-Za-z]{60,})$").ok());

static EPOCH: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(1[0-9]{9}|2[0-9]{9})\b").ok());

/// Times by their form; each with how strftime writes it. The date alone is looked at to tell whether it is today's.
static TIMES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        r"\b(?<weekday>[A-Z][a-z]{2}), (?<day>\d{1,2}) (?<month>[A-Z][a-z]{2}) (?<year>20\d\d) (?<clock>\d\d:\d\d:\d\d) (?<zone>[+-]\d{4}|GMT|UTC)(?: \([A-Z]{2,5}\))?",
        r"\b(?<weekday>[A-Z][a-z]{2}) (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<clock>\d\d:\d\d:\d\d) (?<year>20\d\d)\b",
        r"\b(?<year>20\d\d)-(?<number>\d\d)-(?<day>\d\d)(?<t>[T ])(?<clock>\d\d:\d\d:\d\d)(?<fraction>\.\d{1,9})?(?<zone>Z|[+-]\d\d:?\d\d)?",
    ];
    forms.iter().filter_map(|form| Regex::new(form).ok()).collect()
});

/// What was found to vary, and what not.
#[derive(Debug, Default)]
pub(super) struct Varying {
    /// Words that are ids, since they are all that replies differ in.
    found: BTreeSet<String>,
    /// Words that look like ids and came in several sessions.
    constant: BTreeSet<String>,
}

/// A reply as this is looked for in it: its session, what kind it is of, and whether it is a refusal.
pub(super) struct Sample<'a> {
    pub(super) session: u64,
    pub(super) kind: String,
    pub(super) refuses: bool,
    pub(super) text: &'a str,
    /// What the client said: of this, nothing is an id.
    pub(super) said: Vec<&'a str>,
}

impl Varying {
    pub(super) fn among(samples: &[Sample<'_>]) -> Self {
        let mut sessions = BTreeMap::<&str, BTreeSet<u64>>::new();
        let mut alike = BTreeMap::<(String, String), Vec<Vec<&str>>>::new();
        for sample in samples {
            for form in IDS.iter() {
                let ids = form.captures_iter(sample.text).filter_map(|found| found.get(1));
                ids.for_each(|id| {
                    sessions.entry(id.as_str()).or_default().insert(sample.session);
                });
            }
            let (frame, words) = framed(sample);
            alike.entry((sample.kind.clone(), frame)).or_default().push(words);
        }
        let constant = sessions.into_iter().filter(|(_, sessions)| sessions.len() > 1).map(|(id, _)| id.to_owned());
        let mut found = BTreeSet::new();
        for replies in alike.values() {
            for place in 0..replies.first().map_or(0, Vec::len) {
                let values: BTreeSet<_> = replies.iter().filter_map(|words| words.get(place).copied()).collect();
                if values.len() > 1 {
                    found.extend(values.into_iter().map(str::to_owned));
                }
            }
        }
        Self { found, constant: constant.collect() }
    }

    /// The ids and times of a line that came at `now`; `queued` if there is a message that has an id.
    pub(super) fn spans(&self, line: &str, now: Time, queued: bool) -> Vec<Span> {
        let mut spans = times(line, now);
        let group = |form: &'static LazyLock<Option<Regex>>| {
            form.iter().flat_map(|form| form.captures_iter(line)).filter_map(|found| found.get(1)).collect::<Vec<_>>()
        };
        for token in group(&COREMAIL_TOKEN) {
            let template = "{coremail-token}".to_owned();
            spans.push(Span { at: token.range(), key: template.clone(), template });
        }
        for epoch in group(&EPOCH) {
            let seconds = epoch.as_str().parse::<u64>().unwrap_or_default();
            if seconds.abs_diff(now.unix_seconds()) < 24 * 60 * 60 {
                let template = "{epoch}".to_owned();
                spans.push(Span { at: epoch.range(), key: template.clone(), template });
            }
        }
        for form in IDS.iter() {
            let ids = form.captures_iter(line).filter_map(|found| found.get(1));
            spans.extend(
                ids.filter(|id| self.is_id(id.as_str())).map(|found| id(found.range(), found.as_str(), queued)),
            );
        }
        for (at, word) in words(line).filter(|(_, word)| self.found.contains(*word)) {
            let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
            let kept = if word.len() < SHORT { name.len() } else { 0 };
            spans.push(id(at + kept..at + word.len(), &word[kept..], queued));
        }
        spans
    }

    fn is_id(&self, word: &str) -> bool {
        let count = |of: fn(&u8) -> bool| word.bytes().filter(of).count();
        let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
        let is_mixed = digits >= 2 && letters >= 1 || digits >= 5;
        is_mixed && !self.constant.contains(word)
    }
}

fn id(at: Range<usize>, word: &str, queued: bool) -> Span {
    let is_postfix =
        (9..=12).contains(&word.len()) && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if word.contains("--.") {
        return Span { at, template: "{coremail-id}".to_owned(), key: "{id}".to_owned() };
    }
    if is_postfix && queued {
        return Span { at, template: "{queue-id}".to_owned(), key: "{id}".to_owned() };
    }
    Span { at, template: format!("{{id:{word}}}"), key: "{id}".to_owned() }
}

/// Words shorter than this name a machine, as `mx4`, of which only the number varies.
const SHORT: usize = 5;

/// A text with what may be an id left out, and that.
fn framed<'a>(sample: &Sample<'a>) -> (String, Vec<&'a str>) {
    let (mut frame, mut left_out, mut end) = (String::new(), Vec::new(), 0);
    for (at, word) in words(sample.text) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_machine =
            word.len() < SHORT && digits > 0 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) && !name.is_empty();
        let may_vary = match sample.refuses {
            true => word.len() >= 8 && digits >= 2,
            false => word.len() >= SHORT && digits >= 1 || is_machine,
        };
        if may_vary && !sample.said.iter().any(|said| said.contains(word)) {
            frame.push_str(&sample.text[end..at]);
            frame.push('\0');
            frame.push_str(if is_machine { name } else { "" });
            left_out.push(word);
            end = at + word.len();
        }
    }
    frame.push_str(&sample.text[end..]);
    (frame, left_out)
}

/// The words of which ids are made, with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/');
    let words = text.split(move |c: char| !is_part(c)).filter(|word| !word.is_empty());
    let place = move |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    // A part of a name or an address is none.
    words.map(move |word| (place(word), word)).filter(move |(at, word)| {
        let near = |c: Option<char>| c.is_some_and(|c| matches!(c, '.' | '@' | ':'));
        let after = &text[at + word.len()..];
        let goes_on = near(after.chars().next()) && after[1..].starts_with(|c: char| c.is_ascii_alphanumeric());
        !near(text[..*at].chars().next_back()) && !goes_on
    })
}

fn times(line: &str, now: Time) -> Vec<Span> {
    let mut spans = Vec::new();
    for found in TIMES.iter().flat_map(|form| form.captures_iter(line)) {
        let part = |name| found.name(name).map_or("", |part| part.as_str());
        let (format, date) = if found.name("number").is_some() {
            let fraction =
                if part("fraction").is_empty() { String::new() } else { format!("%.{}f", part("fraction").len() - 1) };
            let zone = match part("zone") {
                "" => "",
                "Z" => "Z",
                zone if zone.contains(':') => "%:z",
                _ => "%z",
            };
            (format!("%Y-%m-%d{}%H:%M:%S{fraction}{zone}", part("t")), "%Y-%m-%d")
        } else if found.name("zone").is_none() {
            ("%a %b %e %H:%M:%S %Y".to_owned(), "%b %e %Y")
        } else {
            let day = if part("day").len() == 1 { "%-d" } else { "%d" };
            let zone = if part("zone").starts_with(['+', '-']) { "%z" } else { part("zone") };
            (format!("%a, {day} %b %Y %H:%M:%S {zone}"), if day == "%d" { "%d %b %Y" } else { "%-d %b %Y" })
        };
        let written = match date {
            "%Y-%m-%d" => format!("{}-{}-{}", part("year"), part("number"), part("day")),
            "%b %e %Y" => format!("{} {} {}", part("month"), part("day"), part("year")),
            _ => format!("{} {} {}", part("day"), part("month"), part("year")),
        };
        // One that is neither yesterday's nor tomorrow's says when something else was.
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let near = [now.before(day), now, now.after(day)];
        if near.iter().any(|time| time.format(date).is_ok_and(|date| date == written)) {
            let Some(whole) = found.get(0) else { continue };
            let template = format!("{{time:{format}}}");
            spans.push(Span { at: whole.range(), key: template.clone(), template });
        }
    }
    spans
}
