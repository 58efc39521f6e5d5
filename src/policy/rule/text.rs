//! Conditions on single texts: the EHLO name, the subject, a header field.
//!
//! ```toml
//! when.helo = { regex = "^localhost$" }
//! when.subject = ["hi", "error"]               # the whole subject, without regard to case
//! when.header = { X-Mailer = { regex = "bulk" } }
//! ```
//!
//! To find words *within* texts as a person reads them, use `keyword`.

use crate::document::{Node, Table};
use crate::message::fold;
use crate::policy::matcher::TextMatcher;
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;

/// A condition on one text, or on several header fields.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Header(Vec<(String, TextMatcher)>),
    Helo(TextMatcher),
    Subject(TextMatcher),
}

impl Text {
    pub(super) fn read(key: &str, node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs(key, if key == "helo" { Stage::Helo } else { Stage::Message }, &node.place);
        match key {
            "header" => {
                let table = Table::of(node, reading.problems);
                let fields = table.entries().filter_map(|(name, node)| {
                    Some((name.clone(), TextMatcher::read(node, reading.lists, reading.problems)?))
                });
                Some(Self::Header(fields.collect()))
            }
            "helo" => TextMatcher::read(node, reading.lists, reading.problems).map(Self::Helo),
            _ => TextMatcher::read(node, reading.lists, reading.problems).map(Self::Subject),
        }
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let yes = |what: &str, text: &str| Test::why(format!("{what} is {text:?}"));
        match self {
            Self::Helo(matcher) => match &view.facts.helo {
                Some(helo) if matcher.matches(&helo.name) => yes("the EHLO name", &helo.name),
                _ => Test::No,
            },
            Self::Subject(matcher) => match view.message() {
                // As it is shown, for a regular expression that looks at case, and as it is read.
                Some(message)
                    if matcher.matches(message.subject.trim()) || matcher.matches(fold(&message.subject).trim()) =>
                {
                    yes("the subject", &message.subject)
                }
                _ => Test::No,
            },
            Self::Header(fields) => {
                let Some(message) = view.message() else {
                    return Test::No;
                };
                let has = |(name, matcher): &(String, TextMatcher)| {
                    let mut named = message.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
                    named.any(|header| matcher.matches(header.value.trim()))
                };
                Test::of(fields.iter().all(has))
            }
        }
    }
}
