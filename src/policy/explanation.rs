//! What a pack says of texts that are no reply of its rules: codes that mail programs show, errors of the network and
//! of name service, bounces.
//!
//! ```toml
//! [[explain]]
//! id = "client-800ccc0d"
//! text = "0x800CCC0D"                # or a list of texts; `xxx` and placeholders stand for what varies
//! stage = "client"                   # or a rule's stage, "network", "dns", "after-accept"
//! reason.zh = "找不到主机"
//! ```

use std::collections::BTreeSet;
use std::fmt;

use crate::document::{Node, Table, text};
use crate::policy::parse::is_id;
use crate::policy::rule::Words;
use crate::problem::{Problem, Problems};
use crate::stage::Stage;
use crate::template::Template;

/// When a text is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// After the message was accepted, as a bounce.
    AfterAccept,
    /// In the mail program; it need not have to do with a session.
    Client,
    /// While the recipient's domain is looked up.
    Dns,
    /// While the connection is made, or where it breaks.
    Network,
    /// As an answer at that stage of a session.
    Session(Stage),
}

impl Occasion {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Network, Self::Dns, Self::AfterAccept, Self::Client];
        Stage::ALL.into_iter().map(Self::Session).chain(others)
    }

    /// The name used in packs and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfterAccept => "after-accept",
            Self::Client => "client",
            Self::Dns => "dns",
            Self::Network => "network",
            Self::Session(stage) => stage.name(),
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One `[[explain]]` table.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    pub(crate) id: String,
    /// Never empty.
    pub(crate) texts: Vec<String>,
    pub(crate) occasion: Occasion,
    pub(crate) words: Words,
    pub(crate) file: String,
    pub(crate) line: usize,
}

impl Explanation {
    /// Reads all tables of a pack; what has a problem is left out.
    pub(crate) fn read_all(nodes: &[Node], problems: &mut Problems) -> Vec<Self> {
        let mut seen = BTreeSet::new();
        nodes.iter().filter_map(|node| Self::read(node, &mut seen, problems)).collect()
    }

    fn read<'n>(node: &'n Node, seen: &mut BTreeSet<&'n str>, problems: &mut Problems) -> Option<Self> {
        let before = problems.0.len();
        let mut table = Table::of(node, problems);
        let id = table.required("id", problems);
        let name = id.and_then(|node| text(node, problems));
        if let (Some(node), Some(name)) = (id, name) {
            if !is_id(name) {
                let problem = Problem::new(&node.place, "this cannot be an explanation's id");
                problems.push(problem.help("small letters, digits and hyphens, 63 at most"));
            } else if !seen.insert(name) {
                problems.push(Problem::new(&node.place, format!("there are two explanations `{name}`")));
            }
        }
        let occasion = table.required("stage", problems).and_then(|node| {
            let named = text(node, problems)?;
            let found = Occasion::all().find(|occasion| occasion.name() == named);
            if found.is_none() {
                let names: Vec<_> = Occasion::all().map(Occasion::name).collect();
                let problem = Problem::new(&node.place, "there is no such stage");
                problems.push(problem.help(format!("stages: {}", names.join(", "))));
            }
            found
        });
        let place = table.required("text", problems).map(|node| &node.place);
        let texts: Vec<_> = table.list("text").iter().filter_map(|node| sound(node, problems)).collect();
        if let Some(place) = place.filter(|_| texts.is_empty() && problems.0.len() == before) {
            problems.push(Problem::new(place, "there is no text to explain"));
        }
        let words = Words::read(&mut table, problems);
        if words.reason_zh.is_none() && words.reason_en.is_none() {
            problems.push(Problem::new(table.place(), "it explains nothing: `reason.zh` or `reason.en` is missing"));
        }
        table.finish(problems);
        let (file, line) = (node.place.name().to_owned(), node.place.line());
        let read = Self { id: name?.to_owned(), texts, occasion: occasion?, words, file, line };
        (problems.0.len() == before).then_some(read)
    }
}

/// A text that says something, and whose placeholders are known.
fn sound(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = text(node, problems)?;
    if text.trim().is_empty() {
        problems.push(Problem::new(&node.place, "the text is empty"));
        return None;
    }
    crate::document::note(node, Template::parse(text), problems).map(|_| text.to_owned())
}
