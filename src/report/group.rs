//! Which records are of which sender.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::SenderReport;
use super::attempt::Attempts;
use super::check::{self, Sight};
use super::dialogue::Dialogue;
use super::transaction::{self, Mailbox, Transaction, transactions};
use crate::clock::Time;
use crate::journal::record::{Id, Message, Session, Verdict};

/// Verdicts and messages, by session.
pub(super) struct Records<'a>(HashMap<Id, transaction::Records<'a>>);

impl<'a> Records<'a> {
    pub(super) fn of(verdicts: impl Iterator<Item = &'a Verdict>, messages: impl Iterator<Item = &'a Message>) -> Self {
        let mut by_session: HashMap<Id, transaction::Records<'a>> = HashMap::new();
        for verdict in verdicts {
            by_session.entry(verdict.session).or_default().verdicts.push(verdict);
        }
        for message in messages {
            by_session.entry(message.session).or_default().messages.push(message);
        }
        Self(by_session)
    }
}

/// A sender: lane, address, domain.
type Key<'a> = (&'a str, IpAddr, String);

/// Looks at each sender.
pub(super) fn senders(sessions: &[&Session], records: &Records<'_>, until: Option<Time>) -> Vec<SenderReport> {
    let nothing = transaction::Records::default();
    let of = |session: &Session| records.0.get(&session.id).unwrap_or(&nothing);
    let dialogues: Vec<_> = sessions.iter().map(|session| Dialogue::of(session)).collect();
    let spoken: Vec<_> = dialogues.iter().map(|dialogue| transactions(dialogue, of(dialogue.session))).collect();
    let named: Vec<_> = spoken.iter().map(|transactions| domains(transactions)).collect();
    let owners = owners(&dialogues, &named);
    let mut ends: HashMap<&str, Time> = HashMap::new();
    for session in sessions {
        let end = ends.entry(&session.lane).or_default();
        *end = (*end).max(latest(session));
    }
    let mut of_sender: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (place, owners) in owners.iter().enumerate() {
        let session = dialogues[place].session;
        for domain in owners {
            of_sender.entry((session.lane.as_str(), session.peer.ip(), domain.clone())).or_default().push(place);
        }
    }
    // What comes from the null path is the first sender's of its session.
    let is_of = |place: usize, from: &str, domain: &String| {
        from == domain.as_str() || from.is_empty() && owners[place].first() == Some(domain)
    };
    let mut left: Vec<Vec<Option<Transaction<'_>>>> =
        spoken.into_iter().map(|transactions| transactions.into_iter().map(Some).collect()).collect();
    let mut reports = Vec::new();
    for ((lane, peer, domain), places) in of_sender {
        let mut own = Vec::new();
        for &place in &places {
            let is_own = |transaction: &&mut Option<Transaction<'_>>| {
                transaction.as_ref().is_some_and(|transaction| is_of(place, &transaction.from.domain, &domain))
            };
            own.extend(left[place].iter_mut().filter(is_own).filter_map(Option::take));
        }
        own.sort_by_key(|transaction| transaction.at);
        let records = || places.iter().map(|&place| (place, of(dialogues[place].session)));
        let messages = records().flat_map(|(place, records)| records.messages.iter().map(move |of| (place, *of)));
        let messages = messages.filter(|(place, message)| is_of(*place, &Mailbox::of(&message.from).domain, &domain));
        let messages: Vec<_> = messages.map(|(_, message)| message).collect();
        let sight = Sight {
            dialogues: places.iter().map(|&place| &dialogues[place]).collect(),
            attempts: Attempts::of(&own),
            transactions: &own,
            verdicts: records().flat_map(|(_, records)| &records.verdicts).copied().collect(),
            messages,
            until: ends.get(lane).copied().max(until).unwrap_or_default(),
        };
        reports.push(SenderReport {
            lane: lane.to_owned(),
            peer,
            since: sight.dialogues.iter().map(|dialogue| dialogue.session.started).min().unwrap_or_default(),
            until: sight.until,
            sessions: sight.dialogues.len() as u64,
            messages: sight.messages.len() as u64,
            lines: check::lines(&sight),
            domain,
        });
    }
    reports.sort_by(|a, b| (&a.lane, &a.domain, a.peer).cmp(&(&b.lane, &b.domain, b.peer)));
    reports
}

/// The domains that a session's transactions name.
fn domains(transactions: &[Transaction<'_>]) -> BTreeSet<String> {
    let domains = transactions.iter().map(|transaction| transaction.from.domain.clone());
    domains.filter(|domain| !domain.is_empty()).collect()
}

/// The domains of the senders that each session belongs to.
fn owners(dialogues: &[Dialogue<'_>], named: &[BTreeSet<String>]) -> Vec<BTreeSet<String>> {
    let mut of_address: HashMap<(&str, IpAddr), BTreeSet<String>> = HashMap::new();
    for (dialogue, named) in dialogues.iter().zip(named) {
        let session = dialogue.session;
        of_address.entry((&session.lane, session.peer.ip())).or_default().extend(named.iter().cloned());
    }
    let nameless = || BTreeSet::from([String::new()]);
    let owners = dialogues.iter().zip(named).map(|(dialogue, named)| {
        let session = dialogue.session;
        let of_address = of_address.get(&(session.lane.as_str(), session.peer.ip()));
        match (named.is_empty(), of_address.filter(|domains| !domains.is_empty())) {
            (false, _) => named.clone(),
            (true, Some(domains)) => domains.clone(),
            (true, None) => nameless(),
        }
    });
    owners.collect()
}

fn latest(session: &Session) -> Time {
    let lines = session.transcript.lines.last().map(|line| line.at);
    session.ended.into_iter().chain(lines).chain([session.started]).max().unwrap_or_default()
}

/// Each once, in their order.
pub(super) fn once(ids: impl IntoIterator<Item = Id>, most: usize) -> Vec<Id> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).take(most).collect()
}
