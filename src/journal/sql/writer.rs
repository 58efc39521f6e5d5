//! The one task that writes. It takes what waits, commits it in one transaction, and answers everybody: many sessions
//! share the price of one commit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _};
use tokio::time::{sleep, sleep_until, timeout};

use super::connect::Door;
use super::files::Files;
use super::queue::{Job, MOST_AT_ONCE, Queue};
use super::rows::{self, PART, Part, Row};
use super::{CHANNEL, plain};
use crate::clock::{Clock, io_now};
use crate::journal::record::{Id, Record};
use crate::journal::watch::Watch;
use crate::journal::{Content, Entry, JournalError, Keep};

/// How long is waited after an attempt that failed, twice as long after each, up to the second.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What is beyond the bounds goes so often, and after so many records if that is sooner.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SWEEP_AFTER: usize = 1_000;

/// Why nothing is written, as long as that is so.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<String>>);

impl Health {
    pub(super) fn obstacle(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether that is news.
    fn set(&self, obstacle: Option<String>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *known != obstacle;
        *known = obstacle;
        is_news
    }
}

/// Why a transaction did not come about.
enum Failure {
    /// The store's fault: it may go well later.
    Store(String),
    /// The record's: it never will.
    Record(String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let text = plain(&error);
        let of_record = match &error {
            sqlx::Error::Encode(_) => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| is_of_record(&code)),
            _ => false,
        };
        if of_record { Self::Record(text) } else { Self::Store(text) }
    }
}

/// Whether a code of SQLite (a number) or of PostgreSQL (five letters and digits) speaks of what was to be written:
/// too large, not as it must be.
fn is_of_record(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(code) if code < 10_000 => matches!(code & 0xFF, 18 | 19 | 20 | 25),
        _ => code.len() == 5 && ["22", "23", "54"].iter().any(|class| code.starts_with(class)),
    }
}

