//! Triggers: names that make exactly one rule fire, whatever else is true.

use std::fmt;
use std::str::FromStr;

use crate::address::{Address, fold};
use crate::facts::Facts;
use crate::policy::parse::is_id;
use crate::stage::Stage;

/// The domain below which names are triggers. `.test` is reserved and never resolves (RFC 6761 §6.2).
pub(crate) const DOMAIN: &str = "mockmx.test";

/// The header field that names a rule of stage `message`.
pub(crate) const HEADER: &str = "X-Mockmx-Rule";

/// The name of a rule, as people write it: `263/keyword`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RuleName {
    pub(crate) provider: String,
    pub(crate) rule: String,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.rule)
    }
}

impl FromStr for RuleName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.split_once('/').and_then(|(provider, rule)| Self::of(rule, provider));
        name.ok_or_else(|| format!("expected a rule as `263/keyword`, found \"{text}\""))
    }
}

impl RuleName {
    fn of(rule: &str, provider: &str) -> Option<Self> {
        let (rule, provider) = (fold(rule), fold(provider));
        (is_id(&rule) && is_id(&provider)).then_some(Self { provider, rule })
    }

    /// The rule that an address names: `<rule>@<provider>.mockmx.test`.
    pub(crate) fn of_address(address: &Address) -> Option<Self> {
        let provider = address.domain().strip_suffix(DOMAIN)?.strip_suffix('.')?;
        Self::of(address.local(), provider)
    }

    /// The address that names the rule.
    pub(crate) fn address(&self) -> String {
        format!("{}@{}.{DOMAIN}", self.rule, self.provider)
    }
}

/// A rule that something in the session names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: RuleName,
    /// The stage at which it was named. A rule of an earlier stage fires here, late.
    pub(crate) at: Stage,
    /// The recipient that named it, if it was one: the rule is about that one alone.
    pub(crate) recipient: Option<Address>,
    /// How it was named, for people.
    pub(crate) by: String,
}

/// The rule that the session names, by the earliest thing that the client said. What recipients name is about them
/// alone, and is not looked at here.
pub(crate) fn session(stage: Stage, facts: &Facts, provider_exists: impl Fn(&str) -> bool) -> Option<Named> {
    let named = |name: RuleName, at: Stage, by: &str| Some(Named { name, at, recipient: None, by: by.to_owned() });
    if let Some(name) = facts.listener.trigger.as_deref().and_then(|name| name.parse().ok()) {
        return named(name, Stage::Connect, "the listener's setting");
    }
    if let Some(name) = facts.helo.as_ref().and_then(|helo| of_host(&helo.name)) {
        return named(name, Stage::Helo, "the EHLO name");
    }
    let login = facts.attempt.as_ref().map(|attempt| attempt.login.as_str()).or(facts.login.as_deref());
    // A login is `<rule>@<provider>`; any other login that happens to have such a form is a login.
    if let Some(name) = login.and_then(|login| login.split_once('@')).and_then(|(rule, of)| RuleName::of(rule, of))
        && provider_exists(&name.provider)
    {
        return named(name, Stage::Auth, "the login");
    }
    let sender = facts.envelope.sender.as_ref().and_then(|sender| sender.address());
    if let Some(name) = sender.and_then(RuleName::of_address) {
        return named(name, Stage::Mail, "the sender");
    }
    let header = || facts.message.as_ref()?.headers.iter().find(|header| header.name.eq_ignore_ascii_case(HEADER));
    if stage == Stage::Message
        && let Some(name) = header().and_then(|header| header.value.trim().parse().ok())
    {
        return named(name, Stage::Message, "the header X-Mockmx-Rule");
    }
    None
}

fn of_host(name: &str) -> Option<RuleName> {
    let host = fold(name);
    let (rule, provider) = host.strip_suffix(DOMAIN)?.strip_suffix('.')?.rsplit_once('.')?;
    RuleName::of(rule, provider)
}
