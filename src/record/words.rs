//! A reply as a pack says it: as a template where it can be one, else to the byte.

use encoding_rs::GB18030;

use super::replies::class;
use super::vary::{Sample, Span, Varying};
use super::{Answer, Asked, Circumstances, Exchange};
use crate::address::Address;
use crate::reply::Reply;
use crate::template::Placeholder;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// As a template, with its code.
    Template {
        code: u16,
        text: String,
        /// What is the same for replies that differ only in what varies.
        key: String,
        /// As it was, for where there can be no placeholder.
        raw: String,
        charset: Option<&'static str>,
    },
    /// As it was.
    Raw { text: String, charset: Option<&'static str> },
}

impl Words {
    /// The words of a reply that answered this.
    pub(super) fn of(exchange: &Exchange, bytes: &[u8], varying: &Varying) -> Self {
        let (raw, charset) = decode(bytes);
        // As bytes, a text has no characters in which anything could be found.
        let Some(reply) = parse(&raw).filter(|_| charset != Some("bytes")) else {
            return Self::Raw { text: raw, charset };
        };
        let (mut text, mut key) = (format!("{} ", reply.code()), format!("{} ", reply.code()));
        for (index, line) in reply.lines().iter().enumerate() {
            if index > 0 {
                text.push('\n');
                key.push('\n');
            }
            // What EHLO lists are words, whatever they look like.
            let lists = exchange.asked == Asked::Ehlo && index > 0 && !line.starts_with("coremail ");
            let queued = Placeholder::QueueId.known_at(exchange.asked.stage());
            let mut spans = if lists { Vec::new() } else { varying.spans(line, exchange.of.time, queued) };
            if !lists {
                spans.extend(values(exchange.asked, &exchange.of).iter().flat_map(|value| value.within(line)));
            }
            fill(line, spans, &mut text, &mut key);
        }
        Self::Template { code: reply.code(), text, key, raw, charset }
    }

    /// What is the same for replies that are the same but for what varies.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Template { key, .. } => key,
            Self::Raw { text, .. } => text,
        }
    }

    /// The first digit of the code; of several, that of the last line's, by which clients go.
    pub(super) fn class(&self) -> u8 {
        match self {
            Self::Template { raw: text, .. } | Self::Raw { text, .. } => class(text.as_bytes()),
        }
    }
}

/// What varies among the replies.
pub(super) fn varying(exchanges: &[Exchange]) -> Varying {
    // What EHLO lists are words, whatever they look like.
    let replies = exchanges.iter().filter(|exchange| exchange.asked != Asked::Ehlo).filter_map(|exchange| {
        let Answer::Reply { bytes, .. } = &exchange.answer else { return None };
        Some((exchange, decode(bytes).0))
    });
    let replies: Vec<_> = replies.collect();
    let samples = replies.iter().map(|(exchange, text)| Sample {
        session: exchange.of.session,
        kind: format!("{:?} {:?}", exchange.asked, text.get(..3)),
        refuses: text.starts_with(['4', '5']),
        text,
        said: said(&exchange.of),
    });
    Varying::among(&samples.collect::<Vec<_>>())
}

fn said(of: &Circumstances) -> Vec<&str> {
    let sender = of.sender.as_ref().and_then(|sender| sender.address());
    let addresses = of.recipients.iter().chain(sender).map(Address::as_str);
    addresses.chain(of.helo.as_deref()).chain(of.login.as_deref()).chain(of.subject.as_deref()).collect()
}

/// Bytes as text, and the charset that makes the same bytes of it again.
fn decode(bytes: &[u8]) -> (String, Option<&'static str>) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), None);
    }
    if let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes)
        && *GB18030.encode(&text).0 == *bytes
    {
        return (text.into_owned(), Some("GB18030"));
    }
    (bytes.iter().copied().map(char::from).collect(), Some("bytes"))
}

/// The reply that goes over the wire as this text does.
fn parse(text: &str) -> Option<Reply> {
    let lines: Vec<_> = text.strip_suffix("\r\n")?.split("\r\n").collect();
    let code = lines[0].get(..3)?;
    let texts = lines.iter().map(|line| line.get(4..)).collect::<Option<Vec<_>>>()?;
    let reply = Reply::parse(&format!("{code} {}", texts.join("\n"))).ok()?;
    (reply.to_wire() == text).then_some(reply)
}

/// What the client said, as far as a placeholder has it.
struct Value {
    text: String,
    placeholder: Placeholder,
}

/// With fewer characters than this a value would be found in many a word.
const SHORTEST: usize = 3;

fn values(asked: Asked, of: &Circumstances) -> Vec<Value> {
    let sender = of.sender.as_ref().and_then(|sender| sender.address());
    let recipient = of.recipients.first();
    let pairs = [
        (recipient.map(Address::as_str), Placeholder::Recipient),
        (sender.map(Address::as_str), Placeholder::Sender),
        (of.login.as_deref(), Placeholder::Login),
        (recipient.map(Address::domain), Placeholder::RecipientDomain),
        (sender.map(Address::domain), Placeholder::SenderDomain),
        (of.helo.as_deref(), Placeholder::Helo),
    ];
    let known = |placeholder: Placeholder| match asked {
        // Words for these are said whatever is known.
        Asked::Verb(..) | Asked::Fault(_) => placeholder == Placeholder::Helo,
        _ => placeholder.known_at(asked.stage()),
    };
    let said = pairs.into_iter().filter_map(|(text, placeholder)| Some((text?.to_owned(), placeholder)));
    let ip = [(of.ip.to_string(), Placeholder::Ip)];
    let fits = |(text, placeholder): &(String, Placeholder)| text.chars().count() >= SHORTEST && known(*placeholder);
    said.chain(ip).filter(fits).map(|(text, placeholder)| Value { text, placeholder }).collect()
}

impl Value {
    /// Where it stands by itself.
    fn within<'v>(&'v self, line: &'v str) -> impl Iterator<Item = Span> + 'v {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
        let alone = move |at: usize| {
            let (before, after) = (&line[..at], &line[at + self.text.len()..]);
            let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@'))
                || after.starts_with('.') && after[1..].starts_with(char::is_alphanumeric);
            let domain = matches!(self.placeholder, Placeholder::SenderDomain | Placeholder::RecipientDomain);
            // A domain may stand behind another local part.
            let begun = before.chars().next_back().is_some_and(|c| is_part(c) && !(domain && c == '@'));
            !begun && !goes_on
        };
        line.match_indices(self.text.as_str()).map(|(at, _)| at).filter(move |at| alone(*at)).map(|at| {
            let template = format!("{{{}}}", self.placeholder.name());
            Span { at: at..at + self.text.len(), key: template.clone(), template }
        })
    }
}

/// Writes a line with its spans replaced: the first, and of several that begin together the longest; of equal ones that
/// which stands first.
fn fill(line: &str, mut spans: Vec<Span>, text: &mut String, key: &mut String) {
    spans.sort_by_key(|span| (span.at.start, std::cmp::Reverse(span.at.end)));
    let plain = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let mut end = 0;
    for span in spans {
        if span.at.start < end {
            continue;
        }
        let before = plain(&line[end..span.at.start]);
        text.push_str(&before);
        key.push_str(&before);
        text.push_str(&span.template);
        key.push_str(&span.key);
        end = span.at.end;
    }
    let rest = plain(&line[end..]);
    text.push_str(&rest);
    key.push_str(&rest);
}
