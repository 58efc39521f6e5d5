//! A journal on disk: SQLite, or PostgreSQL that several processes may share.
//!
//! One schema and one set of queries (`rows`) serve both, by sqlx's `Any`. Everything is written by one task
//! (`writer`) out of one bounded `queue`; readers have connections of their own. Sessions and verdicts that are still
//! in the queue are read from there, so that whoever was told of one finds it.

mod connect;
mod files;
mod listen;
mod queue;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::future::Future;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::AnyPool;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use self::connect::Door;
use self::queue::{Job, MOST_AT_ONCE, Queue, Waiting};
use self::writer::{Health, Writer};
use super::query::{Filter, Query};
use super::record::{Id, Message, Notification, Record};
use super::watch::Watch;
use super::{Content, Entry, JournalError, Keep, Location};
use crate::clock::Clock;

/// How long a message waits for its commit. Clients wait ten minutes for the answer to the end of a message (RFC 5321
/// §4.5.3.2.6), but testers do not: long enough for a restart of PostgreSQL, short enough to be understood.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a reader waits, and whoever asks whether the store is in order.
const READING: Duration = Duration::from_secs(30);
const CHECKING: Duration = Duration::from_secs(2);

/// How long opening may take.
const OPENING: Duration = Duration::from_secs(30);

/// Where processes that share a PostgreSQL tell each other that there is something new.
const CHANNEL: &str = "mockmx_journal";

/// The records in a database.
pub(super) struct Sql {
    queue: Arc<Queue>,
    health: Arc<Health>,
    readers: AnyPool,
    writer: Mutex<Option<JoinHandle<()>>>,
    listener: Option<JoinHandle<()>>,
}

impl Sql {
    /// Opens the database, and makes what is not there: the file, the tables.
    pub(super) async fn open(
        location: &Location,
        keep: Keep,
        clock: Clock,
        watch: Arc<Watch>,
    ) -> Result<Self, JournalError> {
        let door = Door::to(location).map_err(JournalError)?;
        let process = Id::new().to_string();
        let opening = async {
            let connection = door.connect().await?;
            let listener = match location {
                Location::Postgres(url) => Some((listen::listener(url).await?, url.clone())),
                _ => None,
            };
            Ok::<_, sqlx::Error>((connection, listener))
        };
        let (connection, listener) = within(OPENING, opening).await?;
        let listener = listener
            .map(|(listener, url)| tokio::spawn(listen::listen(listener, url, process.clone(), Arc::clone(&watch))));
        let files = door.files().await;
        let (queue, health, readers) = (Arc::<Queue>::default(), Arc::<Health>::default(), door.readers());
        let writer = Writer {
            door,
            queue: Arc::clone(&queue),
            health: Arc::clone(&health),
            watch,
            keep,
            clock,
            process,
            connection: Some(connection),
            files,
            at_once: MOST_AT_ONCE,
            // As long as a message waits: an answer that comes later helps nobody.
            patience: PATIENCE,
            revoked: Vec::new(),
        };
        let writer = Mutex::new(Some(tokio::spawn(writer.run())));
        Ok(Self { queue, health, readers, writer, listener })
    }

    /// Keeps a message and what its sender is told later: once this returns, it is committed.
    pub(super) async fn message(
        &self,
        message: Arc<Message>,
        content: Content,
        later: Vec<(Arc<Notification>, Content)>,
    ) -> Result<(), JournalError> {
        let (kept, mut answer) = oneshot::channel();
        let waiting = Waiting::new(&self.queue, message.id);
        let answered = async {
            self.queue.add(Job::Message { message, content, later, kept }).await?;
            (&mut answer).await.map_err(|_| JournalError("it is closed".to_owned()))?
        };
        let answered = match timeout(PATIENCE, answered).await {
            Ok(answered) => answered,
            Err(_) => {
                // The writer may have answered at this very moment. From here on it is told that nobody listens.
                answer.close();
                answer.try_recv().map_err(|_| self.too_slow())?
            }
        };
        waiting.over();
        answered
    }

    /// Keeps a session or a verdict, sooner or later; if there is no room for it, that is said.
    pub(super) fn note(&self, entry: Entry) {
        let (kind, id) = (entry.kind().name(), entry.id());
        // All are counted. The first, the second, the fourth... is enough of a log for those who are busy as it is.
        if let Err(lost) = self.queue.note(entry)
            && lost.is_power_of_two()
        {
            tracing::error!(target: "mockmx::journal", lost, kind, %id, "a record was lost, for too many wait");
        }
    }

    /// Waits while the store is in order, but has more to write than is good.
    pub(super) async fn room(&self) {
        if self.health.obstacle().is_none() {
            // After that it is not only slow.
            let _ = timeout(PATIENCE, self.queue.eased()).await;
        }
    }

