//! Replies as bounces write them, taken back to what went over the wire.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use utoipa::ToSchema;

use super::space;
use crate::message::guess;
use crate::reply::Reply;

/// The longest reply, in bytes, and the most lines.
const LONGEST: usize = 8 * 1024;
const MOST_LINES: usize = 50;

/// A reply, and what may be otherwise in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The reply.
    pub reply: Reply,
    /// Why it may not be what was said, byte for byte.
    pub doubts: Vec<Doubt>,
}

impl Heard {
    /// Its text came from what does not say its charset.
    pub(super) fn guessed(&mut self) {
        if !self.doubts.contains(&Doubt::Charset) && self.reply.lines().iter().any(|line| !line.is_ascii()) {
            self.doubts.push(Doubt::Charset);
        }
    }

    /// The same text may also have come from what says its charset.
    pub(super) fn confirm(&mut self, other: &Self) {
        if bare(&self.reply) == bare(&other.reply) && !other.doubts.contains(&Doubt::Charset) {
            self.doubts.retain(|doubt| *doubt != Doubt::Charset);
        }
    }

    /// Whether this is the same text and nearer to what was said. White space gets lost on the way, and is never added.
    pub(super) fn is_truer_than(&self, other: &Self) -> bool {
        let length = |heard: &Self| heard.reply.lines().iter().map(String::len).sum::<usize>();
        let (lines, others) = (self.reply.lines().len(), other.reply.lines().len());
        bare(&self.reply) == bare(&other.reply) && (lines, length(self)) > (others, length(other))
    }

    /// Takes over the white space that another reading of the same words has: each may have been folded elsewhere.
    pub(super) fn widen(&mut self, other: &Self) {
        let (mine, others) = (self.reply.lines(), other.reply.lines());
        if self.reply.code() == other.reply.code() && mine.len() == others.len() {
            let lines: Option<Vec<_>> = mine.iter().zip(others).map(|(one, other)| space::widest(one, other)).collect();
            self.reply = lines.map_or_else(|| self.reply.clone(), |lines| Reply::with_lines(self.reply.code(), lines));
        }
    }
}

/// A reply's text without white space, which gets lost on the way, and so may what parts its lines.
pub(super) fn bare(reply: &Reply) -> String {
    reply.lines().iter().flat_map(|line| line.split_whitespace()).collect()
}

/// Why a reply may not be what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReplyDoubt)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// It is longer than is looked at.
    Long,
    /// A line of several is announced that is not there.
    Cut,
    /// A line was folded, where there may have been more than one space.
    Folded,
    /// It had characters that no reply can hold.
    Controls,
    /// It had more than ASCII, in a charset that is not said.
    Charset,
    /// Punctuation between its code and its text was taken off.
    Punctuation,
    /// It had bytes that its charset does not have.
    Undecoded,
}

/// For people.
impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Long => "it is longer than is looked at",
            Self::Cut => "its last line is missing",
            Self::Folded => "it was folded, where there may have been more than one space",
            Self::Controls => "it had control characters, which are spaces now",
            Self::Charset => "its charset is not said, and was guessed; it goes out as UTF-8",
            Self::Punctuation => "a colon behind its code was taken off",
            Self::Undecoded => "it had bytes that are no characters in its charset",
        })
    }
}

/// What Exim puts behind the reply of the last try.
const GIVEN_UP: &str = ": retry timeout exceeded";

/// How Exim writes what is beyond ASCII: each byte in octal.
static OCTAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\([23][0-7]{2})").ok());

/// The code at the beginning of a text, of a refusal.
pub(super) fn code(text: &str) -> Option<&str> {
    let code = text.get(..3).filter(|code| matches!(code.as_bytes(), [b'4' | b'5', b'0'..=b'9', b'0'..=b'9']))?;
    let behind = text[3..].chars().next();
    behind.is_none_or(|c| c.is_whitespace() || c == '-' || c == ':').then_some(code)
}

