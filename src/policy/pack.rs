//! A pack: what one provider says and does, read from one TOML file.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use crate::address::parse_domain;
use crate::document::{Node, Table, Value, note, text};
use crate::identity::{Needs, Zones};
use crate::policy::directory::Tables;
use crate::policy::explanation::Explanation;
use crate::policy::parse::{self, is_id};
use crate::policy::reach;
use crate::policy::rule::{Condition, Hits, KeywordIndex, Prison, Reading, Rule, Signal};
use crate::problem::{Problem, Problems};
use crate::smtp::{Canned, Extension, Persona};
use crate::stage::Stage;
use crate::template::ReplyTemplate;

/// A pack.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) domains: Vec<String>,
    pub(crate) persona: Arc<Persona>,
    pub(crate) tables: Tables,
    /// What DNS says of names.
    pub(crate) zones: Zones,
    /// How many messages a mailbox may hold if its table does not say; 0 is unlimited.
    pub(crate) max_messages: u64,
    pub(crate) rules: Vec<Rule>,
    /// What it says of texts that are no reply of its rules.
    pub(crate) explanations: Vec<Explanation>,
    /// A rule looks at more of a message than its header.
    pub(crate) reads_body: bool,
    pub(crate) prisons: Vec<(String, Prison)>,
    keywords: KeywordIndex,
}

impl Pack {
    /// Reads the pack `id`. All problems are noted; what could be read is returned.
    pub(crate) fn read(id: &str, node: &Node, as_of: Option<Date>, problems: &mut Problems) -> Self {
        let mut table = Table::of(node, problems);
        let name = table.required("name", problems).and_then(|node| text(node, problems)).unwrap_or(id).to_owned();
        let mut domains = Vec::new();
        for node in table.list("domains") {
            let domain = text(node, problems).map(parse_domain);
            let Some(domain) = domain.and_then(|domain| note(node, domain, problems)) else { continue };
            if domains.contains(&domain) {
                problems.push(Problem::new(&node.place, format!("the domain {domain} is there twice")));
            }
            domains.push(domain);
        }
        let persona = Arc::new(persona(&mut table, domains.first().map_or(id, String::as_str), problems));
        let mut tables = Tables::default();
        table.list("domain").iter().for_each(|node| tables.add_domain(node, problems));
        table.list("mailbox").iter().for_each(|node| tables.add_mailbox(node, problems));
        let max_messages = table.node("mailboxes").and_then(|node| {
            let mut table = Table::of(node, problems);
            let number = table.number("max-messages", problems);
            table.finish(problems);
            number
        });
        let zones = table.node("dns").map(|node| {
            let mut table = Table::of(node, problems);
            let zones = Zones::within(&mut table, problems);
            table.finish(problems);
            zones
        });
        let prisons = prisons(id, table.node("prisons"), problems);
        let lists = Lists::read(table.node("lists"), problems);
        let signal_nodes = table.list("signal");
        let rule_nodes = table.list("rule");
        let explanations = Explanation::read_all(table.list("explain"), problems);
        table.finish(problems);

        let mut keywords = KeywordIndex::default();
        let mut signals = Vec::new();
        for node in signal_nodes {
            let mut reading = Reading {
                lists: &lists,
                prisons: &prisons,
                keywords: &mut keywords,
                signals: &[],
                problems,
                provider: id,
                stage: Stage::Message,
                rule: "",
                as_of,
            };
            signals.extend(Signal::read(node, &mut reading).map(Arc::new));
        }
        let mut seen = BTreeSet::new();
        let mut rules = Vec::new();
        for node in rule_nodes {
            let Some((rule, stage)) = head(node, &mut seen, problems) else { continue };
            let mut reading = Reading {
                lists: &lists,
                prisons: &prisons,
                keywords: &mut keywords,
                signals: &signals,
                problems,
                provider: id,
                stage,
                rule,
                as_of,
            };
            rules.extend(Rule::read(node, &mut reading).map(|rule| (rule, node)));
        }
        if let Err(error) = keywords.build() {
            problems.push(Problem::new(&node.place, error));
        }
        lists.note_unused(problems);
        reach::check(&rules, problems);
        let rules: Vec<_> = rules.into_iter().map(|(rule, _)| rule).collect();
        let reads_body = rules.iter().flat_map(Rule::conditions).any(Condition::reads_body);
        let (zones, max_messages) = (zones.unwrap_or_default(), max_messages.unwrap_or_default());
        Self {
            id: id.to_owned(),
            name,
            domains,
            persona,
            tables,
            zones,
            max_messages,
            rules,
            explanations,
            reads_body,
            prisons,
            keywords,
        }
    }

