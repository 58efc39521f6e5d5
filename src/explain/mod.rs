//! What a refusal means: from a text that somebody was shown, to the rule or explanation of a pack that says it.
//!
//! People come with anything: the reply itself, a part of it, a line of a log, a code of their mail program, a whole
//! bounce. [`statements`] takes the texts out of what they bring, [`Explainer`] compares each with every reply and
//! every `[[explain]]` text of the packs, and says for each it finds how it was found and how sure that is. Pure, and
//! bounded in what it looks at.
//!
//! `text` brings texts into a form that can be compared, [`pattern`] makes patterns of replies with placeholders,
//! `near` measures how alike two texts are, `meaning` looks into reasons and remedies, `bounce` reads mails.

mod bounce;
mod meaning;
mod near;
pub mod pattern;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use regex::Regex;

use crate::policy::{ExplanationView, Occasion, ProviderView, RuleView};
use meaning::Meanings;
use text::Statement;

pub use bounce::statements;

/// Below this, a text is not taken for another.
const LEAST_ALIKE: f64 = 0.62;

/// What is found with less certainty, in percent, is not said, if it is found by its text.
const LEAST_CERTAIN: u8 = 49;

/// The certainty, in percent, of what is found by all of its meaning; below all that is found by its text.
const MOST_CERTAIN_BY_MEANING: u8 = 45;

/// Whoever is as sure, in percent, needs nobody's meaning.
const SURE: u8 = 95;

/// The shortest part of a text that is looked for within another, in characters.
const SHORTEST_PART: usize = 4;

/// All the texts of some packs, ready to be compared with.
#[derive(Debug)]
pub struct Explainer<'a> {
    entries: Vec<Entry<'a>>,
    meanings: Meanings<'a>,
    providers: &'a [ProviderView],
}

/// What a text was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A text that a pack explains.
    Explanation(&'a ExplanationView),
    /// A rule.
    Rule(&'a RuleView),
}

/// How a text was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Its reason or remedy speaks of it.
    Meaning,
    /// It has the same code, and there is no text.
    Code,
    /// It reads nearly the same.
    Near,
    /// Both hold the same token: `MI:SPF`.
    Token,
    /// One is a part of the other.
    Part,
    /// It is the text, with another code or none.
    Text,
    /// It is the reply, with its placeholders filled in.
    Filled,
    /// It is the reply, or the rule's name.
    Exact,
}

/// For people: `the reply with its varying parts filled in`.
impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Meaning => "its reason or remedy speaks of that",
            Self::Code => "the same code, and no more",
            Self::Near => "nearly the same words",
            Self::Token => "the same token",
            Self::Part => "a part of the text",
            Self::Text => "the text, without its code",
            Self::Filled => "the text, its varying parts filled in",
            Self::Exact => "the same text",
        })
    }
}

impl How {
    /// One word, for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meaning => "meaning",
            Self::Code => "code",
            Self::Near => "near",
            Self::Token => "token",
            Self::Part => "part",
            Self::Text => "text",
            Self::Filled => "filled",
            Self::Exact => "exact",
        }
    }
}

/// Something that a text may be.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// The pack.
    pub provider: &'a ProviderView,
    /// What of it.
    pub subject: Subject<'a>,
    /// How it was found.
    pub how: How,
    /// How sure that is, in percent.
    pub certainty: u8,
}

/// One text of a rule or an explanation.
#[derive(Debug)]
struct Entry<'a> {
    provider: &'a ProviderView,
    subject: Subject<'a>,
    /// The text, in the form that is compared; placeholders are left out.
    plain: Statement,
    /// Matches the text with its placeholders filled in; none if it has no placeholders.
    filled: Option<Patterns>,
}

/// The patterns of a text with placeholders.
#[derive(Debug)]
struct Patterns {
    /// The whole reply with its code.
    whole: Regex,
    /// The text, wherever it stands; none if too little of it does not vary.
    text: Option<Regex>,
}

