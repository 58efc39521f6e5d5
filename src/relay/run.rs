//! An outbox, relayed: each entry when it is due, and again by its own lane's clock.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Answer, Hop, Outcome, Relay, Said};
use crate::clock::{Clock, Time};
use crate::escape::Escaped;

/// Attempts at one host at once, and at all hosts.
const AT_ONE: usize = 4;
const AT_ALL: usize = 16;

/// Entries that wait for their time or a server; the next ones wait with whoever sends them.
const HELD: usize = 10_000;

/// A message that is to be relayed.
#[derive(Clone, Debug)]
pub struct Entry<K> {
    /// How the outbox knows it.
    pub key: K,
    /// The return path; empty for the null one.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// Whether it needs SMTPUTF8.
    pub smtputf8: bool,
    /// The clock that it waits by: its lane's.
    pub clock: Clock,
    /// When it was due for the first time.
    pub first: Time,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next.
    pub due: Time,
}

/// What came of an attempt, for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What came of it. The last of several attempts that were deferred has failed.
    pub outcome: Outcome,
    /// When that was, by the entry's clock.
    pub at: Time,
    /// Attempts so far, this one with them.
    pub tries: u32,
    /// When it is tried again, if it was deferred.
    pub next: Option<Time>,
}

/// Where entries are kept.
pub trait Outbox: Send + Sync + 'static {
    /// How it knows an entry.
    type Key: Clone + Send + Sync + 'static;

    /// The bytes of an entry's message, none if it was deleted, or why they cannot be read now.
    fn raw(&self, key: &Self::Key) -> impl Future<Output = Result<Option<Vec<u8>>, String>> + Send;

    /// Keeps what came of an attempt. What was not kept when mockmx was killed is attempted again.
    fn attempted(&self, key: &Self::Key, report: Report) -> impl Future<Output = ()> + Send;
}

/// Relays `entries` until `shutdown` completes, or until there are no more to come and each has come to its end.
///
/// An entry for whose recipient no host is named is passed over. At shutdown nothing is begun any more, attempts under
/// way have the time `drain` to end, and what is left is as the outbox has last heard: waiting or deferred. `relay` may
/// change at any time.
pub async fn run<O: Outbox>(
    mut entries: mpsc::Receiver<Entry<O::Key>>,
    outbox: Arc<O>,
    relay: watch::Receiver<Arc<Relay>>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) {
    let (stop, stopping) = watch::channel(false);
    let work = Arc::new(Work { outbox, relay, stopping, gates: Gates::default() });
    let mut tasks = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut open = true;
    while open || !tasks.is_empty() {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next() => tell_of_panic(ended),
            entry = entries.recv(), if open && tasks.len() < HELD => match entry {
                Some(entry) => drop(tasks.spawn(Arc::clone(&work).see_through(entry))),
                None => open = false,
            },
        }
    }
    stop.send_replace(true);
    // What is not done by then is aborted as the tasks are dropped.
    let _ = timeout(drain, async {
        while let Some(ended) = tasks.join_next().await {
            tell_of_panic(ended);
        }
    })
    .await;
}

fn tell_of_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(target: "mockmx::relay", %error, "a relay panicked");
    }
}

#[derive(Debug)]
struct Work<O> {
    outbox: Arc<O>,
    relay: watch::Receiver<Arc<Relay>>,
    stopping: watch::Receiver<bool>,
    gates: Gates,
}

impl<O: Outbox> Work<O> {
    /// Tries one entry until it comes to its end.
    async fn see_through(self: Arc<Self>, mut entry: Entry<O::Key>) {
        let mut named = self.relay.clone();
        while self.unless_stopped(entry.clock.until(entry.due)).await.is_some() {
            let relay = Arc::clone(&named.borrow_and_update());
            let Some(hop) = relay.route(&entry.to) else {
                tracing::debug!(target: "mockmx::relay", to = %Escaped(&entry.to), "no relay is named");
                return;
            };
            let passed = async {
                tokio::select! {
                    biased;
                    // Who waits behind others at a server that hangs asks again where to go.
                    Ok(()) = named.changed() => None,
                    permits = self.gates.pass(hop) => Some(permits),
                }
            };
            let Some(passed) = self.unless_stopped(passed).await else { return };
            let Some(permits) = passed else { continue };
            let outcome = match self.outbox.raw(&entry.key).await {
                Ok(Some(raw)) => relay.attempt(&entry.from, &entry.to, &raw, entry.smtputf8).await,
                Ok(None) => None,
                Err(fault) => Some(deferred(hop, format!("the message cannot be read: {fault}"))),
            };
            drop(permits);
            let Some(outcome) = outcome else { return };
            let report = entry.report(&relay, outcome);
            tell(&entry.to, &report);
            let next = report.next;
            self.outbox.attempted(&entry.key, report).await;
            match next {
                Some(next) => entry.due = next,
                None => return,
            }
        }
    }

    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => None,
            value = future => Some(value),
        }
    }
}

impl<K> Entry<K> {
    /// Counts an attempt, and says what follows from its outcome.
    fn report(&mut self, relay: &Relay, outcome: Outcome) -> Report {
        self.tries = self.tries.saturating_add(1);
        let at = self.clock.now();
        let (outcome, next) = match outcome {
            Outcome::Deferred(answer) => match relay.schedule().next_attempt(self.tries, self.first, at) {
                Some(next) => (Outcome::Deferred(answer), Some(next)),
                None => (Outcome::Failed(answer), None),
            },
            ended => (ended, None),
        };
        Report { outcome, at, tries: self.tries, next }
    }
}

fn deferred(hop: &Hop, fault: String) -> Outcome {
    Outcome::Deferred(Answer { hop: hop.clone(), said: Said::Fault(fault) })
}

fn tell(to: &str, report: &Report) {
    tracing::info!(
        target: "mockmx::relay",
        to = %Escaped(to),
        outcome = report.outcome.name(),
        answer = %report.outcome.answer(),
        tries = report.tries,
        next = report.next.map(tracing::field::display),
        "relayed a notification, or tried to"
    );
}

/// How many attempts there may be at once.
#[derive(Debug)]
struct Gates {
    hops: Mutex<HashMap<Hop, Arc<Semaphore>>>,
    all: Arc<Semaphore>,
}

impl Default for Gates {
    fn default() -> Self {
        Self { hops: Mutex::default(), all: Arc::new(Semaphore::new(AT_ALL)) }
    }
}

impl Gates {
    /// Waits for a place at that host, and then for one at all. Neither semaphore is ever closed.
    async fn pass(&self, hop: &Hop) -> [Option<OwnedSemaphorePermit>; 2] {
        let gate = self.gate(hop);
        let at_one = gate.acquire_owned().await.ok();
        [at_one, Arc::clone(&self.all).acquire_owned().await.ok()]
    }

    fn gate(&self, hop: &Hop) -> Arc<Semaphore> {
        let mut hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
        // Hosts that settings named before a reload.
        hops.retain(|known, gate| known == hop || Arc::strong_count(gate) > 1 || gate.available_permits() < AT_ONE);
        Arc::clone(hops.entry(hop.clone()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONE))))
    }
}
