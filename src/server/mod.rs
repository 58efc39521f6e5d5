//! The sockets: listeners, connections, TLS, and what ends them.
//!
//! [`Server::bind`] takes every address before anything is served, so that a start fails whole and early.
//! [`Server::serve`] runs until its shutdown future completes. Listeners, clock and shutdown are arguments, so a test
//! starts the real server on port 0 and stops it by completing a future.
//!
//! A [`Generation`] is one state of settings and packs. A session keeps the one that it began with; a reload changes
//! what new sessions get, and never ends one.
//!
//! On the way in: `accept` takes a connection, `connection` drives its session over a `stream`, `content` has what
//! happens when a message is complete, `identify` has DNS asked, [`judge`] asks the policy, `later` has what senders
//! are told afterwards, which `outgoing` hands to the relay, `farewell` closes the socket.

mod accept;
mod connection;
mod content;
mod deadline;
mod endpoint;
mod farewell;
#[cfg(fuzzing)]
pub mod fuzzing;
mod identify;
pub mod judge;
mod later;
mod listeners;
mod log;
mod manner;
mod outgoing;
pub mod proxy;
mod record;
mod spool;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod tls_fault;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub(crate) use self::accept::next;
use self::endpoint::{Endpoint, World};
use self::listeners::{Listening, Wanted};
use self::outgoing::Outgoing;
use self::tls::Made;
pub use self::tls::TlsError;
use crate::clock::io_now;
use crate::dns::Names;
pub use crate::generation::Generation;
use crate::http::{Api, Readiness};
use crate::identity::Resolver;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::relay::Relay;
use crate::store::Lanes;

/// New settings and packs for a server that runs.
#[derive(Debug)]
pub struct Reload {
    /// What new sessions get.
    pub generation: Generation,
    /// Told where is listened now, or why everything stays as it was.
    pub answer: oneshot::Sender<Result<Vec<(String, SocketAddr)>, StartError>>,
}

/// Where the server as a whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Nothing new is begun.
    Draining,
    /// Nothing is waited for.
    Closing,
}

/// A server that is bound.
pub struct Server {
    world: Arc<World>,
    listening: Vec<Listening>,
    made: Made,
    readiness: Readiness,
    api: Api,
    relay: watch::Sender<Arc<Relay>>,
    drain: Duration,
}

impl Server {
    /// Binds every address of the settings, and makes or reads the certificate. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// All that stands in the way.
    pub fn bind(
        generation: impl Into<Arc<Generation>>,
        lanes: Arc<Lanes>,
        journal: Arc<Journal>,
    ) -> Result<Self, StartError> {
        let made = Made::new(lanes.default_lane().clock.now())
            .map_err(|error| StartError::from(TlsError::Made(error.to_string())))?;
        let (generation, readiness) = (generation.into(), Readiness::not_yet("starting", Arc::clone(&journal)));
        let metrics = Metrics::new().map_err(|error| StartError(vec![StartFailure::Metrics(error.to_string())]))?;
        let world = Arc::new(World::new(lanes, journal, metrics));
        let api = Api::new(Arc::clone(&generation), world.records(), readiness.clone());
        let relay = watch::Sender::default();
        let mut server = Self { world, listening: Vec::new(), made, readiness, api, relay, drain: Duration::ZERO };
        server.take(generation)?;
        Ok(server)
    }

