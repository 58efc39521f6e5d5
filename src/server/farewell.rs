//! How a socket is closed.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::log::Ended;
use super::stream::{Stream, Wire, swallow};

/// How long a client may take to close after the last reply.
const LINGER: Duration = Duration::from_secs(2);

/// How the client is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It still reads the last reply: a FIN, and what it sends meanwhile is swallowed. Closing with bytes unread would
    /// send an RST, by which the client's system throws the reply away.
    InOrder,
    /// As in order, but TLS does not say goodbye.
    Mute,
    /// An RST.
    Reset,
    /// It is gone already.
    None,
}

impl Farewell {
    /// The way that fits the end of the session.
    pub(crate) const fn after(ended: &Ended) -> Self {
        match ended {
            Ended::Closed | Ended::TimedOut | Ended::ShutDown => Self::InOrder,
            Ended::Dropped | Ended::Stalled => Self::Mute,
            Ended::Reset | Ended::NotReading => Self::Reset,
            Ended::ByClient | Ended::Broken(_) | Ended::Handshake(_) | Ended::Panicked | Ended::Cut => Self::None,
        }
    }

    /// Closes the socket.
    pub(crate) async fn say<S: Wire>(self, mut stream: Stream<S>) {
        match self {
            Self::InOrder => {
                let close = async {
                    if stream.shutdown().await.is_ok() {
                        swallow(&mut stream).await;
                    }
                };
                let _ = timeout(LINGER, close).await;
            }
            Self::Mute => {
                let close = async {
                    if let Some(wire) = stream.wire_mut()
                        && wire.shutdown().await.is_ok()
                    {
                        swallow(wire).await;
                    }
                };
                let _ = timeout(LINGER, close).await;
            }
            Self::Reset => {
                if let Some(wire) = stream.wire_mut() {
                    wire.reset_on_close();
                }
            }
            Self::None => {}
        }
    }
}
