//! What a zone says of one name.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::plain_name;
use crate::clock;
use crate::document::{Node, Table, note, text};
use crate::identity::dns::{Answer, Kind, Record};
use crate::problem::{Problem, Problems};

/// What is said of a name, at first and later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    first: Said,
    /// From which age on something else is said; the youngest first.
    later: Vec<(Duration, Said)>,
}

/// What is said of a name at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// What goes wrong.
    pub(crate) fails: Option<Failure>,
    records: Vec<Record>,
    /// It is where mockmx is an MX.
    here: bool,
}

/// What can go wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// SERVFAIL.
    ServFail,
    /// Nothing is answered.
    Timeout,
    /// REFUSED.
    Refused,
    /// The name does not exist, whatever else would be said of it.
    NoName,
    /// By UDP, only that the answer is longer; by TCP, the answer.
    Truncated,
}

/// In which `fails` names a failure.
const FAILURES: [(&str, Failure); 5] = [
    ("servfail", Failure::ServFail),
    ("timeout", Failure::Timeout),
    ("refused", Failure::Refused),
    ("nxdomain", Failure::NoName),
    ("truncated", Failure::Truncated),
];

/// What stands for the address at which mockmx is an MX.
const HERE: &str = "mockmx";

impl Entry {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Self {
        let mut table = Table::of(node, problems);
        let first = Said::read(&mut table, problems);
        let mut later = Vec::<(Duration, Said)>::new();
        for node in table.list("later") {
            let mut table = Table::of(node, problems);
            let after = table.required("after", problems).map(|_| ());
            let after = after.and_then(|()| table.converted("after", problems, age));
            let said = Said::read(&mut table, problems);
            table.finish(problems);
            let Some(after) = after else { continue };
            if later.last().is_some_and(|(before, _)| *before >= after) {
                problems.push(Problem::new(&node.place, "what is said later stands after what is said before"));
            }
            later.push((after, said));
        }
        table.finish(problems);
        Self { first, later }
    }

    /// What is said at an age.
    pub(super) fn at(&self, age: Duration) -> &Said {
        self.later.iter().rev().find(|(after, _)| *after <= age).map_or(&self.first, |(_, said)| said)
    }
}

impl Said {
    fn read(table: &mut Table<'_>, problems: &mut Problems) -> Self {
        let (here, fours): (Vec<&Node>, Vec<&Node>) =
            table.list("A").iter().partition(|node| node.as_text() == Some(HERE));
        let mut records = addresses(fours, "an IPv4 address", Record::A, problems);
        records.extend(addresses(table.list("AAAA"), "an IPv6 address", Record::Aaaa, problems));
        records.extend(table.list("MX").iter().filter_map(|node| note(node, mx(text(node, problems)?), problems)));
        records.extend(table.list("PTR").iter().filter_map(|node| note(node, ptr(text(node, problems)?), problems)));
        let texts = table.texts("TXT", problems).into_iter();
        records.extend(texts.map(|text| Record::Txt(text.as_bytes().to_vec())));
        let here = !here.is_empty();
        let fails = table.node("fails").and_then(|node| {
            let word = text(node, problems)?;
            let found = FAILURES.iter().find(|(known, _)| *known == word).map(|(_, failure)| *failure);
            if found.is_none() {
                let problem = Problem::new(&node.place, format!("`{word}` is no way to fail"));
                problems.push(problem.help(FAILURES.map(|(known, _)| format!("`{known}`")).join(", ")));
            }
            let records = here || !records.is_empty();
            match found {
                Some(Failure::Truncated) if !records => {
                    problems.push(Problem::new(&node.place, "what is truncated has records"));
                }
                None | Some(Failure::Truncated) => {}
                Some(_) if records => problems.push(Problem::new(&node.place, "a name that fails has no records")),
                Some(_) => {}
            }
            found
        });
        Self { fails, records, here }
    }

    /// The records of a kind, where mockmx is an MX at that address.
    pub(crate) fn records(&self, kind: Kind, here: IpAddr) -> Vec<Record> {
        let here = self.here.then_some(match here {
            IpAddr::V4(here) => Record::A(here),
            IpAddr::V6(here) => Record::Aaaa(here),
        });
        here.into_iter().chain(self.records.iter().cloned()).filter(|record| record.kind() == kind).collect()
    }

    /// What a resolver makes of it.
    pub(super) fn answer(&self, kind: Kind, here: IpAddr) -> Answer {
        let failed = |why: &str| Answer::Failed(why.to_owned());
        match self.fails {
            Some(Failure::ServFail) => failed("the server failed"),
            Some(Failure::Timeout) => failed("the server did not answer"),
            Some(Failure::Refused) => failed("the server refused"),
            Some(Failure::NoName) => Answer::NoName,
            // A resolver asks again by TCP.
            None | Some(Failure::Truncated) => match self.records(kind, here) {
                records if records.is_empty() => Answer::NoData,
                records => Answer::Records(records),
            },
        }
    }
}

fn age(text: &str) -> Result<Duration, String> {
    clock::length(text).ok_or_else(|| format!("`{text}` is no length of time as `24h` is"))
}

fn addresses<'n, T: FromStr>(
    nodes: impl IntoIterator<Item = &'n Node>,
    kind: &str,
    record: fn(T) -> Record,
    problems: &mut Problems,
) -> Vec<Record> {
    let mut address = |node| {
        let text = text(node, problems)?;
        note(node, text.parse().map_err(|_| format!("`{text}` is not {kind}")), problems).map(record)
    };
    nodes.into_iter().filter_map(&mut address).collect()
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
