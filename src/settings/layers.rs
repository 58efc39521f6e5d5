//! The file, the variables and the flags, made into one tree by the config crate.
//!
//! config decides which layer wins at each key, and so must not lose where a value was set, which its own file and
//! environment sources do. Here each layer is a tree of [`Node`]s. config is handed a copy of it in which a number
//! stands for each value that is no table, and afterwards the number is exchanged for the node again, with its place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{ConfigError, ValueKind};
use indexmap::IndexMap;

use super::keys::{CONFIG_VARIABLE, KEYS, Key, Kind, PREFIX, is_service_link};
use crate::document::{Node, Value};
use crate::problem::{Place, Problem, Problems, Source};

/// The flags of the command line that set something, as text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Flags {
    config: Option<PathBuf>,
    values: Vec<(&'static Key, String)>,
}

impl Flags {
    /// Names the settings file.
    #[must_use]
    pub fn config(self, file: Option<PathBuf>) -> Self {
        Self { config: file, ..self }
    }

    /// Sets what `flag` sets, which must be the flag of one of [`KEYS`], to each of `values`.
    #[must_use]
    pub fn set<T: AsRef<str>>(mut self, flag: &str, values: impl IntoIterator<Item = T>) -> Self {
        let key = KEYS.iter().find(|key| key.flag == Some(flag));
        debug_assert!(key.is_some(), "no setting has the flag {flag}");
        if let Some(key) = key {
            self.values.extend(values.into_iter().map(|value| (key, value.as_ref().to_owned())));
        }
        self
    }
}

/// Names the flags only: a value can be a secret.
impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.values.iter().filter_map(|(key, _)| key.flag);
        f.debug_struct("Flags").field("config", &self.config).field("set", &flags.collect::<Vec<_>>()).finish()
    }
}

/// The trees to be laid one over the other, and what is added to the lists in them.
#[derive(Debug, Default)]
pub(super) struct Layers {
    trees: Vec<Node>,
    added: Vec<(&'static Key, Node)>,
    file: Option<Arc<Source>>,
    /// Where the file stops being TOML.
    broken: Option<usize>,
}

impl Layers {
    /// Reads the file, and notes what is wrong with it, the variables or the flags.
    pub(super) fn collect(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        default_file: &Path,
        problems: &mut Problems,
    ) -> Self {
        let mut layers = Self::default();
        // Sorted, for the environment has no order of its own.
        let mut variables: BTreeMap<String, OsString> = environment
            .into_iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty())
            .collect();
        let named = variables.remove(CONFIG_VARIABLE).map(PathBuf::from);
        layers.add_file(flags.config.clone(), named, default_file, problems);
        layers.trees.push(environment_tree(&variables, problems));
        layers.add_flags(flags);
        layers
    }

    /// The file that was read, as it was named.
    pub(super) fn file(&self) -> Option<String> {
        self.file.as_ref().map(|source| source.name.clone())
    }

    /// Whether what stands there is what was meant.
    pub(super) fn is_sound(&self, place: &Place) -> bool {
        self.broken.is_none_or(|broken| place.start().is_none_or(|start| start < broken))
    }

    /// One tree of all.
    pub(super) fn merge(&self, problems: &mut Problems) -> Node {
        let mut leaves = Vec::new();
        let mut builder = config::Config::builder();
        for tree in &self.trees {
            builder = builder.add_source(Layer(numbered(tree, &mut leaves)));
        }
        let trees: Vec<&Node> = self.trees.iter().collect();
        let mut root = match builder.build() {
            Ok(mut merged) => match &mut merged.cache.kind {
                ValueKind::Table(tables) => {
                    tables.swap_remove(ROOT).and_then(|tree| restored(tree, &trees, &leaves)).unwrap_or_else(empty)
                }
                _ => empty(),
            },
            Err(error) => {
                problems.push(Problem::new(&Place::Default, error.to_string()));
                empty()
            }
        };
        for (key, node) in &self.added {
            append(&mut root, key.path, node);
        }
        root
    }

    fn add_file(&mut self, flag: Option<PathBuf>, variable: Option<PathBuf>, default: &Path, problems: &mut Problems) {
        let (path, place) = match (flag, variable) {
            (Some(path), _) => (path, Place::Flag("--config".to_owned())),
            (None, Some(path)) => (path, Place::Variable(CONFIG_VARIABLE.to_owned())),
            (None, None) if default.exists() => (default.to_owned(), Place::Default),
            (None, None) => return,
        };
        match read_text(&path) {
            Ok(text) => {
                let source = Arc::new(Source { name: path.display().to_string(), text });
                let (tree, mistakes) = Node::parse_toml(&source);
                self.broken = mistakes.0.iter().filter_map(|mistake| mistake.place.start()).min();
                problems.0.extend(mistakes.0);
                self.trees.push(tree);
                self.file = Some(source);
            }
            Err(error) => {
                problems.push(Problem::new(&place, format!("cannot read {}: {}", path.display(), plain(&error))));
            }
        }
    }

    fn add_flags(&mut self, flags: &Flags) {
        let mut tree = empty();
        for (key, text) in &flags.values {
            let place = Place::Flag(key.flag.unwrap_or_default().to_owned());
            if key.kind == Kind::List {
                self.added.push((key, Node { place, value: Value::Text(text.clone()) }));
            } else {
                put(&mut tree, key.path, Node { value: converted(key.kind, text, &place), place });
            }
        }
        self.trees.push(tree);
    }
}

