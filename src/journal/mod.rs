//! The evidence: every session with every line of it, what every rule said and why, every message as it came, and what
//! its sender is told later.
//!
//! A [`Journal`] keeps [`record`]s. While a session is open its record is here, in memory, and grows; at its end it is
//! kept like all others. A record never changes once it is kept, so a reader holds it without a lock. The bytes of a
//! message are kept as they came; the trace that a receiving server puts in front (RFC 5321 §4.4) is added where a
//! copy is handed out as delivered mail.
//!
//! Where it keeps them is a [`Location`]: in memory, or in a database. All keep the same and answer the same.
//!
//! [`query`] says what can be asked, [`watch`] how one waits for what is yet to come, [`Due`] when notifications are
//! sent.

mod agenda;
mod content;
mod location;
mod memory;
mod open;
pub mod query;
pub mod record;
mod sql;
mod trace;
pub mod watch;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::agenda::Agenda;
pub use self::agenda::Due;
pub use self::content::Content;
pub use self::location::{Keep, LOCATION_HELP, Location, PostgresUrl};
use self::memory::Memory;
pub use self::open::OpenSession;
use self::query::{Filter, Query};
use self::record::{Attempt, Id, Kind, Message, Notification, Record, Session, Verdict};
use self::sql::Sql;
use self::watch::Watch;
use crate::clock::{Clock, Time};

/// Records that are read at once by who reads all.
const PAGE: usize = 1_000;

/// How long is waited for a store that is out of order by who cannot do without it.
const WAIT: Duration = Duration::from_secs(1);

/// The records of this process, or of all that share a store.
#[derive(Debug)]
pub struct Journal {
    backend: Backend,
    open: Mutex<BTreeMap<Id, Arc<Mutex<Session>>>>,
    watch: Arc<Watch>,
    agenda: Agenda,
}

/// Where the records are.
#[derive(Debug)]
enum Backend {
    Memory(Memory),
    Sql(Sql),
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
    /// What the sender of one is told later.
    Notification(Arc<Notification>),
    /// A try to pass that on.
    Attempt(Arc<Attempt>),
}

/// Why something could not be kept or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is out of order: {0}")]
pub struct JournalError(pub String);

impl Journal {
    /// A journal in memory of at most so many sessions and bytes.
    #[must_use]
    pub fn in_memory(most_sessions: u64, most_bytes: u64) -> Self {
        let keep = Keep { sessions: most_sessions, bytes: most_bytes, age: None };
        Self::with(Backend::Memory(Memory::new(keep, Clock::system())), Arc::default())
    }

    /// The journal at a location. How old a record is, `clock` says. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If there can be none.
    pub async fn open(location: &Location, keep: Keep, clock: Clock) -> Result<Self, JournalError> {
        let watch = Arc::<Watch>::default();
        let backend = match location {
            Location::Memory => Backend::Memory(Memory::new(keep, clock)),
            _ => Backend::Sql(Sql::open(location, keep, clock, Arc::clone(&watch)).await?),
        };
        Ok(Self::with(backend, watch))
    }

    fn with(backend: Backend, watch: Arc<Watch>) -> Self {
        Self { backend, open: Mutex::default(), watch, agenda: Agenda::default() }
    }

    /// Opens the record of a session that has begun.
    #[must_use]
    pub fn begin(self: &Arc<Self>, session: Session) -> OpenSession {
        OpenSession::new(Arc::clone(self), session)
    }

    /// Waits as long as the store is slower than what it has to keep: what nobody waits for would be lost one day.
    pub async fn room(&self) {
        if let Backend::Sql(sql) = &self.backend {
            sql.room().await;
        }
    }

    /// Keeps a message; once this returns, it is kept.
    ///
    /// # Errors
    /// If it cannot be kept. It is then not accepted.
    pub async fn message(&self, message: Message, content: Content) -> Result<Arc<Message>, JournalError> {
        self.message_with(message, content, Vec::new()).await
    }

