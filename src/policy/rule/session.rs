//! Conditions on the session.
//!
//! ```toml
//! when.role = "mx"                        # or "submission"
//! when.tls = false
//! when.login = "none"                     # or "any", or a text matcher
//! when.peer = ["203.0.113.0/24"]          # or { list = "overseas" }
//! when.size = "20 MiB"                    # a message (or what MAIL announced) larger than this
//! when.count = { errors = 5 }             # more than so many in this session: commands, errors, failed-logins,
//!                                         # transactions, messages, refused-recipients, recipients (of this message)
//! when.command = "STARTTLS"              # at stage command: the verb
//! when.fault = ["unknown-command"]        # at stage fault: the reply, by its name in `[replies]`, that this is for
//! ```

use crate::document::{Node, Table, Value, expected, items, note, text};
use crate::evidence::{Clue, Evidence};
use crate::facts::{Facts, Role};
use crate::policy::matcher::{Networks, TextMatcher};
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::smtp::Canned;
use crate::stage::Stage;

/// A condition on the session.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Count(Vec<(Counted, u32)>),
    Command(Vec<String>),
    Fault(Vec<Canned>),
    Login(Login),
    Peer(Networks),
    Role(Role),
    Size(u64),
    Tls(bool),
}

#[derive(Clone, Debug)]
pub(crate) enum Login {
    Any,
    None,
    Matches(TextMatcher),
}

/// What is counted over a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Commands,
    Errors,
    FailedLogins,
    Messages,
    Recipients,
    RefusedRecipients,
    Transactions,
}

const COUNTED: [(&str, Counted); 7] = [
    ("commands", Counted::Commands),
    ("errors", Counted::Errors),
    ("failed-logins", Counted::FailedLogins),
    ("messages", Counted::Messages),
    ("recipients", Counted::Recipients),
    ("refused-recipients", Counted::RefusedRecipients),
    ("transactions", Counted::Transactions),
];

/// There is more of something than there may be.
fn too_many(of: String, count: u64, limit: u64) -> Evidence {
    Evidence::with(format!("{count} {of}, {limit} may be"), Clue::Count { of, count, limit, until: None })
}

impl Counted {
    fn of(self, facts: &Facts) -> u32 {
        let counts = &facts.counts;
        match self {
            Self::Commands => counts.commands,
            Self::Errors => counts.errors,
            Self::FailedLogins => counts.failed_logins,
            Self::Messages => counts.messages,
            Self::Recipients => {
                let envelope = &facts.envelope;
                let all = envelope.recipients.len() + usize::from(envelope.candidate.is_some());
                u32::try_from(all).unwrap_or(u32::MAX)
            }
            Self::RefusedRecipients => counts.refused_recipients,
            Self::Transactions => counts.transactions,
        }
    }
}

impl Condition {
    pub(super) fn read(key: &str, node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        match key {
            "count" => counts(node, reading),
            "command" => command(node, reading),
            "fault" => faults(node, reading),
            "login" => login(node, reading).map(Self::Login),
            "peer" => Networks::read(node, reading.lists, reading.problems).map(Self::Peer),
            "role" => {
                let roles = [("mx", Role::Mx), ("submission", Role::Submission)];
                let role = parse::one_of(text(node, reading.problems)?, &roles);
                note(node, role, reading.problems).map(Self::Role)
            }
            "size" => {
                reading.needs(key, Stage::Mail, &node.place);
                parse::size(node, reading.problems).map(Self::Size)
            }
            _ => match node.value {
                Value::Boolean(tls) => Some(Self::Tls(tls)),
                _ => expected("true or false", node, reading.problems),
            },
        }
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let facts = view.facts;
        match self {
            Self::Count(limits) => {
                let over = limits.iter().find(|(counted, most)| counted.of(facts) > *most);
                over.map_or(Test::No, |(counted, most)| {
                    let name = COUNTED.iter().find(|(_, known)| known == counted).map_or("", |(name, _)| name);
                    Test::why(too_many(format!("{name} in this session"), counted.of(facts).into(), (*most).into()))
                })
            }
            Self::Command(verbs) => Test::of(facts.command.as_ref().is_some_and(|verb| verbs.contains(verb))),
            Self::Fault(faults) => match facts.fault {
                Some(fault) if faults.iter().any(|canned| canned.name() == fault) => {
                    Test::why(format!("fault: {fault}"))
                }
                _ => Test::No,
            },
            Self::Login(login) => {
                let name = facts.attempt.as_ref().map(|attempt| &attempt.login).or(facts.login.as_ref());
                Test::of(match login {
                    Login::Any => name.is_some(),
                    Login::None => name.is_none(),
                    Login::Matches(matcher) => name.is_some_and(|name| matcher.matches(name)),
                })
            }
            Self::Peer(networks) => networks
                .find(facts.peer.ip())
                .map_or(Test::No, |network| Test::why(format!("{} is in {network}", facts.peer.ip()))),
            Self::Role(role) => Test::of(facts.listener.role == *role),
            Self::Size(most) => {
                let announced = facts.envelope.parameters.size.unwrap_or_default();
                let size = view.message().map_or(announced, |message| message.size);
                if size > *most { Test::why(too_many("bytes".to_owned(), size, *most)) } else { Test::No }
            }
            Self::Tls(tls) => Test::of(facts.tls.is_some() == *tls),
        }
    }
}

fn login(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Login> {
    match node.as_text() {
        Some("any") => Some(Login::Any),
        Some("none") => Some(Login::None),
        _ => TextMatcher::read(node, reading.lists, reading.problems).map(Login::Matches),
    }
}

fn command(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Condition> {
    if reading.stage != Stage::Command {
        reading.problem(&node.place, format!("`command` goes with stage command, not with stage {}", reading.stage));
    }
    let verbs = items(node).iter().filter_map(|node| text(node, reading.problems).map(str::to_ascii_uppercase));
    Some(Condition::Command(verbs.collect()))
}

fn faults(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Condition> {
    if reading.stage != Stage::Fault {
        reading.problem(&node.place, format!("`fault` goes with stage fault, not with stage {}", reading.stage));
    }
    let named = |name: &str| Canned::named(name).ok_or_else(|| format!("mockmx has no reply `{name}`"));
    let faults =
        items(node).iter().filter_map(|node| note(node, named(text(node, reading.problems)?), reading.problems));
    Some(Condition::Fault(faults.collect()))
}

fn counts(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Condition> {
    let mut table = Table::of(node, reading.problems);
    let mut limits = Vec::new();
    for (name, counted) in COUNTED {
        if counted == Counted::Recipients && table.node(name).is_some() {
            reading.needs("count.recipients", Stage::Rcpt, &node.place);
        }
        limits.extend(table.number(name, reading.problems).map(|most| (counted, most)));
    }
    table.finish(reading.problems);
    if limits.is_empty() {
        reading.problem(&node.place, "`count` needs at least one number, as `{ errors = 5 }`");
        return None;
    }
    Some(Condition::Count(limits))
}
