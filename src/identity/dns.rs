//! Questions to DNS, their answers, and what is known so far.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::results::Resolves;
use super::zones::Aged;
use crate::address::fold;

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A mail exchange.
    Mx,
    /// A name of an address.
    Ptr,
    /// A text.
    Txt,
}

/// What DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name, in lower case and without the root's dot.
    pub name: String,
    /// The kind of record.
    pub kind: Kind,
}

impl Question {
    /// The question for `kind` at `name`.
    #[must_use]
    pub fn new(name: &str, kind: Kind) -> Self {
        Self { name: fold(name), kind }
    }
}

/// What DNS answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records of the kind that was asked for; never none.
    Records(Vec<Record>),
    /// The name exists, but has no such record.
    NoData,
    /// The name does not exist (NXDOMAIN).
    NoName,
    /// It cannot be told now, and why.
    Failed(String),
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A preference and a mail exchange; the root stands for none (RFC 7505).
    Mx(u16, String),
    /// A name.
    Ptr(String),
    /// A text, its strings put together.
    Txt(Vec<u8>),
}

impl Record {
    /// The kind that it is of.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::A(_) => Kind::A,
            Self::Aaaa(_) => Kind::Aaaa,
            Self::Mx(..) => Kind::Mx,
            Self::Ptr(_) => Kind::Ptr,
            Self::Txt(_) => Kind::Txt,
        }
    }
}

/// What is known of DNS while a session is examined, and what would have to be known.
#[derive(Debug)]
pub struct Known<'a> {
    zones: Aged<'a>,
    answers: Option<&'a HashMap<Question, Answer>>,
    beyond: Beyond,
    missing: RefCell<BTreeSet<Question>>,
}

/// What is said of a name that is neither in a zone nor answered.
#[derive(Clone, Copy, Debug)]
enum Beyond {
    /// It does not exist.
    Nothing,
    /// It is to be asked for.
    Asked,
    /// It was not answered in time.
    Late,
}

impl<'a> Known<'a> {
    /// Zones are all there is.
    #[must_use]
    pub fn of_zones(zones: impl Into<Aged<'a>>) -> Self {
        Self { zones: zones.into(), answers: None, beyond: Beyond::Nothing, missing: RefCell::default() }
    }

    /// Zones, and what a resolver answered so far.
    #[must_use]
    pub fn so_far(zones: impl Into<Aged<'a>>, answers: &'a HashMap<Question, Answer>) -> Self {
        Self { zones: zones.into(), answers: Some(answers), beyond: Beyond::Asked, missing: RefCell::default() }
    }

    /// Zones, and what a resolver answered before the time was up.
    #[must_use]
    pub fn given_up(zones: impl Into<Aged<'a>>, answers: &'a HashMap<Question, Answer>) -> Self {
        Self { beyond: Beyond::Late, ..Self::so_far(zones, answers) }
    }

    /// What a resolver would have to be asked.
    #[must_use]
    pub fn into_missing(self) -> BTreeSet<Question> {
        self.missing.into_inner()
    }

    /// The answer. One that is missing is a failure for now.
    pub(super) fn ask(&self, name: &str, kind: Kind) -> Answer {
        let question = Question::new(name, kind);
        if question.name.is_empty() || question.name.len() > 253 {
            return Answer::NoName;
        }
        let known = self.zones.answer(&question).or_else(|| self.answers?.get(&question).cloned());
        known.unwrap_or_else(|| match self.beyond {
            Beyond::Nothing => Answer::NoName,
            Beyond::Late => Answer::Failed("it took too long".to_owned()),
            Beyond::Asked => {
                self.missing.borrow_mut().insert(question);
                Answer::Failed("it is not answered yet".to_owned())
            }
        })
    }

    /// The texts at a name.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, Answer> {
        match self.ask(name, Kind::Txt) {
            Answer::Records(records) => Ok(records
                .into_iter()
                .filter_map(|record| match record {
                    Record::Txt(text) => Some(text),
                    _ => None,
                })
                .collect()),
            other => Err(other),
        }
    }
}

/// Whether `name` has a record of one of the kinds. An address literal stands for itself.
pub(super) fn resolves(name: &str, kinds: &[Kind], known: &Known<'_>) -> Resolves {
    let mut resolves = Resolves { name: name.to_owned(), resolves: Some(false) };
    if name.starts_with('[') && name.ends_with(']') {
        resolves.resolves = Some(true);
        return resolves;
    }
    for kind in kinds {
        match known.ask(name, *kind) {
            // Who has no exchange by its own word takes no mail, whatever its addresses (RFC 7505).
            Answer::Records(records) => {
                let null = |record: &Record| matches!(record, Record::Mx(_, exchange) if exchange.is_empty());
                resolves.resolves = Some(!records.iter().all(null));
                return resolves;
            }
            Answer::Failed(_) => resolves.resolves = None,
            Answer::NoData | Answer::NoName => {}
        }
    }
    resolves
}

/// The labels of an address in reverse order, as reverse zones and block lists have them (RFC 5782 §2).
pub(super) fn reversed(ip: IpAddr) -> String {
    let labels: Vec<String> = match ip {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(ip) => {
            let octets = ip.octets().into_iter().rev();
            octets.flat_map(|octet| [octet & 15, octet >> 4]).map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    labels.join(".")
}

/// The name at which an address has its PTR records.
pub(super) fn reverse_name(ip: IpAddr) -> String {
    format!("{}.{}", reversed(ip), if ip.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" })
}
