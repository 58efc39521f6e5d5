//! HTTP: health, and `/api/v1`, by which a test asks what was seen and changes what is answered.
//!
//! `/healthz` answers while the process serves. `/readyz` answers 200 while every listener is bound, mockmx takes mail
//! and the journal is in order, else 503 with the reason. Everything is bounded: the time and size of a request's head,
//! the size of a body, the number of connections.
//!
//! [`api`] has the routes and what they share, and each other file one subject. Whatever cannot be served is answered
//! with a problem document (`errors`). `parameters` and `query` read the query by tables, which `openapi` shows too.

mod api;
mod check;
mod clock;
mod collections;
mod errors;
mod events;
mod extract;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod json;
mod messages;
mod metrics;
mod openapi;
mod outbox;
mod page;
mod parameters;
mod parsed;
mod providers;
mod query;
mod report;
mod reproduce;
mod sessions;
mod state;
mod stubs;
mod verdicts;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;

pub use self::api::Api;
use self::api::Closing;
pub(crate) use self::api::Records;
use crate::journal::Journal;

/// Connections at once.
pub(crate) const MOST_CONNECTIONS: usize = 256;

/// Bytes of a request's head.
const MOST_HEAD: usize = 16 * 1024;

/// Bytes of a request's body.
const MOST_BODY: usize = 1024 * 1024;

/// How long a client may take for a request's head, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// How long a client may leave unread what is there for it.
const READING_TIME: Duration = Duration::from_secs(30);

/// How long a response may still take when mockmx closes.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// Whether mockmx takes mail, and if not, why not.
#[derive(Clone, Debug)]
pub struct Readiness {
    obstacle: Arc<Mutex<Option<&'static str>>>,
    journal: Arc<Journal>,
}

impl Readiness {
    /// Not ready, for that reason; later not whenever the journal is out of order.
    #[must_use]
    pub fn not_yet(reason: &'static str, journal: Arc<Journal>) -> Self {
        Self { obstacle: Arc::new(Mutex::new(Some(reason))), journal }
    }

    /// From now on ready as far as the server is concerned, or not for that reason.
    pub fn set(&self, obstacle: Option<&'static str>) {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = obstacle;
    }

    async fn obstacle(&self) -> Option<String> {
        let obstacle = *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner);
        match obstacle {
            Some(reason) => Some(reason.to_owned()),
            None => self.journal.obstacle().await.map(|error| error.to_string()),
        }
    }
}

/// Serves one connection until it ends, or `closing` becomes true and the request under way is answered.
pub(crate) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite,
    router: Router,
    mut closing: watch::Receiver<bool>,
) {
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(READING_TIME));
    let service = TowerToHyperService::new(router);
    let told = Closing(closing.clone());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(told.clone());
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let told = async {
        // An error means that there is nobody left to tell.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = told => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(CLOSING_TIME, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection lost");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::clock::io_now;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_answer_is_left() {
        let router = Router::new().route("/", get(|| async { vec![b'x'; 1024 * 1024] }));
        let (mut client, server) = tokio::io::duplex(4096);
        let (_closing, closed) = watch::channel(false);
        let began = io_now();
        let served = tokio::spawn(serve_connection(server, router, closed));
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        served.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), READING_TIME.as_secs());
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 4096);
    }
}