    /// Keeps a message and what its sender is told later: all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub async fn message_with(
        &self,
        message: Message,
        content: Content,
        later: Vec<(Arc<Notification>, Content)>,
    ) -> Result<Arc<Message>, JournalError> {
        let message = Arc::new(message);
        let notifications: Vec<_> = later.iter().map(|(notification, _)| Arc::clone(notification)).collect();
        match &self.backend {
            Backend::Memory(memory) => {
                memory.keep(Entry::Message(Arc::clone(&message)), content);
                later.into_iter().for_each(|(it, content)| memory.keep(Entry::Notification(it), content));
                self.watch.tell(Entry::Message(Arc::clone(&message)));
            }
            // The writer tells of it.
            Backend::Sql(sql) => sql.message(Arc::clone(&message), content, later).await?,
        }
        if !notifications.is_empty() {
            self.agenda.add(&notifications);
            // Whoever waits for one of them looks again; it is told of when it is due.
            self.watch.stir();
        }
        Ok(message)
    }

    /// Keeps a try to pass a notification on.
    pub fn attempt(&self, attempt: Attempt) {
        self.note(Entry::Attempt(Arc::new(attempt)));
    }

    /// Keeps a session or a verdict, sooner or later. It can be found at once.
    fn note(&self, entry: Entry) {
        match &self.backend {
            Backend::Memory(memory) => memory.keep(entry.clone(), Content::default()),
            Backend::Sql(sql) => sql.note(entry.clone()),
        }
        self.watch.tell(entry);
    }

    /// The records that a query asks for, newest first; sessions that are open among them. Long transcripts may be left
    /// out, which [`whole`](Self::whole) brings.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn page<R: Record>(&self, query: &Query) -> Result<Vec<Arc<R>>, JournalError> {
        // In the order of a record's own way, so that one that moves on meanwhile is seen twice and not never.
        let mut under_way = self.open_entries::<R>(query);
        let mut records = match &self.backend {
            Backend::Memory(memory) => memory.page::<R>(query),
            Backend::Sql(sql) => {
                under_way.splice(..0, sql.waiting());
                sql.page::<R>(query).await?
            }
        };
        let wanted = |record: &Arc<R>| {
            query.before.is_none_or(|before| record.id() < before) && query.filter.matches(record.as_ref())
        };
        records.extend(under_way.into_iter().filter(wanted));
        records.sort_by_key(|record| std::cmp::Reverse(record.id()));
        // Of one that is there twice, the first is the one that got further: a session that was kept has its end.
        records.dedup_by_key(|record| record.id());
        records.truncate(query.limit);
        Ok(records)
    }

    /// Goes through all records that a filter lets through, newest first, a page at a time.
    ///
    /// # Errors
    /// If the store cannot be read; some may have been taken by then.
    pub async fn each<R: Record>(&self, filter: Filter, mut take: impl FnMut(&[Arc<R>])) -> Result<(), JournalError> {
        let mut query = Query { filter, before: None, limit: PAGE };
        loop {
            let page = self.page::<R>(&query).await?;
            let Some(last) = page.last() else { return Ok(()) };
            query.before = Some(last.id());
            take(&page);
        }
    }

    /// The same records with whatever pages leave out, the first of them that are `most` bytes together: at least one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn whole<R: Record>(&self, records: Vec<Arc<R>>, most: u64) -> Result<Vec<Arc<R>>, JournalError> {
        let (mut whole, mut bytes) = (Vec::new(), 0);
        for record in records {
            let record = match record.lacks_bulk() {
                true => self.find::<R>(record.id()).await?.unwrap_or(record),
                false => record,
            };
            bytes += record.weight();
            if bytes > most && !whole.is_empty() {
                break;
            }
            whole.push(record);
        }
        Ok(whole)
    }

    /// The record of that id.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn find<R: Record>(&self, id: Id) -> Result<Option<Arc<R>>, JournalError> {
        if let Some(record) = self.opened(id).and_then(|session| R::of_entry(&as_it_is(&session)).cloned()) {
            return Ok(Some(record));
        }
        if let Backend::Sql(sql) = &self.backend
            && let Some(record) = sql.waiting().into_iter().find(|record: &Arc<R>| record.id() == id)
        {
            return Ok(Some(record));
        }
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.find(id)),
            Backend::Sql(sql) => sql.find(id).await,
        }
    }

    /// The session of that id as it is now, if it is open, without its transcript.
    #[must_use]
    pub fn open_session(&self, id: Id) -> Option<Arc<Session>> {
        let open = self.opened(id)?;
        let session = open.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::new(session.without_transcript()))
    }

    fn opened(&self, id: Id) -> Option<Arc<Mutex<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The bytes of a message.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn content(&self, message: Id) -> Result<Option<Content>, JournalError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.content(message)),
            Backend::Sql(sql) => sql.content(message).await,
        }
    }

    /// Forgets the records that a filter lets through, and says how many those were. Open sessions stay.
    ///
    /// # Errors
    /// If the store cannot be changed.
    pub async fn delete<R: Record>(&self, filter: &Filter) -> Result<u64, JournalError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.delete::<R>(filter)),
            Backend::Sql(sql) => sql.delete::<R>(filter).await,
        }
    }

    /// Forgets now what is beyond the bounds, which happens by itself now and then.
    ///
    /// # Errors
    /// If the store cannot be changed.
    pub async fn sweep(&self) -> Result<(), JournalError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.sweep();
                Ok(())
            }
            Backend::Sql(sql) => sql.sweep().await,
        }
    }

    /// Why nothing can be kept or read at present, if that is so.
    pub async fn obstacle(&self) -> Option<JournalError> {
        match &self.backend {
            Backend::Memory(_) => None,
            Backend::Sql(sql) => sql.obstacle().await,
        }
    }

    /// Keeps all that is not yet kept, until `end` at the latest. Nothing more is kept afterwards.
    pub async fn close(&self, end: Instant) {
        if let Backend::Sql(sql) = &self.backend {
            sql.close(end).await;
        }
    }

    /// Tells of what is yet to come.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The newest sessions that are open and asked for, as they are now, if that is the kind asked for. Only those are
    /// copied: there can be ten thousand.
    fn open_entries<R: Record>(&self, query: &Query) -> Vec<Arc<R>> {
        if R::KIND != Kind::Session {
            return Vec::new();
        }
        let open: Vec<_> = self.open.lock().unwrap_or_else(PoisonError::into_inner).values().rev().cloned().collect();
        let wanted = |session: &&Arc<Mutex<Session>>| {
            let session = session.lock().unwrap_or_else(PoisonError::into_inner);
            query.before.is_none_or(|before| session.id < before) && query.filter.matches(&*session)
        };
        let entries = open.iter().filter(wanted).take(query.limit).map(as_it_is);
        entries.filter_map(|entry| R::of_entry(&entry).cloned()).collect()
    }
}

