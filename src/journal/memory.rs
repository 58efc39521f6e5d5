//! A journal in memory: the latest sessions, bounded in number and in bytes, oldest out first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::query::{Filter, Query};
use super::record::{Id, Kind, Record};
use super::{Content, Entry};

/// The records of this process.
#[derive(Debug)]
pub(super) struct Memory {
    most_sessions: usize,
    most_bytes: u64,
    // Nothing is awaited and no file is touched while it is held.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// All kinds together: ids sort by time, so the first is the oldest.
    records: BTreeMap<Id, (Entry, Content)>,
    sessions: usize,
    bytes: u64,
}

impl Memory {
    pub(super) fn with_bounds(most_sessions: usize, most_bytes: u64) -> Self {
        Self { most_sessions, most_bytes, kept: Mutex::default() }
    }

    /// Adds a record, and lets go of the oldest ones that no longer have room. The latest is kept even if it is too
    /// large alone.
    pub(super) fn keep(&self, entry: Entry, content: Content) {
        let id = entry.id();
        let mut released = Vec::new();
        let mut kept = self.kept();
        kept.add(entry, content);
        while kept.sessions > self.most_sessions || kept.bytes > self.most_bytes {
            let Some(oldest) = kept.records.keys().copied().find(|oldest| *oldest != id) else { break };
            released.push(kept.remove(oldest));
        }
        drop(kept);
        // Dropped here, without the lock: the last handle to a file closes it.
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
        self.sessions += usize::from(entry.kind() == Kind::Session);
        self.records.insert(entry.id(), (entry, content));
    }

    fn remove(&mut self, id: Id) -> Option<(Entry, Content)> {
        let (entry, content) = self.records.remove(&id)?;
        self.bytes -= weight(&entry, &content);
        self.sessions -= usize::from(entry.kind() == Kind::Session);
        Some((entry, content))
    }
}

fn weight(entry: &Entry, content: &Content) -> u64 {
    entry.weight() + content.len()
}
