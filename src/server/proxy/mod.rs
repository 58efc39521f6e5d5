//! A listener that passes sessions on to one server, and takes note of what that answers.
//!
//! The server is the one that was named; its name is looked up once, at start, and no other address is ever connected to.
//! What is passed on, and what a reply answers, is the business of [`record`](crate::record).

mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::session::Session;
use super::farewell::Farewell;
use super::next;
use super::stream::Stream;
use crate::record::{Answer, Asked, Recording};
use crate::relay::{Hop, is_listener};

/// Sessions at once.
const MOST_SESSIONS: usize = 64;

/// How long a connection to the server may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// What is told while it runs.
#[derive(Clone, Debug)]
pub enum Notice<'a> {
    /// The server answered; without its words, if those must not be shown.
    Heard(u64, Asked, Option<&'a Answer>),
    /// A session went wrong for that reason.
    Failed(u64, String),
    /// A session is over.
    Ended(u64),
}

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyFailure {
    /// Its address cannot be bound.
    #[error("cannot bind {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// The server's name does not resolve.
    #[error("cannot find the upstream {0}: {1}")]
    Resolve(Hop, String),
    /// The server is the listener.
    #[error("the upstream {0} is this listener itself")]
    Itself(Hop),
}

/// The listener.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    upstream: Upstream,
    recording: Arc<Mutex<Recording>>,
}

/// The server that was named.
#[derive(Clone, Debug)]
struct Upstream {
    name: Hop,
    addresses: Vec<SocketAddr>,
    listener: SocketAddr,
    patience: Duration,
}

impl Proxy {
    /// Binds `listen` and looks up the server, which may take `patience` for a reply.
    ///
    /// # Errors
    /// If the address cannot be bound, or the server is not found or is the listener.
    pub async fn bind(listen: SocketAddr, name: Hop, patience: Duration) -> Result<Self, ProxyFailure> {
        let unknown = |why: String| ProxyFailure::Resolve(name.clone(), why);
        let found = lookup_host((name.host.as_str(), name.port)).await.map_err(|error| unknown(error.to_string()))?;
        let addresses: Vec<_> = found.collect();
        if addresses.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        let listener = TcpListener::bind(listen).await.map_err(|error| ProxyFailure::Bind(listen, error))?;
        let address = listener.local_addr().map_err(|error| ProxyFailure::Bind(listen, error))?;
        if addresses.iter().any(|peer| is_listener(address, *peer, None)) {
            return Err(ProxyFailure::Itself(name));
        }
        let upstream = Upstream { name, addresses, listener: address, patience };
        Ok(Self { listener, address, upstream, recording: Arc::default() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is recorded, also while it runs.
    #[must_use]
    pub fn recording(&self) -> Arc<Mutex<Recording>> {
        Arc::clone(&self.recording)
    }

    /// Passes sessions on until `stop` completes, and then ends those that are under way.
    pub async fn serve(self, stop: impl Future<Output = ()>, tell: impl Fn(&Notice<'_>) + Send + Sync + 'static) {
        let mut stop = std::pin::pin!(stop);
        let (tell, seats) = (Arc::new(tell), Arc::new(Semaphore::new(MOST_SESSIONS)));
        let mut sessions = JoinSet::new();
        loop {
            let (client, _) = tokio::select! {
                () = &mut stop => break,
                _ = sessions.join_next(), if !sessions.is_empty() => continue,
                accepted = next(&self.listener) => accepted,
            };
            let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
                let full = "421 4.7.0 Error: too many connections\r\n";
                sessions.spawn(async move { dismiss(client, full.to_owned()).await });
                continue;
            };
            let (upstream, recording, tell) = (self.upstream.clone(), Arc::clone(&self.recording), Arc::clone(&tell));
            sessions.spawn(async move {
                let number = lock(&recording).session();
                let mut session =
                    Session { number, upstream: &upstream, recording: &recording, tell: &*tell, place: None };
                session.run(client).await;
                (session.tell)(&Notice::Ended(number));
                drop(seat);
            });
        }
        sessions.shutdown().await;
    }
}

fn lock(recording: &Mutex<Recording>) -> std::sync::MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says a last reply.
async fn dismiss(mut client: TcpStream, reply: String) {
    if timeout(CONNECT, client.write_all(reply.as_bytes())).await.is_ok_and(|written| written.is_ok()) {
        Farewell::InOrder.say(Stream::Plain(client)).await;
    }
}

impl Upstream {
    async fn connect(&self) -> Result<TcpStream, String> {
        let mut why = String::new();
        for address in &self.addresses {
            let stream = match timeout(CONNECT.min(self.patience), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    why = error.to_string();
                    continue;
                }
                Err(_) => {
                    why = "it does not answer".to_owned();
                    continue;
                }
            };
            let local = stream.local_addr().map(|local| local.ip()).ok();
            if is_listener(self.listener, *address, local) {
                return Err("it is this listener itself".to_owned());
            }
            // Without it, commands would only be sent later.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
            return Ok(stream);
        }
        Err(why)
    }
}
