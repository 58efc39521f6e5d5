//! Patterns for addresses, domains, networks and plain texts, written in a condition or in a list of the pack.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::Regex;

use crate::address::{Address, fold, fold_local};
use crate::document::{Node, Table, Value, expected, note, text};
use crate::policy::pack::Lists;
use crate::problem::{Problem, Problems};

/// A pattern for an address: `info@example.com`, `@example.com` (any mailbox there), `info@` (anywhere) or
/// `.example.com` (any mailbox at a domain below).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressPattern {
    local: Option<String>,
    domain: Option<String>,
}

impl AddressPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let error =
            || format!("expected an address as `name@example.com`, `@example.com` or `name@`, found \"{text}\"");
        let part = |part: &str| (!part.is_empty()).then(|| fold(part));
        let local_part = |part: &str| (!part.is_empty()).then(|| fold_local(part));
        let pattern = match text.rsplit_once('@') {
            Some((local, domain)) => Self { local: local_part(local), domain: part(domain) },
            None if text.starts_with('.') => Self { local: None, domain: part(text) },
            None => return Err(error()),
        };
        if pattern.local.is_none() && pattern.domain.is_none() { Err(error()) } else { Ok(pattern) }
    }

    /// The patterns of a list; `*` is every address.
    pub(crate) fn read_list(nodes: &[Node], problems: &mut Problems) -> Vec<Self> {
        nodes.iter().filter_map(|node| note(node, Self::parse_or_any(text(node, problems)?), problems)).collect()
    }

    fn parse_or_any(text: &str) -> Result<Self, String> {
        if text == "*" { Ok(Self { local: None, domain: None }) } else { Self::parse(text) }
    }

    pub(crate) fn matches(&self, address: &Address) -> bool {
        let local = self.local.as_ref().is_none_or(|local| fold_local(address.local()) == *local);
        local && self.domain.as_ref().is_none_or(|domain| domain_matches(domain, address.domain()))
    }
}

/// Whether `domain` is the one of the pattern, or below it if the pattern begins with a dot.
fn domain_matches(pattern: &str, domain: &str) -> bool {
    if pattern.starts_with('.') { domain.ends_with(pattern) } else { domain == pattern }
}

/// The condition on an address: one pattern, several, a list, or a regular expression.
#[derive(Clone, Debug)]
pub(crate) enum AddressMatcher {
    Null,
    Patterns(Vec<AddressPattern>),
    Regex(Regex),
}

impl AddressMatcher {
    /// Reads `"info@"`, `["a@b.c", "@d.e"]`, `{ list = "name" }`, `{ regex = "…" }` or `"<>"`.
    pub(crate) fn read(node: &Node, lists: &Lists<'_>, problems: &mut Problems) -> Option<Self> {
        if node.as_text() == Some("<>") {
            return Some(Self::Null);
        }
        match Choice::read(node, lists, problems)? {
            Choice::Regex(regex) => Some(Self::Regex(regex)),
            Choice::Values(values) => {
                let patterns = values
                    .iter()
                    .filter_map(|node| note(node, AddressPattern::parse_or_any(text(node, problems)?), problems));
                Some(Self::Patterns(patterns.collect()))
            }
        }
    }

    /// Whether the address, or the null path, matches.
    pub(crate) fn matches(&self, address: Option<&Address>) -> bool {
        match (self, address) {
            (Self::Null, address) => address.is_none(),
            (Self::Patterns(patterns), Some(address)) => patterns.iter().any(|pattern| pattern.matches(address)),
            (Self::Regex(regex), Some(address)) => regex.is_match(address.as_str()),
            (_, None) => false,
        }
    }
}

/// The condition on a plain text: equal to one of several values without regard to case, or a regular expression.
#[derive(Clone, Debug)]
pub(crate) enum TextMatcher {
    Values(Vec<String>),
    Domains(Vec<String>),
    Regex(Regex),
}

impl TextMatcher {
    pub(crate) fn read(node: &Node, lists: &Lists<'_>, problems: &mut Problems) -> Option<Self> {
        Some(match Choice::read(node, lists, problems)? {
            Choice::Regex(regex) => Self::Regex(regex),
            Choice::Values(values) => {
                Self::Values(values.iter().filter_map(|node| text(node, problems)).map(str::to_lowercase).collect())
            }
        })
    }

    /// Reads domains: `example.com`, or `.example.com` for every domain below.
    pub(crate) fn read_domains(node: &Node, lists: &Lists<'_>, problems: &mut Problems) -> Option<Self> {
        Some(match Self::read(node, lists, problems)? {
            Self::Values(values) => Self::Domains(values.iter().map(|domain| fold(domain)).collect()),
            other => other,
        })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Values(values) => {
                let text = text.to_lowercase();
                values.contains(&text)
            }
            Self::Domains(patterns) => patterns.iter().any(|pattern| domain_matches(pattern, text)),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// The condition on an IP address: networks as `203.0.113.0/24` or `2001:db8::/32`, or single addresses.
#[derive(Clone, Debug)]
pub(crate) struct Networks(Vec<IpNet>);

impl Networks {
    pub(crate) fn read(node: &Node, lists: &Lists<'_>, problems: &mut Problems) -> Option<Self> {
        let Choice::Values(values) = Choice::read(node, lists, problems)? else {
            problems.push(Problem::new(&node.place, "a network cannot be given as a regular expression"));
            return None;
        };
        Some(Self(values.iter().filter_map(|node| note(node, network(text(node, problems)?), problems)).collect()))
    }

    /// The network that holds the address.
    pub(crate) fn find(&self, address: IpAddr) -> Option<&IpNet> {
        self.0.iter().find(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| single());
    network.map_err(|_| format!("expected a network as `203.0.113.0/24` or an IP address, found \"{text}\""))
}

/// How values are given: in place, by the name of a list, or by a regular expression.
pub(crate) enum Choice<'n> {
    Values(&'n [Node]),
    Regex(Regex),
}

impl<'n> Choice<'n> {
    pub(crate) fn read(node: &'n Node, lists: &'n Lists<'n>, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Text(_) => Some(Choice::Values(std::slice::from_ref(node))),
            Value::List(items) if items.is_empty() => {
                problems.push(Problem::new(&node.place, "an empty list matches nothing, so the rule can never fire"));
                None
            }
            Value::List(items) => Some(Choice::Values(items)),
            Value::Table(_) => {
                let mut table = Table::of(node, problems);
                let list = table.node("list").and_then(|name| lists.find(name, problems));
                let regex = table.converted("regex", problems, regex);
                table.finish(problems);
                list.map(Choice::Values).or_else(|| regex.map(Choice::Regex))
            }
            _ => expected("text, a list, or a table with `list` or `regex`", node, problems),
        }
    }
}

/// A regular expression that ignores case, bounded in size.
pub(crate) fn regex(pattern: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build();
    // The regex crate's own message draws the pattern over several lines; its last line says what is wrong.
    built.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim();
        format!("the regular expression does not parse: {}", reason.strip_prefix("error: ").unwrap_or(reason))
    })
}
