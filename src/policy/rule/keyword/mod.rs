//! Keywords, found in a message as a person reads it.
//!
//! ```toml
//! when.keyword.any = ["法轮", "代开发票"]        # or `list = "tap"`, or `regex = ["…"]`
//! when.keyword.in = ["subject", "body"]          # default; also "attachment-names", "header:X-Campaign"
//! when.keyword.match = "substring"               # default; "word": not within a longer word; "whole": nothing else
//! ```
//!
//! Both the keywords and the message are folded ([`crate::message::fold()`]), so neither charset, transfer encoding,
//! full-width forms, invisible characters, HTML tags nor entities hide a keyword. All keywords of a pack, of all its
//! rules, are searched in one pass over the message.

mod searcher;

use std::ops::ControlFlow;

use regex::Regex;

use crate::document::{Node, Table, note, text};
use crate::evidence::{Clue, Evidence};
use crate::message::{MessageFacts, Spot, fold};
use crate::policy::matcher::regex;
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;
use searcher::Searcher;

/// The condition: the place of its answer among the [`Hits`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyword(usize);

/// What one condition looks for.
#[derive(Clone, Debug)]
struct Search {
    spots: Vec<Wanted>,
    regexes: Vec<Regex>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    AttachmentNames,
    Body,
    Header(String),
    Subject,
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.to_lowercase())),
            _ => match text {
                "attachment-names" => Ok(Self::AttachmentNames),
                "body" => Ok(Self::Body),
                "subject" => Ok(Self::Subject),
                _ => Err(format!(
                    "expected \"subject\", \"body\", \"attachment-names\" or \"header:NAME\", found \"{text}\""
                )),
            },
        }
    }

    fn takes(&self, spot: &Spot) -> bool {
        match (self, spot) {
            (Self::AttachmentNames, Spot::AttachmentName) | (Self::Body, Spot::Body(_)) => true,
            (Self::Subject, Spot::Subject) => true,
            (Self::Header(wanted), Spot::Header(name)) => wanted == name,
            _ => false,
        }
    }
}

/// How a keyword must stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Substring,
    Whole,
    Word,
}

/// All keywords of a pack.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeywordIndex {
    searches: Vec<Search>,
    /// Each keyword: the search that it belongs to, how it must stand, and the keyword as written.
    patterns: Vec<(usize, Match, String)>,
    searcher: Option<Searcher>,
}

/// For each search, the first hit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits(Vec<Option<Evidence>>);

impl Hits {
    /// Nothing was searched.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }
}

impl Keyword {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs("keyword", Stage::Message, &node.place);
        let problems = &mut *reading.problems;
        let mut table = Table::of(node, problems);
        let mut words: Vec<&Node> = table.list("any").iter().collect();
        if let Some(list) = table.node("list").and_then(|name| reading.lists.find(name, problems)) {
            words.extend(list);
        }
        let regexes: Vec<_> =
            table.list("regex").iter().filter_map(|node| note(node, regex(text(node, problems)?), problems)).collect();
        let mut spots: Vec<_> = table
            .list("in")
            .iter()
            .filter_map(|node| note(node, Wanted::parse(text(node, problems)?), problems))
            .collect();
        if table.node("in").is_none() {
            spots = vec![Wanted::Subject, Wanted::Body];
        }
        let matches = [("substring", Match::Substring), ("word", Match::Word), ("whole", Match::Whole)];
        let how = table.converted("match", problems, |name| parse::one_of(name, &matches)).unwrap_or(Match::Substring);
        table.finish(problems);

        let search = reading.keywords.searches.len();
        let mut found = !regexes.is_empty();
        for node in words {
            let Some(word) = text(node, reading.problems) else { continue };
            if fold(word).trim().is_empty() {
                reading.problem(&node.place, "a keyword that has nothing to read is found nowhere");
                continue;
            }
            reading.keywords.patterns.push((search, how, word.to_owned()));
            found = true;
        }
        if !found {
            reading.problem(&node.place, "`keyword` needs words: `any`, `list` or `regex`");
            return None;
        }
        reading.keywords.searches.push(Search { spots, regexes });
        Some(Self(search))
    }

    pub(super) fn test(self, view: &View<'_>) -> Test {
        let hit = view.hits.0.get(self.0).and_then(Option::as_ref);
        hit.cloned().map_or(Test::No, Test::why)
    }
}

