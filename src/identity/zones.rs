//! The names that settings and packs have DNS know.
//!
//! ```toml
//! [dns.zones]
//! "example.com" = { TXT = ["v=spf1 ip4:192.0.2.0/24 -all"], A = ["192.0.2.1"], MX = ["10 mx.example.com"] }
//! "2.0.0.127.bl.example" = { A = ["127.0.0.2"] }
//! "192.0.2.1" = { PTR = ["mail.example.com"] }   # short for 1.2.0.192.in-addr.arpa
//! "*.dyn.example" = { A = ["192.0.2.9"] }        # any name below that is not there itself
//! "lame.example" = { fails = "servfail" }        # or "timeout", "refused", "nxdomain"
//! "long.example" = { fails = "truncated", TXT = ["by UDP, only that there is more; by TCP, all"] }
//! "moves.example" = { MX = ["10 old.example"], later = [{ after = "24h", MX = ["10 new.example"] }] }
//! "here.example" = { A = ["mockmx"] }            # where mockmx is an MX
//! "empty.example" = {}                           # exists, and has nothing
//! ```

mod entry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use self::entry::Entry;
pub(crate) use self::entry::{Failure, Said};
use super::dns::{Answer, Question, reverse_name};
use crate::address::fold;
use crate::document::{Node, Table};
use crate::problem::{Problem, Problems};

/// Names and what DNS says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    names: HashMap<String, Entry>,
    /// Names above those: they exist, and have nothing.
    above: BTreeSet<String>,
    /// Names at and below which nobody else knows anything.
    tops: HashSet<String>,
}

/// Zones at an age, by which a name may say something else than at first.
#[derive(Clone, Copy, Debug)]
pub struct Aged<'a> {
    zones: &'a Zones,
    age: Duration,
}

/// As they are at first.
impl<'a> From<&'a Zones> for Aged<'a> {
    fn from(zones: &'a Zones) -> Self {
        zones.aged(Duration::ZERO)
    }
}

impl Zones {
    /// Reads a `zones` table. All problems are noted; what could be read is returned.
    #[must_use]
    pub fn read(node: &Node, problems: &mut Problems) -> Self {
        let mut zones = Self::default();
        for (name, node) in Table::of(node, problems).entries() {
            let Some(known) = name_of(name) else {
                problems.push(Problem::new(&node.place, format!("`{name}` is no name of DNS")));
                continue;
            };
            let entry = Entry::read(node, problems);
            if zones.names.contains_key(&known) {
                problems.push(Problem::new(&node.place, format!("`{known}` is there already")));
            }
            zones.insert(known, entry);
        }
        zones
    }

    /// Reads the `zones` of a `dns` table.
    #[must_use]
    pub fn within(dns: &mut Table<'_>, problems: &mut Problems) -> Self {
        dns.node("zones").map(|node| Self::read(node, problems)).unwrap_or_default()
    }

    /// Adds what `over` says, in place of what is said of the same names.
    pub fn extend(&mut self, over: &Self) {
        for (name, entry) in &over.names {
            self.insert(name.clone(), entry.clone());
        }
    }

    /// These zones, so long after mockmx was started.
    #[must_use]
    pub const fn aged(&self, age: Duration) -> Aged<'_> {
        Aged { zones: self, age }
    }

    /// The nearest name at or above `name` below which a name that is not here is nowhere.
    pub(crate) fn top_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        let mut tops = ancestors(name).filter(|name| self.tops.contains(*name));
        tops.next().or_else(|| self.tops.contains("").then_some(""))
    }

    /// Whether there is a name below it.
    pub(crate) fn has_below(&self, name: &str) -> bool {
        self.above.contains(name)
    }

    /// The nearest `*` above a name.
    fn wildcard(&self, name: &str) -> Option<&Entry> {
        if self.above.contains(name) {
            return None;
        }
        let above = ancestors(name).skip(1).find_map(|above| self.names.get(&format!("*.{above}")));
        above.or_else(|| self.names.get("*"))
    }

    fn insert(&mut self, name: String, entry: Entry) {
        self.above.extend(ancestors(&name).skip(1).map(str::to_owned));
        self.tops.insert(top(&name).to_owned());
        self.names.insert(name, entry);
    }
}

impl<'a> Aged<'a> {
    /// The answer, unless nothing is said of the name.
    #[must_use]
    pub fn answer(self, question: &Question) -> Option<Answer> {
        match self.said(&question.name).or_else(|| self.by_wildcard(&question.name)) {
            Some(said) => Some(said.answer(question.kind, Ipv4Addr::LOCALHOST.into())),
            None => self.zones.above.contains(&question.name).then_some(Answer::NoData),
        }
    }

    /// What is said of that very name.
    pub(crate) fn said(self, name: &str) -> Option<&'a Said> {
        self.zones.names.get(name).map(|entry| entry.at(self.age))
    }

    /// What is said of all names below one that is above it.
    pub(crate) fn by_wildcard(self, name: &str) -> Option<&'a Said> {
        self.zones.wildcard(name).map(|entry| entry.at(self.age))
    }
}

/// A name, and those above it.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above))
}

/// Where what is known of a name makes all names below known: its last two labels; of a reverse name, its network.
fn top(name: &str) -> &str {
    let name = name.strip_prefix("*.").unwrap_or(name);
    if name == "*" {
        return "";
    }
    if name.ends_with(".in-addr.arpa") || name.ends_with(".ip6.arpa") {
        return ancestors(name).nth(1).unwrap_or(name);
    }
    let labels = name.split('.').count();
    ancestors(name).nth(labels.saturating_sub(2)).unwrap_or(name)
}

/// A name that a table stands for: one of DNS, or an address for its reverse name.
fn name_of(text: &str) -> Option<String> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(reverse_name(ip)),
        Err(_) => plain_name(text),
    }
}

fn plain_name(text: &str) -> Option<String> {
    let name = fold(text);
    let labels = name.split('.').all(|label| (1..=63).contains(&label.len()));
    let foreign = name.contains(|c: char| c.is_whitespace() || c.is_control());
    (labels && !foreign && name.len() <= 253).then_some(name)
}
