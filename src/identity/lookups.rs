//! What mail-auth is told of DNS.
//!
//! mail-auth looks into caches before it asks a resolver. Here the caches have an answer to everything, so that it
//! never asks, never waits, and can be run to its end at once; its resolver has no server to ask. What cannot be said
//! with a cache (a failure of DNS, RFC 7208's limit of void lookups) is kept beside and told by [`Lookups::overruled`].

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dkim::{Atps, DomainKeyReport};
use mail_auth::dmarc::Dmarc;
use mail_auth::hickory_resolver::TokioResolver;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::Spf;
use mail_auth::{DnsError, DnssecStatus, Error, MX, MessageAuthenticator, RecordSet, ResolverCache, Txt};

use super::dns::{Answer, Kind, Known, Record, reverse_name};
use super::results::SpfResult;

/// The void lookups that an evaluation may make (RFC 7208 §4.6.4).
const VOID_LOOKUPS: u32 = 2;

/// What stands at the end of the name that an `exists` asks for; see [`rewritten`].
const EXISTS: &str = ".exists.mockmx";

/// mail-auth, with a resolver that has nobody to ask.
pub(super) fn authenticator() -> Option<&'static MessageAuthenticator> {
    static AUTHENTICATOR: LazyLock<Option<MessageAuthenticator>> = LazyLock::new(|| {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.with_options(ResolverOpts::default()).build().ok().map(MessageAuthenticator)
    });
    AUTHENTICATOR.as_ref()
}

/// Runs what has nothing to wait for.
pub(super) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The caches of one evaluation.
#[derive(Debug)]
pub(super) struct Lookups<'k> {
    known: &'k Known<'k>,
    client: IpAddr,
    void: Cell<u32>,
    /// Names that an MX or PTR record gave: looking them up is part of the term that asked for the record.
    given: RefCell<HashSet<String>>,
    overruled: Cell<Option<SpfResult>>,
}

impl<'k> Lookups<'k> {
    pub(super) fn new(known: &'k Known<'k>, client: IpAddr) -> Self {
        let (void, given, overruled) = (Cell::new(0), RefCell::default(), Cell::new(None));
        Self { known, client, void, given, overruled }
    }

    /// The result that ended the evaluation of SPF, although mail-auth went on.
    pub(super) fn overruled(&self) -> Option<SpfResult> {
        self.overruled.get()
    }

    /// The records at a name. A failure, and a void lookup too many, end the evaluation.
    fn records(&self, name: &str, kind: Kind) -> Vec<Record> {
        let answer = self.known.ask(name, kind);
        let end = match answer {
            Answer::Records(records) => return records,
            // An address that cannot be turned into a name has none (RFC 7208 §5.5).
            Answer::Failed(_) if kind == Kind::Ptr => return Vec::new(),
            Answer::Failed(_) => Some(SpfResult::TempError),
            Answer::NoData | Answer::NoName if self.given.borrow().contains(name) => None,
            Answer::NoData | Answer::NoName => {
                self.void.set(self.void.get() + 1);
                (self.void.get() > VOID_LOOKUPS).then_some(SpfResult::PermError)
            }
        };
        self.overruled.set(self.overruled.get().or(end));
        Vec::new()
    }

    /// The addresses at a name, of the client's family. For an `exists` it is the client's own, if there is any: it
    /// asks for A, even of a client by IPv6 (RFC 7208 §5.7).
    fn addresses<T: Clone>(&self, name: &str, kind: Kind, own: Option<T>, of: fn(Record) -> Option<T>) -> RecordSet<T> {
        match name.strip_suffix(EXISTS) {
            Some(name) if self.records(name, Kind::A).is_empty() => set(Vec::new()),
            Some(_) => set(own.into_iter().collect()),
            None => set(self.records(name, kind).into_iter().filter_map(of).collect()),
        }
    }

    /// Whether a name has the client's address. One that cannot be looked up is passed over, as mail-auth would not, and
    /// it takes the first for the macro `p` unlooked at (RFC 7208 §5.5).
    fn is_client_s(&self, name: &str) -> bool {
        let (kind, own) = match self.client {
            IpAddr::V4(ip) => (Kind::A, Record::A(ip)),
            IpAddr::V6(ip) => (Kind::Aaaa, Record::Aaaa(ip)),
        };
        matches!(self.known.ask(name, kind), Answer::Records(records) if records.contains(&own))
    }

