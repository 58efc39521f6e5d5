//! The service extensions that a persona may offer.

/// A service extension of SMTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// Command pipelining (RFC 2920).
    Pipelining,
    /// Message size declaration (RFC 1870).
    Size,
    /// Transport layer security (RFC 3207).
    StartTls,
    /// Authentication (RFC 4954).
    Auth,
    /// Enhanced status codes in replies (RFC 2034).
    EnhancedStatusCodes,
    /// 8-bit MIME transport (RFC 6152).
    EightBitMime,
    /// Delivery status notifications (RFC 3461).
    Dsn,
    /// Internationalized addresses (RFC 6531).
    SmtpUtf8,
    /// Messages in chunks, BDAT (RFC 3030).
    Chunking,
    /// HELP (RFC 5321 §4.1.1.8).
    Help,
}

impl Extension {
    /// All of them, in the order in which EHLO lists them.
    pub const ALL: [Self; 10] = [
        Self::Pipelining,
        Self::Size,
        Self::StartTls,
        Self::Auth,
        Self::EnhancedStatusCodes,
        Self::EightBitMime,
        Self::Dsn,
        Self::SmtpUtf8,
        Self::Chunking,
        Self::Help,
    ];

    /// The keyword of EHLO.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pipelining => "PIPELINING",
            Self::Size => "SIZE",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::EightBitMime => "8BITMIME",
            Self::Dsn => "DSN",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::Chunking => "CHUNKING",
            Self::Help => "HELP",
        }
    }

    /// The extension of that keyword, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extension| extension.name().eq_ignore_ascii_case(name))
    }

    /// The extension that a line of EHLO's reply is about: `SIZE 1000`, or `AUTH=LOGIN`, which Outlook's first versions
    /// looked for.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        Self::named(line.split([' ', '=']).next().unwrap_or_default())
    }
}

/// A set of extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions(u16);

impl Extensions {
    /// No extension: EHLO answers with one line.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Every extension.
    #[must_use]
    pub fn all() -> Self {
        Extension::ALL.into_iter().collect()
    }

    /// Whether `extension` is in the set.
    #[must_use]
    pub const fn contains(self, extension: Extension) -> bool {
        self.0 & (1 << extension as u16) != 0
    }

    /// The set and `extension`.
    #[must_use]
    pub const fn with(self, extension: Extension) -> Self {
        Self(self.0 | 1 << extension as u16)
    }

    /// The set without `extension`.
    #[must_use]
    pub const fn without(self, extension: Extension) -> Self {
        Self(self.0 & !(1 << extension as u16))
    }

    /// Those in the set, in the order in which EHLO lists them.
    pub fn iter(self) -> impl Iterator<Item = Extension> {
        Extension::ALL.into_iter().filter(move |extension| self.contains(*extension))
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Self {
        extensions.into_iter().fold(Self::none(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_found_by_their_keyword() {
        for extension in Extension::ALL {
            assert_eq!(Extension::named(&extension.name().to_lowercase()), Some(extension));
        }
        assert_eq!(Extension::named("XCLIENT"), None);
        for (line, extension) in [("AUTH=LOGIN PLAIN", Extension::Auth), ("size 1", Extension::Size)] {
            assert_eq!(Extension::of_line(line), Some(extension));
        }
        assert_eq!(Extension::of_line("sizes"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = Extensions::none().with(Extension::Size).with(Extension::Help);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Extension::Size, Extension::Help]);
        assert_eq!(set.without(Extension::Size).iter().collect::<Vec<_>>(), [Extension::Help]);
        assert!(Extension::ALL.into_iter().all(|extension| Extensions::all().contains(extension)));
        assert_eq!(Extensions::none().iter().count(), 0);
    }
}