/// Reads a reply that begins with its code. Its lines may be folded, and those of a reply of several lines may stand
/// one behind the other. `None` if it begins with no code of a refusal.
pub(super) fn read(text: &str) -> Option<Heard> {
    let mut doubts = Vec::new();
    let text = text.trim();
    let code = code(text)?;
    let mut longest = text.len().min(LONGEST);
    while !text.is_char_boundary(longest) {
        longest -= 1;
    }
    if longest < text.len() {
        doubts.push(Doubt::Long);
    }
    let text = text[..longest].replace(&format!("\\n{code}"), &format!("\n{code}"));
    let joined = unfold(&text, code, &mut doubts);
    let mut lines = lines(joined.strip_suffix(GIVEN_UP).unwrap_or(&joined), code, &mut doubts);
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        doubts.push(Doubt::Long);
    }
    for line in &mut lines {
        if let Some(said) = without_octal(line) {
            *line = said;
        }
        if line.contains(char::is_control) {
            *line = line.replace(char::is_control, " ");
            doubts.push(Doubt::Controls);
        }
        if line.contains('\u{fffd}') {
            doubts.push(Doubt::Undecoded);
        }
    }
    doubts.dedup();
    Some(Heard { reply: Reply::with_lines(code.parse().ok()?, lines), doubts })
}

/// A line in which bytes were written in octal; none if no text comes of them.
fn without_octal(line: &str) -> Option<String> {
    let octal = OCTAL.as_ref().filter(|octal| octal.is_match(line))?;
    let (mut bytes, mut done) = (Vec::new(), 0);
    for found in octal.captures_iter(line) {
        let all = found.get(0)?;
        bytes.extend_from_slice(&line.as_bytes()[done..all.start()]);
        bytes.push(u8::from_str_radix(&found[1], 8).ok()?);
        done = all.end();
    }
    bytes.extend_from_slice(&line.as_bytes()[done..]);
    let text = guess(&bytes);
    (!text.contains('\u{fffd}')).then(|| text.into_owned())
}

/// The lines that folding made are joined; those that begin with the code stay.
fn unfold(text: &str, code: &str, doubts: &mut Vec<Doubt>) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let content = line.trim();
        // sendmail's transcripts.
        let content = content.strip_prefix("<<< ").filter(|said| said.starts_with(code)).unwrap_or(content);
        if joined.is_empty() {
            joined.push_str(content);
        } else if begins(content, code) && (goes_on(&joined, code) || !line.starts_with([' ', '\t'])) {
            joined.push('\n');
            joined.push_str(content);
        } else if !content.is_empty() {
            // By RFC 5322 §2.2.3 what stands before the text is a part of it; Postfix puts four spaces there.
            let indent = &line[..line.len() - line.trim_start().len()];
            let is_folded = indent.len() <= 2 && indent.bytes().all(|byte| byte == b' ') && !indent.is_empty();
            joined.push_str(if is_folded { indent } else { " " });
            if !is_folded {
                doubts.push(Doubt::Folded);
            }
            joined.push_str(content);
        }
    }
    joined
}

/// Whether a line of a reply begins here.
fn begins(content: &str, code: &str) -> bool {
    content.starts_with(code) && self::code(content).is_some()
}

/// Whether the last line of a reply is yet to come.
fn goes_on(joined: &str, code: &str) -> bool {
    let last = joined
        .rmatch_indices(code)
        .map(|(at, _)| at)
        .find(|&at| (at == 0 || joined[..at].ends_with([' ', '\n'])) && self::code(&joined[at..]).is_some());
    last.is_some_and(|at| joined[at + 3..].starts_with('-'))
}

