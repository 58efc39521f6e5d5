//! Patterns of texts with placeholders, as packs write them: `554 <{sender}>: Access denied`.

use regex::Regex;

/// A pack's text, cut into what stands there and what varies.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// A placeholder's name.
    Value(&'t str),
}

/// Whether a text has placeholders, or words `xxx` that stand for what varies.
#[must_use]
pub fn varies(text: &str) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Value(_))) || has_blank(text)
}

/// A regular expression for the text with its placeholders filled in. `known` gives the values of those that are
/// known; another matches whatever has its form. White space is matched as it is.
#[must_use]
pub fn source(text: &str, known: impl Fn(&str) -> Option<String>) -> String {
    let mut source = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => source.push_str(&regex::escape(text)),
            Piece::Value(name) => match known(name) {
                Some(value) => source.push_str(&regex::escape(&value)),
                None => source.push_str(form(name)),
            },
        }
    }
    source
}

/// An anchored pattern of one line of a reply's text, case and white space as they are; `known` as in [`source`].
/// `None` if it grew beyond what a pattern may have.
#[must_use]
pub fn exact(line: &str, known: impl Fn(&str) -> Option<String>) -> Option<Regex> {
    Regex::new(&format!("^{}$", source(line, known))).ok()
}

/// A text without its placeholders.
#[must_use]
pub fn without_values(text: &str) -> String {
    pieces(text).iter().map(|piece| if let Piece::Text(text) = piece { text } else { " " }).collect()
}

/// What the value of a placeholder looks like. Not every value is plain: local parts may be quoted, and a name that is
/// not known here may hold anything.
fn form(name: &str) -> &'static str {
    match name {
        "epoch" | "session" => "[0-9]{1,20}",
        "ip" => "[0-9A-Fa-f.:]{2,45}",
        "queue-id" => "[0-9A-Za-z._+=-]{4,64}",
        "host" | "helo" | "sender-domain" | "recipient-domain" => r"[^\s<>@]{0,255}",
        "sender" | "recipient" => r"[^\r\n<>]{0,320}",
        _ => r"[^\r\n]{0,512}?",
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        pieces.push(Piece::Text(&rest[..at]));
        let brace = &rest[at..];
        if brace.starts_with("{{") || brace.starts_with("}}") {
            pieces.push(Piece::Text(&brace[..1]));
            rest = &brace[2..];
        } else if let Some((name, after)) = brace.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            pieces.push(Piece::Value(name));
            rest = after;
        } else {
            // A brace alone, which no pack has.
            pieces.push(Piece::Text(&brace[..1]));
            rest = &brace[1..];
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Whether a word is `xxx`: how documents write what varies.
pub(super) fn is_blank(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|byte| byte == b'x' || byte == b'X')
}

fn has_blank(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_values_of_the_placeholder_s_form_only() {
        let pattern = exact("<{sender}>: {ip} at {epoch} {{x}} (a+b)", |_| None).unwrap();
        assert!(pattern.is_match("<a@b>: 10.0.0.1 at 1201824000 {x} (a+b)"));
        assert!(pattern.is_match("<>: 2001:db8::1 at 1 {x} (a+b)"));
        for other in
            ["<a@b>: somewhere at 1 {x} (a+b)", "<a@b>: 10.0.0.1 at noon {x} (a+b)", "x<a@b>: 10.0.0.1 at 1 {x} (a+b)"]
        {
            assert!(!pattern.is_match(other), "{other}");
        }
    }

    #[test]
    fn a_known_value_is_matched_to_the_byte() {
        let known = |name: &str| (name == "sender").then(|| "a+b@c".to_owned());
        let pattern = exact("<{sender}>  {host}", known).unwrap();
        assert!(pattern.is_match("<a+b@c>  mx.c") && !pattern.is_match("<aab@c>  mx.c"));
        assert!(!pattern.is_match("<a+b@c> mx.c"));
    }

    #[test]
    fn what_varies_is_seen() {
        for text in ["{ip}", "is listed on xxxx", "<xxx@xxx.com>"] {
            assert!(varies(text), "{text}");
        }
        for text in ["{{ip}}", "maxxxing", "xx"] {
            assert!(!varies(text), "{text}");
        }
    }
}
