//! The clocks of lanes.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MOST_BODY;
use super::api::Api;
use super::errors::ApiError;
use super::extract::json_body;
use super::json::json;
use super::parameters::{Given, LANE, duration};
use crate::clock::{Clock, Time};
use crate::lane::LaneName;

/// How far a clock can be moved at once: ten years.
const FARTHEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What a lane's clock shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shows {
    /// The lane.
    lane: String,
    /// What it shows.
    pub(crate) now: Time,
    /// Whether it stands still.
    pub(crate) frozen: bool,
}

/// What is to be done to a clock: one of the two, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The lane; also as a parameter of the query.
    #[schema(example = "default")]
    lane: Option<String>,
    /// Moves it forward by so much: `20m`.
    #[schema(example = "20m")]
    advance: Option<String>,
    /// Stops it, or lets it run again.
    freeze: Option<bool>,
}

/// What a lane's clock shows.
#[utoipa::path(
    get, path = "/api/v1/clock", operation_id = "getClock", tag = "clock",
    responses((status = 200, description = "this", body = Shows))
)]
pub(crate) async fn show(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    json(&shown(&api, &lane))
}

/// Moves, stops or starts a lane's clock. Prisons open and rates recover by it; connections do not close by it.
#[utoipa::path(
    post, path = "/api/v1/clock", operation_id = "changeClock", tag = "clock",
    request_body(content = Change, content_type = "application/json"),
    responses((status = 200, description = "what it shows now", body = Shows))
)]
pub(crate) async fn change(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let given = Given::read(query.as_deref(), &[LANE])?.lane()?;
    let Change { lane, advance, freeze } = json_body(&headers, body, MOST_BODY).await?;
    let named = lane.as_deref().map(LaneName::parse).transpose().map_err(ApiError::bad_request)?;
    let lane = match (given, named) {
        (Some(given), Some(named)) if given != named => {
            return Err(ApiError::parameter(LANE.name, "the query and the body name different lanes"));
        }
        (given, named) => given.or(named).unwrap_or_default(),
    };
    json(&turn(&api, &lane, advance.as_deref(), freeze)?)
}

/// Stops a lane's clock or lets it run, and moves it forward by so much.
pub(crate) fn turn(api: &Api, lane: &LaneName, advance: Option<&str>, freeze: Option<bool>) -> Result<Shows, ApiError> {
    if advance.is_none() && freeze.is_none() {
        let error = ApiError::bad_request("the body says nothing that is to be done");
        return Err(error.help("it has `advance`, as in {\"advance\": \"20m\"}, or `freeze`, true or false"));
    }
    let advance = advance.map(|text| duration(text, FARTHEST)).transpose();
    let advance = advance.map_err(|(wrong, help)| ApiError::bad_request(wrong).help(help))?;
    let clock = &api.lanes().claim(lane).clock;
    match freeze {
        Some(true) => clock.freeze(),
        Some(false) => clock.run(),
        None => {}
    }
    if let Some(advance) = advance {
        clock.advance(advance);
    }
    Ok(shows(lane, clock))
}

/// What a lane's clock shows.
pub(crate) fn shown(api: &Api, lane: &LaneName) -> Shows {
    // A lane that nobody has named yet would begin with what the default one shows.
    let found = api.lanes().find(lane);
    shows(lane, &found.as_ref().unwrap_or_else(|| api.lanes().default_lane()).clock)
}

fn shows(lane: &LaneName, clock: &Clock) -> Shows {
    Shows { lane: lane.to_string(), now: clock.now(), frozen: clock.is_frozen() }
}
