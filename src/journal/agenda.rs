//! When notifications are due.
//!
//! Each is written with its message, dated for when it is sent. Until then it waits here, by the clock of its lane,
//! which may be moved. [`Due`] tells of each as it becomes due. What waits is read from the store at the start, so that
//! it outlives a restart; what other processes keep in a store that is shared is theirs to tell.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::query::{Filter, Query};
use super::record::{Id, Notification};
use super::{Entry, Journal, JournalError};
use crate::clock::{Moves, Time};
use crate::lane::Clocks;

/// Records that are read at once.
const PAGE: usize = 1_000;

/// The least that is slept: clocks are read again behind it.
const LEAST: Duration = Duration::from_millis(5);

/// How long is waited for a store that is out of order.
const WAIT: Duration = Duration::from_secs(1);

/// What waits, by lane.
#[derive(Debug)]
pub(super) struct Agenda {
    waiting: Mutex<HashMap<String, BTreeSet<(Time, Id)>>>,
    added: watch::Sender<()>,
}

impl Default for Agenda {
    fn default() -> Self {
        Self { waiting: Mutex::default(), added: watch::Sender::new(()) }
    }
}

impl Agenda {
    pub(super) fn add(&self, notifications: &[Arc<Notification>]) {
        let mut waiting = self.waiting();
        for notification in notifications {
            let lane = waiting.entry(notification.lane.clone()).or_default();
            lane.insert((notification.due, notification.id));
        }
        drop(waiting);
        self.added.send_replace(());
    }

    /// What is due by now, the earliest of each lane first.
    fn take(&self, clocks: &Clocks) -> Vec<Id> {
        let mut due = Vec::new();
        self.waiting().retain(|lane, waiting| {
            let now = clocks.now(lane);
            while let Some((_, id)) = waiting.first().copied().filter(|(at, _)| *at <= now) {
                waiting.pop_first();
                due.push(id);
            }
            !waiting.is_empty()
        });
        due
    }

    /// How long until the next is due, if its clock runs.
    fn next(&self, clocks: &Clocks) -> Option<Duration> {
        let waiting = self.waiting();
        let first = waiting.iter().filter_map(|(lane, waiting)| Some((lane, waiting.first()?.0)));
        first.map(|(lane, at)| at.since(clocks.now(lane))).min()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, BTreeSet<(Time, Id)>>> {
        // Every change is whole, so a panic elsewhere cannot have left it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notifications as they become due, in all lanes. There is one of a journal: what it has told of waits no more.
#[derive(Debug)]
pub struct Due {
    journal: Arc<Journal>,
    clocks: Clocks,
    moves: Moves,
    added: watch::Receiver<()>,
    ready: VecDeque<Id>,
}

impl Due {
    /// What becomes due in a journal from now on, by these clocks, of which `moves` tells that they were moved.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of(journal: Arc<Journal>, clocks: Clocks, moves: Moves) -> Result<Self, JournalError> {
        let added = journal.agenda.added.subscribe();
        let mut query = Query { filter: Filter::default().and_due(false, clocks.clone()), before: None, limit: PAGE };
        loop {
            let waiting = journal.page::<Notification>(&query).await?;
            let Some(last) = waiting.last() else { break };
            query.before = Some(last.id);
            journal.agenda.add(&waiting);
        }
        Ok(Self { journal, clocks, moves, added, ready: VecDeque::new() })
    }

    /// Waits for the next that is due, tells those who watch the journal of it, and returns it. One that was deleted
    /// meanwhile is passed over.
    pub async fn next(&mut self) -> Arc<Notification> {
        loop {
            while let Some(id) = self.ready.pop_front() {
                match self.journal.find::<Notification>(id).await {
                    Ok(Some(notification)) => {
                        self.journal.watch.tell(Entry::Notification(Arc::clone(&notification)));
                        return notification;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(target: "mockmx::journal", %id, %error, "a notification waits for the journal");
                        self.ready.push_front(id);
                        sleep(WAIT).await;
                    }
                }
            }
            self.moves.seen();
            self.added.mark_unchanged();
            self.ready.extend(self.journal.agenda.take(&self.clocks));
            if self.ready.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Waits until something may be due.
    async fn wait(&mut self) {
        let next = self.journal.agenda.next(&self.clocks);
        let passes = async {
            match next {
                // A clock that stands still is looked at again when it is moved, and in a while.
                Some(time) => sleep(time.max(LEAST)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.moves.next() => {}
            _ = self.added.changed() => {}
            () = passes => {}
        }
    }
}
