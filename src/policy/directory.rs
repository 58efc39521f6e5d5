//! Domains and mailboxes: who is hosted here, and what state each mailbox is in.
//!
//! A domain or mailbox that no table speaks of is taken as it comes: the mailbox exists, is empty and refuses nobody,
//! so that a new user's first mail is accepted.

use std::collections::HashMap;

use crate::address::{Address, parse_domain};
use crate::document::{Node, Table, note, text};
use crate::policy::matcher::AddressPattern;
use crate::policy::parse;
use crate::policy::trigger::RuleName;
use crate::problem::{Place, Problem, Problems};

/// All domains and mailboxes as one pack sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    domains: HashMap<String, Domain>,
    mailboxes: HashMap<String, Mailbox>,
}

/// The `[[domain]]` and `[[mailbox]]` tables of the settings or of a pack, by domain and by [`Address::key`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    domains: Vec<(String, Domain)>,
    mailboxes: HashMap<String, Mailbox>,
}

/// A `[[domain]]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domain {
    /// The provider that answers for its mailboxes, and where that is said.
    pub(crate) provider: Option<(String, Place)>,
    /// Mail from it is taken at the MX although nobody is logged in.
    pub(crate) released: bool,
    /// Its MX points elsewhere by now, but it was never deleted here.
    pub(crate) moved: bool,
    /// Only the mailboxes listed exist.
    pub(crate) listed_only: bool,
    /// Senders that its administrator refuses.
    pub(crate) refuses: Vec<AddressPattern>,
    /// The rule that its mailboxes meet, and where that is said.
    pub(crate) rule: Option<(RuleName, Place)>,
}

/// A `[[mailbox]]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox {
    /// Whether it can be used at all.
    pub(crate) state: State,
    /// How strictly spam is kept out of the inbox.
    pub(crate) level: Level,
    /// Bytes that it may hold; unlimited if not set.
    pub(crate) quota: Option<u64>,
    /// Bytes that it holds at the start.
    pub(crate) used: u64,
    /// Messages that it may hold; the pack's number if not set, unlimited if 0.
    pub(crate) max_messages: Option<u64>,
    /// Messages that it holds at the start.
    pub(crate) messages: u64,
    /// Senders that it refuses.
    pub(crate) refuses: Vec<AddressPattern>,
    /// Senders in its address book.
    pub(crate) contacts: Vec<AddressPattern>,
    /// Who gets a copy of what comes to it (263 W022 §4.0.19).
    pub(crate) tracker: Option<Address>,
    /// The rule that it meets, and where that is said.
    pub(crate) rule: Option<(RuleName, Place)>,
}

/// Whether a mailbox can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// It takes mail.
    #[default]
    Known,
    /// It does not exist.
    Unknown,
    /// It is switched off.
    Disabled,
    /// It is frozen, as for a bill that was not paid.
    Frozen,
    /// It is suspended, as for what it sent.
    Suspended,
    /// It was never activated, or not used for long.
    Inactive,
    /// Its SMTP service is switched off.
    NoSmtp,
    /// It is not on the list of those that may receive.
    NotAllowed,
}

const STATES: [(&str, State); 8] = [
    ("known", State::Known),
    ("unknown", State::Unknown),
    ("disabled", State::Disabled),
    ("frozen", State::Frozen),
    ("suspended", State::Suspended),
    ("inactive", State::Inactive),
    ("no-smtp", State::NoSmtp),
    ("not-allowed", State::NotAllowed),
];

/// How strictly spam is kept out of the inbox (263 W022 §4.0.15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Level {
    /// 低级: everything goes to the inbox.
    Low,
    /// 中级: what looks like spam goes to the folder for unknown mail.
    #[default]
    Medium,
    /// 高级: what does not come from the address book goes there.
    High,
}

impl Level {
    /// The level of that name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        parse::one_of(name, &[("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)])
    }
}

fn rule(table: &mut Table<'_>, problems: &mut Problems) -> Option<(RuleName, Place)> {
    let place = table.node("rule")?.place.clone();
    Some((table.parsed("rule", problems)?, place))
}

fn address(node: &Node, problems: &mut Problems) -> Option<Address> {
    let address = Address::parse(text(node, problems)?);
    if address.is_none() {
        problems.push(Problem::new(&node.place, "expected an address as `name@example.com`"));
    }
    address
}

