//! What is yet to come: events as they happen, and waiting for records without asking again and again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::query::{Filter, Miss, Query};
use super::record::Record;
use super::{Entry, Journal, JournalError};

/// Events that are kept for those who come back, and bytes of them.
const REMEMBERED: usize = 1_000;
const REMEMBERED_BYTES: u64 = 64 * 1024 * 1024;

/// Events that a slow listener may lag behind.
const BEHIND: usize = 1_024;

/// Records that are looked at for near misses.
const LOOKED_AT: usize = 200;

/// Near misses that are told.
const NEAR: usize = 5;

/// Tells of every record as it is kept, and of every session as it begins.
#[derive(Debug)]
pub struct Watch {
    latest: Mutex<Latest>,
    sender: broadcast::Sender<Event>,
    /// Told when another process may have kept something.
    elsewhere: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Latest {
    number: u64,
    events: VecDeque<Event>,
    bytes: u64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number, from 1, one more with each event of this process.
    pub number: u64,
    /// The record; a session without its transcript.
    pub entry: Entry,
}

impl Default for Watch {
    fn default() -> Self {
        Self { latest: Mutex::default(), sender: broadcast::Sender::new(BEHIND), elsewhere: watch::Sender::new(()) }
    }
}

impl Watch {
    pub(super) fn tell(&self, entry: Entry) {
        // Events are kept by number, so what can be large is left out.
        let entry = match entry {
            Entry::Session(session) => Entry::Session(Arc::new(session.without_transcript())),
            other => other,
        };
        let mut latest = self.latest();
        latest.number += 1;
        let event = Event { number: latest.number, entry };
        latest.bytes += event.entry.weight();
        latest.events.push_back(event.clone());
        while latest.events.len() > REMEMBERED || latest.bytes > REMEMBERED_BYTES && latest.events.len() > 1 {
            let Some(forgotten) = latest.events.pop_front() else { break };
            latest.bytes -= forgotten.entry.weight();
        }
        // Sent under the lock, so that events come in the order of their numbers. Nobody may be listening.
        let _ = self.sender.send(event);
    }

    /// The number of the latest event; 0 before the first.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.latest().number
    }

    /// Has everybody who waits look again: something may have come from elsewhere.
    pub(super) fn stir(&self) {
        self.elsewhere.send_replace(());
    }

    /// The events behind that number which are still remembered, and those to come. Without a number only the latter.
    #[must_use]
    pub fn since(&self, number: Option<u64>) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let latest = self.latest();
        let missed = latest.events.iter().filter(|event| number.is_some_and(|number| event.number > number));
        (missed.cloned().collect(), self.sender.subscribe())
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of waiting.
#[derive(Debug)]
pub struct Waited<R> {
    /// What is there, newest first.
    pub found: Vec<Arc<R>>,
    /// Whether that is as much as was waited for.
    pub complete: bool,
}

impl Journal {
    /// Waits until `count` records are there that a query asks for, or until `end`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn wait<R: Record>(&self, query: &Query, count: usize, end: Instant) -> Result<Waited<R>, JournalError> {
        let (_, mut events) = self.watch.since(None);
        let mut elsewhere = self.watch.elsewhere.subscribe();
        loop {
            let found = self.page::<R>(&Query { limit: query.limit.max(count), ..query.clone() }).await?;
            let missing = count.saturating_sub(found.len());
            if missing == 0 {
                return Ok(Waited { found, complete: true });
            }
            if !come::<R>(&query.filter, missing, &mut events, &mut elsewhere, end).await {
                return Ok(Waited { found: self.page::<R>(query).await?, complete: false });
            }
        }
    }

    /// The latest records that a filter only just did not let through: those that failed the fewest of its tests.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn near_misses<R: Record>(&self, filter: &Filter) -> Result<Vec<(Arc<R>, Vec<Miss>)>, JournalError> {
        // What another lane did is nobody's business here.
        let latest = self.page::<R>(&Query { filter: filter.lane_alone(), before: None, limit: LOOKED_AT }).await?;
        let misses = latest.into_iter().map(|record| {
            let misses = filter.misses(record.as_ref());
            (record, misses)
        });
        let mut misses: Vec<_> = misses.filter(|(_, misses)| !misses.is_empty()).collect();
        misses.sort_by_key(|(_, misses)| misses.len());
        misses.truncate(NEAR);
        Ok(misses)
    }
}

/// Whether as many more records came, or may have come, before `end`.
async fn come<R: Record>(
    filter: &Filter,
    mut missing: usize,
    events: &mut broadcast::Receiver<Event>,
    elsewhere: &mut watch::Receiver<()>,
    end: Instant,
) -> bool {
    while missing > 0 {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => {
                    let record = R::of_entry(&event.entry);
                    missing -= usize::from(record.is_some_and(|record| filter.matches(record.as_ref())));
                }
                // Whatever was missed, it may have been it.
                Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            },
            Ok(()) = elsewhere.changed() => return true,
            () = tokio::time::sleep_until(end) => return false,
        }
    }
    true
}