/// What the store holds, as soon as it can be read.
pub(crate) async fn once_there<T, F: Future<Output = Result<T, JournalError>>>(read: impl Fn() -> F) -> T {
    loop {
        match read().await {
            Ok(read) => return read,
            Err(error) => {
                tracing::error!(target: "mockmx::journal", %error, "notifications wait for the journal");
                sleep(WAIT).await;
            }
        }
    }
}

/// A session that is open, as it is now.
fn as_it_is(session: &Arc<Mutex<Session>>) -> Entry {
    Entry::Session(Arc::new(session.lock().unwrap_or_else(PoisonError::into_inner).clone()))
}

/// In memory, as much as is kept by default.
impl Default for Journal {
    fn default() -> Self {
        let Keep { sessions, bytes, .. } = Keep::default();
        Self::in_memory(sessions, bytes)
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
            Self::Notification(_) => Kind::Notification,
            Self::Attempt(_) => Kind::Attempt,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id {
        match self {
            Self::Session(session) => session.id,
            Self::Verdict(verdict) => verdict.id,
            Self::Message(message) => message.id,
            Self::Notification(notification) => notification.id,
            Self::Attempt(attempt) => attempt.id,
        }
    }

    /// Its lane.
    #[must_use]
    pub fn lane(&self) -> &str {
        match self {
            Self::Session(session) => &session.lane,
            Self::Verdict(verdict) => &verdict.lane,
            Self::Message(message) => &message.lane,
            Self::Notification(notification) => &notification.lane,
            Self::Attempt(attempt) => &attempt.lane,
        }
    }

    /// When it was.
    fn at(&self) -> Time {
        match self {
            Self::Session(session) => session.at(),
            Self::Verdict(verdict) => verdict.at(),
            Self::Message(message) => message.at(),
            Self::Notification(notification) => notification.at(),
            Self::Attempt(attempt) => attempt.at(),
        }
    }

    fn weight(&self) -> u64 {
        match self {
            Self::Session(session) => session.weight(),
            Self::Verdict(verdict) => verdict.weight(),
            Self::Message(message) => message.weight(),
            Self::Notification(notification) => notification.weight(),
            Self::Attempt(attempt) => attempt.weight(),
        }
    }
}

#[cfg(test)]
mod tests;