impl<'a> Explainer<'a> {
    /// Takes the texts of these packs.
    #[must_use]
    pub fn new(providers: &'a [ProviderView]) -> Self {
        let entries = providers.iter().flat_map(|provider| {
            let rules = provider.rules.iter().filter_map(|rule| Some((Subject::Rule(rule), rule.reply.as_deref()?)));
            let texts = provider.explanations.iter().flat_map(|explanation| {
                explanation.texts.iter().map(|text| (Subject::Explanation(explanation), text.as_str()))
            });
            rules.chain(texts).map(|(subject, text)| Entry::new(provider, subject, text))
        });
        Self { entries: entries.collect(), meanings: Meanings::new(providers), providers }
    }

    /// What a text may be, surest first; at equal certainty in the packs' order. Empty if nobody knows.
    #[must_use]
    pub fn explain(&self, text: &str) -> Vec<Match<'a>> {
        let statements = Statement::candidates(text);
        let mut found: Vec<Match<'a>> = Vec::new();
        for entry in &self.entries {
            let best = statements.iter().filter_map(|statement| entry.compare(statement)).max();
            let Some((certainty, how)) = best else { continue };
            let Entry { provider, subject, .. } = *entry;
            match found.iter_mut().find(|known| known.subject == subject && known.provider.id == provider.id) {
                Some(known) if known.certainty < certainty => (known.certainty, known.how) = (certainty, how),
                Some(_) => {}
                None => found.push(Match { provider, subject, how, certainty }),
            }
        }
        found.extend(self.named(text));
        if let Some(whole) = statements.first().filter(|_| found.iter().all(|found| found.certainty < SURE)) {
            for (provider, subject, share) in self.meanings.speaking_of(&whole.text, !whole.codes.is_empty()) {
                if !found.iter().any(|known| known.subject == subject && known.provider.id == provider.id) {
                    let certainty = (share * f64::from(MOST_CERTAIN_BY_MEANING)) as u8;
                    found.push(Match { provider, subject, how: How::Meaning, certainty });
                }
            }
        }
        // Of two that are as certain, what the document says goes ahead of a variant of some years.
        let is_variant = |subject| matches!(subject, Subject::Rule(rule) if rule.period.since.is_some());
        found.sort_by_key(|found| (std::cmp::Reverse(found.certainty), is_variant(found.subject)));
        found
    }

    /// The rules without a reply, and what else is found by its name alone: `263/virus-deleted`.
    fn named(&self, text: &str) -> Vec<Match<'a>> {
        let mut found = Vec::new();
        for provider in self.providers {
            let rules = provider.rules.iter().filter(|rule| rule.reply.is_none());
            for rule in rules.filter(|rule| is_name(text, &provider.id, &rule.id)) {
                found.push(Match { provider, subject: Subject::Rule(rule), how: How::Exact, certainty: 100 });
            }
        }
        found
    }
}

/// Whether a text is the name of something of a pack: `263/keyword`, `keyword`, or its trigger's address.
fn is_name(text: &str, provider: &str, id: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text);
    let same = |of: &str, named: &str| of.eq_ignore_ascii_case(provider) && named.eq_ignore_ascii_case(id);
    let of_provider = text.split_once('/').is_some_and(|(of, named)| same(of, named));
    let of_address = text.split_once('@').is_some_and(|(named, domain)| {
        let domain = domain.to_ascii_lowercase();
        domain.strip_suffix(".mockmx.test").is_some_and(|of| same(of, named))
    });
    of_provider || of_address || text.eq_ignore_ascii_case(id)
}

impl<'a> Entry<'a> {
    fn new(provider: &'a ProviderView, subject: Subject<'a>, text: &str) -> Self {
        let plain = Statement::of_template(text);
        let varies = pattern::varies(text);
        let filled = varies.then(|| text::folded_patterns(text)).flatten();
        let filled = filled.map(|(whole, text)| Patterns { whole, text });
        Self { provider, subject, plain, filled }
    }

