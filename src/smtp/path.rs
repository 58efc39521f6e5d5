//! Paths: what stands between the angle brackets of MAIL and RCPT (RFC 5321 §4.1.2, RFC 6531 §3.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::address::Address;

/// Octets of a path, with its brackets. RFC 5321 §4.5.3.1.3 asks for 256; source routes have been seen to be longer.
const PATH_LENGTH: usize = 512;
/// Octets of a domain (RFC 5321 §4.5.3.1.2).
const DOMAIN_LENGTH: usize = 255;
/// Octets of a label (RFC 1035 §2.3.4). A label that is not ASCII is longer on paper than in the DNS.
const LABEL_LENGTH: usize = 63;

/// A path, without a source route.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// `<>`.
    Null,
    /// `<Postmaster>`, the one address without a domain (RFC 5321 §4.5.1).
    Postmaster(Address),
    /// A mailbox.
    Mailbox(Address),
}

impl Path {
    /// Parses a path at the beginning of `text` and returns it with what follows, which is nothing or begins with a
    /// blank. Brackets may be missing, as Postfix allows too.
    pub(super) fn parse(text: &str) -> Option<(Self, &str)> {
        let (inner, rest) = match text.strip_prefix('<') {
            Some(inner) => {
                let end = unquoted(inner, |c| c == '>')?;
                (&inner[..end], &inner[end + 1..])
            }
            None => text.split_at(unquoted(text, |c| matches!(c, ' ' | '\t')).unwrap_or(text.len())),
        };
        let bracketed = text.starts_with('<');
        if inner.len() + 2 > PATH_LENGTH || !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
            return None;
        }
        if inner.is_empty() {
            return bracketed.then_some((Self::Null, rest));
        }
        let mailbox = without_route(inner)?;
        if mailbox.eq_ignore_ascii_case("postmaster") {
            return Some((Self::Postmaster(Address::new(mailbox, mailbox, "")), rest));
        }
        Some((Self::Mailbox(self::mailbox(mailbox)?), rest))
    }
}

/// Whether `text` is a mailbox, or `Postmaster`, that can stand between angle brackets.
pub(crate) fn is_path(text: &str) -> bool {
    matches!(Path::parse(&format!("<{text}>")), Some((Path::Mailbox(_) | Path::Postmaster(_), "")))
}

/// Where the first character that `stop` wants stands outside of quotes.
fn unquoted(text: &str, stop: impl Fn(char) -> bool) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && stop(c) => return Some(at),
            _ => {}
        }
    }
    None
}

/// Takes off a source route, `@a,@b:`, which RFC 5321 §3.6.1 says to ignore.
fn without_route(path: &str) -> Option<&str> {
    if !path.starts_with('@') {
        return Some(path);
    }
    let (route, mailbox) = path.split_once(':')?;
    route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(is_domain)).then_some(mailbox)
}

fn mailbox(text: &str) -> Option<Address> {
    let at = unquoted(text, |c| c == '@')?;
    let (raw, domain) = (&text[..at], &text[at + 1..]);
    let local = local_part(raw)?;
    (is_domain(domain) || is_literal(domain)).then(|| Address::new(text, &local, domain))
}

/// A local part without its quotes.
fn local_part(raw: &str) -> Option<String> {
    if let Some(quoted) = raw.strip_prefix('"') {
        return unquote(quoted.strip_suffix('"')?);
    }
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_international(c);
    raw.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext)).then(|| raw.to_owned())
}

fn unquote(quoted: &str) -> Option<String> {
    let mut local = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => local.push(chars.next().filter(|c| matches!(c, ' '..='~'))?),
            '"' => return None,
            ' '..='~' => local.push(c),
            c if is_international(c) => local.push(c),
            _ => return None,
        }
    }
    Some(local)
}

fn is_domain(text: &str) -> bool {
    // The dot of the root is not in the grammar, and servers take it.
    let domain = text.strip_suffix('.').unwrap_or(text);
    domain.len() <= DOMAIN_LENGTH && domain.split('.').all(is_label)
}

/// A label. Underscores are not in the grammar, and are in use.
fn is_label(label: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || is_international(c);
    let length = !label.is_empty() && (label.len() <= LABEL_LENGTH || !label.is_ascii());
    length && label.chars().all(letter) && !label.starts_with('-') && !label.ends_with('-')
}

