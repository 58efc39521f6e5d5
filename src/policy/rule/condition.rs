//! Conditions: what must hold for a rule to fire, one variant for each kind.

use super::{
    Reading, attachment, chance, concurrency, envelope, greylist, identity, keyword, mailbox, prison, rate,
    same_domain, score, session, text, virus,
};
use crate::address::Address;
use crate::document::{Node, Table, Value};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::identity::Needs;
use crate::message::MessageFacts;
use crate::policy::ask::Ask;
use crate::policy::directory::Directory;
use crate::policy::rule::Hits;

/// What a condition looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) directory: &'a Directory,
    /// Where the pack's keywords stand in the message.
    pub(crate) hits: &'a Hits,
    /// The recipient in question, if there is one.
    pub(crate) recipient: Option<&'a Address>,
    /// The pack's host name, for templates.
    pub(crate) host: &'a str,
    /// How many messages a mailbox may hold if its table does not say; 0 is unlimited.
    pub(crate) max_messages: u64,
}

impl<'a> View<'a> {
    /// The message; the stage made sure that there is one.
    pub(super) fn message(&self) -> Option<&'a MessageFacts> {
        self.facts.message.as_deref()
    }

    /// The sender's mailbox, if there is one.
    pub(super) fn sender(&self) -> Option<&'a Address> {
        self.facts.envelope.sender.as_ref().and_then(|sender| sender.address())
    }
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    No,
    /// Yes, and why, if there is more to say than the rule does.
    Yes(Option<Evidence>),
    /// It depends on what is remembered.
    Ask(Ask),
}

impl Test {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes(None) } else { Self::No }
    }

    pub(super) fn why(evidence: impl Into<Evidence>) -> Self {
        Self::Yes(Some(evidence.into()))
    }
}

/// One condition.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Attachment(attachment::Attachments),
    Chance(chance::Chance),
    Concurrency(concurrency::Limit),
    Envelope(envelope::Envelope),
    Greylist(greylist::Limit),
    Identity(identity::Condition),
    Keyword(keyword::Keyword),
    Mailbox(mailbox::Condition),
    Prison(prison::Inside),
    Rate(rate::Limit),
    SameDomain(same_domain::SameDomain),
    Score(score::Score),
    Session(session::Condition),
    Text(text::Text),
    Virus(virus::Condition),
}

