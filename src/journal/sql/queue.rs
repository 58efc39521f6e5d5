//! What is to be written, in the order in which it came, bounded in number and in bytes.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::journal::record::{Id, Message, Notification, Record};
use crate::journal::{Content, Entry, JournalError};

/// Records that may wait to be written, and bytes of them: some minutes of a store that does not answer, at a rate
/// that a test makes.
const MOST_WAITING: usize = 50_000;
const MOST_WAITING_BYTES: u64 = 128 * 1024 * 1024;

/// Records that are committed at once, and bytes of them: so much that a commit's own cost no longer counts, so little
/// that nobody waits long for what came along.
pub(super) const MOST_AT_ONCE: usize = 1_000;
const MOST_BYTES_AT_ONCE: u64 = 64 * 1024 * 1024;

/// Something for the writer to do.
#[derive(Debug)]
pub(super) enum Job {
    /// A session or a verdict, for which nobody waits.
    Note(Entry),
    /// A message, whose client waits.
    Message {
        message: Arc<Message>,
        content: Content,
        /// What its sender is told later.
        later: Vec<(Arc<Notification>, Content)>,
        kept: oneshot::Sender<Result<(), JournalError>>,
    },
    /// Tells when all before it is written.
    Told(oneshot::Sender<()>),
    /// Tells when what is too much has gone.
    Sweep(oneshot::Sender<()>),
}

impl Job {
    fn weight(&self) -> u64 {
        match self {
            Self::Note(entry) => entry.weight(),
            // The bytes of one in a file take no memory.
            Self::Message { message, content, later, .. } => {
                let in_memory = content.memory().map_or(0, |bytes| bytes.len() as u64);
                message.weight() + in_memory + weight_of(later)
            }
            Self::Told(_) | Self::Sweep(_) => 0,
        }
    }

    /// Bytes that are written of it.
    fn written(&self) -> u64 {
        match self {
            Self::Message { message, content, later, .. } => message.weight() + content.len() + weight_of(later),
            other => other.weight(),
        }
    }

    /// Whether it is a message for which nobody waits any more.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self, Self::Message { kept, .. } if kept.is_closed())
    }

    /// The ids of what is written of a message.
    pub(super) fn ids(&self) -> Vec<Id> {
        match self {
            Self::Message { message, later, .. } => {
                [message.id].into_iter().chain(later.iter().map(|(notification, _)| notification.id)).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) const fn is_record(&self) -> bool {
        matches!(self, Self::Note(_) | Self::Message { .. })
    }
}

fn weight_of(later: &[(Arc<Notification>, Content)]) -> u64 {
    later.iter().map(|(notification, content)| notification.weight() + content.len()).sum()
}

/// What became of a job that was to be added.
enum Offered {
    Taken,
    Full(Job),
    Closed,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    came: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: u64,
    /// The sessions and verdicts that are being written.
    writing: Vec<Entry>,
    lost: u64,
    closed: bool,
}

impl Queue {
    /// Adds a session or a verdict, if there is room; else it is lost, and this is how many were since anybody asked.
    pub(super) fn note(&self, entry: Entry) -> Result<(), u64> {
        let mut state = self.state();
        if !matches!(state.add(Job::Note(entry)), Offered::Taken) {
            state.lost += 1;
            return Err(state.lost);
        }
        drop(state);
        self.came.notify_one();
        Ok(())
    }

    /// Adds a job once there is room.
    ///
    /// # Errors
    /// If the queue is closed.
    pub(super) async fn add(&self, job: Job) -> Result<(), JournalError> {
        let mut job = Some(job);
        loop {
            let mut room = pin!(self.room.notified());
            // From here on, room that is made is not missed.
            room.as_mut().enable();
            let Some(wanting) = job.take() else { return Ok(()) };
            match self.offer(wanting) {
                Offered::Taken => {
                    self.came.notify_one();
                    return Ok(());
                }
                Offered::Full(refused) => job = Some(refused),
                Offered::Closed => return Err(JournalError("it is closed".to_owned())),
            }
            room.await;
        }
    }

    /// Waits until no more than half of what may wait does.
    pub(super) async fn eased(&self) {
        loop {
            let mut room = pin!(self.room.notified());
            room.as_mut().enable();
            if self.state().is_easy() {
                return;
            }
            room.await;
        }
    }

    /// Takes a message back, if it is still here.
    pub(super) fn withdraw(&self, id: Id) {
        let mut state = self.state();
        let is_it = |job: &Job| matches!(job, Job::Message { message, .. } if message.id == id);
        let Some(place) = state.jobs.iter().position(is_it) else { return };
        let job = state.jobs.remove(place);
        state.bytes -= job.as_ref().map_or(0, Job::weight);
        drop(state);
        self.room.notify_waiters();
    }

    /// As much as is written at once, as soon as there is something; nothing once the queue is closed and empty.
    pub(super) async fn take(&self) -> Option<Vec<Job>> {
        loop {
            let mut came = pin!(self.came.notified());
            came.as_mut().enable();
            let (batch, closed) = self.state().take();
            if !batch.is_empty() {
                self.room.notify_waiters();
                return Some(batch);
            }
            if closed {
                return None;
            }
            came.await;
        }
    }

    /// What was taken last is written, or never will be.
    pub(super) fn done(&self) {
        // Dropped without the lock.
        let written = std::mem::take(&mut self.state().writing);
        drop(written);
    }

    /// The sessions and verdicts that are not yet written.
    pub(super) fn entries<R: Record>(&self) -> Vec<Arc<R>> {
        let state = self.state();
        let queued = state.jobs.iter().filter_map(|job| if let Job::Note(entry) = job { Some(entry) } else { None });
        state.writing.iter().chain(queued).filter_map(|entry| R::of_entry(entry).cloned()).collect()
    }

    /// How many records were lost since this was last asked.
    pub(super) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.state().lost)
    }

    /// Records that wait or are being written.
    pub(super) fn len(&self) -> usize {
        let state = self.state();
        state.jobs.iter().filter(|job| job.is_record()).count() + state.writing.len()
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.came.notify_one();
    }

    fn offer(&self, job: Job) -> Offered {
        self.state().add(job)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole, so a panic elsewhere cannot have left it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_easy(&self) -> bool {
        self.closed || self.jobs.len() <= MOST_WAITING / 2 && self.bytes <= MOST_WAITING_BYTES / 2
    }

    /// Adds a job, if there is room. One is taken whatever its size if there is no other.
    fn add(&mut self, job: Job) -> Offered {
        let weight = job.weight();
        let full = self.jobs.len() >= MOST_WAITING || self.bytes + weight > MOST_WAITING_BYTES;
        if self.closed {
            return Offered::Closed;
        }
        if job.is_record() && full && !self.jobs.is_empty() {
            return Offered::Full(job);
        }
        self.bytes += weight;
        self.jobs.push_back(job);
        Offered::Taken
    }

    /// As much as is written at once, and whether nothing more comes.
    fn take(&mut self) -> (Vec<Job>, bool) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(job) = self.jobs.front() {
            bytes += job.written();
            if !batch.is_empty() && (batch.len() >= MOST_AT_ONCE || bytes > MOST_BYTES_AT_ONCE) {
                break;
            }
            let Some(job) = self.jobs.pop_front() else { break };
            self.bytes -= job.weight();
            if let Job::Note(entry) = &job {
                self.writing.push(entry.clone());
            }
            batch.push(job);
        }
        (batch, self.closed)
    }
}