/// The lines of a reply, without code and separator.
fn lines(joined: &str, code: &str, doubts: &mut Vec<Doubt>) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), joined);
    loop {
        let text = &rest[3..];
        let Some(text) = text.strip_prefix('-') else {
            // Behind its last line somebody else speaks.
            let mut last = text.split('\n').next().unwrap_or_default();
            if let Some(text) = last.strip_prefix(':') {
                last = text;
                doubts.push(Doubt::Punctuation);
            }
            lines.push(last.strip_prefix([' ', '\t']).unwrap_or(last).to_owned());
            return lines;
        };
        let next = text.match_indices(code).map(|(at, _)| at).find(|&at| {
            let before = text[..at].ends_with([' ', '\n']);
            before && self::code(&text[at..]).is_some() && !text[at + 3..].starts_with(':')
        });
        let Some(next) = next else {
            lines.push(text.replace('\n', " "));
            doubts.push(Doubt::Cut);
            return lines;
        };
        lines.push(text[..next - 1].to_owned());
        rest = &text[next..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str) -> (u16, Vec<String>, Vec<Doubt>) {
        let heard = read(text).unwrap();
        (heard.reply.code(), heard.reply.lines().to_vec(), heard.doubts)
    }

    #[test]
    fn replies_are_unfolded() {
        let gmail = ["5.1.1 The account does not exist.", "5.1.1 Try again", "5.1.1 gsmtp"].map(str::to_owned).to_vec();
        for text in [
            "550-5.1.1 The account does not exist. 550-5.1.1 Try again 550 5.1.1 gsmtp",
            "550-5.1.1 The account does not exist.\n    550-5.1.1 Try again\n    550 5.1.1 gsmtp",
            "550-5.1.1 The account does not exist.\\n550-5.1.1 Try again\\n550 5.1.1 gsmtp",
            "550-5.1.1 The account does not exist. 550-5.1.1 Try again 550 5.1.1\n gsmtp",
            "550-5.1.1 The account does\n not exist. 550-5.1.1 Try again 550 5.1.1 gsmtp\n550 somebody else",
        ] {
            assert_eq!(lines_of(text), (550, gmail.clone(), vec![]), "{text:?}");
        }
        assert_eq!(lines_of("598  mail rejected"), (598, vec![" mail rejected".to_owned()], vec![]));
        assert_eq!(lines_of("550 a\n 550 b"), (550, vec!["a 550 b".to_owned()], vec![]));
        assert_eq!(lines_of("550 a 550 b"), (550, vec!["a 550 b".to_owned()], vec![]));
        assert_eq!(lines_of("550"), (550, vec![String::new()], vec![]));
    }

    #[test]
    fn what_exim_makes_of_a_reply_is_taken_back() {
        for (text, line) in [
            ("421 4.3.2 a: retry timeout exceeded", "4.3.2 a"),
            (r"550 \347\224\250\346\210\267 a", "用户 a"),
            // Of GBK.
            (r"550 \323\303\273\247", "用户"),
            (r"550 a\\342\200\231t", r"a\’t"),
            (r"550 \377 a \177", r"\377 a \177"),
        ] {
            assert_eq!(lines_of(text).1, [line], "{text}");
        }
    }

    #[test]
    fn what_may_be_otherwise_is_said() {
        for (text, line, doubt) in [
            ("550 a\n    b", "a b", Doubt::Folded),
            ("550-a b", "a b", Doubt::Cut),
            ("550 a\tb", "a b", Doubt::Controls),
            ("550: 5.1.1 a", "5.1.1 a", Doubt::Punctuation),
            ("550 \u{fffd}", "\u{fffd}", Doubt::Undecoded),
        ] {
            assert_eq!(lines_of(text), (550, vec![line.to_owned()], vec![doubt]), "{text:?}");
        }
        assert!(lines_of(&format!("550 {}", "长".repeat(LONGEST))).2 == [Doubt::Long]);
        assert_eq!(read(&"550-a\n".repeat(900)).unwrap().reply.lines().len(), MOST_LINES);
    }

    #[test]
    fn white_space_is_not_added_on_the_way() {
        let of = |text: &str| read(text).unwrap();
        assert!(of("598  mail rejected").is_truer_than(&of("598 mail rejected")));
        assert!(of("550-a\n550 b").is_truer_than(&of("550 ab")));
        for text in ["598 mail rejected", "598  mail rejected", "598   mail"] {
            assert!(!of(text).is_truer_than(&of("598  mail rejected")), "{text}");
        }
    }

    #[test]
    fn what_is_no_refusal_is_none() {
        for text in ["", "250 ok", "5５0 x", "5500", "550x", "x 550 y", "55"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
