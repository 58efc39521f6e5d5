//! The evidence: every session with every line of it, what every rule said and why, and every message as it came.
//!
//! A [`Journal`] keeps [`record`]s. While a session is open its record is here, in memory, and grows; at its end it is
//! kept like all others. A record never changes once it is kept, so a reader holds it without a lock. The bytes of a
//! message are kept as they came; the trace that a receiving server puts in front (RFC 5321 §4.4) is added where a
//! copy is handed out as delivered mail.
//!
//! [`query`] says what can be asked, [`watch`] how one waits for what is yet to come.

mod content;
mod memory;
mod open;
pub mod query;
pub mod record;
mod trace;
pub mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::content::Content;
use self::memory::Memory;
pub use self::open::OpenSession;
use self::query::{Filter, Query};
use self::record::{Id, Kind, Message, Record, Session, Verdict};
use self::watch::Watch;

/// The records of this process, or of all that share a store.
#[derive(Debug)]
pub struct Journal {
    memory: Memory,
    open: Mutex<BTreeMap<Id, Arc<Mutex<Session>>>>,
    watch: Watch,
}

/// A record of any kind.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A session.
    Session(Arc<Session>),
    /// What a rule said.
    Verdict(Arc<Verdict>),
    /// A message.
    Message(Arc<Message>),
}

/// Why something could not be kept or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is out of order: {0}")]
pub struct JournalError(pub String);

impl Journal {
    /// A journal in memory of at most so many sessions and bytes.
    #[must_use]
    pub fn in_memory(most_sessions: usize, most_bytes: u64) -> Self {
        Self { memory: Memory::with_bounds(most_sessions, most_bytes), open: Mutex::default(), watch: Watch::default() }
    }

    /// Opens the record of a session that has begun.
    #[must_use]
    pub fn begin(self: &Arc<Self>, session: Session) -> OpenSession {
        OpenSession::new(Arc::clone(self), session)
    }

    /// Keeps a message; once this returns, it is kept.
    ///
    /// # Errors
    /// If it cannot be kept. It is then not accepted.
    #[allow(clippy::unused_async, reason = "stores on disk have to be waited for")]
    pub async fn message(&self, message: Message, content: Content) -> Result<Arc<Message>, JournalError> {
        let message = Arc::new(message);
        self.keep(Entry::Message(Arc::clone(&message)), content);
        Ok(message)
    }

    /// Keeps a session or a verdict, sooner or later.
    fn note(&self, entry: Entry) {
        self.keep(entry, Content::default());
    }

    fn keep(&self, entry: Entry, content: Content) {
        self.memory.keep(entry.clone(), content);
        self.watch.tell(entry);
    }

    /// The records that a query asks for, newest first; sessions that are open among them.
    ///
    /// # Errors
    /// If the store cannot be read.
    #[allow(clippy::unused_async, reason = "stores on disk have to be waited for")]
    pub async fn page<R: Record>(&self, query: &Query) -> Result<Vec<Arc<R>>, JournalError> {
        let mut records = self.memory.page::<R>(query);
        let open = self.open_entries::<R>();
        let open = open.into_iter().filter(|record| query.before.is_none_or(|before| record.id() < before));
        records.extend(open.filter(|record| query.filter.matches(record.as_ref())));
        records.sort_by_key(|record| std::cmp::Reverse(record.id()));
        // A session that ended in between is in both; the one that was kept has its end.
        records.dedup_by_key(|record| record.id());
        records.truncate(query.limit);
        Ok(records)
    }

    /// The record of that id.
    ///
    /// # Errors
    /// If the store cannot be read.
    #[allow(clippy::unused_async, reason = "stores on disk have to be waited for")]
    pub async fn find<R: Record>(&self, id: Id) -> Result<Option<Arc<R>>, JournalError> {
        let open = self.open_entries::<R>().into_iter().find(|record| record.id() == id);
        Ok(open.or_else(|| self.memory.find(id)))
    }

    /// The bytes of a message.
    ///
    /// # Errors
    /// If the store cannot be read.
    #[allow(clippy::unused_async, reason = "stores on disk have to be waited for")]
    pub async fn content(&self, message: Id) -> Result<Option<Content>, JournalError> {
        Ok(self.memory.content(message))
    }

    /// Forgets the records that a filter lets through, and says how many those were. Open sessions stay.
    ///
    /// # Errors
    /// If the store cannot be changed.
    #[allow(clippy::unused_async, reason = "stores on disk have to be waited for")]
    pub async fn delete<R: Record>(&self, filter: &Filter) -> Result<u64, JournalError> {
        Ok(self.memory.delete::<R>(filter))
    }

    /// Tells of what is yet to come.
    #[must_use]
    pub const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The sessions that are open, as they are now, if that is the kind asked for.
    fn open_entries<R: Record>(&self) -> Vec<Arc<R>> {
        if R::KIND != Kind::Session {
            return Vec::new();
        }
        let open: Vec<_> = self.open.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let now = |session: &Arc<Mutex<Session>>| session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entries = open.iter().map(|session| Entry::Session(Arc::new(now(session))));
        entries.filter_map(|entry| R::of_entry(&entry).cloned()).collect()
    }
}

/// 10,000 sessions, 512 MiB.
impl Default for Journal {
    fn default() -> Self {
        Self::in_memory(10_000, 512 * 1024 * 1024)
    }
}

impl Entry {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Session(_) => Kind::Session,
            Self::Verdict(_) => Kind::Verdict,
            Self::Message(_) => Kind::Message,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id {
        match self {
            Self::Session(session) => session.id,
            Self::Verdict(verdict) => verdict.id,
            Self::Message(message) => message.id,
        }
    }

    /// Its lane.
    #[must_use]
    pub fn lane(&self) -> &str {
        match self {
            Self::Session(session) => &session.lane,
            Self::Verdict(verdict) => &verdict.lane,
            Self::Message(message) => &message.lane,
        }
    }

    fn weight(&self) -> u64 {
        match self {
            Self::Session(session) => session.weight(),
            Self::Verdict(verdict) => verdict.weight(),
            Self::Message(message) => message.weight(),
        }
    }
}

#[cfg(test)]
mod tests;
