//! From files to a [`Policy`], or to all the problems that they have.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::address::fold;
use crate::document::{Node, Table, Value};
use crate::identity::Zones;
use crate::policy::directory::{Directory, Tables};
use crate::policy::pack::Pack;
use crate::policy::parse::is_id;
use crate::policy::trigger::RuleName;
use crate::policy::{DEFAULT_PROVIDER, Policy, Provider};
use crate::problem::{Place, Problem, Problems, Source};
use crate::settings::Settings;

/// The packs that are part of the program.
const BUILT_IN: [(&str, &str); 6] = [
    ("21cn", include_str!("../../policies/21cn.toml")),
    ("263", include_str!("../../policies/263.toml")),
    ("netease", include_str!("../../policies/netease.toml")),
    ("neutral", include_str!("../../policies/neutral.toml")),
    ("wanxiang", include_str!("../../policies/wanxiang.toml")),
    ("xinnet", include_str!("../../policies/xinnet.toml")),
];

impl Policy {
    /// Loads the built-in packs and those of the settings' folders, with the settings' changes to them.
    ///
    /// # Errors
    /// All problems of all packs, and what the settings say of packs that do not exist.
    pub fn load(settings: &Settings) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut nodes = BTreeMap::new();
        for (id, text) in BUILT_IN {
            let source = Source { name: format!("policies/{id}.toml"), text: text.to_owned() };
            nodes.insert(id.to_owned(), parsed(source, &mut problems));
        }
        for (path, place) in &settings.policies {
            for file in pack_files(path, place, &mut problems) {
                if let Some((id, node)) = read_file(&file, place, &mut problems) {
                    nodes.insert(id, node);
                }
            }
        }
        if let Some(changes) = &settings.providers {
            change(&mut nodes, changes, &mut problems);
        }
        let packs: Vec<_> =
            nodes.iter().map(|(id, node)| Pack::read(id, node, settings.as_of, &mut problems)).collect();
        let mut tables = Tables::default();
        settings.domains.iter().for_each(|node| tables.add_domain(node, &mut problems));
        settings.mailboxes.iter().for_each(|node| tables.add_mailbox(node, &mut problems));
        let policy = assemble(packs, &tables, settings, &mut problems);
        check_names(&policy, &tables, settings, &mut problems);
        problems.or(policy)
    }

    /// The id that a pack's file gives it, if it can be one.
    #[must_use]
    pub fn pack_id(file: &Path) -> Option<&str> {
        file.file_stem().and_then(|stem| stem.to_str()).filter(|id| is_id(id))
    }

    /// Checks one pack's text by itself; its file's name is only said.
    ///
    /// # Errors
    /// All its problems.
    pub fn check(file: &str, text: &str) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let id = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("pack").to_owned();
        let node = parsed(Source { name: file.to_owned(), text: text.to_owned() }, &mut problems);
        Pack::read(&id, &node, None, &mut problems);
        problems.or(())
    }
}

/// Names for what a sender's resolver can meet.
fn built_in_zones(problems: &mut Problems) -> Zones {
    let text = include_str!("../../policies/zones/dns.mockmx.test.toml").to_owned();
    let node = parsed(Source { name: "policies/zones/dns.mockmx.test.toml".to_owned(), text }, problems);
    Zones::read(&node, problems)
}

fn parsed(source: Source, problems: &mut Problems) -> Node {
    let (node, mut found) = Node::parse_toml(&Arc::new(source));
    problems.0.append(&mut found.0);
    node
}

/// The pack files of a folder, in the order of their names, or the one file.
fn pack_files(path: &Path, place: &Place, problems: &mut Problems) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(Problem::new(place, format!("cannot read the packs in {}: {error}", path.display())));
            return Vec::new();
        }
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        let problem = Problem::new(place, format!("there is no pack in {}", path.display()));
        problems.push(problem.help("a pack is a file named after the provider's id, as `263.toml`"));
    }
    files
}

fn read_file(file: &Path, place: &Place, problems: &mut Problems) -> Option<(String, Node)> {
    let name = file.display().to_string();
    let Some(id) = Policy::pack_id(file) else {
        let problem = Problem::new(place, format!("{name}: a pack's file is named after the provider's id"));
        problems.push(problem.help("small letters, digits and hyphens, as `263.toml`"));
        return None;
    };
    match std::fs::read_to_string(file) {
        Ok(text) => Some((id.to_owned(), parsed(Source { name, text }, problems))),
        Err(error) => {
            problems.push(Problem::new(place, format!("cannot read {name}: {error}")));
            None
        }
    }
}

