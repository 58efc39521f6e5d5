//! What lanes remember: prisons, rates, places, mailboxes, scenarios; and forgetting it.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MOST_BODY;
use super::api::Api;
use super::collections::Deleted;
use super::errors::ApiError;
use super::extract::{In, json_body};
use super::json::json;
use super::parameters::{Given, LANE};
use crate::journal::query::Filter;
use crate::journal::record::{Attempt, Message, Notification, Session, Verdict};
use crate::lane::LaneName;
use crate::policy::is_id;
use crate::store::Holding;

/// The most scenarios of a lane.
const MOST_SCENARIOS: usize = 1_000;

/// What a lane remembers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Held {
    /// It, by key.
    items: Vec<Holding>,
}

/// A scenario.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scenario {
    /// Its name.
    name: String,
    /// The state that it is in; `start` until somebody has moved it.
    state: String,
}

/// Scenarios.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scenarios {
    /// Those that were moved, by name.
    items: Vec<Scenario>,
}

/// Where a scenario is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Move {
    /// The state: small letters, digits and hyphens.
    #[schema(example = "nearly-full")]
    state: String,
}

/// What was reset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reset {
    /// The lane.
    lane: String,
    /// Sessions that were forgotten.
    sessions: u64,
    /// Verdicts that were forgotten.
    verdicts: u64,
    /// Messages that were forgotten.
    messages: u64,
    /// Notifications that were forgotten.
    notifications: u64,
    /// Stubs that were taken away.
    stubs: usize,
}

/// Prisons, rates, sessions at once and mailboxes of a lane, with when each is free.
#[utoipa::path(
    get, path = "/api/v1/state", operation_id = "getState", tag = "state",
    responses((status = 200, description = "they", body = Held))
)]
pub(crate) async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let held = api.lanes().find(&lane).map(|lane| lane.store.holdings(lane.clock.now()));
    json(&Held { items: held.unwrap_or_default() })
}

/// Lets somebody out of prison, gives an allowance back, empties a mailbox.
#[utoipa::path(
    delete, path = "/api/v1/state/{key}", operation_id = "releaseState", tag = "state",
    params(("key" = String, Path, description = "the key of what is released, as `getState` shows it")),
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn release(
    State(api): State<Api>,
    In(key): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let released = let_go(&api, &lane, &key);
    let none = || ApiError::not_found("nothing of that key is remembered").help("`GET /api/v1/state` lists what is");
    if released { json(&Deleted::of(1)) } else { Err(none()) }
}

/// The scenarios of a lane that were moved.
#[utoipa::path(
    get, path = "/api/v1/scenarios", operation_id = "listScenarios", tag = "state",
    responses((status = 200, description = "they", body = Scenarios))
)]
pub(crate) async fn scenarios(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let states = api.lanes().find(&lane).map(|lane| lane.store.scenarios()).unwrap_or_default();
    json(&Scenarios { items: states.into_iter().map(|(name, state)| Scenario { name, state }).collect() })
}

/// A scenario.
#[utoipa::path(
    get, path = "/api/v1/scenarios/{name}", operation_id = "getScenario", tag = "state",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, description = "it", body = Scenario))
)]
pub(crate) async fn scenario(
    State(api): State<Api>,
    In(name): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    if !is_id(&name) {
        return Err(no_scenario());
    }
    let state = api.lanes().find(&lane).map(|lane| lane.store.scenario(&name));
    json(&Scenario { name, state: state.unwrap_or_else(|| crate::policy::START.to_owned()) })
}

/// Moves a scenario to a state.
#[utoipa::path(
    put, path = "/api/v1/scenarios/{name}", operation_id = "moveScenario", tag = "state",
    params(("name" = String, Path, description = "its name: small letters, digits and hyphens")),
    request_body(content = Move, content_type = "application/json"),
    responses((status = 200, description = "it is there", body = Scenario))
)]
pub(crate) async fn move_scenario(
    State(api): State<Api>,
    In(name): In<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let Move { state } = json_body(&headers, body, MOST_BODY).await?;
    if !is_id(&name) {
        return Err(no_scenario());
    }
    if !is_id(&state) {
        let error = ApiError::bad_request(format!("`{state}` is no state"));
        return Err(error.help("small letters, digits and hyphens make one"));
    }
    let lane = api.lanes().claim(&lane);
    let known = lane.store.scenarios();
    if known.len() >= MOST_SCENARIOS && !known.iter().any(|(other, _)| *other == name) {
        return Err(ApiError::bad_request(format!("a lane has {MOST_SCENARIOS} scenarios at most")));
    }
    lane.store.set_scenario(&name, &state);
    json(&Scenario { name, state })
}

/// Forgets a lane's sessions, verdicts, messages, notifications, stubs and state, and sets its clock back. Sessions that
/// are open stay.
#[utoipa::path(
    post, path = "/api/v1/reset", operation_id = "reset", tag = "state",
    responses((status = 200, description = "done", body = Reset))
)]
pub(crate) async fn reset(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    json(&forget(&api, &lane).await?)
}

/// Lets go of what a lane holds by that key. Says whether there was such a thing.
pub(crate) fn let_go(api: &Api, lane: &LaneName, key: &str) -> bool {
    api.lanes().find(lane).is_some_and(|lane| lane.store.release(key))
}

/// Forgets all of a lane.
pub(crate) async fn forget(api: &Api, name: &LaneName) -> Result<Reset, ApiError> {
    let filter = Filter::within(Some(name.to_string()), None, None);
    let journal = api.journal();
    let sessions = journal.delete::<Session>(&filter).await?;
    let verdicts = journal.delete::<Verdict>(&filter).await?;
    let messages = journal.delete::<Message>(&filter).await?;
    let notifications = journal.delete::<Notification>(&filter).await?;
    journal.delete::<Attempt>(&filter).await?;
    let stubs = api.lanes().reset(name);
    Ok(Reset { lane: name.to_string(), sessions, verdicts, messages, notifications, stubs })
}

fn no_scenario() -> ApiError {
    ApiError::not_found("no scenario can have that name").help("small letters, digits and hyphens make one")
}
