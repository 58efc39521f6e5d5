//! What reasons and remedies speak of, for people who do not have the text but say what happened: `对方邮箱已满`.

use std::collections::{BTreeSet, HashMap};

use super::Subject;
use super::text::weight;
use crate::message::fold;
use crate::policy::ProviderView;

/// How much of a question is looked at, in characters.
const LONGEST: usize = 200;

/// The least of a question that must be spoken of, by weight: of words alone, and of a reply with its code, whose words
/// are rather a server's own.
const LEAST: f64 = 0.45;
const LEAST_OF_REPLY: f64 = 0.75;

/// What everything speaks of, as of mail, is no question: its worth is below this.
const LEAST_WORTH: f64 = 1.5;

/// What a pair of Chinese characters that nothing speaks of is worth of an English word: most such pairs are no word.
const PAIR: f64 = 0.3;

/// Words for the same thing, and the one that stands for them.
const SAME: [(&str, &str); 16] = [
    ("收件人", "对方"),
    ("收件方", "对方"),
    ("收信人", "对方"),
    ("对方的", "对方"),
    ("寄件人", "发件人"),
    ("发信人", "发件人"),
    ("信箱", "邮箱"),
    ("信件", "邮件"),
    ("过满", "已满"),
    ("满了", "已满"),
    ("爆满", "已满"),
    ("超容", "已满"),
    ("空间不足", "空间已满"),
    ("邮箱满", "邮箱已满"),
    ("被拒", "拒收"),
    ("账号", "帐号"),
];

/// English words that every text has.
const COMMON: [&str; 30] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "does", "for", "from", "has", "have", "in", "is", "it",
    "its", "no", "not", "of", "on", "or", "that", "the", "this", "to", "was", "what", "with",
];

/// The reasons and remedies of some packs.
#[derive(Debug)]
pub(super) struct Meanings<'a> {
    entries: Vec<(&'a ProviderView, Subject<'a>, Vec<BTreeSet<String>>)>,
    /// In how many entries a piece stands.
    common: HashMap<String, usize>,
}

impl<'a> Meanings<'a> {
    pub(super) fn new(providers: &'a [ProviderView]) -> Self {
        let entries: Vec<_> = providers
            .iter()
            .flat_map(|provider| {
                let rules = provider.rules.iter().map(Subject::Rule);
                let subjects = rules.chain(provider.explanations.iter().map(Subject::Explanation));
                subjects.map(move |subject| {
                    let told = subject.words().into_iter().flatten();
                    (provider, subject, told.map(pieces).collect::<Vec<_>>())
                })
            })
            .collect();
        let mut common = HashMap::new();
        for (_, _, told) in &entries {
            for piece in told.iter().flatten().collect::<BTreeSet<_>>() {
                *common.entry(piece.clone()).or_default() += 1;
            }
        }
        Self { entries, common }
    }

    /// What speaks of a text, and how much of the text it speaks of: from [`LEAST`] to 1.
    pub(super) fn speaking_of(&self, text: &str, is_reply: bool) -> Vec<(&'a ProviderView, Subject<'a>, f64)> {
        let text: String = text.chars().take(LONGEST + 1).collect();
        let asked = pieces(&text);
        if text.chars().count() > LONGEST || asked.iter().map(|piece| weight(piece)).sum::<usize>() < 3 {
            return Vec::new();
        }
        let all: f64 = asked.iter().map(|piece| self.worth(piece)).sum();
        if all < LEAST_WORTH {
            return Vec::new();
        }
        let least = if is_reply { LEAST_OF_REPLY } else { LEAST };
        let share = |told: &BTreeSet<String>| {
            let shared: Vec<_> = asked.intersection(told).collect();
            // One piece of several may stand anywhere.
            let enough = shared.len() >= asked.len().min(2);
            if enough { shared.iter().map(|piece| self.worth(piece)).sum::<f64>() / all } else { 0.0 }
        };
        let found = self.entries.iter().map(|(provider, subject, told)| {
            let best = told.iter().map(share).fold(0.0, f64::max);
            (*provider, *subject, best)
        });
        found.filter(|(_, _, share)| *share >= least).collect()
    }

    /// What a piece tells: the more, the fewer have it.
    fn worth(&self, piece: &str) -> f64 {
        let with = self.common.get(piece).copied().unwrap_or_default();
        let worth = ((1 + self.entries.len()) as f64 / (1 + with) as f64).ln().max(0.1);
        if with == 0 && !piece.is_ascii() { worth * PAIR } else { worth }
    }
}

/// What a text is compared by: its English words, and each two neighbours of its Chinese characters, for there are no
/// spaces between words.
fn pieces(text: &str) -> BTreeSet<String> {
    let mut text = fold(text);
    for (word, same) in SAME {
        text = text.replace(word, same);
    }
    let mut pieces = BTreeSet::new();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let same = |c: char| c.is_ascii() == first.is_ascii();
            let (part, behind) = rest.split_at(rest.find(|c| !same(c)).unwrap_or(rest.len()));
            rest = behind;
            if first.is_ascii() {
                pieces.extend(stem(part).map(str::to_owned));
            } else {
                let characters: Vec<_> = part.chars().collect();
                pieces.extend(characters.windows(2).map(|two| two.iter().collect::<String>()));
            }
        }
    }
    pieces
}

/// A word without its ending; none if it tells nothing.
fn stem(word: &str) -> Option<&str> {
    let tells = !COMMON.contains(&word) && word.len() > 1 && !word.bytes().all(|byte| byte.is_ascii_digit());
    let stem =
        ["ing", "ed", "es", "s"].iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() > 3));
    tells.then(|| stem.unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        pieces(text).into_iter().collect()
    }

    #[test]
    fn a_text_falls_into_words_and_pairs() {
        assert_eq!(all("The mailboxes, of SMTP 550邮箱已满。"), ["mailbox", "smtp", "已满", "箱已", "邮箱"]);
        assert_eq!(all("收件人信箱过满"), all("对方邮箱已满"));
        assert_eq!(all("a 5 满 "), [""; 0]);
    }
}
