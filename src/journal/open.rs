//! The record of a session while it is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::{Id, Line, Message, Notification, Session, Speaker, Verdict};
use super::{Content, Entry, Journal, JournalError};
use crate::clock::Time;
use crate::facts::Facts;
use crate::verdict;

/// A session's record, until [`end`](Self::end).
#[derive(Debug)]
pub struct OpenSession {
    journal: Arc<Journal>,
    id: Id,
    record: Arc<Mutex<Session>>,
}

impl OpenSession {
    pub(super) fn new(journal: Arc<Journal>, session: Session) -> Self {
        let id = session.id;
        journal.watch.tell(Entry::Session(Arc::new(session.clone())));
        let record = Arc::new(Mutex::new(session));
        journal.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&record));
        Self { journal, id, record }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// Adds lines to the transcript.
    pub fn lines(&self, lines: impl IntoIterator<Item = (Speaker, String)>, at: Time) {
        self.add(lines.into_iter().map(|(by, text)| Line::new(at, by, text)));
    }

    /// Adds lines of which more is known.
    pub fn add(&self, lines: impl IntoIterator<Item = Line>) {
        let mut record = self.record();
        lines.into_iter().for_each(|line| record.transcript.push(line));
    }

    /// Takes over what the client has said of itself by now.
    pub fn learn(&self, facts: &Facts) {
        self.record().learn(facts);
    }

    /// Keeps what rules said, and returns it.
    pub fn verdict(&self, facts: &Facts, verdict: &verdict::Verdict, at: Time) -> Vec<Arc<Verdict>> {
        let verdicts: Vec<_> = Verdict::of(self.id, facts, verdict, at).into_iter().map(Arc::new).collect();
        for verdict in &verdicts {
            self.record().add_verdict(verdict);
            self.journal.note(Entry::Verdict(Arc::clone(verdict)));
        }
        verdicts
    }

    /// Keeps a message and what its sender is told later; once this returns, it is kept.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub async fn message_with(
        &self,
        message: Message,
        content: Content,
        later: Vec<(Arc<Notification>, Content)>,
    ) -> Result<Arc<Message>, JournalError> {
        let message = self.journal.message_with(message, content, later).await?;
        self.record().add_message(&message);
        Ok(message)
    }

    /// Keeps the session: it has ended in that way, after so many bytes from the client.
    pub fn end(&self, facts: &Facts, how: &str, bytes: u64, at: Time) {
        let mut session = self.record().clone();
        session.learn(facts);
        (session.ended, session.end, session.bytes) = (Some(at), Some(how.to_owned()), bytes);
        self.journal.note(Entry::Session(Arc::new(session)));
        self.journal.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }

    fn record(&self) -> MutexGuard<'_, Session> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
