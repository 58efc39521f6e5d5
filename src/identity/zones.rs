//! The names that settings and packs have DNS know.
//!
//! ```toml
//! [dns.zones]
//! "example.com" = { TXT = ["v=spf1 ip4:192.0.2.0/24 -all"], A = ["192.0.2.1"], MX = ["10 mx.example.com"] }
//! "2.0.0.127.bl.example" = { A = ["127.0.0.2"] }
//! "192.0.2.1" = { PTR = ["mail.example.com"] }   # short for 1.2.0.192.in-addr.arpa
//! "*.dyn.example" = { A = ["192.0.2.9"] }        # any name below that is not there itself
//! "lame.example" = { fails = "servfail" }        # or "timeout"
//! "empty.example" = {}                           # exists, and has nothing
//! ```

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::str::FromStr;

use super::dns::{Answer, Question, Record, reverse_name};
use crate::address::fold;
use crate::document::{Node, Table, note, text};
use crate::problem::{Problem, Problems};

/// Names and what DNS says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    names: HashMap<String, Entry>,
    /// Names above those: they exist, and have nothing.
    above: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Fails(&'static str),
    Records(Vec<Record>),
}

/// In which `fails` names a failure, and what is said of it.
const FAILURES: [(&str, &str); 2] = [("servfail", "the server failed"), ("timeout", "the server did not answer")];

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

    /// The answer, unless nothing is said of the name.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Option<Answer> {
        let Some(entry) = self.names.get(&question.name).or_else(|| self.wildcard(&question.name)) else {
            return self.above.contains(&question.name).then_some(Answer::NoData);
        };
        let records = match entry {
            Entry::Fails(why) => return Some(Answer::Failed((*why).to_owned())),
            Entry::Records(records) => records.iter().filter(|record| record.kind() == question.kind).cloned(),
        };
        let records: Vec<_> = records.collect();
        Some(if records.is_empty() { Answer::NoData } else { Answer::Records(records) })
    }

    /// The nearest `*` above a name.
    fn wildcard(&self, name: &str) -> Option<&Entry> {
        if self.above.contains(name) {
            return None;
        }
        let mut above = name;
        loop {
            above = above.split_once('.').map_or("", |(_, above)| above);
            let star = if above.is_empty() { "*".to_owned() } else { format!("*.{above}") };
            match self.names.get(&star) {
                None if above.is_empty() => return None,
                None => {}
                found => return found,
            }
        }
    }

    fn insert(&mut self, name: String, entry: Entry) {
        let mut above = name.as_str();
        while let Some((_, rest)) = above.split_once('.') {
            self.above.insert(rest.to_owned());
            above = rest;
        }
        self.names.insert(name, entry);
    }
}

impl Entry {
    fn read(node: &Node, problems: &mut Problems) -> Self {
        let mut table = Table::of(node, problems);
        let mut records = addresses(table.list("A"), "an IPv4 address", Record::A, problems);
        records.extend(addresses(table.list("AAAA"), "an IPv6 address", Record::Aaaa, problems));
        records.extend(table.list("MX").iter().filter_map(|node| note(node, mx(text(node, problems)?), problems)));
        records.extend(table.list("PTR").iter().filter_map(|node| note(node, ptr(text(node, problems)?), problems)));
        let texts = table.texts("TXT", problems).into_iter();
        records.extend(texts.map(|text| Record::Txt(text.as_bytes().to_vec())));
        let fails = table.node("fails").and_then(|node| {
            let word = text(node, problems)?;
            let found = FAILURES.iter().find(|(known, _)| *known == word);
            if found.is_none() {
                problems.push(Problem::new(&node.place, format!("`{word}` is neither `servfail` nor `timeout`")));
            }
            found.map(|(_, why)| *why)
        });
        if fails.is_some() && !records.is_empty() {
            problems.push(Problem::new(&node.place, "a name that fails has no records"));
        }
        table.finish(problems);
        fails.map_or(Self::Records(records), Self::Fails)
    }
}

