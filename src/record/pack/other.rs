//! What is said where no rule is asked: to commands without a stage, to faults, to logins.

use std::collections::BTreeMap;

use super::Rule;
use crate::record::words::Words;
use crate::record::{Asked, Exchange};
use crate::smtp::Canned;

/// The words for each. The first that came is taken; rules say what cannot stand among replies.
#[derive(Default)]
pub(super) struct Others<'a> {
    pub(super) replies: BTreeMap<&'static str, String>,
    pub(super) rules: Vec<Rule<'a>>,
    pub(super) notes: Vec<String>,
    first: BTreeMap<&'static str, &'a str>,
}

impl<'a> Others<'a> {
    /// Adds to what is said where no rule speaks.
    pub(super) fn new(replies: BTreeMap<&'static str, String>) -> Self {
        Self { replies, ..Self::default() }
    }

    pub(super) fn add(&mut self, exchange: &Exchange, words: Option<&'a Words>) {
        let asked = exchange.asked;
        let good = words.is_some_and(|words| matches!(words.class(), b'2' | b'3'));
        let canned = match asked {
            Asked::Verb(_, canned) | Asked::Fault(canned) => canned,
            Asked::Auth if good => Canned::AuthOk,
            Asked::Auth => Canned::AuthFailed,
            Asked::Nothing if !good => Canned::Timeout,
            _ => return,
        };
        let name = canned.name();
        let Some(words) = words else {
            return self.notes.push(format!("{name}: it was not answered, and no rule says so"));
        };
        if good && matches!(asked, Asked::Fault(_)) {
            return self.notes.push(format!("{name}: it was taken, which mockmx does not: {}", words.key()));
        }
        match self.first.get(name) {
            Some(known) if *known == words.key() => return,
            Some(_) => return self.notes.push(format!("{name}: it was answered otherwise as well: {}", words.key())),
            None => self.first.insert(name, words.key()),
        };
        match (words, asked) {
            (Words::Template { text, charset: None, .. }, _) => drop(self.replies.insert(name, text.clone())),
            (_, Asked::Verb(of, _)) => self.rules.push(Rule::Words { stage: "command", of, words }),
            (_, Asked::Fault(_)) => self.rules.push(Rule::Words { stage: "fault", of: name, words }),
            _ => self.notes.push(format!("{name}: no reply can be written so: {}", words.key())),
        }
    }
}