    /// How sure it is that `said` is this text.
    fn compare(&self, said: &Statement) -> Option<(u8, How)> {
        let id = match self.subject {
            Subject::Explanation(explanation) => &explanation.id,
            Subject::Rule(rule) => &rule.id,
        };
        if is_name(&said.raw, &self.provider.id, id) {
            return Some((100, How::Exact));
        }
        let same_code = self.plain.code.filter(|_| !said.codes.is_empty()).map(|own| said.codes.contains(&own));
        if said.text.is_empty() && same_code == Some(true) {
            if self.plain.text.is_empty() && self.filled.is_none() {
                return Some((100, How::Exact));
            }
            return Some((LEAST_CERTAIN + 1, How::Code));
        }
        let (found, how) = self.compare_text(said)?;
        let certainty = match (how, same_code) {
            (How::Exact, Some(true)) => 100,
            // A text without a code in the pack is the whole text.
            (How::Exact, None) if self.plain.code.is_none() => 100,
            (How::Exact, None) => 95,
            (How::Exact, Some(false)) => 88,
            (_, Some(false)) => found - found / 10,
            (How::Token | How::Near, Some(true)) => found + 4,
            _ => found,
        };
        let certainty = if said.is_trimmed { certainty.min(95) } else { certainty };
        let how = if how == How::Exact && certainty < 100 { How::Text } else { how };
        (certainty >= LEAST_CERTAIN).then_some((certainty, how))
    }

    /// Compares the texts without their codes.
    fn compare_text(&self, said: &Statement) -> Option<(u8, How)> {
        let own = &self.plain;
        if own.text.is_empty() || said.text.is_empty() {
            return None;
        }
        match &self.filled {
            None if said.text == own.text => return Some((100, How::Exact)),
            Some(patterns) if patterns.whole.is_match(&said.whole()) => return Some((98, How::Filled)),
            Some(patterns) if patterns.text.as_ref().is_some_and(|text| text.is_match(&said.text)) => {
                return Some((90, How::Filled));
            }
            _ => {}
        }
        let held = self.filled.is_none() && text::holds(&said.text, &own.text, SHORTEST_PART);
        let shared = said.tokens.iter().filter(|token| own.tokens.contains(token)).count();
        if shared > 0 {
            return Some((84, How::Token));
        }
        if held {
            // The more of what was said it is, the more likely it is meant.
            let share = (text::weight(&own.text) * 150 / text::weight(&said.text).max(1)).min(100);
            return Some((56 + u8::try_from(share * 30 / 100).unwrap_or(30), How::Part));
        }
        if !said.tokens.is_empty() && !own.tokens.is_empty() {
            // Tokens tell replies apart whose words are much the same.
            return None;
        }
        if text::holds(&own.text, &said.text, SHORTEST_PART) {
            let share = said.text.chars().count() * 25 / own.text.chars().count().max(1);
            return Some((60 + u8::try_from(share.min(25)).unwrap_or(25), How::Part));
        }
        let alike = near::alike(&said.text, &own.text);
        let certainty = (alike * 80.0) as u8;
        (alike >= LEAST_ALIKE).then_some((certainty, How::Near))
    }
}

impl Subject<'_> {
    /// Its id within the provider.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Explanation(explanation) => &explanation.id,
            Self::Rule(rule) => &rule.id,
        }
    }

    /// Its reason and its remedy, in Chinese and in English.
    #[must_use]
    pub fn words(&self) -> [Option<&'_ str>; 4] {
        let words = match self {
            Self::Explanation(of) => [&of.reason_zh, &of.remedy_zh, &of.reason_en, &of.remedy_en],
            Self::Rule(of) => [&of.reason_zh, &of.remedy_zh, &of.reason_en, &of.remedy_en],
        };
        words.map(Option::as_deref)
    }

    /// When it is met.
    #[must_use]
    pub fn occasion(&self) -> Occasion {
        match self {
            Self::Explanation(explanation) => explanation.occasion,
            Self::Rule(rule) => Occasion::Session(rule.stage),
        }
    }
}