/// A message that waits; taken back if nobody waits for it any more.
pub(super) struct Waiting<'q> {
    queue: &'q Queue,
    id: Id,
    is_waiting: bool,
}

impl<'q> Waiting<'q> {
    pub(super) const fn new(queue: &'q Queue, id: Id) -> Self {
        Self { queue, id, is_waiting: true }
    }

    /// It was answered.
    pub(super) fn over(mut self) {
        self.is_waiting = false;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.queue.withdraw(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::clock::Time;
    use crate::facts::{Facts, Listener, Role, SessionId, TlsMode, loopback};
    use crate::journal::record::{Line, Session, Speaker};

    /// A session of about so many bytes.
    fn session(bytes: usize) -> Entry {
        let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
        let now = Time::from_unix_seconds(1_201_824_000);
        let facts = Facts::new(SessionId(7), Arc::new(listener), loopback(), now);
        let mut session = Session::begun(&facts, "263");
        session.transcript.push(Line::new(now, Speaker::Client, "x".repeat(bytes)));
        Entry::Session(Arc::new(session))
    }

    /// Whether that is done at once.
    async fn at_once(done: impl Future<Output = ()>) -> bool {
        timeout(Duration::ZERO, done).await.is_ok()
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_counted() {
        let queue = Queue::default();
        let entry = session(1024 * 1000);
        let mut added = 0;
        while queue.note(entry.clone()).is_ok() {
            added += 1;
        }
        assert!((120..=131).contains(&added), "{added}");
        assert_eq!(queue.note(entry.clone()), Err(2));
        assert!(!at_once(queue.eased()).await);
        assert_eq!(queue.entries::<Session>().len(), added);
        let mut taken = 0;
        while taken < added / 2 + 1 {
            taken += queue.take().await.unwrap().len();
            // They can be found until they are written.
            assert!(queue.entries::<Session>().len() >= added - taken);
            queue.done();
        }
        assert!(at_once(queue.eased()).await);
        assert_eq!((queue.take_lost(), queue.take_lost()), (2, 0));
        assert_eq!(queue.note(entry), Ok(()));
    }

    #[tokio::test]
    async fn small_ones_are_bounded_in_number() {
        let queue = Queue::default();
        let entry = session(0);
        let added = (0..).take_while(|_| queue.note(entry.clone()).is_ok()).count();
        assert!(added <= MOST_WAITING, "{added}");
        assert_eq!(queue.take().await.unwrap().len(), MOST_AT_ONCE);
        queue.close();
        assert!(queue.note(entry).is_err());
        let mut left = 0;
        while let Some(batch) = queue.take().await {
            left += batch.len();
        }
        assert_eq!(left, added - MOST_AT_ONCE);
    }
}