    /// The sessions and verdicts that wait to be written.
    pub(super) fn waiting<R: Record>(&self) -> Vec<Arc<R>> {
        self.queue.entries()
    }

    pub(super) async fn page<R: Record>(&self, query: &Query) -> Result<Vec<Arc<R>>, JournalError> {
        self.read(async |connection| rows::page(connection, query).await).await
    }

    pub(super) async fn find<R: Record>(&self, id: Id) -> Result<Option<Arc<R>>, JournalError> {
        self.read(async |connection| rows::find(connection, id).await).await
    }

    /// The bytes of a message; those of a large one are in a temporary file.
    pub(super) async fn content(&self, message: Id) -> Result<Option<Content>, JournalError> {
        let mut connection = within(CHECKING.max(PATIENCE), self.readers.acquire()).await?;
        let count = within(READING, rows::parts(&mut connection, message)).await?;
        if count <= 1 {
            let bytes = within(READING, rows::part(&mut connection, message, 0)).await?;
            return Ok(bytes.map(Content::in_memory));
        }
        let mut file = tempfile::tempfile().map_err(unwritable)?;
        let mut length = 0;
        for number in 0..count {
            // Parts go all together, with their message.
            let bytes = within(READING, rows::part(&mut connection, message, number)).await?;
            let Some(bytes) = bytes else { return Ok(None) };
            length += bytes.len() as u64;
            let write = move || file.write_all(&bytes).map(|()| file);
            let written = tokio::task::spawn_blocking(write).await;
            file = written.map_err(io::Error::other).flatten().map_err(unwritable)?;
        }
        Ok(Some(Content::in_file(file, length)))
    }

    /// Forgets the records that a filter lets through, also those that wait to be written.
    pub(super) async fn delete<R: Record>(&self, filter: &Filter) -> Result<u64, JournalError> {
        self.flush().await?;
        let mut deleted = 0;
        let mut query = Query { filter: filter.clone(), before: None, limit: 1_000 };
        loop {
            let found = self.page::<R>(&query).await?;
            let Some(last) = found.last() else { return Ok(deleted) };
            query.before = Some(last.id());
            let ids: Vec<_> = found.iter().map(|record| record.id()).collect();
            deleted += self.read(async |connection| rows::delete_at_once(connection, &ids).await).await?;
        }
    }

    /// Waits until all that came before is written.
    async fn flush(&self) -> Result<(), JournalError> {
        self.done(Job::Told).await
    }

    /// Removes what is beyond the bounds.
    pub(super) async fn sweep(&self) -> Result<(), JournalError> {
        self.done(Job::Sweep).await
    }

    async fn done(&self, job: fn(oneshot::Sender<()>) -> Job) -> Result<(), JournalError> {
        let (told, answer) = oneshot::channel();
        self.queue.add(job(told)).await?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.too_slow()),
        }
    }

    fn too_slow(&self) -> JournalError {
        JournalError(self.health.obstacle().unwrap_or_else(|| "it is too slow".to_owned()))
    }

    /// Why the store is out of order, if it is.
    pub(super) async fn obstacle(&self) -> Option<JournalError> {
        if let Some(reason) = self.health.obstacle() {
            return Some(JournalError(reason));
        }
        if self.has_ended() {
            return Some(JournalError("nothing is written any more".to_owned()));
        }
        let check = async {
            let mut connection = self.readers.acquire().await?;
            rows::check(&mut connection).await
        };
        within(CHECKING, check).await.err()
    }

    /// Whether the writer has ended: because it was told to, or by a fault of its own.
    fn has_ended(&self) -> bool {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Writes all that waits, until `end` at the latest, and closes the database.
    pub(super) async fn close(&self, end: Instant) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut writer) = writer
            && timeout_at(end, &mut writer).await.is_err()
        {
            writer.abort();
            let lost = self.queue.len();
            tracing::error!(target: "mockmx::journal", lost, "mockmx stops before all records are kept");
        }
        // It waits for readers, which may wait for the database.
        let _ = timeout_at(end, self.readers.close()).await;
    }

    async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&mut sqlx::AnyConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, JournalError> {
        let reading = async {
            let mut connection = self.readers.acquire().await?;
            read(&mut connection).await
        };
        within(READING, reading).await
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("health", &self.health).finish_non_exhaustive()
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        // The writer ends once it has written what waits.
        self.queue.close();
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

async fn within<T>(limit: Duration, asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, JournalError> {
    match timeout(limit, asked).await {
        Ok(answer) => answer.map_err(|error| JournalError(plain(&error))),
        Err(_) => Err(JournalError(format!("it did not answer within {} seconds", limit.as_secs()))),
    }
}

/// What is wrong, in one line and without sqlx's own words around it.
fn plain(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) => error.to_string(),
        error => error.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

fn unwritable(error: io::Error) -> JournalError {
    JournalError(format!("cannot write a temporary file: {error}"))
}