/// Settings files larger than this are a mistake.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    if File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)? as u64 > LARGEST_FILE {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(text)
}

/// The words of an operating system's error, in the style of the others.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.chars().take(1).flat_map(char::to_lowercase).chain(text.chars().skip(1)).collect()
}

fn environment_tree(variables: &BTreeMap<String, OsString>, problems: &mut Problems) -> Node {
    let mut tree = empty();
    for (name, value) in variables {
        let place = Place::Variable(name.clone());
        let Some(key) = KEYS.iter().find(|key| key.variable() == *name) else {
            if !is_service_link(name) {
                problems.push(unknown_variable(name, &place));
            }
            continue;
        };
        match value.to_str() {
            Some(text) => put(&mut tree, key.path, Node { value: converted(key.kind, text, &place), place }),
            None => problems.push(Problem::new(&place, "it is not UTF-8")),
        }
    }
    tree
}

/// The text of a variable as the kind of value that is wanted; left as text if it is none, which the reader then says.
fn converted(kind: Kind, text: &str, place: &Place) -> Value {
    let as_text = || Value::Text(text.to_owned());
    match kind {
        Kind::Boolean => text.parse().map_or_else(|_| as_text(), Value::Boolean),
        Kind::Number => text.parse().map_or_else(|_| as_text(), Value::Integer),
        Kind::Text => as_text(),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::List(items.map(|item| Node { place: place.clone(), value: Value::Text(item.to_owned()) }).collect())
        }
    }
}

fn unknown_variable(name: &str, place: &Place) -> Problem {
    let problem = Problem::new(place, "there is no such setting");
    let known = KEYS.iter().map(Key::variable).chain([CONFIG_VARIABLE.to_owned()]);
    let near = known.map(|known| (strsim::levenshtein(&known, name), known)).min();
    match near.filter(|(distance, _)| *distance <= 3) {
        Some((_, known)) => problem.help(format!("did you mean `{known}`?")),
        None => problem.help("the keys of a table follow two underscores: `MOCKMX_LIMITS__IDLE` sets `limits.idle`"),
    }
}

fn empty() -> Node {
    Node::empty_table(Place::Default)
}

/// The table in `tree` at the way before the last key of `path`, and that key.
fn parent<'t, 'p>(tree: &'t mut Node, path: &'p str) -> Option<(&'t mut IndexMap<String, Node>, &'p str)> {
    let (tables, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut here = tree;
    for key in tables.split('.').filter(|key| !key.is_empty()) {
        let Value::Table(entries) = &mut here.value else { return None };
        here = entries.entry(key.to_owned()).or_insert_with(empty);
    }
    match &mut here.value {
        Value::Table(entries) => Some((entries, last)),
        _ => None,
    }
}

fn put(tree: &mut Node, path: &str, node: Node) {
    if let Some((entries, key)) = parent(tree, path) {
        entries.insert(key.to_owned(), node);
    }
}

/// Adds an item to the list at `path`; one value that is there already becomes a list's first item.
fn append(tree: &mut Node, path: &str, item: &Node) {
    let Some((entries, key)) = parent(tree, path) else { return };
    let list = entries
        .entry(key.to_owned())
        .or_insert_with(|| Node { place: item.place.clone(), value: Value::List(Vec::new()) });
    match &mut list.value {
        Value::List(items) => items.push(item.clone()),
        _ => *list = Node { place: list.place.clone(), value: Value::List(vec![list.clone(), item.clone()]) },
    }
}

/// A layer as config takes it. The tree hangs from one plain key, for config takes the keys at the top for paths.
#[derive(Clone, Debug)]
struct Layer(config::Value);

const ROOT: &str = "root";

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, config::Value>, ConfigError> {
        Ok(config::Map::from_iter([(ROOT.to_owned(), self.0.clone())]))
    }
}

/// The tree with each leaf put aside and its number left in its place.
fn numbered<'n>(node: &'n Node, leaves: &mut Vec<&'n Node>) -> config::Value {
    let Value::Table(entries) = &node.value else {
        leaves.push(node);
        return config::Value::new(None, leaves.len() as u64 - 1);
    };
    let entries: config::Map<_, _> = entries.iter().map(|(key, node)| (key.clone(), numbered(node, leaves))).collect();
    config::Value::new(None, entries)
}

/// The merged tree with its leaves put back. `same` are the layers' nodes at this place in the tree: of a table, which
/// has many sources, the last that has it is shown.
fn restored(value: config::Value, same: &[&Node], leaves: &[&Node]) -> Option<Node> {
    let entries = match value.kind {
        ValueKind::Table(entries) => entries,
        ValueKind::U64(number) => return leaves.get(usize::try_from(number).ok()?).copied().cloned(),
        _ => return None,
    };
    let tables: Vec<_> = same
        .iter()
        .filter_map(|node| match &node.value {
            Value::Table(entries) => Some((*node, entries)),
            _ => None,
        })
        .collect();
    let entries = entries.into_iter().filter_map(|(key, value)| {
        let below: Vec<_> = tables.iter().filter_map(|(_, entries)| entries.get(&key)).collect();
        Some((key, restored(value, &below, leaves)?))
    });
    let shown = tables.iter().rfind(|(node, _)| node.place != Place::Default);
    let place = shown.map_or(Place::Default, |(node, _)| node.place.clone());
    Some(Node { place, value: Value::Table(entries.collect()) })
}
