//! Bounces as texts for people. Each server has its own form, but in all of them a reply stands behind a mark or begins
//! a line, its recipient is the address before it, and what says the stage stands around it.

use std::borrow::Cow;
use std::sync::LazyLock;

use mail_parser::{Message, MessageParser, MessagePart, PartType};
use regex::Regex;

use super::{Failure, How, reply, report, span, stage, word};
use crate::brought::{guessed_text, is_bounce, shown, unquoted};

/// The most of a text that is looked at, in bytes, and the most places where a reply may begin.
const LONGEST: usize = 256 * 1024;
const MOST_PLACES: usize = 200;

/// The most lines of a returned header that are looked at.
const MOST_LINES: usize = 1_000;

/// How far around a reply is looked for what belongs to it, in bytes.
const NEAR: usize = 600;

static PLACES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // The beginning of a line, or behind a mark that precedes what is said.
    Regex::new(
        r#"(?:(?m:^)[ \t>|]*|\bsaid:?\s+|\bthan\s+|[:;：；]\s*|['"“‘(<=「【\[]\s*)([45][0-9]{2})(?:[ \t\r\n-]|: )"#,
    )
    .ok()
});
/// An address that a reply stands right behind.
static ADDRESSED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"@[^\s@]+>?[:：]\s*$").ok());
/// Words of bounces, and status codes.
static FAILED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix) \b[45]\.[0-9]{1,3}\.[0-9]{1,3}\b | undeliver | not\s+(?:be\s+)?deliver | deliver[a-z]*\s+(?:has\s+)?fail
        | bounce | reject | refus | fail | denied | \berror | unknown | smtp | mailbox | \bsaid\b | blocked | \bspam\b
        | \bhost\b | \bserver\b | \bRCPT\b | MAIL\ FROM | exist | not\s+found | unavailable | \buser\b | diagnostic
        | 退 | 拒 | 失败 | 失敗 | 无法 | 無法 | 不存在 | 错误 | 錯誤 | 未找到 | 找不到 | 送达 | 投递 | 寄送",
    )
    .ok()
});
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"[^\s<>()\[\]:;,'"“”：，。；（）《》【】@]{1,64}@[^\s<>()\[\]:;,'"“”：，。；（）《》【】@]{1,255}"#)
        .ok()
});
static ORIGINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let marks = [
        "--- Below this line is a copy",
        "------ This is a copy of",
        r"-+ ?Original message ?-+",
        "Original message headers:",
        r"-+ ?Message header follows",
        "-+ ?(?:原始邮件|原邮件)",
        "原始?邮件(?:标|的)?头[:：]",
        // Where a boundary is broken.
        "Content-Type: *(?:message|text)/(?:global-|rfc822-)?(?:rfc822|headers) *;?",
    ];
    Regex::new(&format!("(?im)^ *(?:{}).*$", marks.join("|"))).ok()
});
static REMOTE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let name = r"([A-Za-z0-9._-]{1,255}?)";
    [
        format!(r"(?i)\bhost\s+{name}\s*[\[(]([0-9A-Fa-f.:]+)[\])]"),
        format!(r"\bH={name} \[([0-9A-Fa-f.:]+)\]"),
        format!(r"\brelay={name}\.?\s*\[([0-9A-Fa-f.:]+)\]"),
        format!(r"(?i)\bby {name}\.? \[([0-9A-Fa-f.:]+)\]"),
        format!(r"(?i)while talking to {name}\.?:"),
        r"\b([0-9]{1,3}(?:\.[0-9]{1,3}){3})\s+(?:does\s+not\s+like|failed\s)".to_owned(),
        r"Connected\s+to\s+([0-9A-Fa-f.:]+)\s+but".to_owned(),
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// The text of a mail, and whether its charset is only guessed.
pub(super) fn text_of(mail: &Message<'_>) -> (String, bool) {
    let (mut text, mut is_guessed) = (String::new(), false);
    for number in 0..mail.text_body_count().min(5) {
        let html = |part: &MessagePart<'_>| match &part.body {
            PartType::Html(html) => Some(Cow::Owned(shown(html))),
            _ => None,
        };
        let guessed = guessed_text(mail, number);
        is_guessed |= guessed.is_some();
        let part = u32::try_from(number).ok().and_then(|number| mail.text_part(number));
        let part = guessed.or_else(|| html(part?)).or_else(|| mail.body_text(number));
        text.push_str(&part.unwrap_or_default());
        text.push('\n');
    }
    (unquoted(&text).into_owned(), is_guessed)
}

/// The failures that the text of a mail tells of.
pub(super) fn of_mail(mail: &Message<'_>, text: &str) -> Vec<Failure> {
    let of_bounce: Vec<_> = [mail.from(), mail.to()]
        .into_iter()
        .flatten()
        .filter_map(|addresses| addresses.first()?.address())
        .map(str::to_ascii_lowercase)
        .collect();
    let is_told = is_bounce(mail) || mail.header_raw("X-Failed-Recipients").is_some();
    let mut found = read(text, &of_bounce, is_told);
    let named = mail.header_raw("X-Failed-Recipients").unwrap_or_default();
    let named: Vec<_> = named.split(',').filter_map(word).filter(|name| name.contains('@')).take(super::MOST).collect();
    // Who is named failed, whatever the text says; one alone is whom it speaks of.
    if let ([one], [failure]) = (&named[..], &mut found[..]) {
        failure.recipient = Some(one.clone());
    }
    for name in named {
        if !found.iter().any(|known| known.recipient.as_ref().is_some_and(|one| one.eq_ignore_ascii_case(&name))) {
            found.push(Failure { recipient: Some(name), ..Failure::default() });
        }
    }
    found
}

