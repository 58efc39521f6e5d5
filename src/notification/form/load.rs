//! From files to [`Forms`], or to all the problems that they have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;

use super::{Charset, Form, Forms, Language, Placeholder, Returns, Template, Words};
use crate::document::{Node, Table, note, text};
use crate::notification::Kind;
use crate::notification::field::is_mailbox;
use crate::problem::{Place, Problem, Problems, Source};

/// The form that fills in for what another one leaves out.
pub(super) const NEUTRAL: &str = "neutral";

/// The folder beside packs that forms are in.
const FOLDER: &str = "notifications";

/// The largest message that is returned whole, in bytes, where a form does not say: Postfix's `bounce_size_limit`.
const RETURN_MOST: usize = 50_000;

/// The forms that are part of the program; the neutral one is first, because the others are read with it.
const BUILT_IN: [(&str, &str); 6] = [
    (NEUTRAL, include_str!("../../../policies/notifications/neutral.toml")),
    ("21cn", include_str!("../../../policies/notifications/21cn.toml")),
    ("263", include_str!("../../../policies/notifications/263.toml")),
    ("netease", include_str!("../../../policies/notifications/netease.toml")),
    ("wanxiang", include_str!("../../../policies/notifications/wanxiang.toml")),
    ("xinnet", include_str!("../../../policies/notifications/xinnet.toml")),
];

impl Forms {
    /// Loads the built-in forms, and those in the folder `notifications` of each of these folders of packs, which
    /// [`Settings::policies`](crate::settings::Settings::policies) are; the same provider's replaces one.
    ///
    /// # Errors
    /// All problems of all forms.
    pub fn load(folders: &[(PathBuf, Place)]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        for (id, text) in BUILT_IN {
            let name = format!("policies/{FOLDER}/{id}.toml");
            sources.insert(id.to_owned(), Source { name, text: text.to_owned() });
        }
        for (path, place) in folders {
            read_folder(&path.join(FOLDER), place, &mut sources, &mut problems);
        }
        let mut forms = BTreeMap::new();
        // Its words are the others'.
        if let Some(source) = sources.remove(NEUTRAL) {
            forms.insert(NEUTRAL.to_owned(), read(source, None, &mut problems));
        }
        let neutral = forms.get(NEUTRAL).cloned();
        for (id, source) in sources {
            forms.insert(id, read(source, neutral.as_ref(), &mut problems));
        }
        problems.or(Self(forms))
    }

    /// Checks one form's text by itself; its file's name is only said.
    ///
    /// # Errors
    /// All its problems.
    pub fn check(file: &str, text: &str) -> Result<(), Problems> {
        let neutral = Self::load(&[])?.0.remove(NEUTRAL);
        let mut problems = Problems::default();
        read(Source { name: file.to_owned(), text: text.to_owned() }, neutral.as_ref(), &mut problems);
        problems.or(())
    }
}

fn read_folder(folder: &Path, place: &Place, sources: &mut BTreeMap<String, Source>, problems: &mut Problems) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    for file in files {
        let name = file.display().to_string();
        let id = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        match std::fs::read_to_string(&file) {
            Ok(text) => drop(sources.insert(id.to_owned(), Source { name, text })),
            Err(error) => problems.push(Problem::new(place, format!("cannot read {name}: {error}"))),
        }
    }
}

fn read(source: Source, neutral: Option<&Form>, problems: &mut Problems) -> Form {
    let (node, mut found) = Node::parse_toml(&Arc::new(source));
    problems.0.append(&mut found.0);
    let mut table = Table::of(&node, problems);
    let from = address(&mut table, "from", problems);
    let abuse = address(&mut table, "abuse", problems);
    let name = table.text("name", problems).unwrap_or_default().to_owned();
    let charset = word(&mut table, "charset", &CHARSETS, problems).unwrap_or(Charset::Utf8);
    let returns = word(&mut table, "returns", &RETURNS, problems).unwrap_or(Returns::Full);
    let most = table.converted("return-most", problems, str::parse::<ByteSize>);
    let standard = table.boolean("standard", problems).unwrap_or(true);
    let mut languages: Vec<_> =
        table.list("language").iter().filter_map(|node| one_of(node, &LANGUAGES, problems)).collect();
    if languages.is_empty() {
        languages = vec![Language::Zh, Language::En];
    }
    let mut words = neutral.map(|form| form.words.clone()).unwrap_or_default();
    for kind in Kind::NAMES {
        let node = if neutral.is_some() { table.node(kind) } else { table.required(kind, problems) };
        if let Some(read) = node.and_then(|node| read_words(node, &languages, problems)) {
            words.insert(kind.to_owned(), read);
        }
    }
    let mut line = |key| table.text(key, problems).map(str::to_owned);
    let (source, note) = (line("source"), line("note"));
    table.finish(problems);
    let return_most = most.and_then(|ByteSize(size)| usize::try_from(size).ok()).unwrap_or(RETURN_MOST);
    Form { from, name, abuse, charset, languages, standard, returns, return_most, words, source, note }
}

/// Subject and texts of one kind, in every language that the form is in.
fn read_words(node: &Node, languages: &[Language], problems: &mut Problems) -> Option<Words> {
    let mut table = Table::of(node, problems);
    let subject = table.required("subject", problems).and_then(|node| template(node, problems));
    if let Some(subject) = &subject
        && subject.lines() != 1
    {
        problems.push(Problem::new(&node.place, "a subject is one line"));
    }
    let (mut zh, mut en) = (None, None);
    if let Some(node) = table.required("text", problems) {
        let mut texts = Table::of(node, problems);
        let mut of = |key, language| {
            let node = if languages.contains(&language) { texts.required(key, problems) } else { texts.node(key) };
            node.and_then(|node| template(node, problems))
        };
        (zh, en) = (of("zh", Language::Zh), of("en", Language::En));
        texts.finish(problems);
    }
    table.finish(problems);
    Some(Words { subject: subject?, zh, en })
}

/// An address with `{host}`, which must be one whatever the host.
fn address(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Template {
    let found = table.required(key, problems).and_then(|node| {
        let template = template(node, problems)?;
        let only_host = template.placeholders().all(|placeholder| placeholder == Placeholder::Host);
        let shown = template.line(|_| "mx.example".to_owned());
        if !only_host || !is_mailbox(&shown, false) {
            let problem = Problem::new(&node.place, format!("`{}` is no address", node.as_text().unwrap_or_default()));
            problems.push(problem.help("an address is `postmaster@example.com` or `MAILER-DAEMON@{host}`"));
        }
        Some(template)
    });
    found.unwrap_or_else(Template::empty)
}

fn template(node: &Node, problems: &mut Problems) -> Option<Template> {
    note(node, Template::parse(text(node, problems)?), problems)
}

const CHARSETS: [(&str, Charset); 3] = [("UTF-8", Charset::Utf8), ("GB18030", Charset::Gb18030), ("GBK", Charset::Gbk)];
const LANGUAGES: [(&str, Language); 2] = [("zh", Language::Zh), ("en", Language::En)];
const RETURNS: [(&str, Returns); 3] =
    [("full", Returns::Full), ("headers", Returns::Headers), ("nothing", Returns::Nothing)];

fn word<T: Copy>(table: &mut Table<'_>, key: &'static str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    one_of(table.node(key)?, words, problems)
}

fn one_of<T: Copy>(node: &Node, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let given = text(node, problems)?;
    let found = words.iter().find(|(word, _)| *word == given);
    if found.is_none() {
        let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        problems.push(Problem::new(&node.place, format!("`{given}` is none of {}", words.join(", "))));
    }
    found.map(|(_, value)| *value)
}
