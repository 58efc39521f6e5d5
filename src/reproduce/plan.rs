//! What makes a failure happen again: stubs for a mockmx that runs, or a pack.
//!
//! The reply goes out at its stage; at the stages before it the mail is let through, whatever the provider's own rules
//! say.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{Failure, Original, Staged};
use crate::address::{Address, parse_domain};
use crate::document::written::{add, quoted};
use crate::reply::Reply;
use crate::stage::Stage;

/// What a mail must have in common with the one that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Nothing: every mail.
    All,
    /// The recipient.
    Recipient,
    /// The recipient's domain.
    Domain,
    /// The sender of the envelope.
    Sender,
    /// The whole subject.
    Subject,
}

impl Match {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Recipient, Self::Domain, Self::Sender, Self::Subject, Self::All];

    /// Its name: `recipient`, `domain`, `sender`, `subject` or `all`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The word for it, and the condition's key.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::All => ("all", ""),
            Self::Recipient => ("recipient", "recipient"),
            Self::Domain => ("domain", "recipient-domain"),
            Self::Sender => ("sender", "sender"),
            Self::Subject => ("subject", "subject"),
        }
    }

    /// The stage from which on it is known.
    const fn known_from(self) -> Stage {
        match self {
            Self::All => Stage::Connect,
            Self::Sender => Stage::Mail,
            Self::Recipient | Self::Domain => Stage::Rcpt,
            Self::Subject => Stage::Message,
        }
    }
}

/// Why a failure cannot be reproduced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to say.
    #[error("the reply is not known")]
    NoReply,
    /// What is to be compared is not known.
    #[error("the {0} is not known")]
    Unknown(&'static str),
    /// What is to be compared is not known yet when the reply is given.
    #[error("the {0} is not known at stage {1}; it is from stage {2} on")]
    TooEarly(&'static str, Stage, Stage),
}

/// What a running mockmx has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The reply.
    pub reply: Reply,
    /// Where it is given.
    pub staged: Staged,
    /// The conditions, by their keys in packs.
    pub when: Map<String, Value>,
    /// The domains of the recipient.
    domains: Vec<String>,
    /// The server's name.
    host: Option<String>,
}

impl Plan {
    /// How one of the failures is reproduced: at `stage`, or where it is said or guessed to have come; for mails that
    /// have all of `wanted` in common with it, or, if that is empty, its recipient or what is known at the stage.
    ///
    /// # Errors
    /// If its reply, or what is to be compared, is not known.
    pub fn new(failure: &Failure, wanted: &[Match], stage: Option<Stage>) -> Result<Self, PlanError> {
        let reply = failure.reply.as_ref().ok_or(PlanError::NoReply)?.reply.clone();
        let mut staged = failure.staged().ok_or(PlanError::NoReply)?;
        if let Some(stage) = stage.filter(|stage| *stage != staged.stage) {
            staged = Staged { stage, sure: super::Sure::Said, by: "as you say".to_owned() };
        }
        let at = staged.stage;
        let recipients: Vec<_> =
            [&failure.recipient, &failure.original_recipient].into_iter().flatten().cloned().collect();
        let original = failure.original.as_ref();
        let mut when = Map::new();
        let fallback = [Match::Recipient, Match::Sender, Match::All];
        let known = |wanted: &Match| at.knows(wanted.known_from()) && condition(*wanted, &recipients, original).is_ok();
        let fallback = fallback.iter().find(|wanted| known(wanted)).copied();
        let wanted = if wanted.is_empty() { fallback.as_slice() } else { wanted };
        for wanted in wanted.iter().collect::<BTreeSet<_>>() {
            let (name, key) = wanted.names();
            if !at.knows(wanted.known_from()) {
                return Err(PlanError::TooEarly(name, at, wanted.known_from()));
            }
            if *wanted != Match::All {
                when.insert(key.to_owned(), condition(*wanted, &recipients, original)?);
            }
        }
        let host = failure.remote.as_deref().and_then(|remote| remote.split(' ').next());
        let host = host.map(str::to_ascii_lowercase).filter(|name| is_domain(name));
        Ok(Self { reply, staged, when, domains: domains(&recipients), host })
    }

    /// The stubs, as `POST /api/v1/stubs` takes them: first those that let the mail through to the stage.
    #[must_use]
    pub fn stubs(&self) -> Vec<Value> {
        let mut stubs = Vec::new();
        for (stage, when) in self.passing() {
            stubs.push(json!({"stage": stage.name(), "priority": 1, "when": when, "accept": true}));
        }
        let mut stub = json!({"stage": self.staged.stage.name(), "priority": 1});
        if !self.when.is_empty() {
            stub["when"] = Value::Object(self.when.clone());
        }
        stub["reply"] = self.reply.template().into();
        if self.closes() {
            stub["close"] = true.into();
        }
        stubs.push(stub);
        stubs
    }

