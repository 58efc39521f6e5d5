//! Header fields and the fields of reports, from values that strangers gave.

use base64::prelude::*;

use super::Charset;
use crate::escape::is_unseen;

/// Characters in a line, if there is a blank to break it at (RFC 5322 §2.1.1).
const LINE: usize = 78;

/// Characters in an encoded-word (RFC 2047 §2).
const WORD: usize = 75;

/// Bytes in a value that cannot be broken: with its name below the 998 of a line (RFC 5322 §2.1.1).
const LONGEST: usize = 900;

/// A value on one line: without what is not seen, with each run of blanks as one, and not longer than `most` characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '\0'..='\x1F')) {
        let mut word = word.chars().filter(|&c| !is_unseen(c)).peekable();
        if word.peek().is_some() && length > 0 && length < most {
            out.push(' ');
            length += 1;
        }
        for c in word.take(most.saturating_sub(length)) {
            out.push(c);
            length += 1;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// What a server said, on one line, without what is not seen: its own spaces stay, for 263's replies are told by two of
/// them. Not longer than `most` characters.
pub(super) fn said(text: &str, most: usize) -> String {
    let (mut out, mut length, mut blanks) = (String::new(), 0, 0);
    for c in text.chars() {
        if c == ' ' {
            blanks += 1;
        } else if c.is_whitespace() || c.is_control() {
            blanks = 1;
        } else if !is_unseen(c) {
            if length > 0 && length + blanks < most {
                out.extend(std::iter::repeat_n(' ', blanks));
                length += blanks;
            }
            if length >= most {
                break;
            }
            (blanks, length) = (0, length + 1);
            out.push(c);
        }
    }
    out
}

/// A host's name as it may stand in any field: A-labels, or what of it is letters, digits, dots and hyphens, if anything.
pub(super) fn domain(text: &str) -> Option<String> {
    let ascii = if text.is_ascii() { None } else { idna::domain_to_ascii(text).ok() };
    let proper = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let name: String = ascii.as_deref().unwrap_or(text).chars().filter(proper).take(255).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// Whether an address may stand between angle brackets as it is (RFC 5321 §4.1.2, RFC 6531 §3.3).
pub(super) fn is_mailbox(text: &str, utf8: bool) -> bool {
    let wide = |c: char| utf8 && !c.is_ascii() && !c.is_whitespace() && !is_unseen(c);
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || wide(c);
    let dotted = |text: &str| text.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let literal = |text: &str| {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-')))
    };
    let parts = text.rsplit_once('@').filter(|_| text.len() <= 512);
    parts.is_some_and(|(local, domain)| (dotted(local) || is_quoted(local)) && (dotted(domain) || literal(domain)))
}

/// A quoted string of printable ASCII.
fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|_| text.len() > 1) else {
        return false;
    };
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if !matches!(c, ' '..='~') => return false,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// A mailbox with the name that is shown for it. What is no address, or one that cannot be written in ASCII, stands as
/// the name of an empty group (RFC 6857): nobody is written to by it.
pub(super) fn mailbox(name: &str, address: &str, charset: Charset, utf8: bool) -> Words {
    let mut words = Words::default();
    if !is_mailbox(address, utf8) {
        words.encode(&clean(address, 320), charset);
        // A group has a name (RFC 5322 §3.4).
        if words.0.is_empty() {
            words.0.push("unknown".to_owned());
        }
        words.0.push(":;".to_owned());
        return words;
    }
    let name = clean(name, 100);
    if !name.is_ascii() || name.contains(['"', '\\']) || name.contains("=?") {
        words.encode(&name, charset);
    } else if !name.is_empty() {
        let atoms = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-'));
        words.split(&if atoms { name } else { format!("\"{name}\"") });
    }
    words.0.push(format!("<{address}>"));
    words
}

/// Free text, as of a subject: in encoded-words (RFC 2047) if it is not ASCII or could be taken for them.
pub(super) fn text(value: &str, charset: Charset) -> Words {
    let mut words = Words::default();
    let value = clean(value, LONGEST / 4);
    // A word that fills a line cannot be folded.
    let folds = value.split(' ').all(|word| word.len() < LINE);
    if value.is_ascii() && !value.contains("=?") && folds {
        words.split(&value);
    } else {
        words.encode(&value, charset);
    }
    words
}

/// A value that is written as it is, folded at its blanks.
pub(super) fn plain(value: &str) -> Words {
    let mut words = Words::default();
    words.split(&clean(value, LONGEST));
    words
}

/// Free text of a report's field, behind its type if it has one: ASCII, or in encoded-words; in UTF-8 as it is (RFC 6533
/// §4). A type that is encoded would be none (RFC 3464 §2.1.2).
pub(super) fn reported(kind: &str, value: &str, utf8: bool) -> Words {
    let mut words = Words::default();
    words.split(kind);
    let value = said(value, if value.is_ascii() { LONGEST } else { LONGEST / 4 });
    if value.is_ascii() || utf8 {
        words.split_exactly(&value);
    } else {
        words.encode(&value, Charset::Utf8);
    }
    words
}

/// Whether it may be the type of an address (RFC 3461 §4.2).
pub(super) fn is_type(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// An address with its type, as `rfc822; a@b` (RFC 3464 §2.3.1). One that is not ASCII is of the type `utf-8`: as it is
/// where that is allowed, else in the seven bits of RFC 6533 §3.
pub(super) fn typed(kind: &str, address: &str, utf8: bool) -> Words {
    let address = clean(address, LONGEST);
    let mut words = Words::default();
    words.split(&match address.is_ascii() {
        true => format!("{kind}; {address}"),
        false if utf8 => format!("utf-8; {}", clean(&address, LONGEST / 4)),
        false => format!("utf-8; {}", seven_bits(&address)),
    });
    words
}

/// `utf-8-addr-xtext`, where `\x{7528}` stands for what is not ASCII, is a blank, or has a meaning in it or in xtext (RFC
/// 6533 §3). No character is cut in two by the end of the room for it.
fn seven_bits(address: &str) -> String {
    let mut out = String::new();
    for c in address.chars() {
        let start = out.len();
        if matches!(c, '!'..='~') && !matches!(c, '+' | '=' | '\\') {
            out.push(c);
        } else {
            out += &format!("\\x{{{:X}}}", u32::from(c));
        }
        if out.len() > LONGEST {
            out.truncate(start);
            break;
        }
    }
    out
}

/// A field's value in words, between which it may be folded.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl Words {
    fn split(&mut self, text: &str) {
        self.0.extend(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
    }

    /// The same, but of several blanks those behind the first stay: folding keeps them (RFC 5322 §2.2.3).
    fn split_exactly(&mut self, text: &str) {
        let mut blanks = String::new();
        for word in text.split(' ') {
            if word.is_empty() {
                blanks.push(' ');
            } else {
                self.0.push(std::mem::take(&mut blanks) + word);
            }
        }
    }

    /// Encoded-words, none of which parts a character (RFC 2047 §5).
    fn encode(&mut self, text: &str, charset: Charset) {
        let (label, most) = (charset.label(), (WORD - "=??B??=".len() - charset.label().len()) / 4 * 3);
        let mut bytes = Vec::new();
        let mut close = |bytes: &mut Vec<u8>| {
            if !bytes.is_empty() {
                self.0.push(format!("=?{label}?B?{}?=", BASE64_STANDARD.encode(&bytes)));
                bytes.clear();
            }
        };
        for c in text.chars() {
            let mut character = [0; 4];
            let encoded = charset.encode(c.encode_utf8(&mut character));
            if bytes.len() + encoded.len() > most {
                close(&mut bytes);
            }
            bytes.extend_from_slice(&encoded);
        }
        close(&mut bytes);
    }
}

/// Fields under way.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) String);

impl Fields {
    /// Adds a field, folded.
    pub(super) fn add(&mut self, name: &str, words: &Words) {
        self.0.push_str(name);
        self.0.push(':');
        let mut column = name.len() + 1;
        for (index, word) in words.0.iter().enumerate() {
            // A name alone on its line is what some programs take for an empty field.
            if index > 0 && column + 1 + word.len() > LINE {
                self.0.push_str("\r\n");
                column = 0;
            }
            self.0.push(' ');
            self.0.push_str(word);
            column += 1 + word.len();
        }
        self.0.push_str("\r\n");
    }

    /// Adds a field, unless nothing of its value can be seen.
    pub(super) fn add_seen(&mut self, name: &str, words: &Words) {
        if !words.0.is_empty() {
            self.add(name, words);
        }
    }

    /// Adds a field whose value is ours, short and ASCII.
    pub(super) fn ours(&mut self, name: &str, value: &str) {
        self.add(name, &Words(vec![value.to_owned()]));
    }

    /// An empty line: the next fields are another block's (RFC 3464 §2.1).
    pub(super) fn next_block(&mut self) {
        self.0.push_str("\r\n");
    }
}
