//! Settings and packs as a tree in which every value knows its place.
//!
//! serde stops at the first mistake; people want all of them. So files are parsed into [`Node`]s, and loaders read
//! them through a [`Table`], which notes each mistake as a [`Problem`] and goes on, and at the end names the keys that
//! nobody asked for.

mod json;
pub(crate) mod written;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use crate::problem::{Place, Problem, Problems, Source};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the file's order.
    Table(IndexMap<String, Node>),
    /// A number with a fraction, or a date: parsed, and of use to nobody here.
    Other(&'static str),
}

impl Value {
    /// What it is called in a message: `a list`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

impl Node {
    /// An empty table.
    #[must_use]
    pub fn empty_table(place: Place) -> Self {
        Self { place, value: Value::Table(IndexMap::new()) }
    }

    /// Parses TOML. What can be read is returned even if something cannot.
    #[must_use]
    pub fn parse_toml(source: &Arc<Source>) -> (Self, Problems) {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        let problem = |error: &toml::de::Error| {
            let span = error.span().unwrap_or_default();
            Problem::new(&Place::File(source.clone(), span), error.message())
        };
        let root = from_table(source, table.get_ref(), Place::File(source.clone(), table.span()));
        (root, Problems(errors.iter().map(problem).collect()))
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Lays `over` on top: tables are merged key by key, anything else is replaced.
    pub fn merge(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(under), Value::Table(over)) => {
                for (key, node) in over {
                    match under.get_mut(&key) {
                        Some(known) => known.merge(node),
                        None => drop(under.insert(key, node)),
                    }
                }
            }
            (_, value) => *self = Self { place: over.place, value },
        }
    }
}

fn from_table(source: &Arc<Source>, table: &DeTable<'_>, place: Place) -> Node {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| {
        // A table that was opened by a header or a dotted key is best shown by its key.
        let span = match value.get_ref() {
            DeValue::Table(_) if source.text.as_bytes().get(value.span().start) != Some(&b'{') => key.span(),
            _ => value.span(),
        };
        (key.get_ref().to_string(), from_value(source, value.get_ref(), Place::File(source.clone(), span)))
    });
    Node { value: Value::Table(entries.collect()), place }
}

fn from_value(source: &Arc<Source>, value: &DeValue<'_>, place: Place) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number that is too large"),
        },
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|item| from_value(source, item.get_ref(), Place::File(source.clone(), item.span())))
                .collect(),
        ),
        DeValue::Table(table) => return from_table(source, table, place),
    };
    Node { place, value }
}

/// A reader of one table: asks for keys by name, notes what is wrong, and knows which keys nobody asked for.
#[derive(Debug)]
pub struct Table<'n> {
    place: &'n Place,
    entries: Option<&'n IndexMap<String, Node>>,
    asked: BTreeSet<&'static str>,
}

impl<'n> Table<'n> {
    /// Reads `node`, which should be a table; if it is not, that is noted and the reader is empty.
    #[must_use]
    pub fn of(node: &'n Node, problems: &mut Problems) -> Self {
        let entries = match &node.value {
            Value::Table(entries) => Some(entries),
            other => {
                problems.push(Problem::new(&node.place, format!("expected a table, found {}", other.kind())));
                None
            }
        };
        Self { place: &node.place, entries, asked: BTreeSet::new() }
    }