    fn text(&self, name: &str) -> Txt {
        let texts = match self.known.texts(name) {
            Ok(texts) => texts,
            Err(Answer::Failed(why)) => return Txt::Error(Error::Dns(DnsError::Resolver(why))),
            Err(Answer::NoName) => return Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain))),
            Err(_) => return Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NoError))),
        };
        // The name tells which record is wanted; all else is wanted for SPF.
        if name.starts_with("_report._domainkey.") {
            first::<DomainKeyReport>(&texts)
        } else if name.contains("._domainkey.") {
            first::<DomainKey>(&texts)
        } else if name.contains("._atps.") {
            first::<Atps>(&texts)
        } else if name.starts_with("_dmarc.") {
            let begins = |text: &[u8]| text.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"v=DMARC1"));
            only::<Dmarc>(&texts, begins, Error::Dns(DnsError::InvalidRecordType))
        } else {
            let begins = |text: &[u8]| {
                text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case(b"v=spf1"))
                    && matches!(text.get(6), None | Some(b' '))
            };
            let texts: Vec<_> = texts.iter().filter(|text| begins(text)).collect();
            if !texts.iter().all(|text| is_sound(text)) {
                return Txt::Error(Error::ParseError);
            }
            let texts: Vec<_> = texts.into_iter().map(|text| rewritten(text)).collect();
            // More than one record is a permanent error (RFC 7208 §4.5).
            only::<Spf>(&texts, begins, Error::ParseError)
        }
    }
}

impl ResolverCache<Box<str>, Txt> for Lookups<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        Some(self.text(&Spelled::of(name)))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

impl ResolverCache<Box<str>, RecordSet<MX>> for Lookups<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<MX>>
    where
        Box<str>: Borrow<Q>,
    {
        let mut exchanges: Vec<_> = self
            .records(&Spelled::of(name), Kind::Mx)
            .into_iter()
            .filter_map(|record| match record {
                Record::Mx(preference, exchange) if !exchange.is_empty() => Some((preference, exchange)),
                _ => None,
            })
            .collect();
        exchanges.sort();
        self.given.borrow_mut().extend(exchanges.iter().map(|(_, exchange)| exchange.clone()));
        let exchange = |(preference, exchange): (u16, String)| MX { preference, exchanges: [exchange.into()].into() };
        Some(set(exchanges.into_iter().map(exchange).collect()))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<RecordSet<MX>>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: RecordSet<MX>, _: Instant) {}
}

impl ResolverCache<Box<str>, RecordSet<Ipv4Addr>> for Lookups<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<Ipv4Addr>>
    where
        Box<str>: Borrow<Q>,
    {
        let own = if let IpAddr::V4(own) = self.client { Some(own) } else { None };
        Some(self.addresses(&Spelled::of(name), Kind::A, own, |record| match record {
            Record::A(address) => Some(address),
            _ => None,
        }))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<RecordSet<Ipv4Addr>>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: RecordSet<Ipv4Addr>, _: Instant) {}
}

impl ResolverCache<Box<str>, RecordSet<Ipv6Addr>> for Lookups<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<Ipv6Addr>>
    where
        Box<str>: Borrow<Q>,
    {
        let own = if let IpAddr::V6(own) = self.client { Some(own) } else { None };
        Some(self.addresses(&Spelled::of(name), Kind::Aaaa, own, |record| match record {
            Record::Aaaa(address) => Some(address),
            _ => None,
        }))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<RecordSet<Ipv6Addr>>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: RecordSet<Ipv6Addr>, _: Instant) {}
}

/// Only the client's own names are ever asked for.
impl ResolverCache<IpAddr, RecordSet<Box<str>>> for Lookups<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<RecordSet<Box<str>>>
    where
        IpAddr: Borrow<Q>,
    {
        let names = self.records(&reverse_name(self.client), Kind::Ptr).into_iter().filter_map(|record| match record {
            Record::Ptr(name) => Some(name),
            _ => None,
        });
        // No more than ten are looked at (RFC 7208 §4.6.4).
        let names: Vec<_> = names.take(10).filter(|name| self.is_client_s(name)).collect();
        self.given.borrow_mut().extend(names.iter().cloned());
        Some(set(names.into_iter().map(Into::into).collect()))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<RecordSet<Box<str>>>
    where
        IpAddr: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: IpAddr, _: RecordSet<Box<str>>, _: Instant) {}
}

fn set<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet { rrset: records.into(), dnssec_status: DnssecStatus::Indeterminate }
}

/// The first text that is such a record.
fn first<T: TxtRecordParser + Into<Txt>>(texts: &[Vec<u8>]) -> Txt {
    let mut parsed = texts.iter().map(|text| T::parse(text));
    let mut last = Err(Error::Dns(DnsError::InvalidRecordType));
    for result in &mut parsed {
        last = result;
        if last.is_ok() {
            break;
        }
    }
    last.into()
}

/// The one text that begins as such a record does.
fn only<T: TxtRecordParser + Into<Txt>>(texts: &[Vec<u8>], begins: impl Fn(&[u8]) -> bool, several: Error) -> Txt {
    let mut found = texts.iter().filter(|text| begins(text));
    match (found.next(), found.next()) {
        (None, _) => Txt::Error(Error::Dns(DnsError::InvalidRecordType)),
        (Some(text), None) => T::parse(text).into(),
        (Some(_), Some(_)) => Txt::Error(several),
    }
}