impl Tables {
    /// Adds a `[[domain]]`.
    pub(crate) fn add_domain(&mut self, node: &Node, problems: &mut Problems) {
        let mut table = Table::of(node, problems);
        let name = table.required("name", problems);
        let name = name.and_then(|node| note(node, parse_domain(text(node, problems)?), problems));
        let domain = Domain {
            provider: table
                .node("provider")
                .and_then(|node| Some((text(node, problems)?.to_owned(), node.place.clone()))),
            released: table.boolean("released", problems).unwrap_or_default(),
            moved: table.boolean("moved", problems).unwrap_or_default(),
            listed_only: table
                .converted("mailboxes", problems, |name| parse::one_of(name, &[("any", false), ("listed", true)]))
                .unwrap_or_default(),
            refuses: AddressPattern::read_list(table.list("refuses"), problems),
            rule: rule(&mut table, problems),
        };
        table.finish(problems);
        if let Some(name) = name {
            self.domains.push((name, domain));
        }
    }

    /// Adds a `[[mailbox]]`.
    pub(crate) fn add_mailbox(&mut self, node: &Node, problems: &mut Problems) {
        let mut table = Table::of(node, problems);
        let address = table.required("address", problems).and_then(|node| address(node, problems));
        let mailbox = Mailbox {
            state: table.converted("state", problems, |name| parse::one_of(name, &STATES)).unwrap_or_default(),
            level: table.converted("level", problems, Level::named).unwrap_or_default(),
            quota: parse::size_at(&mut table, "quota", problems),
            used: parse::size_at(&mut table, "used", problems).unwrap_or_default(),
            max_messages: table.number("max-messages", problems),
            messages: table.number("messages", problems).unwrap_or_default(),
            refuses: AddressPattern::read_list(table.list("refuses"), problems),
            contacts: AddressPattern::read_list(table.list("contacts"), problems),
            tracker: table.node("tracker").and_then(|node| self::address(node, problems)),
            rule: rule(&mut table, problems),
        };
        table.finish(problems);
        if let Some(address) = address
            && self.mailboxes.insert(address.key(), mailbox).is_some()
        {
            problems.push(Problem::new(&node.place, format!("the mailbox {address} is there twice")));
        }
    }

    /// The domains that say which provider answers for them.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (&str, &(String, Place))> {
        self.domains.iter().filter_map(|(name, domain)| Some((name.as_str(), domain.provider.as_ref()?)))
    }

    /// The rules that mailboxes and domains name.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &(RuleName, Place)> {
        let domains = self.domains.iter().filter_map(|(_, domain)| domain.rule.as_ref());
        domains.chain(self.mailboxes.values().filter_map(|mailbox| mailbox.rule.as_ref()))
    }
}

impl Directory {
    /// The directory of the pack `id`: the domains hosted there and, later ones over earlier, the tables. A domain
    /// that names another provider is not hosted at this one.
    pub(crate) fn new<'t>(id: &str, hosted: &[String], tables: impl IntoIterator<Item = &'t Tables>) -> Self {
        let mut directory = Self::default();
        directory.domains.extend(hosted.iter().map(|domain| (domain.clone(), Domain::default())));
        for table in tables {
            let here =
                |(_, domain): &&(String, Domain)| domain.provider.as_ref().is_none_or(|(provider, _)| provider == id);
            directory.domains.extend(table.domains.iter().filter(here).cloned());
            directory.mailboxes.extend(table.mailboxes.iter().map(|(key, mailbox)| (key.clone(), mailbox.clone())));
        }
        directory
    }

    /// The domain, if it is hosted here.
    pub(crate) fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name)
    }

    /// The mailbox's table, if there is one.
    pub(crate) fn mailbox(&self, address: &Address) -> Option<&Mailbox> {
        if self.mailboxes.is_empty() { None } else { self.mailboxes.get(&address.key()) }
    }

    /// The rule that the mailbox, or its domain, is set to meet.
    pub(crate) fn rule(&self, address: &Address) -> Option<&RuleName> {
        let own = self.mailbox(address).and_then(|mailbox| mailbox.rule.as_ref());
        own.or_else(|| self.domain(address.domain())?.rule.as_ref()).map(|(name, _)| name)
    }

    /// Whether the mailbox exists.
    pub(crate) fn state(&self, address: &Address) -> State {
        match (self.mailbox(address), self.domain(address.domain())) {
            (Some(mailbox), _) => mailbox.state,
            (None, Some(domain)) if domain.listed_only => State::Unknown,
            (None, _) => State::Known,
        }
    }
}