/// The writer.
pub(super) struct Writer {
    pub(super) door: Door,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Arc<Health>,
    pub(super) watch: Arc<Watch>,
    pub(super) keep: Keep,
    pub(super) clock: Clock,
    /// How other processes know this one.
    pub(super) process: String,
    pub(super) connection: Option<AnyConnection>,
    /// The files that the connection writes to, if it is SQLite's.
    pub(super) files: Files,
    /// Records that are committed at once: fewer while the store is slow.
    pub(super) at_once: usize,
    /// How long one attempt may take, from the connection to the commit.
    pub(super) patience: Duration,
    /// Messages that may have been written although their clients were told that they were not.
    pub(super) revoked: Vec<Id>,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let mut sweep_at = io_now() + SWEEP_EVERY;
        let mut unswept = 0;
        loop {
            let batch = tokio::select! {
                biased;
                batch = self.queue.take() => batch,
                () = sleep_until(sweep_at) => Some(Vec::new()),
            };
            let Some(batch) = batch else { break };
            unswept += batch.len();
            let wants_sweep = self.write(batch).await;
            if !self.revoked.is_empty() {
                self.write(Vec::new()).await;
            }
            if unswept >= SWEEP_AFTER || sweep_at <= io_now() {
                unswept = 0;
                // With more to remove, what came meanwhile is written first.
                sweep_at = if self.sweep().await { io_now() } else { io_now() + SWEEP_EVERY };
            }
            for told in wants_sweep {
                while self.sweep().await {}
                // Whoever asked may have lost interest; so it is with all answers here.
                let _ = told.send(());
            }
        }
        // If that fails, nobody is left to be told; SQLite itself leaves them.
        let _ = self.door.clear(&self.files).await;
        if let Some(connection) = self.connection.take() {
            // SQLite folds its WAL into the file. All of it is on the disk either way.
            let _ = timeout(self.patience, connection.close()).await;
        }
    }

    /// Writes all of it, however long that takes, and answers. Returns who waits for what is too much to go.
    pub(super) async fn write(&mut self, batch: Vec<Job>) -> Vec<tokio::sync::oneshot::Sender<()>> {
        let (records, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(Job::is_record);
        if !records.is_empty() || !self.revoked.is_empty() {
            self.write_records(records).await;
            self.queue.done();
        }
        let mut sweeps = Vec::new();
        for job in others {
            match job {
                Job::Told(told) => drop(told.send(())),
                Job::Sweep(told) => sweeps.push(told),
                Job::Note(_) | Job::Message { .. } => {}
            }
        }
        sweeps
    }

    async fn write_records(&mut self, mut left: Vec<Job>) {
        let mut attempted = false;
        loop {
            let behind = left.split_off(left.len().min(self.at_once));
            let mut records = std::mem::replace(&mut left, behind);
            match self.commit(&mut records, &mut left, &mut attempted).await {
                Ok(()) => self.answer(records),
                Err(reason) if records.len() == 1 => reject(records, &reason),
                Err(_) => {
                    for job in records {
                        let mut alone = vec![job];
                        match self.commit(&mut alone, &mut Vec::new(), &mut attempted).await {
                            Ok(()) => self.answer(alone),
                            Err(reason) => reject(alone, &reason),
                        }
                    }
                }
            }
            if left.is_empty() {
                return;
            }
        }
    }

    /// Commits the records, again and again until the store takes them, without those that were given up meanwhile.
    /// What is too much for a store that is slow goes in front of what is `left`.
    ///
    /// # Errors
    /// If the store is sound and does not take them.
    async fn commit(
        &mut self,
        records: &mut Vec<Job>,
        left: &mut Vec<Job>,
        attempted: &mut bool,
    ) -> Result<(), String> {
        let mut wait = FIRST_WAIT;
        loop {
            records.retain(|job| {
                let given_up = job.is_given_up();
                // An attempt whose outcome was not seen may have written it.
                if given_up && *attempted {
                    self.revoked.extend(job.ids());
                }
                !given_up
            });
            let attempt = timeout(self.patience, self.attempt(records)).await;
            let failure = match attempt {
                Ok(Ok(())) => {
                    self.revoked.clear();
                    self.at_once = MOST_AT_ONCE.min(self.at_once * 2);
                    self.recovered();
                    return Ok(());
                }
                Ok(Err(failure)) => failure,
                Err(_) => {
                    // It may be slow and no more: half as much may be done in time.
                    self.at_once = records.len().div_ceil(2).max(1);
                    left.splice(..0, records.drain(self.at_once.min(records.len())..));
                    Failure::Store(format!("it did not answer within {} seconds", self.patience.as_secs()))
                }
            };
            // Whatever state it is in, the next attempt begins anew.
            self.connection = None;
            match failure {
                Failure::Record(reason) => return Err(reason),
                Failure::Store(reason) => self.out_of_order(reason),
            }
            *attempted = true;
            sleep(wait).await;
            wait = LONGEST_WAIT.min(wait * 2);
        }
    }

    async fn attempt(&mut self, records: &[Job]) -> Result<(), Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                self.door.clear(&self.files).await?;
                let connection = none.insert(self.door.connect().await?);
                self.files = self.door.files().await;
                self.door.renew();
                connection
            }
        };
        let mut transaction = connection.begin().await?;
        rows::revoke(&mut transaction, &self.revoked).await?;
        if records.is_empty() {
            rows::check_writing(&mut transaction).await?;
        }
        for jobs in records.chunks(rows::ROWS) {
            let rows = jobs.iter().flat_map(rows_of).collect::<Result<Vec<_>, _>>();
            let rows = rows.map_err(|error| Failure::Record(error.to_string()))?;
            rows::insert(&mut transaction, &rows).await?;
            for (id, bulk) in rows.into_iter().filter_map(|row| Some((row.id, row.bulk?))) {
                contents(&mut transaction, [(id, &Content::in_memory(bulk))].into_iter()).await?;
            }
        }
        let bytes = records.iter().flat_map(|job| match job {
            Job::Message { message, content, later, .. } => {
                let later = later.iter().map(|(notification, content)| (notification.id, content));
                [(message.id, content)].into_iter().chain(later).collect()
            }
            _ => Vec::new(),
        });
        contents(&mut transaction, bytes).await?;
        if self.door.is_postgres && !records.is_empty() {
            rows::notify(&mut transaction, CHANNEL, &self.process).await?;
        }
        transaction.commit().await?;
        if self.door.is_replaced(&self.files).await {
            return Err(Failure::Store("its file is no longer where it was".to_owned()));
        }
        Ok(())
    }

    /// The records are written.
    fn answer(&mut self, records: Vec<Job>) {
        for job in records {
            let ids = job.ids();
            let Job::Message { message, kept, .. } = job else { continue };
            // Told of before it is answered for: whoever has the answer can look.
            if !kept.is_closed() {
                self.watch.tell(Entry::Message(message));
            }
            if kept.send(Ok(())).is_err() {
                // The client was told otherwise.
                self.revoked.extend(ids);
            }
        }
    }

    fn out_of_order(&self, reason: String) {
        if self.health.set(Some(reason.clone())) {
            tracing::error!(target: "mockmx::journal", %reason, "the journal is out of order");
        }
    }

    fn recovered(&self) {
        if self.health.set(None) {
            let lost = self.queue.take_lost();
            if lost > 0 {
                tracing::error!(target: "mockmx::journal", lost, "the journal is in order again, and records were lost");
            } else {
                tracing::info!(target: "mockmx::journal", "the journal is in order again");
            }
        }
    }

    /// Removes a part of what is beyond the bounds; says whether there is more.
    async fn sweep(&mut self) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        match timeout(self.patience, rows::sweep(connection, &self.keep, self.clock.now())).await {
            Ok(Ok(more)) => return more,
            Ok(Err(error)) => self.out_of_order(plain(&error)),
            Err(_) => self.out_of_order("what is too much was not removed in time".to_owned()),
        }
        self.connection = None;
        // What is out of order is tried until it is not.
        Box::pin(self.write_nothing()).await;
        false
    }

    async fn write_nothing(&mut self) {
        // Without a record nothing can be wrong with one.
        let _ = self.commit(&mut Vec::new(), &mut Vec::new(), &mut false).await;
    }
}