/// Lays the `[providers.ID]` tables of the settings over the packs. `rules.ID` changes the rule of that id.
fn change(nodes: &mut BTreeMap<String, Node>, changes: &Node, problems: &mut Problems) {
    let known: Vec<_> = nodes.keys().cloned().collect();
    for (id, change) in Table::of(changes, problems).entries() {
        let Some(pack) = nodes.get_mut(id) else {
            let problem = Problem::new(&change.place, format!("there is no provider `{id}`"));
            problems.push(problem.help(format!("providers: {}", known.join(", "))));
            continue;
        };
        let mut change = change.clone();
        let rules = match &mut change.value {
            Value::Table(entries) => entries.shift_remove("rules"),
            _ => None,
        };
        if let Some(rules) = rules {
            change_rules(pack, &rules, problems);
        }
        pack.merge(change);
    }
}

fn change_rules(pack: &mut Node, changes: &Node, problems: &mut Problems) {
    let no_rules = &mut Vec::new();
    let rules = match &mut pack.value {
        Value::Table(entries) => match entries.get_mut("rule").map(|node| &mut node.value) {
            Some(Value::List(rules)) => rules,
            _ => no_rules,
        },
        _ => no_rules,
    };
    for (id, change) in Table::of(changes, problems).entries() {
        let is_named = |node: &&mut Node| match &node.value {
            Value::Table(entries) => entries.get("id").and_then(Node::as_text) == Some(id),
            _ => false,
        };
        match rules.iter_mut().find(is_named) {
            Some(rule) => {
                // The rule stays where its pack has it; only the values changed know the settings' place.
                let place = rule.place.clone();
                rule.merge(change.clone());
                rule.place = place;
            }
            None => {
                let problem = Problem::new(&change.place, format!("the pack has no rule `{id}`"));
                problems.push(problem.help("`mockmx providers ID` lists a provider's rules"));
            }
        }
    }
}

fn assemble(packs: Vec<Pack>, tables: &Tables, settings: &Settings, problems: &mut Problems) -> Policy {
    let index = |id: &str| packs.iter().position(|pack| pack.id == id);
    let chosen = settings.provider.as_ref().map(|(id, _)| id.as_str());
    let base = index(chosen.unwrap_or(DEFAULT_PROVIDER)).unwrap_or_default();
    let mut routes = HashMap::new();
    for (number, pack) in packs.iter().enumerate() {
        routes.extend(pack.domains.iter().map(|domain| (domain.clone(), number)));
    }
    routes.extend(tables.routes().filter_map(|(domain, (id, _))| Some((domain.to_owned(), index(id)?))));
    let hosted: Vec<_> = settings.hosted.iter().map(|(domain, _)| fold(domain)).collect();
    let mut zones = built_in_zones(problems);
    packs.iter().map(|pack| &pack.zones).chain([&settings.dns.zones]).for_each(|over| zones.extend(over));
    let packs = packs.into_iter().map(|pack| {
        let own: Vec<_> = pack.domains.iter().chain(&hosted).cloned().collect();
        let directory = Directory::new(&pack.id, &own, [&pack.tables, tables]);
        Provider { pack, directory }
    });
    Policy { packs: packs.collect(), base, pinned: chosen.is_some(), habits: settings.habits, routes, zones }
}

/// Notes every provider and rule that is named but not there.
fn check_names(policy: &Policy, tables: &Tables, settings: &Settings, problems: &mut Problems) {
    let ids: Vec<_> = policy.packs.iter().map(|provider| provider.pack.id.as_str()).collect();
    let mut provider = |id: &str, place: &Place| {
        if !ids.contains(&id) {
            let problem = Problem::new(place, format!("there is no provider `{id}`"));
            problems.push(problem.help(format!("providers: {}", ids.join(", "))));
        }
    };
    if let Some((id, place)) = &settings.provider {
        provider(id, place);
    }
    for listener in &settings.listeners {
        if let Some(id) = &listener.provider {
            provider(id, &listener.place);
        }
    }
    for (_, (id, place)) in tables.routes() {
        provider(id, place);
    }
    let missing = |name: &RuleName| policy.rule(name).is_none();
    let unknown = |name: &str, place: &Place| {
        Problem::new(place, format!("there is no rule `{name}`")).help("`mockmx providers ID` lists a provider's rules")
    };
    for listener in &settings.listeners {
        let named = listener.rule.as_deref().map(|name| (name, name.parse::<RuleName>()));
        match named {
            Some((_, Err(error))) => problems.push(Problem::new(&listener.place, error)),
            Some((name, Ok(rule))) if missing(&rule) => problems.push(unknown(name, &listener.place)),
            _ => {}
        }
    }
    let packs = policy.packs.iter().map(|provider| &provider.pack.tables);
    for (name, place) in packs.chain([tables]).flat_map(Tables::rules).filter(|(name, _)| missing(name)) {
        problems.push(unknown(&name.to_string(), place));
    }
}
