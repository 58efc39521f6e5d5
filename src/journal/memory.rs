//! A journal in memory: the latest sessions, bounded in number and in bytes, oldest out first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::query::{Filter, Query};
use super::record::{Id, Kind, Record};
use super::{Content, Entry, Keep};
use crate::clock::{Clock, Time};

/// What is too old goes so often.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The records of this process.
#[derive(Debug)]
pub(super) struct Memory {
    keep: Keep,
    clock: Clock,
    // Nothing is awaited and no file is touched while it is held.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// All kinds together: ids sort by time, so the first is the oldest.
    records: BTreeMap<Id, (Entry, Content)>,
    sessions: u64,
    bytes: u64,
    swept: Time,
}

impl Memory {
    pub(super) fn new(keep: Keep, clock: Clock) -> Self {
        let kept = Kept { swept: clock.now(), ..Kept::default() };
        Self { keep, clock, kept: Mutex::new(kept) }
    }

    /// Adds a record, and lets go of the oldest ones that no longer have room. The latest is kept even if it is too
    /// large alone.
    pub(super) fn keep(&self, entry: Entry, content: Content) {
        let id = entry.id();
        let mut released = Vec::new();
        let mut kept = self.kept();
        kept.add(entry, content);
        while kept.sessions > self.keep.sessions || kept.bytes > self.keep.bytes {
            let Some(oldest) = kept.records.keys().copied().find(|oldest| *oldest != id) else { break };
            released.push(kept.remove(oldest));
        }
        let now = self.clock.now();
        if now.since(kept.swept) >= SWEEP_EVERY {
            released.append(&mut kept.sweep(&self.keep, now));
        }
        drop(kept);
        // Dropped here, without the lock: the last handle to a file closes it.
        drop(released);
    }

    /// Lets go of what is too old.
    pub(super) fn sweep(&self) {
        let released = self.kept().sweep(&self.keep, self.clock.now());
        drop(released);
    }

    pub(super) fn page<R: Record>(&self, query: &Query) -> Vec<Arc<R>> {
        let kept = self.kept();
        let newest_first: Box<dyn Iterator<Item = _>> = match query.before {
            Some(before) => Box::new(kept.records.range(..before).rev()),
            None => Box::new(kept.records.iter().rev()),
        };
        let records = newest_first.filter_map(|(_, (entry, _))| R::of_entry(entry));
        records.filter(|record| query.filter.matches(record.as_ref())).take(query.limit).cloned().collect()
    }

    pub(super) fn find<R: Record>(&self, id: Id) -> Option<Arc<R>> {
        self.kept().records.get(&id).and_then(|(entry, _)| R::of_entry(entry)).cloned()
    }

    pub(super) fn content(&self, message: Id) -> Option<Content> {
        self.kept().records.get(&message).map(|(_, content)| content.clone())
    }

    pub(super) fn delete<R: Record>(&self, filter: &Filter) -> u64 {
        let mut kept = self.kept();
        let of_kind = kept.records.iter().filter_map(|(id, (entry, _))| Some((*id, R::of_entry(entry)?)));
        let doomed: Vec<_> = of_kind.filter(|(_, record)| filter.matches(record.as_ref())).map(|(id, _)| id).collect();
        let removed: Vec<_> = doomed.iter().map(|id| kept.remove(*id)).collect();
        drop(kept);
        removed.len() as u64
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change is whole, so a panic elsewhere cannot have left it half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, entry: Entry, content: Content) {
        self.bytes += weight(&entry, &content);
        self.sessions += u64::from(entry.kind() == Kind::Session);
        self.records.insert(entry.id(), (entry, content));
    }

    fn sweep(&mut self, keep: &Keep, now: Time) -> Vec<Option<(Entry, Content)>> {
        self.swept = now;
        let Some(age) = keep.age else { return Vec::new() };
        let first = now.before(age).unix_millis();
        let old = self.records.iter().filter(|(_, (entry, _))| entry.at().unix_millis() < first);
        let old: Vec<_> = old.map(|(id, _)| *id).collect();
        old.into_iter().map(|id| self.remove(id)).collect()
    }

    fn remove(&mut self, id: Id) -> Option<(Entry, Content)> {
        let (entry, content) = self.records.remove(&id)?;
        self.bytes -= weight(&entry, &content);
        self.sessions -= u64::from(entry.kind() == Kind::Session);
        Some((entry, content))
    }
}

fn weight(entry: &Entry, content: &Content) -> u64 {
    entry.weight() + content.len()
}
