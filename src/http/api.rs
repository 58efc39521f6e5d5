//! What the endpoints share, and which there are.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::errors::ApiError;
use super::{
    MOST_CONNECTIONS, Readiness, check, clock, events, guard, messages, metrics, openapi, outbox, page, providers,
    report, reproduce, sessions, state, stubs, verdicts,
};
use crate::generation::Generation;
use crate::journal::Journal;
use crate::lane::Clocks;
use crate::metrics::Metrics;
use crate::store::Lanes;

/// Lists that are live at once. Half of the connections are left to those who ask.
const MOST_LIVE: usize = MOST_CONNECTIONS / 2;

/// What the endpoints share. Clones are handles to the same.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What it tells of.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) journal: Arc<Journal>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) metrics: Arc<Metrics>,
}

struct Shared {
    records: Records,
    readiness: Readiness,
    generation: RwLock<Arc<Generation>>,
    /// Where is listened, by name.
    addresses: RwLock<Vec<(String, SocketAddr)>>,
    /// How many large messages may be read at once.
    large: Semaphore,
    /// How many lists may be live.
    live: Arc<Semaphore>,
}

impl Api {
    /// The API over these.
    #[must_use]
    pub(crate) fn new(generation: Arc<Generation>, records: Records, readiness: Readiness) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Shared {
            records,
            readiness,
            generation: RwLock::new(generation),
            addresses: RwLock::default(),
            large: Semaphore::new(processors.min(4)),
            live: Arc::new(Semaphore::new(MOST_LIVE)),
        }))
    }

    /// From now on answers by these settings and packs, also on connections that are open; `addresses` are listened on.
    pub fn follow(&self, generation: Arc<Generation>, addresses: Vec<(String, SocketAddr)>) {
        *self.0.addresses.write().unwrap_or_else(PoisonError::into_inner) = addresses;
        *self.0.generation.write().unwrap_or_else(PoisonError::into_inner) = generation;
    }

    pub(crate) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.0.generation.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where the listener of that name listens.
    pub(crate) fn address(&self, listener: &str) -> Option<SocketAddr> {
        let addresses = self.0.addresses.read().unwrap_or_else(PoisonError::into_inner);
        addresses.iter().find(|(name, _)| name == listener).map(|(_, address)| *address)
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.0.records.journal
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.0.records.lanes
    }

    /// What the clocks of lanes show.
    pub(crate) fn clocks(&self) -> Clocks {
        self.0.records.lanes.clocks()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.records.metrics
    }

    /// Runs what takes long or blocks on a thread that may block, a few at a time.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = self.0.large.acquire().await.map_err(io::Error::other)?;
        let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
        drop(permit);
        Ok(done)
    }

    /// A list is live until this is dropped.
    pub(crate) fn watch_live(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0.live).try_acquire_owned().map_err(|_| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, format!("{MOST_LIVE} lists are live already"))
                .help("close some pages that show sessions, or reload by hand")
        })
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/api/v1/openapi.json", get(openapi::document))
            .route("/api/v1/sessions", get(sessions::list).delete(sessions::delete))
            .route("/api/v1/sessions/{id}", get(sessions::find))
            .route("/api/v1/sessions/{id}/transcript", get(sessions::transcript))
            .route("/api/v1/verdicts", get(verdicts::list).delete(verdicts::delete))
            .route("/api/v1/verdicts/{id}", get(verdicts::find))
            .route("/api/v1/messages", get(messages::list).delete(messages::delete))
            .route("/api/v1/messages/{id}", get(messages::find))
            .route("/api/v1/messages/{id}/raw", get(messages::raw))
            .route("/api/v1/messages/{id}/attachments/{n}", get(messages::attachment))
            .route("/api/v1/outbox", get(outbox::list).delete(outbox::delete))
            .route("/api/v1/outbox/{id}", get(outbox::find))
            .route("/api/v1/outbox/{id}/raw", get(outbox::raw))
            .route("/api/v1/events", get(events::events))
            .route("/api/v1/providers", get(providers::list))
            .route("/api/v1/providers/{id}", get(providers::find))
            .route("/api/v1/check", post(check::check))
            .route("/api/v1/reproduce", post(reproduce::reproduce))
            .route("/api/v1/clock", get(clock::show).post(clock::change))
            .route("/api/v1/stubs", get(stubs::list).post(stubs::add).put(stubs::replace).delete(stubs::remove_all))
            .route("/api/v1/stubs/save", post(stubs::save))
            .route("/api/v1/stubs/{id}", get(stubs::find).delete(stubs::remove))
            .route("/api/v1/state", get(state::list))
            .route("/api/v1/state/{*key}", delete(state::release))
            .route("/api/v1/scenarios", get(state::scenarios))
            .route("/api/v1/scenarios/{name}", get(state::scenario).put(state::move_scenario))
            .route("/api/v1/senders/report", get(report::senders))
            .route("/api/v1/reset", post(state::reset))
            .route("/metrics", get(metrics::metrics))
            .merge(page::routes())
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn_with_state(self.clone(), guard::guard))
            .layer(from_fn(page::dressed))
            .with_state(self.clone())
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// Whether the connection is to end soon, so that nobody may be kept waiting on it.
#[derive(Clone, Debug)]
pub(crate) struct Closing(pub(crate) watch::Receiver<bool>);

impl Closing {
    /// Returns when it is.
    pub(crate) async fn closed(&mut self) {
        // An error means that nobody wants the listener any more.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Whether the process lives.
#[utoipa::path(
    get, path = "/healthz", operation_id = "getHealth", tag = "health",
    responses((status = 200, description = "it does", body = String, content_type = "text/plain"))
)]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether mail is taken.
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "health",
    responses(
        (status = 200, description = "it is", body = String, content_type = "text/plain"),
        (status = 503, description = "it is not, for this reason", body = String, content_type = "text/plain")
    )
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Response {
    match api.0.readiness.obstacle().await {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn not_found() -> ApiError {
    ApiError::not_found("there is nothing here").help("`/api/v1/openapi.json` lists what there is")
}

async fn method_not_allowed() -> ApiError {
    ApiError::bare(StatusCode::METHOD_NOT_ALLOWED)
}
