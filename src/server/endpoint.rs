//! What the sessions of a listener share.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::Generation;
use crate::clock::Time;
use crate::facts::{Listener, SessionId, TlsFault, TlsMode};
use crate::http::Records;
use crate::identity::Resolver;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::settings::{ListenerSettings, ServerLimits};
use crate::smtp::Service;
use crate::store::Lanes;

/// Bytes of messages on their way in that may be in memory, in all.
const SPOOLED: usize = 512 * 1024 * 1024;

/// What outlives a reload.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) metrics: Arc<Metrics>,
    /// How many large messages may be looked into at once.
    pub(crate) large_reads: Semaphore,
    /// What the default lane's clock showed when mockmx was started.
    pub(crate) begun: Time,
    sessions: AtomicU64,
    connections: AtomicUsize,
}

impl World {
    pub(crate) fn new(lanes: Arc<Lanes>, journal: Arc<Journal>, metrics: Metrics) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let begun = lanes.default_lane().clock.now();
        Self {
            lanes,
            journal,
            metrics: Arc::new(metrics),
            begun,
            large_reads: Semaphore::new(processors.min(4)),
            sessions: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
        }
    }

    /// The time since mockmx was started, by the default lane's clock.
    pub(crate) fn age(&self) -> Duration {
        self.lanes.default_lane().clock.now().since(self.begun)
    }

    /// What HTTP tells of.
    pub(crate) fn records(&self) -> Records {
        let Self { journal, lanes, metrics, .. } = self;
        Records { journal: Arc::clone(journal), lanes: Arc::clone(lanes), metrics: Arc::clone(metrics) }
    }

    /// The next session's number.
    pub(crate) fn next_session(&self) -> SessionId {
        SessionId(1 + self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    /// How many bytes of its message a connection may keep in memory, when all together keep no more than
    /// [`SPOOLED`], and one alone no more than `most`.
    pub(crate) fn spool_share(&self, most: usize) -> usize {
        most.min(SPOOLED / self.connections.load(Ordering::Relaxed).max(1))
    }

    /// A seat for a connection, if there are fewer than `limit`.
    pub(crate) fn seat(self: &Arc<Self>, limit: usize) -> Option<Seat> {
        let one_more = |taken| if taken < limit { Some(taken + 1) } else { None };
        let taken = self.connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        taken.ok().map(|_| Seat(Arc::clone(self)))
    }
}

/// One of the connections that there may be; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<World>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A listener in one generation of settings. A session keeps the one that it began with.
pub(crate) struct Endpoint {
    pub(crate) listener: Arc<Listener>,
    pub(crate) service: Arc<Service>,
    pub(crate) generation: Arc<Generation>,
    /// Who is asked for names that are in no zone.
    pub(crate) resolver: Option<Resolver>,
    pub(crate) tls: Option<TlsAcceptor>,
    /// How TLS fails, where no certificate makes it fail.
    pub(crate) tls_fault: Option<TlsFault>,
    pub(crate) world: Arc<World>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(crate) fn new(
        settings: &ListenerSettings,
        generation: &Arc<Generation>,
        tls: &TlsAcceptor,
        resolver: Option<&Resolver>,
        world: &Arc<World>,
    ) -> Self {
        let Generation { settings: all, policy, .. } = generation.as_ref();
        let listener = Arc::new(settings.facts());
        let service = Arc::new(policy.service(all, &listener));
        Self {
            listener,
            service,
            generation: Arc::clone(generation),
            resolver: resolver.cloned(),
            tls_fault: settings.tls_fault,
            tls: (settings.tls != TlsMode::None).then(|| tls.clone()),
            world: Arc::clone(world),
        }
    }

    pub(crate) fn limits(&self) -> &ServerLimits {
        &self.generation.settings.limits
    }
}
