//! What conditions look at.

use std::cmp::Ordering;

use super::Case;
use crate::address::Address;
use crate::facts::ReversePath;
use crate::record::{Asked, Exchange, Match};

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Helo,
    Sender,
    Recipient,
    Domain,
    Subject,
    Size,
}

impl By {
    const fn key(self) -> &'static str {
        match self {
            Self::Helo => "helo",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Domain => "recipient-domain",
            Self::Subject => "subject",
            Self::Size => "size",
        }
    }

    fn values(self, of: &Exchange) -> Vec<String> {
        let of = &of.of;
        let mut values: Vec<_> = match self {
            Self::Helo => of.helo.iter().filter(|name| !name.is_empty()).map(|name| name.to_lowercase()).collect(),
            Self::Sender => match &of.sender {
                Some(ReversePath::Null) => vec!["<>".to_owned()],
                Some(ReversePath::Mailbox(address)) => pattern(address).into_iter().collect(),
                None => Vec::new(),
            },
            Self::Recipient => of.recipients.iter().filter_map(pattern).collect(),
            Self::Domain => {
                let domains = of.recipients.iter().map(Address::domain);
                domains.filter(|domain| !domain.is_empty() && !domain.starts_with('.')).map(str::to_owned).collect()
            }
            Self::Subject => of.subject.iter().map(|subject| subject.trim().to_owned()).collect(),
            Self::Size => of.too_large_for.iter().map(u64::to_string).collect(),
        };
        values.sort();
        values.dedup();
        values
    }
}

/// The pattern that an address alone matches.
fn pattern(address: &Address) -> Option<String> {
    (!address.local().is_empty() && !address.domain().starts_with('.')).then(|| address.key())
}

/// What is looked at for what was asked, the fewest first; more only where less does not tell replies apart.
pub(super) fn levels(asked: Asked, wanted: &[Match]) -> Vec<Vec<By>> {
    let of = |wanted: &Match| match wanted {
        Match::All => None,
        Match::Recipient => Some(By::Recipient),
        Match::Domain => Some(By::Domain),
        Match::Sender => Some(By::Sender),
        Match::Subject => Some(By::Subject),
    };
    let (first, more): (Vec<_>, &[By]) = match asked {
        Asked::Ehlo | Asked::Helo => (vec![By::Helo], &[]),
        Asked::Mail => (vec![By::Sender], &[By::Helo]),
        Asked::Rcpt => (vec![By::Recipient], &[By::Sender, By::Helo]),
        Asked::Data => (vec![By::Recipient], &[By::Sender]),
        Asked::Message if wanted.is_empty() => (vec![By::Recipient], &[By::Sender, By::Subject]),
        Asked::Message => (wanted.iter().filter_map(of).collect(), &[By::Recipient, By::Sender, By::Subject]),
        _ => (Vec::new(), &[]),
    };
    let mut levels = Vec::new();
    if matches!(asked, Asked::Mail | Asked::Message) {
        levels.push(vec![By::Size]);
    }
    let mut all = first.clone();
    levels.push(first.clone());
    for by in more.iter().filter(|by| !first.contains(by)) {
        levels.push(first.iter().copied().chain([*by]).collect());
        all.push(*by);
    }
    levels.push(all);
    levels.dedup();
    levels
}

/// Whether two sorted lists have something in common. A message may have a thousand recipients, and each is compared with
/// all others.
fn overlap(mut one: &[String], mut other: &[String]) -> bool {
    while let ([first, rest @ ..], [second, behind @ ..]) = (one, other) {
        match first.cmp(second) {
            Ordering::Equal => return true,
            Ordering::Less => one = rest,
            Ordering::Greater => other = behind,
        }
    }
    false
}

/// One choice of what is looked at, and that of each case.
pub(super) struct Level {
    pub(super) by: Vec<By>,
    values: Vec<Vec<Vec<String>>>,
}

impl Level {
    pub(super) fn new(by: Vec<By>, cases: &[Case<'_>]) -> Self {
        let values = cases.iter().map(|case| by.iter().map(|by| by.values(case.exchange)).collect()).collect();
        Self { by, values }
    }

    /// Whether all that is looked at is known.
    pub(super) fn knows(&self, index: usize) -> bool {
        self.values[index].iter().all(|values| !values.is_empty())
    }

    /// Whether a condition made of the one holds for the other.
    pub(super) fn meet(&self, one: usize, other: usize) -> bool {
        let pairs = self.values[one].iter().zip(&self.values[other]);
        pairs.into_iter().all(|(one, other)| overlap(one, other))
    }

    /// All for which the condition holds.
    pub(super) fn thread(&self, index: usize) -> Vec<usize> {
        (0..self.values.len()).filter(|other| self.meet(index, *other)).collect()
    }

    /// Whether the condition would hold for what was answered otherwise.
    pub(super) fn conflicts(&self, cases: &[Case<'_>], index: usize) -> bool {
        let key = cases[index].does.key();
        (0..cases.len()).any(|other| cases[other].does.key() != key && self.meet(index, other))
    }

    pub(super) fn when(&self, index: usize) -> Vec<(&'static str, Vec<String>)> {
        self.by.iter().map(|by| by.key()).zip(self.values[index].iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_overlap_wherever_the_common_word_stands() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (one, other, wanted) in [
            ("", "", false),
            ("a", "", false),
            ("a", "a", true),
            ("a b c", "c", true),
            ("c", "a b c", true),
            ("a c e", "b d e", true),
            ("a c e", "b d f", false),
            ("b", "a c", false),
        ] {
            let (one, other) = (list(one), list(other));
            assert_eq!(overlap(&one, &other), wanted, "{one:?} {other:?}");
            assert_eq!(overlap(&other, &one), wanted, "{other:?} {one:?}");
        }
    }
}