    /// The rule of that id.
    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.reference.id == id)
    }

    /// The rules of a stage that answer the client.
    pub(crate) fn answering(&self, stage: Stage) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.stage == stage && !rule.does.outcome.is_of_recipient())
    }

    /// The rules that say what becomes of an accepted message.
    pub(crate) fn filing(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.does.outcome.is_of_recipient())
    }

    /// Adds what the rules of a stage want to know of who a sender is.
    pub(crate) fn identifies(&self, stage: Stage, needs: &mut Needs) {
        let rules = self.rules.iter().filter(|rule| rule.stage == stage);
        rules.flat_map(Rule::conditions).for_each(|condition| condition.identifies(needs));
    }

    /// The prison of that id; rules name none that is not there.
    pub(crate) fn prison(&self, id: &str) -> Option<&Prison> {
        self.prisons.iter().find(|(known, _)| known == id).map(|(_, prison)| prison)
    }

    /// Where the pack's keywords stand in a message.
    pub(crate) fn scan(&self, message: &crate::message::MessageFacts) -> Hits {
        self.keywords.scan(message)
    }
}

/// The id and the stage of a rule, without which nothing else of it can be read.
fn head<'n>(node: &'n Node, seen: &mut BTreeSet<&'n str>, problems: &mut Problems) -> Option<(&'n str, Stage)> {
    let mut table = Table::of(node, problems);
    let id = table.required("id", problems)?;
    let stage = table.required("stage", problems).and_then(|node| parse::stage(node, problems));
    let name = text(id, problems)?;
    if !is_id(name) {
        let help = "it has to fit into a host name: small letters, digits and hyphens, 63 at most";
        problems.push(Problem::new(&id.place, "this cannot be a rule's id").help(help));
    } else if !seen.insert(name) {
        problems.push(Problem::new(&id.place, format!("there are two rules `{name}`")));
    }
    Some((name, stage?))
}

fn persona(table: &mut Table<'_>, default_host: &str, problems: &mut Problems) -> Persona {
    let host = table.text("host", problems).unwrap_or(default_host);
    let mut persona = Persona::neutral(host);
    if table.node("extensions").is_some() {
        let mut extension = |node| {
            let name = text(node, problems)?;
            let extension = Extension::named(name);
            if extension.is_none() {
                problems.push(Problem::new(&node.place, format!("mockmx has no SMTP extension `{name}`")));
            }
            extension
        };
        persona.extensions = table.list("extensions").iter().filter_map(&mut extension).collect();
    }
    let Some(node) = table.node("replies") else {
        return persona;
    };
    let replies = Table::of(node, problems);
    for (name, node) in replies.entries() {
        let Some(canned) = Canned::named(name) else {
            let names: Vec<_> = Canned::ALL.iter().map(|canned| canned.name()).collect();
            let problem = Problem::new(&node.place, format!("mockmx has no reply `{name}`"));
            problems.push(problem.help(format!("replies: {}", names.join(", "))));
            continue;
        };
        let reply = text(node, problems).map(ReplyTemplate::parse);
        if let Some(reply) = reply.and_then(|reply| note(node, reply, problems)) {
            persona.set(canned, reply);
        }
    }
    persona
}

fn prisons(id: &str, node: Option<&Node>, problems: &mut Problems) -> Vec<(String, Prison)> {
    let Some(node) = node else {
        return Vec::new();
    };
    let table = Table::of(node, problems);
    let prisons =
        table.entries().filter_map(|(name, node)| Some((name.clone(), Prison::read(id, name, node, problems)?)));
    prisons.collect()
}

/// The named lists of a pack, and which of them its rules use.
#[derive(Debug)]
pub(crate) struct Lists<'n> {
    lists: BTreeMap<&'n str, &'n Node>,
    // Owned names keep the lists covariant: nodes of any lifetime can be read with them.
    used: RefCell<BTreeSet<String>>,
}

impl<'n> Lists<'n> {
    fn read(node: Option<&'n Node>, problems: &mut Problems) -> Self {
        let table = node.map(|node| Table::of(node, problems));
        let entries = table.iter().flat_map(Table::entries);
        let mut lists = BTreeMap::new();
        for (name, node) in entries {
            match &node.value {
                Value::List(_) => drop(lists.insert(name.as_str(), node)),
                other => {
                    problems.push(Problem::new(&node.place, format!("expected a list, found {}", other.kind())));
                }
            }
        }
        Self { lists, used: RefCell::default() }
    }

    /// None.
    pub(crate) fn none() -> Self {
        Self { lists: BTreeMap::new(), used: RefCell::default() }
    }

    /// The values of the list that `name` names.
    pub(crate) fn find(&self, name: &Node, problems: &mut Problems) -> Option<&'n [Node]> {
        let wanted = text(name, problems)?;
        let Some(node) = self.lists.get(wanted) else {
            let known: Vec<_> = self.lists.keys().copied().collect();
            let problem = Problem::new(&name.place, format!("there is no list `{wanted}`"));
            problems.push(problem.help(format!("lists of this pack: {}", known.join(", "))));
            return None;
        };
        self.used.borrow_mut().insert(wanted.to_owned());
        match &node.value {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    fn note_unused(&self, problems: &mut Problems) {
        let used = self.used.borrow();
        for (name, node) in self.lists.iter().filter(|(name, _)| !used.contains(**name)) {
            problems.push(Problem::new(&node.place, format!("no rule uses the list `{name}`")));
        }
    }
}
