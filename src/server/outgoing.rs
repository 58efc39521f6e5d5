//! Notifications that are due, on their way to the relay.
//!
//! Each is handed over when it is told of, and what comes of every attempt is kept in the journal. So those that a
//! former process left unfinished are found there at the start, and go on where they were.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::endpoint::World;
use crate::clock::{Clock, Time};
use crate::journal::query::Filter;
use crate::journal::record::{Attempt, Id, Notification, Passed};
use crate::journal::{JournalError, once_there};
use crate::relay::{self, Entry, Outbox, Outcome, Relay, Report};

/// Notifications that may wait to be taken, besides those that the relay holds.
const WAITING: usize = 1_000_000;

/// Hands notifications to the relay.
#[derive(Debug)]
pub(super) struct Outgoing {
    world: Arc<World>,
    relay: watch::Receiver<Arc<Relay>>,
    waiting: mpsc::Sender<Waiting>,
}

/// One that waits to be taken, by its id alone: a clock that is moved can make a hundred thousand due at once.
#[derive(Debug)]
struct Waiting {
    notification: Id,
    tries: u32,
    due: Time,
}

/// The relay at work.
#[derive(Debug)]
pub(super) struct Relaying {
    stop: oneshot::Sender<()>,
    work: JoinHandle<()>,
}

impl Outgoing {
    /// Sets the relay to work; attempts under way at its end have the time `drain`.
    pub(super) fn start(world: &Arc<World>, relay: &watch::Receiver<Arc<Relay>>, drain: Duration) -> (Self, Relaying) {
        let (entries, taken) = mpsc::channel(1);
        let (waiting, queue) = mpsc::channel(WAITING);
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // It is over too if nobody is left to stop it.
            let _ = stopped.await;
        };
        let journal = Arc::new(Kept(Arc::clone(world)));
        let work = tokio::spawn(relay::run(taken, journal, relay.clone(), stopped, drain));
        // It ends with either of those between which it stands.
        tokio::spawn(feed(Arc::clone(world), queue, entries));
        (Self { world: Arc::clone(world), relay: relay.clone(), waiting }, Relaying { stop, work })
    }

    /// Hands over one that has just become due.
    pub(super) fn due(&self, notification: &Notification) {
        self.hand_over(notification, 0, notification.due);
    }

    /// Hands over what a former process left unfinished, and says which those are, and what it finished: by a clock that
    /// shows the system's time again, that may be due once more. What was due so long ago that it would be given up by
    /// now is over.
    pub(super) async fn resume(&self) -> Result<HashSet<Id>, JournalError> {
        let relay = Arc::clone(&self.relay.borrow());
        if !relay.is_named() {
            return Ok(HashSet::new());
        }
        let schedule = relay.schedule();
        let since =
            Filter::within(None, Some(self.world.lanes.default_lane().clock.now().before(schedule.give_up)), None);
        // The last attempt at each, and how many there were. Newest first, so the first that is seen is the last.
        let mut tried: HashMap<Id, (Arc<Attempt>, u32)> = HashMap::new();
        let count = |attempts: &[Arc<Attempt>]| {
            for attempt in attempts {
                tried.entry(attempt.notification).or_insert_with(|| (Arc::clone(attempt), 0)).1 += 1;
            }
        };
        self.world.journal.each(since.clone(), count).await?;
        let mut due = Vec::<Arc<Notification>>::new();
        let since = since.and_due(true, self.world.lanes.clocks());
        self.world.journal.each(since, |page| due.extend_from_slice(page)).await?;
        due.reverse();
        let finished = tried.iter().filter(|(_, (last, _))| last.outcome != Passed::Deferred).map(|(id, _)| *id);
        let resumed = due.iter().map(|notification| notification.id).chain(finished).collect();
        for notification in due {
            match tried.get(&notification.id) {
                None => self.due(&notification),
                Some((last, _)) if last.outcome != Passed::Deferred => {}
                Some((last, tries)) => {
                    if let Some(next) = schedule.next_attempt(*tries, notification.due, last.at) {
                        self.hand_over(&notification, *tries, next);
                    }
                }
            }
        }
        Ok(resumed)
    }

    fn hand_over(&self, notification: &Notification, tries: u32, due: Time) {
        if self.relay.borrow().route(&notification.to).is_none() {
            return;
        }
        let waiting = Waiting { notification: notification.id, tries, due };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.waiting.try_send(waiting) {
            let reply = "too many notifications wait to be relayed".to_owned();
            tracing::warn!(target: "mockmx::relay", id = %notification.id, "not relayed: {reply}");
            let at = clock(&self.world, &notification.lane).now();
            keep(&self.world, notification, at, String::new(), Passed::Failed, reply);
        }
    }
}

impl Relaying {
    /// Begins nothing any more.
    pub(super) fn stop(self) -> JoinHandle<()> {
        // It may have ended by itself.
        let _ = self.stop.send(());
        self.work
    }
}

/// Hands over what waits, as the relay takes it. What was deleted meanwhile is passed over.
async fn feed(
    world: Arc<World>,
    mut waiting: mpsc::Receiver<Waiting>,
    entries: mpsc::Sender<Entry<Arc<Notification>>>,
) {
    while let Some(Waiting { notification, tries, due }) = waiting.recv().await {
        let Ok(room) = entries.reserve().await else { return };
        let Some(notification) = once_there(|| world.journal.find::<Notification>(notification)).await else {
            continue;
        };
        room.send(Entry {
            from: notification.from.clone(),
            to: notification.to.clone(),
            smtputf8: notification.smtputf8,
            clock: clock(&world, &notification.lane),
            first: notification.due,
            tries,
            due,
            key: notification,
        });
    }
}

/// The journal, as the relay sees it.
#[derive(Debug)]
struct Kept(Arc<World>);

impl Outbox for Kept {
    type Key = Arc<Notification>;

    async fn raw(&self, key: &Self::Key) -> Result<Option<Vec<u8>>, String> {
        let content = self.0.journal.content(key.id).await.map_err(|error| error.to_string())?;
        let Some(content) = content else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || content.read_all());
        read.await.map_err(std::io::Error::other).flatten().map(Some).map_err(|error| error.to_string())
    }

    async fn attempted(&self, key: &Self::Key, report: Report) {
        let outcome = match report.outcome {
            Outcome::Relayed(_) => Passed::Relayed,
            Outcome::Deferred(_) => Passed::Deferred,
            Outcome::Failed(_) => Passed::Failed,
        };
        let answer = report.outcome.answer();
        keep(&self.0, key, report.at, answer.hop.to_string(), outcome, answer.said.to_string());
    }
}

fn keep(world: &World, notification: &Notification, at: Time, host: String, outcome: Passed, reply: String) {
    let (id, lane) = (Id::new(), notification.lane.clone());
    world.journal.attempt(Attempt { id, notification: notification.id, lane, at, host, outcome, reply });
}

/// The clock that a lane goes by.
fn clock(world: &World, lane: &str) -> Clock {
    let named = crate::lane::LaneName::parse(lane).ok().and_then(|name| world.lanes.find(&name));
    named.unwrap_or_else(|| Arc::clone(world.lanes.default_lane())).clock.clone()
}
