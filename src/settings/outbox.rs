//! `[outbox]`: where notifications go.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::read::{DAY, SECOND, set};
use super::values::{duration, helped};
use super::{ListenerSettings, OutboxSettings};
use crate::address::parse_domain;
use crate::document::{Node, Table, note, text};
use crate::problem::{Problem, Problems};
use crate::relay::{HOP_HELP, Hop, is_listener};

pub(super) fn outbox(table: &mut Table<'_>, listeners: &[ListenerSettings], problems: &mut Problems) -> OutboxSettings {
    let mut outbox = OutboxSettings::default();
    let Some(node) = table.node("outbox") else { return outbox };
    let mut table = Table::of(node, problems);
    outbox.relay = table.node("relay").and_then(|node| hop(node, listeners, problems));
    if let Some(node) = table.node("relays") {
        outbox.relays = relays(node, listeners, problems);
    }
    let schedule = &mut outbox.schedule;
    set(&mut schedule.retry, table.node("retry").and_then(|node| duration(node, SECOND..=DAY, problems)));
    let month = Duration::ZERO..=30 * DAY;
    set(&mut schedule.give_up, table.node("give-up").and_then(|node| duration(node, month, problems)));
    table.finish(problems);
    outbox
}

fn relays(node: &Node, listeners: &[ListenerSettings], problems: &mut Problems) -> BTreeMap<String, Option<Hop>> {
    let mut relays = BTreeMap::new();
    for (domain, node) in Table::of(node, problems).entries() {
        let hop = hop(node, listeners, problems);
        let Some(domain) = note(node, parse_domain(domain), problems) else { continue };
        if relays.contains_key(&domain) {
            problems.push(Problem::new(&node.place, format!("there is a relay for `{domain}` already")));
        }
        relays.insert(domain, hop);
    }
    relays
}

/// The host in a node that can also hold `off`. It must not be where this mockmx takes mail, as far as its addresses are
/// known without a look-up; [`crate::relay::Relay`] looks again once it is connected.
fn hop(node: &Node, listeners: &[ListenerSettings], problems: &mut Problems) -> Option<Hop> {
    let text = text(node, problems)?.trim();
    if text == "off" {
        return None;
    }
    let hop: Hop = helped(node, text.parse(), &format!("{HOP_HELP}; `off` is none"), problems)?;
    let reaches = |address: SocketAddr| hop.addresses().iter().any(|&peer| is_listener(address, peer, None));
    if let Some(listener) = listeners.iter().find(|listener| reaches(listener.address)) {
        let problem = Problem::new(&node.place, format!("{hop} is mockmx's own listener `{}`", listener.name));
        problems
            .push(problem.help("notifications would come back: a relay is the server that takes the sender's mail"));
        return None;
    }
    Some(hop)
}