/// These records cannot be written, whatever the store's state.
fn reject(records: Vec<Job>, reason: &str) {
    for job in records {
        match job {
            Job::Message { kept, .. } => drop(kept.send(Err(JournalError(reason.to_owned())))),
            Job::Note(entry) => {
                let (kind, id) = (entry.kind().name(), entry.id());
                tracing::error!(target: "mockmx::journal", kind, %id, reason, "a record cannot be kept");
            }
            Job::Told(_) | Job::Sweep(_) => {}
        }
    }
}

/// The records of a job as they are written; none for what has none.
fn rows_of(job: &Job) -> Vec<serde_json::Result<Row>> {
    match job {
        Job::Note(entry) => vec![row(entry)],
        Job::Message { message, content, later, .. } => {
            let later = later.iter().map(|(it, content)| row_of(it.as_ref(), content.len()));
            [row_of(message.as_ref(), content.len())].into_iter().chain(later).collect()
        }
        Job::Told(_) | Job::Sweep(_) => Vec::new(),
    }
}

fn row(entry: &Entry) -> serde_json::Result<Row> {
    match entry {
        Entry::Session(session) => row_of(session.as_ref(), 0),
        Entry::Verdict(verdict) => row_of(verdict.as_ref(), 0),
        Entry::Message(message) => row_of(message.as_ref(), 0),
        Entry::Notification(notification) => row_of(notification.as_ref(), 0),
        Entry::Attempt(attempt) => row_of(attempt.as_ref(), 0),
    }
}

/// A record as it is written, with so many bytes beside it.
fn row_of<R: Record>(record: &R, bytes: u64) -> serde_json::Result<Row> {
    let (doc, bulk) = match record.apart()? {
        Some((rest, bulk)) => (serde_json::to_string(&rest)?, Some(bulk)),
        None => (serde_json::to_string(record)?, None),
    };
    let (lane, weight) = (record.lane().to_owned(), record.weight() + bytes);
    Ok(Row { id: record.id(), kind: R::KIND, lane, at: record.at(), weight, doc, bulk })
}

/// Writes the bytes of messages, a part at a time: of a large one there is never more than that in memory.
async fn contents(
    connection: &mut AnyConnection,
    messages: impl Iterator<Item = (Id, &Content)>,
) -> Result<(), Failure> {
    let mut parts: Vec<Part> = Vec::new();
    let mut bytes = 0;
    for (id, content) in messages {
        for number in 0..content.len().div_ceil(PART).max(1) {
            let part = if content.memory().is_some() {
                rows::read_part(id, content, number)
            } else {
                let content = content.clone();
                let read = tokio::task::spawn_blocking(move || rows::read_part(id, &content, number));
                read.await.map_err(std::io::Error::other).flatten()
            };
            let part = part.map_err(|error| Failure::Record(error.to_string()))?;
            bytes += part.bytes.len() as u64;
            parts.push(part);
            if bytes >= PART {
                rows::insert_parts(connection, &parts).await?;
                parts.clear();
                bytes = 0;
            }
        }
    }
    Ok(rows::insert_parts(connection, &parts).await?)
}

#[cfg(test)]
mod tests {
    use super::is_of_record;

    #[test]
    fn what_a_record_is_at_fault_for_is_told_from_what_the_store_is() {
        // Too large, a constraint (in all its kinds), a value that is no text.
        for code in ["18", "19", "1555", "22021", "23505", "54000"] {
            assert!(is_of_record(code), "{code}");
        }
        // Busy, read-only, a full disk, no table; no connection, no room, shutting down, read-only, no table.
        for code in ["5", "8", "13", "1", "1032", "08006", "53100", "57P01", "25006", "42P01"] {
            assert!(!is_of_record(code), "{code}");
        }
    }
}
