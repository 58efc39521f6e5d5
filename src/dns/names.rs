//! What there is to say of a name.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::reached_by;
use crate::clock::{Clock, Time};
use crate::facts::Role;
use crate::generation::Generation;
use crate::identity::{Failure, Kind, Record, Said};

/// What a name server knows in one generation of settings and packs.
pub(crate) struct Names {
    generation: Arc<Generation>,
    /// Domains that mail is taken for: their exchange is mockmx, unless a zone says otherwise.
    domains: HashSet<String>,
    /// The address at which mockmx is an MX.
    mx: IpAddr,
    clock: Clock,
    begun: Time,
}

/// What is said of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told<'n> {
    /// Records of the kind that was asked for; none if the name has no such.
    Records { records: Vec<Record>, truncated: bool, top: &'n str },
    /// It does not exist.
    NoName { top: &'n str },
    /// SERVFAIL.
    Fails,
    /// It is not ours, or refuses.
    Refused,
    /// Nothing at all.
    Nothing,
}

impl Names {
    /// What the settings and packs know. Names change by the clock, from when it showed `begun`.
    pub(crate) fn new(generation: Arc<Generation>, clock: Clock, begun: Time) -> Self {
        let Generation { settings, policy, .. } = generation.as_ref();
        let domains = policy.domains().chain(settings.hosted.iter().map(|(domain, _)| domain.as_str()));
        let domains = domains.map(str::to_owned).collect();
        let mx = settings.listeners.iter().find(|listener| listener.role == Role::Mx);
        let mx = mx.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |listener| listener.address.ip());
        Self { generation, domains, mx, clock, begun }
    }

    /// What is said to a peer of a name, folded and without the root's dot; `kind` is none of those that zones know if
    /// there is none.
    pub(crate) fn look_up<'n>(&self, name: &'n str, kind: Option<Kind>, peer: SocketAddr) -> Told<'n> {
        let all = self.generation.policy.zones();
        let Some(top) = self.domain_of(name).or_else(|| all.top_of(name)) else { return Told::Refused };
        let zones = all.aged(self.clock.now().since(self.begun));
        let records = |records, truncated| Told::Records { records, truncated, top };
        let told = |said: &Said| match said.fails {
            Some(Failure::ServFail) => Told::Fails,
            Some(Failure::Timeout) => Told::Nothing,
            Some(Failure::Refused) => Told::Refused,
            Some(Failure::NoName) => Told::NoName { top },
            None | Some(Failure::Truncated) => {
                let found = kind.map(|kind| said.records(kind, reached_by(peer, self.mx)));
                records(found.unwrap_or_default(), said.fails.is_some())
            }
        };
        if let Some(said) = zones.said(name) {
            return told(said);
        }
        if self.domains.contains(name) {
            let exchange = (kind == Some(Kind::Mx)).then(|| Record::Mx(10, format!("mx.{name}")));
            return records(exchange.into_iter().collect(), false);
        }
        if name.strip_prefix("mx.").is_some_and(|domain| self.domains.contains(domain)) {
            let address = match reached_by(peer, self.mx) {
                IpAddr::V4(ip) => Record::A(ip),
                IpAddr::V6(ip) => Record::Aaaa(ip),
            };
            return records(Some(address).filter(|record| Some(record.kind()) == kind).into_iter().collect(), false);
        }
        match zones.by_wildcard(name) {
            Some(said) => told(said),
            None if all.has_below(name) => records(Vec::new(), false),
            None => Told::NoName { top },
        }
    }

    /// The nearest domain at or above a name that mail is taken for.
    fn domain_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        let above = |name: &&'n str| name.split_once('.').map(|(_, above)| above);
        std::iter::successors(Some(name), above).find(|name| self.domains.contains(*name))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("mx", &self.mx).finish_non_exhaustive()
    }
}
