//! Conditions on who the sender is, as DNS tells it.
//!
//! ```toml
//! when.spf = ["fail", "permerror"]       # pass, fail, softfail, neutral, none, temperror, permerror
//! when.dkim = ["none", "fail"]           # pass, fail, neutral, none, temperror, permerror
//! when.dmarc = ["reject"]                # failed, and the domain asks for it; so `quarantine` and `none`;
//!                                        # `fail`: failed, whatever it asks for; `pass`, `unpublished` (no policy),
//!                                        # `temperror`, `permerror`
//! when.dnsbl = ["bl.example"]            # the client is on one of these lists
//! when.helo-resolves = false             # the EHLO name has no address
//! when.sender-domain-resolves = false    # the sender's domain has neither exchange nor address
//! ```
//!
//! What DNS could not answer is neither true nor false: no condition on whether a name resolves holds then.

use std::borrow::Cow;
use std::sync::Arc;

use crate::document::{Node, Value, expected, note, text};
use crate::facts::Facts;
use crate::identity::{Disposition, DkimResult, DmarcResult, Identity, Listing, Needs, Resolves, Signature, SpfResult};
use crate::policy::parse;
use crate::policy::rule::{Reading, Rule, Test, View};
use crate::stage::Stage;

/// A condition on who the sender is.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Dkim(Vec<DkimResult>),
    Dmarc(Vec<Wanted>),
    Dnsbl(Vec<String>),
    HeloResolves(bool),
    SenderDomainResolves(bool),
    Spf(Vec<SpfResult>),
}

/// What of DMARC is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// That it fails, whatever the domain asks for.
    Fail,
    Result(DmarcResult),
}

const DMARC: [(&str, Wanted); 8] = [
    ("pass", Wanted::Result(DmarcResult::Pass)),
    ("fail", Wanted::Fail),
    ("none", Wanted::Result(DmarcResult::Fail(Disposition::None))),
    ("quarantine", Wanted::Result(DmarcResult::Fail(Disposition::Quarantine))),
    ("reject", Wanted::Result(DmarcResult::Fail(Disposition::Reject))),
    ("unpublished", Wanted::Result(DmarcResult::Unpublished)),
    ("temperror", Wanted::Result(DmarcResult::TempError)),
    ("permerror", Wanted::Result(DmarcResult::PermError)),
];

impl Condition {
    pub(super) fn read(key: &str, node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let from = match key {
            "dnsbl" => Stage::Connect,
            "helo-resolves" => Stage::Helo,
            "spf" | "sender-domain-resolves" => Stage::Mail,
            _ => Stage::Message,
        };
        reading.needs(key, from, &node.place);
        Some(match key {
            "dkim" => Self::Dkim(words(node, &DkimResult::NAMES, reading)?),
            "dmarc" => Self::Dmarc(words(node, &DMARC, reading)?),
            "dnsbl" => Self::Dnsbl(lists(node, reading)?),
            "helo-resolves" => Self::HeloResolves(truth(node, reading)?),
            "spf" => Self::Spf(words(node, &SpfResult::NAMES, reading)?),
            _ => Self::SenderDomainResolves(truth(node, reading)?),
        })
    }

    /// Adds what has to be found out before it can be tested.
    pub(super) fn identifies(&self, needs: &mut Needs) {
        match self {
            Self::Dkim(_) => needs.dkim = true,
            Self::Dmarc(_) => needs.dmarc = true,
            Self::Dnsbl(lists) => needs.lists.extend(lists.iter().cloned()),
            Self::HeloResolves(_) => needs.helo = true,
            Self::SenderDomainResolves(_) => needs.sender_domain = true,
            Self::Spf(_) => needs.spf = true,
        }
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let Some(identity) = view.facts.identity.as_deref() else { return Test::No };
        self.holds(identity, view.facts).map_or(Test::No, Test::why)
    }

    /// Why it holds, if it does.
    fn holds(&self, identity: &Identity, facts: &Facts) -> Option<String> {
        let ip = facts.peer.ip();
        match self {
            Self::Dkim(wanted) => {
                let dkim = identity.dkim.as_ref()?;
                let result = dkim.result();
                wanted.contains(&result).then(|| {
                    let mut text = format!("DKIM is {result}");
                    if let Some(Signature { domain, why, .. }) = dkim.telling() {
                        // Of a signature that cannot be read, nobody knows whose it is.
                        if !domain.is_empty() {
                            text += &format!(", signed by {domain}");
                        }
                        if !why.is_empty() {
                            text += &format!(": {why}");
                        }
                    }
                    text
                })
            }
            Self::Dmarc(wanted) => {
                let dmarc = identity.dmarc.as_ref()?;
                let failed = matches!(dmarc.result, DmarcResult::Fail(_)) && wanted.contains(&Wanted::Fail);
                let holds = failed || wanted.contains(&Wanted::Result(dmarc.result));
                holds.then(|| format!("DMARC of {} is {}", dmarc.domain, dmarc.result))
            }
            Self::Dnsbl(lists) => {
                let listing = listed(lists, identity)?;
                let why = if listing.text.is_empty() { String::new() } else { format!(": {}", listing.text) };
                let address = listing.address.map(|address| address.to_string()).unwrap_or_default();
                Some(format!("{ip} is on {} ({address}){why}", listing.list))
            }
            Self::HeloResolves(wanted) => resolves(identity.helo.as_ref()?, *wanted, "the EHLO name"),
            Self::SenderDomainResolves(wanted) => {
                // The null sender has no domain, whatever the last one's was.
                facts.envelope.sender.as_ref()?.address()?;
                resolves(identity.sender_domain.as_ref()?, *wanted, "the sender's domain")
            }
            Self::Spf(wanted) => {
                let spf = identity.spf.as_ref().filter(|spf| wanted.contains(&spf.result))?;
                Some(format!("SPF of {} for {ip} is {}", spf.domain, spf.result))
            }
        }
    }
}

