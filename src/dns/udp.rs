//! Questions by UDP.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Asked, Names, answer, source};
use crate::clock::io_now;
use crate::server::Phase;

/// The longest question. What is longer arrives cut short, and is malformed.
const LONGEST: usize = 4096;

/// Answers that one source gets in a second. The next ones only say that TCP would have an answer: they are no longer
/// than the question, so whoever asks in another's name has nothing of it.
pub(super) const PER_SECOND: u32 = 1_000;

/// Sources that are counted. When there are more in a second, the others are told to ask by TCP.
const MOST_SOURCES: usize = 4_096;

/// Answers until mockmx stops or nobody holds the other end of `names` any more.
pub(crate) async fn udp(socket: UdpSocket, mut names: watch::Receiver<Arc<Names>>, mut phase: watch::Receiver<Phase>) {
    let mut shares = Shares::new(io_now());
    let mut packet = vec![0; LONGEST];
    loop {
        let received = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            changed = names.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            received = socket.recv_from(&mut packet) => received,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "cannot receive by UDP");
                // An error that stays would else keep a processor busy.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let asked = Asked { peer, tcp: false, often: !shares.take(peer, io_now()) };
        let known = Arc::clone(&names.borrow());
        if let Some(answer) = answer(&known, &packet[..length], asked)
            && let Err(error) = socket.send_to(&answer, peer).await
        {
            tracing::debug!(%peer, %error, "cannot answer by UDP");
        }
    }
}

/// How many answers each source had in this second.
pub(super) struct Shares {
    second: Instant,
    taken: HashMap<IpAddr, u32>,
}

impl Shares {
    pub(super) fn new(now: Instant) -> Self {
        Self { second: now, taken: HashMap::new() }
    }

    /// Whether it may have one more.
    pub(super) fn take(&mut self, peer: SocketAddr, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.taken.clear();
        }
        let source = source(peer);
        if self.taken.len() >= MOST_SOURCES && !self.taken.contains_key(&source) {
            return false;
        }
        let taken = self.taken.entry(source).or_default();
        *taken = taken.saturating_add(1);
        *taken <= PER_SECOND
    }
}
