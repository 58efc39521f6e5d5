//! The sockets that are listened on, over the generations of settings.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::watch;

use super::endpoint::Endpoint;
use super::tls::reason;
use super::{Phase, StartFailure, accept};
use crate::dns::{self, Names};

/// The name under which the HTTP listener is told of.
pub(crate) const HTTP: &str = "http";

/// The name under which the name server is told of.
pub(crate) const DNS: &str = "dns";

/// How often a port that is free for TCP is looked for that is free for UDP as well.
const TRIES: usize = 16;

/// Connections that the system may hold ready to be accepted.
const BACKLOG: u32 = 1024;

/// What is wanted of a socket.
pub(crate) enum Wanted {
    Smtp(Arc<Endpoint>),
    Http(Router),
    Dns(Arc<Names>),
}

/// A socket, and what it is for.
pub(crate) struct Listening {
    pub(crate) name: String,
    /// As the settings say, with port 0 for any.
    configured: SocketAddr,
    /// As it was bound.
    pub(crate) address: SocketAddr,
    use_: Use,
    /// Until it is served.
    listener: Option<TcpListener>,
    /// A name server's other socket.
    udp: Option<UdpSocket>,
}

enum Use {
    /// Its sessions take the endpoint that was sent last. When this is dropped, no more is accepted.
    Smtp(watch::Sender<Arc<Endpoint>>),
    /// When this is dropped, no more is accepted.
    Http { router: Router, closing: watch::Sender<bool> },
    /// Its answers are by the names that were sent last. When this is dropped, there are no more.
    Dns(watch::Sender<Arc<Names>>),
}

impl Listening {
    fn bind(name: String, address: SocketAddr, wanted: Wanted) -> Result<Self, StartFailure> {
        let bind = match &wanted {
            Wanted::Dns(_) => listen_for_dns(address).map(|(listener, udp)| (listener, Some(udp))),
            Wanted::Smtp(_) | Wanted::Http(_) => listen(address).map(|listener| (listener, None)),
        };
        let (listener, udp) = bind.map_err(|error| StartFailure::Bind { address, reason: reason(&error) })?;
        let bound = listener.local_addr().unwrap_or(address);
        let use_ = match wanted {
            Wanted::Smtp(endpoint) => Use::Smtp(watch::Sender::new(endpoint)),
            Wanted::Http(router) => Use::Http { router, closing: watch::Sender::new(false) },
            Wanted::Dns(names) => Use::Dns(watch::Sender::new(names)),
        };
        Ok(Self { name, configured: address, address: bound, use_, listener: Some(listener), udp })
    }

    /// Whether it can go on as what is wanted. Several may have port 0, so there the name decides.
    fn fits(&self, name: &str, address: SocketAddr, wanted: &Wanted) -> bool {
        let kind = matches!(
            (&self.use_, wanted),
            (Use::Smtp(_), Wanted::Smtp(_)) | (Use::Http { .. }, Wanted::Http(_)) | (Use::Dns(_), Wanted::Dns(_))
        );
        kind && self.configured == address && (address.port() != 0 || self.name == name)
    }

    /// Begins to accept; does nothing the second time.
    pub(crate) fn serve(&mut self, phase: &watch::Sender<Phase>) {
        let Some(listener) = self.listener.take() else { return };
        match &self.use_ {
            Use::Smtp(endpoint) => {
                tokio::spawn(accept::smtp(listener, endpoint.subscribe(), phase.subscribe()));
            }
            Use::Http { router, closing } => {
                tokio::spawn(accept::http(listener, router.clone(), closing.subscribe()));
            }
            Use::Dns(names) => {
                tokio::spawn(dns::tcp(listener, names.subscribe(), phase.subscribe()));
                if let Some(udp) = self.udp.take() {
                    tokio::spawn(dns::udp(udp, names.subscribe(), phase.subscribe()));
                }
            }
        }
    }

    /// Ends HTTP and waits until its connections are gone. SMTP and DNS end by the phase.
    pub(crate) async fn close(self) {
        if let Use::Http { closing, .. } = self.use_ {
            drop(self.listener);
            closing.send_replace(true);
            closing.closed().await;
        }
    }
}

/// Binds what is wanted and not yet bound among `present`, and takes on what is. Binds all or nothing: `present` is
/// left as it was if one cannot be bound.
pub(crate) fn bind_all(
    present: &mut Vec<Listening>,
    wanted: Vec<(String, SocketAddr, Wanted)>,
) -> Result<(), Vec<StartFailure>> {
    let mut failures = Vec::new();
    let mut next = Vec::with_capacity(wanted.len());
    let mut taken = vec![false; present.len()];
    for (name, address, wanted) in wanted {
        let fits = (0..present.len()).find(|&index| !taken[index] && present[index].fits(&name, address, &wanted));
        if let Some(index) = fits {
            taken[index] = true;
            next.push(Next::Kept { index, name, wanted });
        } else {
            match Listening::bind(name, address, wanted) {
                Ok(listening) => next.push(Next::New(listening)),
                Err(failure) => failures.push(failure),
            }
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let mut kept: Vec<Option<Listening>> = std::mem::take(present).into_iter().map(Some).collect();
    for next in next {
        match next {
            Next::New(listening) => present.push(listening),
            Next::Kept { index, name, wanted } => {
                let Some(mut listening) = kept[index].take() else { continue };
                listening.name = name;
                match (&listening.use_, wanted) {
                    (Use::Smtp(sender), Wanted::Smtp(endpoint)) => drop(sender.send_replace(endpoint)),
                    (Use::Dns(sender), Wanted::Dns(names)) => drop(sender.send_replace(names)),
                    _ => {}
                }
                present.push(listening);
            }
        }
    }
    Ok(())
}

enum Next {
    New(Listening),
    Kept { index: usize, name: String, wanted: Wanted },
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere than on Unix it would let another process take the port away.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Binds one address for TCP and for UDP. A port that is free for the one need not be for the other, so with port 0
/// several are tried.
fn listen_for_dns(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        let listener = listen(address)?;
        let udp = std::net::UdpSocket::bind(listener.local_addr()?).and_then(|socket| {
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        });
        tries -= 1;
        match udp {
            Ok(udp) => return Ok((listener, udp)),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}
