//! Questions by TCP.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::{Asked, Names, answer, source};
use crate::server::{Phase, next};

/// Connections at once; the next ones wait in the system's queue.
const MOST: usize = 256;

/// Connections of one source at once; one more is closed.
pub(super) const MOST_OF_ONE: usize = 64;

/// How long a connection may be without a question.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// How long a question or an answer may be under way.
const UNDER_WAY: Duration = Duration::from_secs(5);

/// The longest question; a longer one ends the connection.
const LONGEST: u16 = 4096;

/// Takes connections until mockmx stops or nobody holds the other end of `names` any more.
pub(crate) async fn tcp(
    listener: TcpListener,
    mut names: watch::Receiver<Arc<Names>>,
    mut phase: watch::Receiver<Phase>,
) {
    let seats = Arc::new(Semaphore::new(MOST));
    let sources = Arc::<Sources>::default();
    let (of_connections, known) = (phase.clone(), names.clone());
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let seat = Arc::clone(&seats).acquire_owned().await.ok();
            (seat, next(&listener).await)
        };
        let (seat, (stream, peer)) = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            changed = names.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = accepted => accepted,
        };
        let Some(share) = Share::of(&sources, source(peer)) else { continue };
        let (phase, known) = (of_connections.clone(), known.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(stream, peer, &known, phase).await {
                tracing::debug!(%peer, %error, "a connection for DNS broke");
            }
            drop((seat, share));
        });
    }
}

/// Answers the questions of a connection one after the other (RFC 7766), until it has been without one for a while.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    names: &watch::Receiver<Arc<Names>>,
    mut phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    loop {
        let length = tokio::select! {
            biased;
            // What has begun to come is still answered.
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return Ok(()),
            length = timeout(IDLE, stream.read_u16()) => length,
        };
        // Whoever closes the connection does so here.
        let Ok(Ok(length @ 1..=LONGEST)) = length else { return Ok(()) };
        let mut packet = vec![0; usize::from(length)];
        timeout(UNDER_WAY, stream.read_exact(&mut packet)).await??;
        let known = Arc::clone(&names.borrow());
        let Some(answer) = answer(&known, &packet, Asked { peer, tcp: true, often: false }) else { continue };
        let Ok(length) = u16::try_from(answer.len()) else { continue };
        let answer = [&length.to_be_bytes()[..], &answer].concat();
        timeout(UNDER_WAY, stream.write_all(&answer)).await??;
    }
}

/// How many connections each source has.
type Sources = Mutex<HashMap<IpAddr, usize>>;

/// One of a source's connections; given back when it is dropped.
struct Share(Arc<Sources>, IpAddr);

impl Share {
    fn of(sources: &Arc<Sources>, source: IpAddr) -> Option<Self> {
        let mut open = sources.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.entry(source).or_default();
        if *open >= MOST_OF_ONE {
            return None;
        }
        *open += 1;
        Some(Self(Arc::clone(sources), source))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}