    /// Where the table stands.
    #[must_use]
    pub const fn place(&self) -> &'n Place {
        self.place
    }

    /// The node at `key`.
    pub fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.insert(key);
        self.entries?.get(key)
    }

    /// The node at `key`; its absence is noted.
    pub fn required(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'n Node> {
        let node = self.node(key);
        if node.is_none() && self.entries.is_some() {
            problems.push(Problem::new(self.place, format!("`{key}` is missing")));
        }
        node
    }

    /// The text at `key`.
    pub fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'n str> {
        self.node(key).and_then(|node| text(node, problems))
    }

    /// The text at `key`, made into a `T`; the error's own words are noted.
    pub fn parsed<T>(&mut self, key: &'static str, problems: &mut Problems) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.converted(key, problems, str::parse::<T>)
    }

    /// The text at `key`, made into a `T` by `convert`; the error's own words are noted.
    pub fn converted<T, E: Display>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        convert: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let node = self.node(key)?;
        note(node, convert(text(node, problems)?), problems)
    }

    /// The truth value at `key`.
    pub fn boolean(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let node = self.node(key)?;
        match node.value {
            Value::Boolean(value) => Some(value),
            _ => expected("true or false", node, problems),
        }
    }

    /// The whole number at `key`, within the bounds of `T`.
    pub fn number<T: TryFrom<i64>>(&mut self, key: &'static str, problems: &mut Problems) -> Option<T> {
        let node = self.node(key)?;
        let Value::Integer(number) = node.value else {
            return expected("a whole number", node, problems);
        };
        note(node, T::try_from(number).map_err(|_| format!("{number} is out of range")), problems)
    }

    /// The items of the list at `key`. A single value that is no list stands for a list of one.
    pub fn list(&mut self, key: &'static str) -> &'n [Node] {
        self.node(key).map_or(&[], items)
    }

    /// The texts of the list at `key`, or the one text there.
    pub fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<&'n str> {
        self.list(key).iter().filter_map(|node| text(node, problems)).collect()
    }

    /// All entries of a table whose keys are names that the user chose.
    pub fn entries(&self) -> impl Iterator<Item = (&'n String, &'n Node)> + use<'n> {
        self.entries.into_iter().flatten()
    }

    /// Notes every key that was not asked for, with the nearest that was.
    pub fn finish(self, problems: &mut Problems) {
        for (key, node) in self.entries.into_iter().flatten() {
            if self.asked.contains(key.as_str()) {
                continue;
            }
            let problem = Problem::new(&node.place, format!("there is no key `{key}` here"));
            let near = self.asked.iter().copied().min_by_key(|known| strsim::levenshtein(known, key));
            problems.push(match near.filter(|known| strsim::levenshtein(known, key) <= known.len().max(3) / 3) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => {
                    problem.help(format!("keys here: {}", self.asked.iter().copied().collect::<Vec<_>>().join(", ")))
                }
            });
        }
    }
}

/// The items of a list. A single value that is no list stands for a list of one.
#[must_use]
pub fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// The text of a node; anything else is noted.
pub fn text<'n>(node: &'n Node, problems: &mut Problems) -> Option<&'n str> {
    node.as_text().or_else(|| expected("text", node, problems))
}

/// The value of `result`; its error is noted at `node`.
pub fn note<T, E: Display>(node: &Node, result: Result<T, E>, problems: &mut Problems) -> Option<T> {
    result.map_err(|error| problems.push(Problem::new(&node.place, error.to_string()))).ok()
}