impl Condition {
    /// All keys of a `when` table.
    const KEYS: &'static [&'static str] = &[
        "attachment",
        "chance",
        "command",
        "concurrency",
        "count",
        "dkim",
        "dmarc",
        "dnsbl",
        "fault",
        "greylist",
        "header",
        "helo",
        "helo-resolves",
        "keyword",
        "level",
        "login",
        "mailbox",
        "peer",
        "prison",
        "rate",
        "recipient",
        "recipient-domain",
        "role",
        "same-domain",
        "score",
        "sender",
        "sender-domain",
        "sender-domain-resolves",
        "size",
        "spf",
        "subject",
        "tls",
        "virus",
    ];

    /// Reads one entry of a `when` table.
    pub(super) fn read(key: &'static str, node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        Some(match key {
            "attachment" => Self::Attachment(attachment::Attachments::read(node, reading)?),
            "chance" => Self::Chance(chance::Chance::read(node, reading)?),
            "greylist" => Self::Greylist(greylist::Limit::read(node, reading)?),
            "concurrency" => Self::Concurrency(concurrency::Limit::read(node, reading)?),
            "recipient" | "recipient-domain" | "sender" | "sender-domain" => {
                Self::Envelope(envelope::Envelope::read(key, node, reading)?)
            }
            "dkim" | "dmarc" | "dnsbl" | "helo-resolves" | "sender-domain-resolves" | "spf" => {
                Self::Identity(identity::Condition::read(key, node, reading)?)
            }
            "header" | "helo" | "subject" => Self::Text(text::Text::read(key, node, reading)?),
            "keyword" => Self::Keyword(keyword::Keyword::read(node, reading)?),
            "level" | "mailbox" => Self::Mailbox(mailbox::Condition::read(key, node, reading)?),
            "prison" => Self::Prison(prison::Inside::read(node, reading)?),
            "rate" => Self::Rate(rate::Limit::read(node, reading)?),
            "same-domain" => Self::SameDomain(same_domain::SameDomain::read(node, reading)?),
            "score" => Self::Score(score::Score::read(node, reading)?),
            "virus" => Self::Virus(virus::Condition::read(node, reading)?),
            _ => Self::Session(session::Condition::read(key, node, reading)?),
        })
    }

    /// Whether it holds.
    pub(crate) fn test(&self, view: &View<'_>) -> Test {
        match self {
            Self::Attachment(condition) => condition.test(view),
            Self::Chance(condition) => condition.test(),
            Self::Concurrency(condition) => condition.test(view),
            Self::Envelope(condition) => condition.test(view),
            Self::Greylist(condition) => condition.test(view),
            Self::Identity(condition) => condition.test(view),
            Self::Keyword(condition) => condition.test(view),
            Self::Mailbox(condition) => condition.test(view),
            Self::Prison(condition) => condition.test(view),
            Self::Rate(condition) => condition.test(view),
            Self::SameDomain(condition) => condition.test(view),
            Self::Score(condition) => condition.test(view),
            Self::Session(condition) => condition.test(view),
            Self::Text(condition) => condition.test(view),
            Self::Virus(condition) => condition.test(view),
        }
    }

    /// Adds what has to be found out of who the sender is before it can be tested.
    pub(crate) fn identifies(&self, needs: &mut Needs) {
        match self {
            Self::Identity(condition) => condition.identifies(needs),
            Self::Score(score) => score.conditions().for_each(|condition| condition.identifies(needs)),
            _ => {}
        }
    }

    /// Whether it depends on what is remembered between sessions.
    pub(crate) fn remembers(&self) -> bool {
        match self {
            Self::Chance(_) | Self::Concurrency(_) | Self::Greylist(_) | Self::Prison(_) | Self::Rate(_) => true,
            Self::Mailbox(condition) => condition.remembers(),
            _ => false,
        }
    }

    /// Whether what it asks of what is remembered leaves nothing behind.
    pub(super) const fn only_looks(&self) -> bool {
        matches!(self, Self::Mailbox(_))
    }

    /// Whether it speaks of one recipient.
    pub(super) fn of_recipient(&self) -> bool {
        match self {
            Self::Mailbox(_) => true,
            Self::Score(score) => score.conditions().any(Self::of_recipient),
            Self::Envelope(condition) => condition.of_recipient(),
            _ => false,
        }
    }

    /// Whether it looks at more of a message than its header.
    pub(crate) fn reads_body(&self) -> bool {
        match self {
            Self::Attachment(_) | Self::Keyword(_) | Self::Virus(_) => true,
            Self::Score(score) => score.conditions().any(Self::reads_body),
            _ => false,
        }
    }
}

/// Reads a `when` or `unless` table.
pub(crate) fn conditions(node: &Node, reading: &mut Reading<'_, '_>) -> Vec<Condition> {
    let Value::Table(entries) = &node.value else {
        let _ = Table::of(node, reading.problems);
        return Vec::new();
    };
    if entries.is_empty() {
        reading.problem(&node.place, "an empty table of conditions; leave it out for a rule that always fires");
    }
    let mut table = Table::of(node, reading.problems);
    let keys = Condition::KEYS.iter().filter_map(|key| Some((*key, table.node(key)?)));
    let mut found: Vec<_> = keys.filter_map(|(key, node)| Condition::read(key, node, reading)).collect();
    table.finish(reading.problems);
    // What is cheap and pure comes first, so that nothing is counted for a session that another condition lets go.
    found.sort_by_key(|condition| (condition.remembers(), condition.reads_body()));
    found
}