fn addresses<T: FromStr>(nodes: &[Node], kind: &str, record: fn(T) -> Record, problems: &mut Problems) -> Vec<Record> {
    let mut address = |node| {
        let text = text(node, problems)?;
        note(node, text.parse().map_err(|_| format!("`{text}` is not {kind}")), problems).map(record)
    };
    nodes.iter().filter_map(&mut address).collect()
}

fn mx(text: &str) -> Result<Record, String> {
    let wrong = || format!("`{text}` is no exchange: it is written as in `10 mx.example.com`");
    let (preference, exchange) = text.split_once(' ').ok_or_else(wrong)?;
    let preference = preference.parse().map_err(|_| wrong())?;
    let exchange = exchange.trim();
    // The root is how a domain says that it takes no mail (RFC 7505).
    let exchange = if exchange == "." { String::new() } else { plain_name(exchange).ok_or_else(wrong)? };
    Ok(Record::Mx(preference, exchange))
}

fn ptr(text: &str) -> Result<Record, String> {
    plain_name(text).map(Record::Ptr).ok_or_else(|| format!("`{text}` is no name of DNS"))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::Kind;
    use crate::problem::Source;

    fn read(text: &str) -> (Zones, String) {
        let source = Source { name: "zones.toml".to_owned(), text: text.to_owned() };
        let (node, mut problems) = Node::parse_toml(&Arc::new(source));
        let zones = Zones::read(&node, &mut problems);
        (zones, problems.to_string())
    }

    #[test]
    fn what_is_in_no_zone_is_not_answered_and_what_stands_above_a_name_exists() {
        let (zones, problems) = read(
            "\"a.Example.com.\" = { A = \"192.0.2.1\" }\n\"192.0.2.1\" = { PTR = [\"a.example.com\"] }\n\
             \"*.wild.example\" = { A = [\"192.0.2.2\"] }\n\"not.wild.example\" = {}\nbad.fails = \"servfail\"\n",
        );
        assert_eq!(problems, "");
        let ask = |name: &str, kind| zones.answer(&Question::new(name, kind));
        let a = |last| Some(Answer::Records(vec![Record::A([192, 0, 2, last].into())]));
        assert_eq!(ask("A.example.com", Kind::A), a(1));
        assert_eq!(ask("a.example.com", Kind::Aaaa), Some(Answer::NoData));
        assert_eq!(ask("example.com", Kind::A), Some(Answer::NoData));
        assert_eq!(ask("b.example.com", Kind::A), None);
        assert_eq!(
            ask("1.2.0.192.in-addr.arpa", Kind::Ptr),
            Some(Answer::Records(vec![Record::Ptr("a.example.com".into())]))
        );
        assert_eq!(ask("x.y.wild.example", Kind::A), a(2));
        assert_eq!(ask("not.wild.example", Kind::A), Some(Answer::NoData));
        assert_eq!(ask("bad", Kind::A), Some(Answer::Failed("the server failed".to_owned())));
    }

    #[test]
    fn every_mistake_is_told() {
        let (_, problems) = read(
            "\"a b\" = {}\na = { A = [\"::1\", \"1\"], AAAA = [\"192.0.2.1\"], MX = [\"mx.example.com\"], CNAME = \"x\" }\n\
             b = { fails = \"often\" }\nc = { fails = \"timeout\", A = [\"192.0.2.1\"] }\nd = 5\n",
        );
        for told in [
            "`a b` is no name of DNS",
            "`::1` is not an IPv4 address",
            "`1` is not an IPv4 address",
            "`192.0.2.1` is not an IPv6 address",
            "`mx.example.com` is no exchange",
            "no key `CNAME`",
            "`often` is neither",
            "a name that fails has no records",
            "expected a table",
        ] {
            assert!(problems.contains(told), "{told}\n{problems}");
        }
    }
}
