//! Attempts to deliver a message to one recipient, and which of them are of the same message.

use std::collections::HashMap;
use std::time::Duration;

use super::dialogue::Answer;
use super::transaction::{Identity, Mailbox, Outcome, Transaction};
use crate::clock::Time;
use crate::journal::record::Id;

/// An attempt.
#[derive(Debug)]
pub(super) struct Attempt<'t> {
    /// The index of its transaction.
    pub(super) transaction: usize,
    pub(super) session: Id,
    from: &'t Mailbox,
    /// Nobody, where MAIL was refused before anybody was named.
    to: Option<&'t Mailbox>,
    identity: Option<&'t Identity>,
    pub(super) at: Time,
    /// When it was answered, or when it began if it was not.
    pub(super) answered: Time,
    pub(super) outcome: Outcome,
    /// The reply's first line.
    pub(super) reply: &'t str,
    /// It is the number of recipients that was refused.
    pub(super) is_beyond_limit: bool,
}

/// The attempts of a sender, in the order of time.
#[derive(Debug)]
pub(super) struct Attempts<'t> {
    pub(super) all: Vec<Attempt<'t>>,
    by_sender: HashMap<&'t str, Vec<usize>>,
    by_envelope: HashMap<(&'t str, Option<&'t str>), Vec<usize>>,
}

impl<'t> Attempts<'t> {
    pub(super) fn of(transactions: &'t [Transaction<'t>]) -> Self {
        let mut all = Vec::new();
        for (place, transaction) in transactions.iter().enumerate() {
            let nobody = transaction.recipients.is_empty().then_some(None);
            for recipient in nobody.into_iter().chain((0..transaction.recipients.len()).map(Some)) {
                let (outcome, answer) = transaction.outcome(recipient);
                all.push(Attempt {
                    transaction: place,
                    session: transaction.session.id,
                    from: &transaction.from,
                    to: recipient.map(|index| &transaction.recipients[index].mailbox),
                    identity: transaction.identity.as_ref(),
                    at: transaction.at,
                    answered: answer.map_or(transaction.at, |answer| answer.at),
                    outcome,
                    reply: answer.map_or("no reply", Answer::text),
                    is_beyond_limit: answer.is_some_and(Answer::is_recipient_limit),
                });
            }
        }
        let mut by_sender: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_envelope: HashMap<_, Vec<_>> = HashMap::new();
        for (index, attempt) in all.iter().enumerate() {
            let (from, to) = (attempt.from.key.as_str(), attempt.to.map(|to| to.key.as_str()));
            by_sender.entry(from).or_default().push(index);
            by_envelope.entry((from, to)).or_default().push(index);
        }
        Self { all, by_sender, by_envelope }
    }

    /// The next attempt, in another transaction, that may be of the same message to the same recipient.
    pub(super) fn next(&self, index: usize) -> Option<usize> {
        let attempt = &self.all[index];
        let from = attempt.from.key.as_str();
        let later = |places: Option<&Vec<usize>>| {
            let places = places?;
            let behind = places.partition_point(|place| *place <= index);
            places[behind..].iter().copied().find(|&place| {
                let other = &self.all[place];
                // What began before the answer cannot be for it: two connections at once.
                other.transaction != attempt.transaction
                    && other.at >= attempt.answered
                    && Identity::agree(attempt.identity, other.identity)
            })
        };
        match attempt.to {
            // As far as the envelope was said, it is the same.
            None => later(self.by_sender.get(from)),
            Some(to) => {
                let same = later(self.by_envelope.get(&(from, Some(to.key.as_str()))));
                let cut_short = later(self.by_envelope.get(&(from, None)));
                same.into_iter().chain(cut_short).min()
            }
        }
    }

    /// For each refusal that `counts`, the waits before it and behind it, if it is the last of its kind in a row.
    pub(super) fn waits(&self, counts: impl Fn(&Attempt<'_>) -> bool) -> Vec<Waits> {
        let mut before: HashMap<usize, Waits> = HashMap::new();
        let mut done = Vec::new();
        for (index, attempt) in self.all.iter().enumerate() {
            let mut waits = match (before.remove(&index), counts(attempt)) {
                (known, true) => known.unwrap_or(Waits { waits: Vec::new(), first: index, last: index, is_open: true }),
                (Some(known), false) => {
                    done.push(Waits { is_open: false, ..known });
                    continue;
                }
                (None, false) => continue,
            };
            match self.next(index) {
                Some(next) => {
                    waits.waits.push(self.all[next].at.since(attempt.answered));
                    waits.last = next;
                    // Where two lead to one, the longer tells more.
                    if before.get(&next).is_none_or(|known| known.waits.len() < waits.waits.len()) {
                        before.insert(next, waits);
                    }
                }
                None => done.push(waits),
            }
        }
        done
    }

    /// What an attempt was for, for people.
    pub(super) fn envelope(&self, index: usize) -> String {
        let Attempt { from, to, .. } = &self.all[index];
        match to {
            Some(to) => format!("<{}> to <{}>", from.shown, to.shown),
            None => format!("<{}>", from.shown),
        }
    }
}

/// The waits between refusals of one message for one recipient.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) waits: Vec<Duration>,
    /// The first attempt, which was refused.
    pub(super) first: usize,
    /// The last attempt: the one that was refused and not tried again, or the one that was not refused.
    pub(super) last: usize,
    /// It was refused and not tried again.
    pub(super) is_open: bool,
}