    /// A pack that answers so. `id` is the name of its file without `.toml`.
    #[must_use]
    pub fn pack(&self, id: &str, about: &str) -> String {
        let mut pack = String::new();
        let comment = about.replace(|c: char| c.is_control() && c != '\n', " ");
        comment.lines().for_each(|line| add(&mut pack, &format!("# {line}")));
        add(&mut pack, &format!("name = {}", quoted(&format!("Reproduction {id}"))));
        if !self.domains.is_empty() {
            add(&mut pack, &format!("domains = {}", Value::from(self.domains.clone())));
        }
        if let Some(host) = &self.host {
            add(&mut pack, &format!("host = {}", quoted(host)));
        }
        for (stage, when) in self.passing() {
            add(&mut pack, &format!("\n[[rule]]\nid = \"pass-{stage}\"\nstage = \"{stage}\""));
            conditions(&mut pack, &when);
            add(&mut pack, "then = \"accept\"");
        }
        let stage = self.staged.stage;
        add(&mut pack, &format!("\n[[rule]]\nid = \"reproduced\"\nstage = \"{stage}\""));
        conditions(&mut pack, &self.when);
        add(&mut pack, &format!("reply = {}", quoted(&self.reply.template())));
        if self.closes() {
            add(&mut pack, "close = true");
        }
        let note = format!("The stage is {}: {}.", self.staged.sure, self.staged.by);
        add(&mut pack, &format!("note = {}", quoted(&note)));
        pack
    }

    /// The recipient's domains, which are the pack's.
    #[must_use]
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Whether a pack must be named by `--provider`, since it is not asked by the recipient's domain.
    #[must_use]
    pub fn needs_provider(&self) -> bool {
        self.domains.is_empty() || !self.staged.stage.knows(Stage::Rcpt)
    }

    /// The stages before, at which the conditions can be told already, with those.
    fn passing(&self) -> Vec<(Stage, Map<String, Value>)> {
        let of = |key: &str| match key {
            "sender" => Stage::Mail,
            "subject" => Stage::Message,
            _ => Stage::Rcpt,
        };
        let earlier = [Stage::Mail, Stage::Rcpt, Stage::Data].into_iter().filter(|stage| *stage < self.staged.stage);
        let known = earlier.map(|stage| {
            let when = self.when.iter().filter(|(key, _)| stage.knows(of(key)));
            (stage, when.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
        });
        // Without a condition it would let through what has nothing to do with it.
        known.filter(|(_, when)| !when.is_empty()).collect()
    }

    /// A reply of 421 ends the connection (RFC 5321 §3.8).
    fn closes(&self) -> bool {
        self.reply.code() == 421
    }
}

fn condition(wanted: Match, recipients: &[String], original: Option<&Original>) -> Result<Value, PlanError> {
    let unknown = || PlanError::Unknown(wanted.names().0);
    let values = |values: Vec<String>| match &values[..] {
        [] => Err(unknown()),
        [one] => Ok(Value::from(one.as_str())),
        _ => Ok(Value::from(values)),
    };
    let addresses = |of: &[&str]| -> Option<Vec<String>> { of.iter().map(|address| pattern(address)).collect() };
    let sender = || original.and_then(|of| of.sender.as_deref().or(of.from.as_deref()));
    match wanted {
        Match::All => Ok(Value::Null),
        Match::Recipient => {
            let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
            values(addresses(&recipients).ok_or_else(unknown)?)
        }
        Match::Domain => values(domains(recipients)),
        Match::Sender => values(addresses(sender().as_slice()).ok_or_else(unknown)?),
        Match::Subject => values(original.and_then(|of| of.subject.clone()).into_iter().collect()),
    }
}

/// The pattern that an address alone matches.
fn pattern(address: &str) -> Option<String> {
    let address = Address::parse(address)?;
    let is_one = !address.domain().starts_with('.') && !address.local().contains('@');
    is_one.then(|| format!("{}@{}", address.local(), address.domain()))
}

fn domains(recipients: &[String]) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    for address in recipients.iter().filter_map(|recipient| Address::parse(recipient)) {
        if is_domain(address.domain()) && !domains.iter().any(|known| known == address.domain()) {
            domains.push(address.domain().to_owned());
        }
    }
    domains
}

/// Whether it is a name, and not the address of a host, or something else that a stranger wrote.
fn is_domain(text: &str) -> bool {
    text.contains('.')
        && !text.starts_with('[')
        && text.parse::<IpAddr>().is_err()
        && parse_domain(text).is_ok_and(|domain| domain == text)
}

fn conditions(pack: &mut String, when: &Map<String, Value>) {
    for (key, value) in when {
        add(pack, &format!("when.{key} = {value}"));
    }
}