/// The mail that failed, where a text has a copy of it behind itself.
pub(super) fn original(text: &str) -> Option<super::Original> {
    let mark = ORIGINAL.as_ref()?.find(text)?;
    let mut rest = text[mark.end()..].trim_start_matches(['\r', '\n']);
    if mark.as_str().to_ascii_lowercase().contains("content-type:") {
        // The rest of the part's own fields.
        let behind = ["\n\n", "\r\n\r\n"].iter().find_map(|end| text[mark.end()..].split_once(end));
        rest = behind.map_or(rest, |(_, behind)| behind);
    }
    let indent = &rest[..rest.len() - rest.trim_start().len()];
    let lines = rest.lines().take(MOST_LINES).map(|line| line.strip_prefix(indent).unwrap_or(line));
    let rest = lines.collect::<Vec<_>>().join("\n");
    let header = MessageParser::default().parse_headers(rest.as_bytes())?;
    let original = report::of_header(&header);
    (original.from.is_some() || original.subject.is_some()).then_some(original)
}

/// The failures of a text. Addresses in `of_bounce` are of the bounce itself, and so not who failed. Where nothing says
/// that it is a bounce (`is_told`), numbers in it may be anything, and something must speak of a failure.
pub(super) fn read(text: &str, of_bounce: &[String], is_told: bool) -> Vec<Failure> {
    let text = text.replace("\r\n", "\n");
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let text = ORIGINAL.as_ref().and_then(|mark| mark.find(text)).map_or(text, |mark| &text[..mark.start()]);
    let Some(places) = &*PLACES else { return Vec::new() };
    let (mut found, mut done): (Vec<Failure>, usize) = (Vec::new(), 0);
    for place in places.captures_iter(text).take(MOST_PLACES) {
        let Some(code) = place.get(1).filter(|code| code.start() >= done) else { continue };
        let end = span::end(text, code.start());
        let Some(heard) = reply::read(&text[code.start()..end]) else { continue };
        let (before, after) = around(text, code.start(), end, done);
        let begins = text[..code.start()].trim().is_empty();
        if !is_told && !begins && !is_of_failure(before, &text[code.start()..end], after) {
            continue;
        }
        let failure = Failure {
            recipient: recipient(before, &text[code.start()..end], after, of_bounce),
            stage: stage::said(&format!("{before} {after}")),
            remote: remote(before).or_else(|| remote(after)),
            reply: Some(heard),
            how: How::Text,
            ..Failure::default()
        };
        done = end;
        add(&mut found, failure);
    }
    found
}

/// Whether something near a reply says that it is one of a server.
fn is_of_failure(before: &str, reply: &str, after: &str) -> bool {
    let begins = ADDRESSED.as_ref().is_some_and(|pattern| pattern.is_match(before));
    begins || FAILED.as_ref().is_some_and(|pattern| [before, reply, after].iter().any(|text| pattern.is_match(text)))
}

/// Adds a failure; one without a recipient of its own speaks of the one before.
fn add(found: &mut Vec<Failure>, failure: Failure) {
    let speaks = |known: &Failure| known.could_say(&failure) && (known.is_of(&failure) || failure.recipient.is_none());
    match found.iter().rposition(speaks) {
        Some(known) => found[known].take(failure),
        None if found.len() < super::MOST => found.push(failure),
        None => {}
    }
}

/// The reply in a text, and what stands around it.
pub(super) fn reply_within(text: &str) -> (Option<reply::Heard>, String) {
    let place = PLACES.as_ref().and_then(|places| places.captures(text)?.get(1));
    let Some(code) = place else { return (None, text.to_owned()) };
    let end = span::end(text, code.start());
    (reply::read(&text[code.start()..end]), format!("{} {}", &text[..code.start()], &text[end..]))
}

/// What stands near a reply: before it, but not before what was read already, and behind it in its paragraph.
fn around(text: &str, start: usize, end: usize, done: usize) -> (&str, &str) {
    let mut from = start.saturating_sub(NEAR).max(done);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let mut to = (end + NEAR).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    let after = &text[end..to];
    let after = &after[..after.find("\n\n").unwrap_or(after.len())];
    (&text[from..start], after)
}

/// The address that stands nearest before a reply, else in it, else behind it.
fn recipient(before: &str, reply: &str, after: &str, of_bounce: &[String]) -> Option<String> {
    let pattern = ADDRESS.as_ref()?;
    let all = |text: &str| -> Vec<String> {
        let found = pattern.find_iter(text).map(|found| found.as_str().trim_matches(['.', '*', '`', '=']).to_owned());
        let is_server = |found: &str| found.starts_with("postmaster@") || found.starts_with("mailer-daemon@");
        found
            .filter(|found| {
                let found = found.to_ascii_lowercase();
                !of_bounce.contains(&found) && !is_server(&found)
            })
            .filter_map(|found| word(&found))
            .collect()
    };
    let mut before = all(before);
    let mut behind = all(reply);
    behind.extend(all(after));
    before.pop().or_else(|| (!behind.is_empty()).then(|| behind.remove(0)))
}

/// The server that is named in a text, the last one.
pub(super) fn remote(text: &str) -> Option<String> {
    let found = REMOTE.iter().filter_map(|pattern| pattern.captures_iter(text).last());
    let last = found.max_by_key(|found| found.get(0).map_or(0, |all| all.start()))?;
    let name = last.get(1).map(|name| name.as_str().trim_end_matches('.'))?;
    let address = last.get(2).map(|address| format!(" [{}]", address.as_str())).unwrap_or_default();
    word(&format!("{name}{address}"))
}