/// The record with each `exists:NAME` made into `a:NAME` and a mark: mail-auth takes any cached answer to an `exists`
/// for a yes, and so cannot be told no.
fn rewritten(record: &[u8]) -> Vec<u8> {
    let term = |term: &[u8]| {
        let sign = usize::from(matches!(term.first(), Some(b'+' | b'-' | b'~' | b'?')));
        let (sign, rest) = term.split_at(sign);
        match rest.split_at_checked(b"exists:".len()) {
            Some((name, target)) if name.eq_ignore_ascii_case(b"exists:") && !target.is_empty() => {
                let target = target.strip_suffix(b".").unwrap_or(target);
                [sign, b"a:", target, EXISTS.as_bytes()].concat()
            }
            _ => term.to_vec(),
        }
    };
    let terms: Vec<_> = record.split(|byte| *byte == b' ').map(term).collect();
    terms.join(&b' ')
}

/// Whether each term is one. mail-auth reads `ip4:300.1.1.1` as some other network, `/33` as `/32`, and nothing in place
/// of a mechanism that there is not, where they are permanent errors (RFC 7208 §4.6).
fn is_sound(record: &[u8]) -> bool {
    let record = String::from_utf8_lossy(record).to_ascii_lowercase();
    let once = |name: &str| record.split(' ').filter(|term| term.starts_with(name)).count() <= 1;
    once("redirect=") && once("exp=") && record.split(' ').skip(1).all(is_term)
}

fn is_term(term: &str) -> bool {
    let mechanism = term.strip_prefix(['+', '-', '~', '?']).unwrap_or(term);
    let (name, value) = mechanism.split_at(mechanism.find([':', '/', '=']).unwrap_or(mechanism.len()));
    if value.starts_with('=') {
        // A modifier, known or not, has no qualifier.
        let rest = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        return mechanism == term && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest);
    }
    // A slash between braces belongs to a macro.
    let behind = value.rfind('}').map_or(0, |at| at + 1);
    let length = value[behind..].find('/').map_or("", |at| &value[behind + at..]);
    let domain = value[..value.len() - length.len()].strip_prefix(':');
    match name {
        "" => term.is_empty(),
        "all" => value.is_empty(),
        "ip4" => domain.is_some_and(|address| address.parse::<Ipv4Addr>().is_ok()) && is_length(length, 32),
        "ip6" => domain.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) && is_length(length, 128),
        "a" | "mx" => {
            let (four, six) = length.find("//").map_or((length, ""), |at| (&length[..at], &length[at + 1..]));
            domain != Some("") && is_length(four, 32) && is_length(six, 128)
        }
        "ptr" => domain != Some(""),
        "include" | "exists" => domain.is_some_and(|domain| !domain.is_empty()),
        _ => false,
    }
}

/// Whether it is the length of a network's prefix, with its slash, or nothing.
fn is_length(text: &str, most: u8) -> bool {
    let number = text.strip_prefix('/');
    text.is_empty()
        || number.is_some_and(|number| {
            // `+8` is none, though it is a number.
            number.bytes().all(|byte| byte.is_ascii_digit())
                && (number == "0" || !number.starts_with('0'))
                && number.parse::<u8>().is_ok_and(|number| number <= most)
        })
}

/// A name that a cache is asked for.
///
/// The trait shows only that it can be hashed and compared, as a `str` can; so it is spelled into a hasher, which gets
/// the bytes of the text and then one that is in no UTF-8.
#[derive(Default)]
struct Spelled(Vec<u8>);

impl Spelled {
    fn of<Q: Hash + ?Sized>(name: &Q) -> String {
        let mut spelled = Self::default();
        name.hash(&mut spelled);
        while spelled.0.last() == Some(&0xFF) {
            spelled.0.pop();
        }
        crate::address::fold(&String::from_utf8_lossy(&spelled.0))
    }
}

impl Hasher for Spelled {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_spelled_as_it_is_asked_for() {
        assert_eq!(Spelled::of("mx.Example.com."), "mx.example.com");
        assert_eq!(Spelled::of(&Box::<str>::from("例子.test.")), "例子.test");
    }

    #[test]
    fn only_exists_is_rewritten() {
        let record = b"v=spf1 a:exists.example -Exists:%{ir}.bl.example. ?exists:x exists: exists ~all";
        let wanted = "v=spf1 a:exists.example -a:%{ir}.bl.example.exists.mockmx ?a:x.exists.mockmx exists: exists ~all";
        assert_eq!(String::from_utf8(rewritten(record)).unwrap(), wanted);
    }
}