fn is_international(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// `[127.0.0.1]` or `[IPv6:::1]`.
fn is_literal(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    match inner.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => address.parse::<Ipv6Addr>().is_ok(),
        _ => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_taken_apart() {
        for (text, raw, local, domain, rest) in [
            ("<a@b.c>", "a@b.c", "a", "b.c", ""),
            ("<A.b@B.C.> SIZE=1", "A.b@B.C.", "A.b", "b.c", " SIZE=1"),
            ("<a@localhost>", "a@localhost", "a", "localhost", ""),
            ("<a_b+c=d@x-y.z_1.com>", "a_b+c=d@x-y.z_1.com", "a_b+c=d", "x-y.z_1.com", ""),
            (r#"<"a b"@c>"#, r#""a b"@c"#, "a b", "c", ""),
            (r#"<"a>@b"@c>"#, r#""a>@b"@c"#, "a>@b", "c", ""),
            (r#"<"a\"b\\"@c>"#, r#""a\"b\\"@c"#, r#"a"b\"#, "c", ""),
            (r#"<""@c>"#, r#"""@c"#, "", "c", ""),
            ("<a@[127.0.0.1]>", "a@[127.0.0.1]", "a", "[127.0.0.1]", ""),
            ("<a@[IPv6:::1]>", "a@[IPv6:::1]", "a", "[ipv6:::1]", ""),
            ("<@a,@b.c:c@d>", "c@d", "c", "d", ""),
            ("<@a:c@[IPv6:::1]>", "c@[IPv6:::1]", "c", "[ipv6:::1]", ""),
            ("<admin@用户公司域名>", "admin@用户公司域名", "admin", "用户公司域名", ""),
            ("<用户@例子.中国>", "用户@例子.中国", "用户", "例子.中国", ""),
            ("a@b.c", "a@b.c", "a", "b.c", ""),
            ("a@b.c BODY=7BIT", "a@b.c", "a", "b.c", " BODY=7BIT"),
            (r#""a b"@c X"#, r#""a b"@c"#, "a b", "c", " X"),
        ] {
            let Some((Path::Mailbox(address), left)) = Path::parse(text) else { panic!("{text} is no mailbox") };
            assert_eq!((address.as_str(), address.local(), address.domain(), left), (raw, local, domain, rest));
        }
    }

    #[test]
    fn paths_without_a_domain() {
        assert_eq!(Path::parse("<> RET=HDRS"), Some((Path::Null, " RET=HDRS")));
        let postmaster = Address::new("PostMaster", "PostMaster", "");
        assert_eq!(Path::parse("<PostMaster>"), Some((Path::Postmaster(postmaster), "")));
    }

    #[test]
    fn what_can_stand_between_brackets() {
        for text in ["a@b.c", "postmaster", r#""a>\"b"@c"#, "用户@例子.中国"] {
            assert!(is_path(text), "{text}");
        }
        for text in ["", "a@b> SIZE=1", "a@b>\r\nDATA", "a@b\r\nDATA\r\n<c@d", "a b@c", "<a@b>"] {
            assert!(!is_path(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_path() {
        let long = format!("<{}@b.c>", "a".repeat(507));
        let label = format!("<a@{}>", "b".repeat(64));
        for text in [
            "",
            "<",
            "<a@b.c",
            "a@b.c>",
            "<a>",
            "<a@>",
            "<@b>",
            "<@b:>",
            "<@b,c:d@e>",
            "<a@b>x",
            "<a@b><c@d>",
            "<a b@c>",
            "< a@b>",
            "<a@b >",
            "<a@b@c>",
            "<.a@b>",
            "<a.@b>",
            "<a..b@c>",
            "<a@b..c>",
            "<a@.b>",
            "<a@-b>",
            "<a@b->",
            "<a@b,c>",
            "<a@[127.0.0.1>",
            "<a@[127.0.0]>",
            "<a@[::1]>",
            "<a@[IPv6:x]>",
            "<a@[]>",
            "<a@[用户]>",
            r#"<"a@b>"#,
            r#"<"a"b@c>"#,
            r#"<a"b"@c>"#,
            r#"<"a\"@c>"#,
            r#"<"a"b"@c>"#,
            "<\"a\t\"@c>",
            "<a@b\u{3000}>",
            "<a\u{85}@b>",
            "<(x)a@b>",
            "<a;b@c>",
            &long,
            &label,
        ] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