impl KeywordIndex {
    /// Builds the searcher, once all rules were read.
    ///
    /// # Errors
    /// If there are more keywords than an automaton can hold.
    pub(crate) fn build(&mut self) -> Result<(), String> {
        if self.patterns.is_empty() {
            return Ok(());
        }
        let folded: Vec<_> = self.patterns.iter().map(|(_, _, word)| fold(word).trim().to_owned()).collect();
        let built = Searcher::new(folded.iter().map(String::as_str));
        self.searcher = Some(built.map_err(|error| format!("the keywords cannot be searched: {error}"))?);
        Ok(())
    }

    /// Searches a message for everything, in one pass.
    pub(crate) fn scan(&self, message: &MessageFacts) -> Hits {
        let mut hits = vec![None; self.searches.len()];
        let mut missing = hits.len();
        for reading in &message.readings {
            if missing == 0 {
                break;
            }
            self.scan_text(&reading.place, &reading.text, &mut hits);
            missing = hits.iter().filter(|hit| hit.is_none()).count();
        }
        Hits(hits)
    }

    fn scan_text(&self, spot: &Spot, text: &str, hits: &mut [Option<Evidence>]) {
        let open = |search: &Search, hit: &Option<Evidence>| {
            hit.is_none() && search.spots.iter().any(|wanted| wanted.takes(spot))
        };
        let mut open: Vec<bool> = self.searches.iter().zip(&*hits).map(|(search, hit)| open(search, hit)).collect();
        if let Some(searcher) = &self.searcher
            && open.contains(&true)
        {
            let _ = searcher.search(text, |index, start, end| {
                let (search, how, word) = &self.patterns[index];
                if open[*search] && how.holds(text, start, end) {
                    let place = spot_name(spot);
                    let told = format!("keyword {word:?} in {place}");
                    hits[*search] = Some(Evidence::with(told, Clue::found(place, text, start, end)));
                    open[*search] = false;
                    if !open.contains(&true) {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
        }
        for (index, search) in self.searches.iter().enumerate().filter(|(index, _)| open[*index]) {
            let hit = search.regexes.iter().find_map(|regex| Some((regex, regex.find(text)?)));
            hits[index] = hit.map(|(regex, found)| {
                let (place, what) = (spot_name(spot), found.as_str());
                let told = format!("{what:?}, by the regular expression {:?}, in {place}", regex.as_str());
                Evidence::with(told, Clue::found(place, text, found.start(), found.end()))
            });
        }
    }
}

impl Match {
    fn holds(self, text: &str, start: usize, end: usize) -> bool {
        let (before, after) = (text[..start].chars().next_back(), text[end..].chars().next());
        match self {
            Self::Substring => true,
            Self::Whole => text[..start].trim().is_empty() && text[end..].trim().is_empty(),
            Self::Word => {
                let inside = &text[start..end];
                let joined = |a: Option<char>, b: Option<char>| a.is_some_and(in_word) && b.is_some_and(in_word);
                !joined(before, inside.chars().next()) && !joined(inside.chars().next_back(), after)
            }
        }
    }
}

/// Whether two of such characters side by side belong to one word. Chinese and Japanese have no such words.
fn in_word(c: char) -> bool {
    let ideographic = matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    (c.is_alphanumeric() || c == '_') && !ideographic
}

fn spot_name(spot: &Spot) -> String {
    match spot {
        Spot::AttachmentName => "an attachment's name".to_owned(),
        Spot::Body(part) => format!("part {part}"),
        Spot::Header(name) => format!("header {name}"),
        Spot::Subject => "the subject".to_owned(),
    }
}