impl Rule {
    /// The facts as this rule speaks of them: of the block lists, only the one that made it fire. A rule that was named
    /// speaks of its first list, although the client is on none.
    pub(crate) fn spoken_of<'f>(&self, facts: &'f Facts) -> Cow<'f, Facts> {
        let lists = self.when.iter().find_map(|condition| match condition {
            super::Condition::Identity(Condition::Dnsbl(lists)) => Some(lists),
            _ => None,
        });
        let Some(lists) = lists else { return Cow::Borrowed(facts) };
        let mut facts = facts.clone();
        let mut identity = facts.identity.as_deref().cloned().unwrap_or_default();
        let named = || Some(Listing::presumed(lists.first()?));
        identity.lists = listed(lists, &identity).cloned().or_else(named).into_iter().collect();
        facts.identity = Some(Arc::new(identity));
        Cow::Owned(facts)
    }
}

/// The first of the lists that has the client.
fn listed<'i>(lists: &[String], identity: &'i Identity) -> Option<&'i Listing> {
    let on = |list: &String| identity.lists.iter().find(|listing| listing.list == *list && listing.address.is_some());
    lists.iter().find_map(on)
}

fn resolves(found: &Resolves, wanted: bool, what: &str) -> Option<String> {
    let not = if wanted { "resolves" } else { "does not resolve" };
    (found.resolves == Some(wanted)).then(|| format!("{what} {} {not}", found.name))
}

/// The words of a list, or the one word.
fn words<T: Copy>(node: &Node, names: &[(&str, T)], reading: &mut Reading<'_, '_>) -> Option<Vec<T>> {
    each(node, reading, |word| parse::one_of(word, names))
}

fn lists(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Vec<String>> {
    each(node, reading, |name| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let zone = crate::address::fold(name);
        let labels = zone.split('.').all(|label| (1..=63).contains(&label.len()));
        // An IPv6 address takes 64 characters before it.
        let fits = labels && zone.len() <= 180 && zone.chars().all(plain);
        if fits { Ok(zone) } else { Err(format!("`{name}` is no zone of a block list")) }
    })
}

fn each<T>(node: &Node, reading: &mut Reading<'_, '_>, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() {
        reading.problem(&node.place, "an empty list: the rule would never fire");
        return None;
    }
    let mut one = |node| note(node, read(text(node, reading.problems)?), reading.problems);
    // All problems are noted, not only the first.
    let found: Vec<_> = nodes.iter().map(&mut one).collect();
    found.into_iter().collect()
}

fn truth(node: &Node, reading: &mut Reading<'_, '_>) -> Option<bool> {
    match node.value {
        Value::Boolean(truth) => Some(truth),
        _ => expected("true or false", node, reading.problems),
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn every_mistake_is_told() {
        let text = r#"
name = "x"
[dns]
resolver = "127.0.0.1"
[dns.zones]
"a.example" = { A = ["x"] }
[[rule]]
id = "a"
stage = "connect"
when.spf = "fail"
when.dkim = ["none", "bad"]
when.dmarc = []
when.dnsbl = ["a b"]
when.helo-resolves = "no"
reply = "550 no"
"#;
        let problems = Policy::check("x.toml", text).unwrap_err();
        let found: Vec<_> = problems.0.iter().map(|problem| format!("{}: {}", problem.place, problem.text)).collect();
        let wanted = [
            "x.toml:4: there is no key `resolver` here",
            "x.toml:6: `x` is not an IPv4 address",
            "x.toml:10: `spf` is not known at stage connect; it is from stage mail on",
            "x.toml:11: `dkim` is not known at stage connect; it is from stage message on",
            "x.toml:11: expected \"none\" or \"pass\" or \"fail\" or \"neutral\" or \"temperror\" or \"permerror\", found \"bad\"",
            "x.toml:12: `dmarc` is not known at stage connect; it is from stage message on",
            "x.toml:12: an empty list: the rule would never fire",
            "x.toml:13: `a b` is no zone of a block list",
            "x.toml:14: `helo-resolves` is not known at stage connect; it is from stage helo on",
            "x.toml:14: expected true or false, found text",
        ];
        for told in wanted {
            assert!(found.iter().any(|problem| problem == told), "{told}\n{found:#?}");
        }
        assert_eq!(found.len(), wanted.len(), "{found:#?}");
    }
}
