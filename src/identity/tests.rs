//! SPF, DKIM, DMARC and block lists against zones, and against a DNS server on the loopback.

mod dkim;
mod lists;
mod resolver;
mod spf;

use std::sync::Arc;

use super::{Identity, Needs, Zones, identify_by_zones};
use crate::address::Address;
use crate::clock::Time;
use crate::document::Node;
use crate::facts::{Facts, Helo, Listener, ReversePath, Role, SessionId, TlsMode};
use crate::problem::{Problems, Source};

/// The zones in a text of TOML.
fn zones(text: &str) -> Zones {
    let source = Source { name: "zones.toml".to_owned(), text: text.to_owned() };
    let (node, mut problems) = Node::parse_toml(&Arc::new(source));
    let zones = Zones::read(&node, &mut problems);
    assert_eq!(problems, Problems::default(), "{problems}");
    zones
}

/// A session from an address, with a HELO name and a sender; `""` is the null sender.
fn facts(ip: &str, helo: &str, sender: &str) -> Facts {
    let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
    let peer = (ip.parse::<std::net::IpAddr>().unwrap(), 40_000).into();
    let mut facts = Facts::new(SessionId(1), listener.into(), peer, Time::from_unix_seconds(1_201_824_000));
    facts.helo = Some(Helo { extended: true, name: helo.to_owned() });
    facts.envelope.sender = Some(Address::parse(sender).map_or(ReversePath::Null, ReversePath::Mailbox));
    facts
}

fn examine(zones: &Zones, needs: &Needs, facts: &Facts, raw: Option<&[u8]>) -> Identity {
    identify_by_zones(zones, needs, facts, "mx.receiver.example", raw)
}
