//! When notifications are due.
//!
//! Each is written with its message, dated for when it is sent. Until then it waits here, by the clock of its lane,
//! which may be moved. [`Due`] tells of each as it becomes due. What waits is read from the store at the start, so that
//! it outlives a restart; what other processes keep in a store that is shared is theirs to tell.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::query::Filter;
use super::record::{Id, Notification};
use super::{Entry, Journal, JournalError, once_there};
use crate::clock::{Moves, Time};
use crate::lane::Clocks;

/// The least that is slept: clocks are read again behind it.
const LEAST: Duration = Duration::from_millis(5);

/// How many wait before those are looked for that are no longer kept.
const MANY: usize = 100_000;

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

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().values().map(BTreeSet::len).sum()
    }

    fn ids(&self) -> HashSet<Id> {
        self.waiting().values().flatten().map(|&(_, id)| id).collect()
    }

    /// Lets go of what is not kept any more, but for what is due by now: whoever takes it looks for it.
    fn retain(&self, clocks: &Clocks, is_kept: impl Fn(&Id) -> bool) {
        self.waiting().retain(|lane, waiting| {
            let now = clocks.now(lane);
            waiting.retain(|(at, id)| *at <= now || is_kept(id));
            !waiting.is_empty()
        });
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
    /// How many may wait before those are looked for that are no longer kept.
    pub(super) room: usize,
}

impl Due {
    /// What becomes due in a journal from now on, by these clocks, of which `moves` tells that they were moved.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of(journal: Arc<Journal>, clocks: Clocks, moves: Moves) -> Result<Self, JournalError> {
        let added = journal.agenda.added.subscribe();
        journal.each(waiting(&clocks), |waiting| journal.agenda.add(waiting)).await?;
        Ok(Self { journal, clocks, moves, added, ready: VecDeque::new(), room: MANY })
    }

    /// Waits for the next that is due, tells those who watch the journal of it, and returns it. One that was deleted
    /// meanwhile is passed over.
    pub async fn next(&mut self) -> Arc<Notification> {
        loop {
            while let Some(id) = self.ready.pop_front() {
                if let Some(notification) = once_there(|| self.journal.find::<Notification>(id)).await {
                    self.journal.watch.tell(Entry::Notification(Arc::clone(&notification)));
                    return notification;
                }
            }
            self.moves.seen();
            self.added.mark_unchanged();
            self.ready.extend(self.journal.agenda.take(&self.clocks));
            if self.journal.agenda.len() > self.room {
                self.forget().await;
            }
            if self.ready.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Lets go of what was deleted, or is gone because the journal keeps no more: with a clock that stands still, it
    /// would wait here for ever.
    async fn forget(&mut self) {
        let (known, mut there) = (self.journal.agenda.ids(), HashSet::new());
        let note = |waiting: &[Arc<Notification>]| there.extend(waiting.iter().map(|one| one.id));
        match self.journal.each(waiting(&self.clocks), note).await {
            // What came meanwhile is kept.
            Ok(()) => self.journal.agenda.retain(&self.clocks, |id| there.contains(id) || !known.contains(id)),
            Err(error) => tracing::error!(target: "mockmx::journal", %error, "notifications wait for the journal"),
        }
        self.room = MANY.max(self.journal.agenda.len().saturating_mul(2));
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

/// What waits in the store, by these clocks.
fn waiting(clocks: &Clocks) -> Filter {
    Filter::default().and_due(false, clocks.clone())
}
