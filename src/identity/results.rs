//! What comes of an examination, in the words of the RFCs.

use std::fmt;
use std::net::Ipv4Addr;

/// SPF of a session's sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spf {
    /// The domain whose record was evaluated.
    pub domain: String,
    /// What it says.
    pub result: SpfResult,
    /// The HELO name that it was evaluated with.
    pub helo: String,
    /// The sender that it was evaluated for; empty for the null sender.
    pub sender: String,
}

/// A result of SPF (RFC 7208 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpfResult {
    /// There is no record.
    None,
    /// The record says nothing of the client.
    Neutral,
    /// The client is authorized.
    Pass,
    /// The client is not authorized.
    Fail,
    /// The client is probably not authorized.
    SoftFail,
    /// DNS failed.
    TempError,
    /// The record is wrong, or asks for too much.
    PermError,
}

impl SpfResult {
    /// The results by the names of RFC 8601 §2.7.2.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("neutral", Self::Neutral),
        ("pass", Self::Pass),
        ("fail", Self::Fail),
        ("softfail", Self::SoftFail),
        ("temperror", Self::TempError),
        ("permerror", Self::PermError),
    ];
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_in(&Self::NAMES, *self))
    }
}

/// DKIM of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dkim {
    /// The signatures, in the order of the message.
    pub signatures: Vec<Signature>,
}

/// A signature of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The domain that signed; empty if it cannot be told.
    pub domain: String,
    /// What came of it.
    pub result: DkimResult,
    /// Why, if it did not pass.
    pub why: String,
}

/// A result of DKIM (RFC 8601 §2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DkimResult {
    /// There is no signature.
    None,
    /// A signature is right.
    Pass,
    /// It is wrong.
    Fail,
    /// It cannot be read, or has expired.
    Neutral,
    /// DNS failed.
    TempError,
    /// It cannot be verified, ever: as when there is no key.
    PermError,
}

impl DkimResult {
    /// The results by the names of RFC 8601 §2.7.1.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("none", Self::None),
        ("pass", Self::Pass),
        ("fail", Self::Fail),
        ("neutral", Self::Neutral),
        ("temperror", Self::TempError),
        ("permerror", Self::PermError),
    ];
}

impl fmt::Display for DkimResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_in(&Self::NAMES, *self))
    }
}

impl Dkim {
    /// The result of the message: one right signature is enough, else the first one's speaks.
    #[must_use]
    pub fn result(&self) -> DkimResult {
        self.telling().map_or(DkimResult::None, |signature| signature.result)
    }

    /// The signature that decides.
    #[must_use]
    pub fn telling(&self) -> Option<&Signature> {
        let right = self.signatures.iter().find(|signature| signature.result == DkimResult::Pass);
        right.or_else(|| self.signatures.first())
    }
}

/// DMARC of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dmarc {
    /// The domain in From; empty if there is not exactly one.
    pub domain: String,
    /// What came of it.
    pub result: DmarcResult,
}

/// A result of DMARC (RFC 9989).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcResult {
    /// There is no policy for the domain in From.
    Unpublished,
    /// SPF or DKIM passes for a domain that is aligned with the one in From.
    Pass,
    /// Neither does, and this is what the domain asks for.
    Fail(Disposition),
    /// DNS failed.
    TempError,
    /// The policy cannot be read.
    PermError,
}

/// What a domain asks to be done with mail that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing.
    None,
    /// Treat it with suspicion.
    Quarantine,
    /// Refuse it.
    Reject,
}

impl fmt::Display for DmarcResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unpublished => "unpublished",
            Self::Pass => "pass",
            Self::Fail(Disposition::None) => "fail, and its policy is none",
            Self::Fail(Disposition::Quarantine) => "fail, and its policy is quarantine",
            Self::Fail(Disposition::Reject) => "fail, and its policy is reject",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

/// What a block list says of a client (RFC 5782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The list, by the name of its zone.
    pub list: String,
    /// The address that it answers if the client is on it.
    pub address: Option<Ipv4Addr>,
    /// What it says of why.
    pub text: String,
}

impl Listing {
    /// What is said of a client that is on no list, by a rule that has to fire nevertheless.
    #[must_use]
    pub fn presumed(list: &str) -> Self {
        Self { list: list.to_owned(), address: Some(Ipv4Addr::new(127, 0, 0, 2)), text: String::new() }
    }
}

/// Whether a name resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolves {
    /// The name.
    pub name: String,
    /// Whether it does; nothing if DNS failed.
    pub resolves: Option<bool>,
}

fn name_in<T: PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}
