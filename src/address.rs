//! Mail addresses as RFC 5321 §4.1.2 writes them, taken apart once and then only compared.

use std::fmt;

/// A mailbox: the address between the angle brackets of MAIL or RCPT, without a source route.
///
/// Two addresses are equal for mockmx's rules if their [`key`](Self::key)s are: domains and, as every provider in the
/// documents does, local parts are compared without regard to ASCII case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    raw: Box<str>,
    local: Box<str>,
    domain: Box<str>,
}

impl Address {
    /// An address from its parts. `raw` is the text as the client wrote it, `local` the local part with quotes and
    /// backslashes taken off, `domain` the domain or address literal (empty for RFC 5321's bare `<Postmaster>`).
    #[must_use]
    pub fn new(raw: &str, local: &str, domain: &str) -> Self {
        Self { raw: raw.into(), local: local.into(), domain: fold(domain).into() }
    }

    /// Takes apart `local@domain` as it is written in settings and packs; the domain must not be empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
        let unquoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(local);
        (plain(unquoted) && plain(domain)).then(|| Self::new(text, unquoted, domain))
    }

    /// The local part, without quotes.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain in lower case; empty if there is none.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// Whether both are one mailbox, however they are written.
    #[must_use]
    pub fn is_same_mailbox(&self, other: &Self) -> bool {
        let (a, b) = (self.local(), other.local());
        let local =
            if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { fold_local(a) == fold_local(b) };
        local && self.domain == other.domain
    }

    /// What stands for this address in tables and counters.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}@{}", fold_local(&self.local), self.domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

/// A domain as it is compared: lower case, in Unicode (UTS 46, so that neither Punycode nor full-width forms make another
/// domain of it), without the root's dot. What is no domain is only made lower case.
#[must_use]
pub fn fold(domain: &str) -> String {
    let encoded = || domain.as_bytes().windows(4).any(|label| label.eq_ignore_ascii_case(b"xn--"));
    let plain = domain.is_ascii() && !encoded();
    let mut folded = if plain { domain.to_ascii_lowercase() } else { idna::domain_to_unicode(domain).0 };
    if folded.ends_with('.') {
        folded.pop();
    }
    folded
}

/// A domain as settings and packs write it, in the form in which it is compared.
///
/// # Errors
/// If it can be no domain.
pub fn parse_domain(text: &str) -> Result<String, String> {
    let domain = fold(text);
    let foreign = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',' | '/' | ':' | '*');
    if domain.is_empty() || domain.contains(foreign) || domain.split('.').any(str::is_empty) {
        return Err(format!("`{text}` is no domain"));
    }
    Ok(domain)
}

/// A local part as it is compared. RFC 5321 §2.4 leaves its case to the host; the documents' providers ignore it.
#[must_use]
pub fn fold_local(local: &str) -> String {
    local.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_has_one_form() {
        for domain in ["用户.中国", "xn--zouo53b.xn--fiqs8s", "XN--ZOUO53B.xn--fiqs8s.", "用户。中国", "用户．中国"]
        {
            assert_eq!(fold(domain), "用户.中国", "{domain}");
        }
        for domain in ["Example.COM", "example.com.", "ｅxample.com", "example。com"] {
            assert_eq!(fold(domain), "example.com", "{domain}");
        }
        assert_eq!(fold("[IPv6:::1]"), "[ipv6:::1]");
        assert_eq!(fold("_dmarc.example.com"), "_dmarc.example.com");
    }

    #[test]
    fn a_domain_is_one_word() {
        assert_eq!(parse_domain("Example.COM."), Ok("example.com".to_owned()));
        assert_eq!(parse_domain("公司.中国"), Ok("公司.中国".to_owned()));
        for text in ["", ".", "a..b", "a@b", "a b", "*.a"] {
            assert!(parse_domain(text).is_err(), "{text}");
        }
    }
}
