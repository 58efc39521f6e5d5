//! Takes connections from listeners.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::endpoint::Endpoint;
use super::{Phase, connection};
use crate::facts::{Facts, TlsMode};
use crate::http;
use crate::smtp::Session;

/// Takes SMTP connections until mockmx stops or the listener is no longer wanted, which is when nobody holds the other
/// end of `endpoint` any more.
pub(crate) async fn smtp(
    listener: TcpListener,
    mut endpoint: watch::Receiver<Arc<Endpoint>>,
    mut phase: watch::Receiver<Phase>,
) {
    let session_phase = phase.clone();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            changed = endpoint.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = next(&listener) => accepted,
        };
        let endpoint = Arc::clone(&endpoint.borrow());
        match endpoint.world.seat(endpoint.limits().connections) {
            Some(seat) => {
                tokio::spawn(connection::serve(stream, peer, endpoint, session_phase.clone(), seat));
            }
            None => turn_away(stream, peer, &endpoint),
        }
    }
}

/// Takes HTTP connections until `closing` says so or nobody holds its other end any more. No more than
/// [`http::MOST_CONNECTIONS`] are open; the next ones wait in the system's queue.
pub(crate) async fn http(listener: TcpListener, router: Router, mut closing: watch::Receiver<bool>) {
    let seats = Arc::new(Semaphore::new(http::MOST_CONNECTIONS));
    let connection_closing = closing.clone();
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let seat = Arc::clone(&seats).acquire_owned().await.ok();
            (seat, next(&listener).await.0)
        };
        let (seat, stream) = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            accepted = accepted => accepted,
        };
        let serve = http::serve_connection(stream, router.clone(), connection_closing.clone());
        tokio::spawn(async move {
            serve.await;
            drop(seat);
        });
    }
}

/// The next connection. Where there can be none at present (no file descriptor is left), tries again, more and more
/// slowly: an error that stays would else keep a processor busy.
pub(crate) async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    const LONGEST: Duration = Duration::from_secs(1);
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it, replies would only be sent later.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
                }
                return (stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

/// Whether only the connection is broken that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Says 421 in place of the banner. No task and no wait is spent: a new socket takes one reply at once, or not at all.
fn turn_away(stream: TcpStream, peer: SocketAddr, endpoint: &Arc<Endpoint>) {
    tracing::debug!(%peer, listener = %endpoint.listener.name, "too many connections");
    if endpoint.listener.tls == TlsMode::Implicit {
        return;
    }
    let world = &endpoint.world;
    let facts =
        Facts::new(world.next_session(), Arc::clone(&endpoint.listener), peer, world.lanes.default_lane().clock.now());
    let mut session = Session::new(Arc::clone(&endpoint.service), facts);
    session.too_many_connections();
    let written = stream.into_std().and_then(|mut stream| stream.write(session.output()));
    if let Err(error) = written {
        tracing::debug!(%peer, %error, "cannot say that there are too many connections");
    }
}
