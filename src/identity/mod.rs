//! Who a sender is, as DNS tells it: SPF, DKIM, DMARC, DNS block lists, and whether names resolve.
//!
//! Everything is evaluated for real; SPF, DKIM and DMARC by mail-auth. What DNS says comes from the zones of settings
//! and packs ([`Zones`]): without a resolver nothing leaves the process, and what is in no zone does not exist. If the
//! settings name a resolver, it is asked for names that are in no zone.
//!
//! An examination is pure and never waits. It asks what is [`Known`], and what is not known yet it notes; [`identify`]
//! asks the resolver for that and examines again, until nothing is missing or the time is up. So zones and resolvers,
//! the server and the tests all go the same way.
//!
//! ```text
//! policy.identifies(stage, facts) ─► Needs ─► identify ─► examine ─► Identity ─► facts.identity
//!                                               │  ▲          │
//!                                     Resolver ◄┘  └── missing questions
//! ```

mod authentication;
mod dns;
mod dnsbl;
mod lookups;
mod resolver;
mod results;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::timeout_at;

use crate::address::Address;
use crate::clock::io_now;
use crate::facts::Facts;

pub use dns::{Answer, Kind, Known, Question, Record};
pub use resolver::Resolver;
pub(crate) use resolver::name_of;
pub use results::{Disposition, Dkim, DkimResult, Dmarc, DmarcResult, Listing, Resolves, Signature, Spf, SpfResult};
pub use zones::{Aged, Zones};
pub(crate) use zones::{Failure, Said};

/// How long an examination may take in all. RFC 7208 §4.6.4 asks for 20 seconds at least; a client waits for it.
const TIME: Duration = Duration::from_secs(20);

/// How often missing answers are fetched before what is still missing counts as failed. One examination of SPF with
/// ten terms, each with an exchange, needs fewer.
const ROUNDS: usize = 32;

/// What the rules of a stage want to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// SPF of the sender, or of the HELO name if the sender is null.
    pub spf: bool,
    /// DKIM.
    pub dkim: bool,
    /// DMARC, which needs both of them.
    pub dmarc: bool,
    /// Whether the HELO name resolves.
    pub helo: bool,
    /// Whether the sender's domain resolves.
    pub sender_domain: bool,
    /// The block lists, by the names of their zones.
    pub lists: BTreeSet<String>,
}

impl Needs {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the message has to be read for it.
    #[must_use]
    pub const fn message(&self) -> bool {
        self.dkim || self.dmarc
    }
}

/// What was found out of a session so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// SPF (RFC 7208).
    pub spf: Option<Spf>,
    /// DKIM (RFC 6376) of the message under way.
    pub dkim: Option<Dkim>,
    /// DMARC (RFC 9989) of the message under way.
    pub dmarc: Option<Dmarc>,
    /// Whether the HELO name resolves.
    pub helo: Option<Resolves>,
    /// Whether the sender's domain resolves.
    pub sender_domain: Option<Resolves>,
    /// The block lists that were asked.
    pub lists: Vec<Listing>,
}

impl Identity {
    /// The first block list that has the client, if one that was asked does.
    #[must_use]
    pub fn listed(&self) -> Option<&Listing> {
        self.lists.iter().find(|listing| listing.address.is_some())
    }

    /// Finds out what `needs` says and is not found out yet. `raw` is the message, once it is complete; it must be all
    /// of it. What DNS would have to be asked for is noted in `known`: as long as anything is, the result is not final.
    #[must_use]
    pub fn examine(needs: &Needs, facts: &Facts, host: &str, raw: Option<&[u8]>, known: &Known<'_>) -> Self {
        let mut identity = facts.identity.as_deref().cloned().unwrap_or_default();
        // Those of the message before this one.
        (identity.dkim, identity.dmarc) = (None, None);
        let ip = facts.peer.ip();
        for list in &needs.lists {
            if !identity.lists.iter().any(|listing| listing.list == *list) {
                identity.lists.push(dnsbl::look_up(list, ip, known));
            }
        }
        let helo = facts.helo.as_ref().map_or("", |helo| helo.name.as_str());
        if needs.helo && identity.helo.as_ref().is_none_or(|known| known.name != helo) {
            identity.helo = Some(dns::resolves(helo, &[Kind::A, Kind::Aaaa], known));
        }
        let Some(sender) = &facts.envelope.sender else { return identity };
        if let Some(domain) = sender.address().map(Address::domain).filter(|_| needs.sender_domain)
            && identity.sender_domain.as_ref().is_none_or(|known| known.name != domain)
        {
            identity.sender_domain = Some(dns::resolves(domain, &[Kind::Mx, Kind::A, Kind::Aaaa], known));
        }
        if needs.spf || needs.dmarc {
            let question = authentication::SpfQuestion { ip, helo, sender, host };
            if !identity.spf.as_ref().is_some_and(|known| question.is_answered_by(known)) {
                identity.spf = Some(question.examine(known));
            }
        }
        if let Some(raw) = raw.filter(|_| needs.message()) {
            authentication::examine_message(&mut identity, needs, raw, (sender, facts.started), known);
        }
        identity
    }
}

/// Finds out what `needs` says from zones alone, at once; what is in none does not exist.
#[must_use]
pub fn identify_by_zones<'a>(
    zones: impl Into<Aged<'a>>,
    needs: &Needs,
    facts: &Facts,
    host: &str,
    raw: Option<&[u8]>,
) -> Identity {
    Identity::examine(needs, facts, host, raw, &Known::of_zones(zones))
}

/// Finds out what `needs` says. Takes 20 seconds at most; what a resolver did not answer by then is a temporary error.
pub async fn identify(
    (zones, resolver): (Aged<'_>, Option<&Resolver>),
    needs: &Needs,
    facts: &Facts,
    host: &str,
    raw: Option<&[u8]>,
) -> Identity {
    let Some(resolver) = resolver else {
        return identify_by_zones(zones, needs, facts, host, raw);
    };
    let deadline = io_now() + TIME;
    let mut answers = HashMap::new();
    for _ in 0..ROUNDS {
        let known = Known::so_far(zones, &answers);
        let identity = Identity::examine(needs, facts, host, raw, &known);
        let missing = known.into_missing();
        if missing.is_empty() {
            return identity;
        }
        let Ok(found) = timeout_at(deadline, resolver.answer(missing)).await else { break };
        answers.extend(found);
    }
    Identity::examine(needs, facts, host, raw, &Known::given_up(zones, &answers))
}