/// Notes that something else was wanted at `node`.
pub fn expected<T>(wanted: &str, node: &Node, problems: &mut Problems) -> Option<T> {
    problems.push(Problem::new(&node.place, format!("expected {wanted}, found {}", node.value.kind())));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Node {
        let source = Arc::new(Source { name: "a.toml".to_owned(), text: text.to_owned() });
        let (node, problems) = Node::parse_toml(&source);
        assert_eq!(problems.0, []);
        node
    }

    /// What the place of the value at `path` covers.
    fn shown(root: &Node, path: &str) -> String {
        let node = path.split('.').fold(root, |node, key| match &node.value {
            Value::Table(entries) => &entries[key],
            Value::List(items) => &items[key.parse::<usize>().unwrap()],
            _ => panic!("{path}"),
        });
        let Place::File(source, span) = &node.place else { panic!("{path}") };
        source.text[span.clone()].to_owned()
    }

    #[test]
    fn every_value_knows_its_place() {
        let root = parse("a = 5\nb.c = \"x\"\n[d]\ne = [true, {f = 1}]\n[[g]]\nh = 1979-05-27\n[[g]]\nh = 0x10\n");
        for (path, wanted) in [
            ("a", "5"),
            ("b.c", "\"x\""),
            ("b", "b"),
            ("d", "d"),
            ("d.e.0", "true"),
            ("d.e.1", "{f = 1}"),
            ("d.e.1.f", "1"),
            ("g.0", "[[g]]"),
            ("g.1.h", "0x10"),
        ] {
            assert_eq!(shown(&root, path), wanted, "{path}");
        }
    }

    #[test]
    fn keys_keep_the_order_of_the_file() {
        let root = parse("z = 1\na = 2\nm = 3\n");
        let Value::Table(entries) = &root.value else { panic!() };
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["z", "a", "m"]);
    }

    #[test]
    fn numbers_are_whole_and_fit() {
        let root = parse("a = 0b101\nb = -7\nc = 9223372036854775808\nd = 1.5\ne = 1_000\n");
        let Value::Table(entries) = &root.value else { panic!() };
        let values: Vec<_> = entries.values().map(|node| node.value.clone()).collect();
        assert_eq!(values[..2], [Value::Integer(5), Value::Integer(-7)]);
        assert_eq!(values[2].kind(), "a number that is too large");
        assert_eq!(values[3].kind(), "a number with a fraction");
        assert_eq!(values[4], Value::Integer(1000));
    }

    #[test]
    fn a_tree_laid_over_another_replaces_all_but_tables() {
        let mut under = parse("a = 1\nb = [1, 2]\n[t]\nx = 1\ny = 1\n");
        under.merge(parse("b = [3]\nc = 4\n[t]\ny = 2\nz = 3\n"));
        assert_eq!(shown(&under, "b"), "[3]");
        let Value::Table(entries) = &under.value else { panic!() };
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["a", "b", "t", "c"]);
        let (Value::Table(merged), place) = (&entries["t"].value, &entries["t"].place) else { panic!() };
        assert_eq!(merged.values().map(|node| node.value.clone()).collect::<Vec<_>>(), [1, 2, 3].map(Value::Integer));
        assert_eq!(place.line(), 3);
    }

    #[test]
    fn a_reader_notes_every_mistake_and_goes_on() {
        let root =
            parse("text = 1\nnumber = \"x\"\nsmall = 300\ntruth = 0\nlist = [\"a\", 2, \"b\"]\nlst = 1\nodd = 1\n");
        let mut problems = Problems::default();
        let mut table = Table::of(&root, &mut problems);
        assert_eq!(table.text("text", &mut problems), None);
        assert_eq!(table.number::<u8>("number", &mut problems), None);
        assert_eq!(table.number::<u8>("small", &mut problems), None);
        assert_eq!(table.boolean("truth", &mut problems), None);
        assert_eq!(table.texts("list", &mut problems), ["a", "b"]);
        assert!(table.required("name", &mut problems).is_none());
        assert_eq!(table.text("absent", &mut problems), None);
        table.finish(&mut problems);
        let wanted = [
            "a.toml:1: expected text, found a whole number",
            "a.toml:2: expected a whole number, found text",
            "a.toml:3: 300 is out of range",
            "a.toml:4: expected true or false, found a whole number",
            "a.toml:5: expected text, found a whole number",
            "a.toml:1: `name` is missing",
            "a.toml:6: there is no key `lst` here",
            "a.toml:7: there is no key `odd` here",
        ];
        assert_eq!(problems.0.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted);
        assert_eq!(problems.0[6].help.as_deref(), Some("did you mean `list`?"));
        assert!(problems.0[7].help.as_deref().unwrap().starts_with("keys here: absent, list, name"));
    }

    #[test]
    fn one_value_stands_for_a_list_of_one() {
        let root = parse("a = \"x\"");
        let mut problems = Problems::default();
        let mut table = Table::of(&root, &mut problems);
        assert_eq!((table.texts("a", &mut problems), table.list("b")), (vec!["x"], &[][..]));
        assert_eq!(problems.0, []);
    }

    #[test]
    fn what_is_no_table_reads_as_an_empty_one() {
        let root = parse("a = 1");
        let Value::Table(entries) = &root.value else { panic!() };
        let mut problems = Problems::default();
        let mut table = Table::of(&entries["a"], &mut problems);
        assert!(table.required("x", &mut problems).is_none());
        table.finish(&mut problems);
        assert_eq!(problems.to_string(), "a.toml:1: expected a table, found a whole number");
    }
}