    /// The listeners' names and the addresses that they are bound to, in the order of the settings, `http` and `dns` last.
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.listening.iter().map(|listening| (listening.name.clone(), listening.address)).collect()
    }

    /// The CA of the certificate that was made at the start, in PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.made.authority()
    }

    /// Serves until `shutdown` completes and the sessions are gone: those that are idle get 421 at once, one in a
    /// transaction may finish it within the drain time of the settings, and what is left then is cut. HTTP ends after
    /// them, and last the journal, which has as much time again to keep what waits.
    pub async fn serve(mut self, shutdown: impl Future<Output = ()>, mut reloads: mpsc::Receiver<Reload>) {
        let phase = watch::Sender::new(Phase::Serving);
        self.start(&phase);
        let (outgoing, relaying) = Outgoing::start(&self.world, &self.relay.subscribe(), self.drain);
        let telling = tokio::spawn(later::tell(Arc::clone(&self.world), outgoing));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let reload = tokio::select! {
                () = &mut shutdown => break,
                Some(reload) = reloads.recv() => reload,
            };
            let outcome = self.take(Arc::new(reload.generation));
            self.start(&phase);
            // Whoever asked may have lost interest.
            let _ = reload.answer.send(outcome.map(|()| self.addresses()));
        }
        self.readiness.set(Some("draining"));
        phase.send_replace(Phase::Draining);
        let relaying = relaying.stop();
        if timeout(self.drain, phase.closed()).await.is_err() {
            phase.send_replace(Phase::Closing);
            phase.closed().await;
        }
        for listening in self.listening {
            listening.close().await;
        }
        telling.abort();
        // It ends by itself within the drain time.
        let _ = relaying.await;
        // What nobody waited for is kept as well, as far as there is time.
        self.world.journal.close(io_now() + self.drain).await;
    }

    /// Makes `generation` what new sessions get, or changes nothing.
    fn take(&mut self, generation: Arc<Generation>) -> Result<(), StartError> {
        let settings = &generation.settings;
        let acceptor = tls::acceptor(&settings.tls, &self.made)?;
        tls::write_authority(&settings.tls, &self.made)?;
        let resolver = settings.dns.resolver.map(Resolver::new).transpose();
        let resolver = resolver.map_err(|error| StartError(vec![StartFailure::Resolver(error)]))?;
        let now = self.world.lanes.default_lane().clock.now();
        let mut acceptors = Vec::new();
        for listener in &settings.listeners {
            let faulty = listener.tls_fault.map(|fault| tls_fault::acceptor(fault, &self.made, now)).transpose()?;
            acceptors.push(faulty.flatten().unwrap_or_else(|| acceptor.clone()));
        }
        let smtp = settings.listeners.iter().zip(&acceptors).map(|(listener, acceptor)| {
            let endpoint = Endpoint::new(listener, &generation, acceptor, resolver.as_ref(), &self.world);
            (listener.name.clone(), listener.address, Wanted::Smtp(Arc::new(endpoint)))
        });
        let http = settings.http.map(|address| (listeners::HTTP.to_owned(), address, Wanted::Http(self.api.router())));
        let dns = settings.dns.listen.as_ref().map(|&(address, _)| {
            let clock = self.world.lanes.default_lane().clock.clone();
            let names = Names::new(Arc::clone(&generation), clock, self.world.begun);
            (listeners::DNS.to_owned(), address, Wanted::Dns(Arc::new(names)))
        });
        listeners::bind_all(&mut self.listening, smtp.chain(http).chain(dns).collect()).map_err(StartError)?;
        let takes_mail = |listening: &&Listening| settings.listeners.iter().any(|of| of.name == listening.name);
        let listeners = self.listening.iter().filter(takes_mail).map(|listening| listening.address).collect();
        self.relay.send_replace(Arc::new(Relay::new(&settings.outbox, listeners)));
        self.drain = settings.limits.drain;
        self.api.follow(generation, self.addresses());
        Ok(())
    }

    fn start(&mut self, phase: &watch::Sender<Phase>) {
        // All that is bound answers from here on, so whoever is told an address may ask at once.
        self.readiness.set(None);
        for listening in &mut self.listening {
            listening.serve(phase);
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// All that stands in the way of a start, or of a reload. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub Vec<StartFailure>);

impl std::error::Error for StartError {}

/// A line each.
impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            failure.fmt(f)?;
        }
        Ok(())
    }
}

impl From<TlsError> for StartError {
    fn from(error: TlsError) -> Self {
        Self(vec![error.into()])
    }
}

/// One thing that stands in the way of a start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartFailure {
    /// An address cannot be listened on.
    #[error("cannot bind {address}: {reason}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        reason: String,
    },
    /// DNS cannot be asked.
    #[error("cannot ask DNS: {0}")]
    Resolver(String),
    /// Nothing can be counted.
    #[error("cannot count: {0}")]
    Metrics(String),
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
