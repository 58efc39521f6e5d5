//! Rules that are added while mockmx runs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::MOST_BODY;
use super::api::Api;
use super::collections::Deleted;
use super::errors::ApiError;
use super::extract::{In, json_body};
use super::json::json;
use super::parameters::{Given, Holds, LANE, Parameter};
use crate::journal::record::Id;
use crate::lane::LaneName;
use crate::policy::{Policy, Stub};
use crate::problem::Problems;
use crate::stage::Stage;
use crate::store::Lane;

/// Those of a list of stubs.
pub(crate) const UNMATCHED: Parameter =
    Parameter::once("unmatched", Holds::Boolean, "true", "whether only those are meant that were never used");

/// The most stubs of one request.
const MOST: usize = 1_000;

/// A stub.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shown {
    /// Its id, which its verdicts carry as their rule.
    id: String,
    /// The lane.
    lane: String,
    /// Where it is asked.
    stage: Stage,
    /// Smaller ones are asked first.
    priority: i64,
    /// How often it was used.
    uses: u32,
    /// As it was given.
    #[schema(value_type = Object)]
    stub: Value,
}

/// Stubs, in the order in which they are asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shelf {
    /// They.
    items: Vec<Shown>,
}

/// Where stubs were written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Saved {
    /// The files.
    files: Vec<String>,
}

impl Shown {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn of(stub: &Stub, lane: &Lane) -> Self {
        Self {
            id: stub.id.clone(),
            lane: stub.lane.to_string(),
            stage: stub.stage(),
            priority: stub.priority,
            uses: lane.store.uses(&stub.id),
            stub: stub.given.clone(),
        }
    }
}

/// The stubs of a lane, or of all, in the order in which they are asked.
#[utoipa::path(
    get, path = "/api/v1/stubs", operation_id = "listStubs", tag = "stubs",
    responses((status = 200, description = "they", body = Shelf))
)]
pub(crate) async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let given = Given::read(query.as_deref(), &[LANE, UNMATCHED])?;
    let unmatched = given.boolean(UNMATCHED.name)?;
    let lanes = match given.lane()? {
        Some(lane) => api.lanes().find(&lane).into_iter().collect(),
        None => api.lanes().all(),
    };
    let stubs = lanes.iter().flat_map(|lane| {
        let stubs = lane.stubs();
        stubs.iter().map(|stub| Shown::of(stub, lane)).collect::<Vec<_>>()
    });
    json(&Shelf { items: stubs.filter(|stub| !unmatched || stub.uses == 0).collect() })
}

/// Adds a stub, or a list of them; all or none.
#[utoipa::path(
    post, path = "/api/v1/stubs", operation_id = "addStubs", tag = "stubs",
    request_body(content = Object, content_type = "application/json",
        description = "a stub, or a list of them: `stage`, `when`, `unless`, what it does (`reply`, `then`, `folder`, \
                       `accept`, `delay`, or a `sequence` of these), `times`, `per`, `priority`, `scenario`, \
                       `provider`, `lane`",
        example = json!({"stage": "rcpt", "when": {"recipient": "a@example.com"},
                         "sequence": [{"reply": "450 4.2.0 try later"}, {"accept": true}]})),
    responses((status = 201, description = "they are asked from now on", body = Shelf,
        headers(("Location" = String, description = "the stub, if it was one"))))
)]
pub(crate) async fn add(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?;
    let given = json_body(&headers, body, MOST_BODY).await?;
    let stubs = read(&api, given, lane).await?;
    let added = put(&api, stubs)?;
    let location = match &added[..] {
        [one] => Some([(header::LOCATION, format!("/api/v1/stubs/{}", one.id))]),
        _ => None,
    };
    Ok((StatusCode::CREATED, location.into_iter().next(), json(&Shelf { items: added })?).into_response())
}

/// Puts these stubs in place of all that a lane has.
#[utoipa::path(
    put, path = "/api/v1/stubs", operation_id = "replaceStubs", tag = "stubs",
    request_body(content = Vec<Object>, content_type = "application/json", description = "a list of stubs",
        example = json!([{"stage": "message", "when": {"subject": {"regex": "invoice"}}, "reply": "550 5.7.1 no"}])),
    responses((status = 200, description = "they are asked from now on", body = Shelf))
)]
pub(crate) async fn replace(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let given: Value = json_body(&headers, body, MOST_BODY).await?;
    if !given.is_array() {
        return Err(ApiError::bad_request("the body is no list of stubs").help("to add one, use POST"));
    }
    let stubs = read(&api, given, Some(lane.clone())).await?;
    if let Some(stub) = stubs.iter().find(|stub| stub.lane != lane) {
        let detail = format!("a stub is in lane {}, but those of lane {lane} are replaced", stub.lane);
        return Err(ApiError::bad_request(detail));
    }
    let lane = api.lanes().claim(&lane);
    let put = lane.replace_stubs(stubs).map_err(ApiError::bad_request)?;
    json(&Shelf { items: put.iter().map(|stub| Shown::of(stub, &lane)).collect() })
}

/// A stub.
#[utoipa::path(
    get, path = "/api/v1/stubs/{id}", operation_id = "getStub", tag = "stubs",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "it", body = Shown))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let found = api.lanes().all().into_iter().find_map(|lane| {
        let stubs = lane.stubs();
        stubs.iter().find(|stub| stub.id == id).map(|stub| Shown::of(stub, &lane))
    });
    json(&found.ok_or_else(no_such_stub)?)
}

/// Takes a stub away.
#[utoipa::path(
    delete, path = "/api/v1/stubs/{id}", operation_id = "deleteStub", tag = "stubs",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let removed = api.lanes().all().iter().map(|lane| lane.remove_stubs(|stub| stub.id == id)).sum::<usize>();
    if removed == 0 { Err(no_such_stub()) } else { json(&Deleted::of(removed as u64)) }
}

/// Takes all stubs of a lane away.
#[utoipa::path(
    delete, path = "/api/v1/stubs", operation_id = "deleteStubs", tag = "stubs",
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn remove_all(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let removed = api.lanes().find(&lane).map_or(0, |lane| lane.remove_stubs(|_| true));
    json(&Deleted::of(removed as u64))
}

/// Writes the stubs of a lane into the folder that the settings name, from which the next start reads them.
#[utoipa::path(
    post, path = "/api/v1/stubs/save", operation_id = "saveStubs", tag = "stubs",
    responses(
        (status = 200, description = "done", body = Saved),
        (status = 409, description = "the settings name no folder for stubs", body = super::errors::Problem,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn save(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let lane = Given::read(query.as_deref(), &[LANE])?.lane()?.unwrap_or_default();
    let Some((folder, _)) = api.generation().settings.stubs.clone() else {
        let error = ApiError::new(StatusCode::CONFLICT, "the settings name no folder for stubs");
        return Err(error.help("start mockmx with `--stubs DIR`"));
    };
    let stubs = api.lanes().find(&lane).map(|lane| lane.stubs()).unwrap_or_default();
    let write = move || stubs.iter().map(|stub| stub.save(&folder)).collect::<Result<Vec<_>, _>>();
    let mut files = api.aside(write).await?;
    // A list has several.
    files.sort();
    files.dedup();
    json(&Saved { files: files.iter().map(|file| file.display().to_string()).collect() })
}

/// The stubs of a body, for that lane if they name none. Large regular expressions take their time.
pub(crate) async fn read(api: &Api, given: Value, lane: Option<LaneName>) -> Result<Vec<Stub>, ApiError> {
    let generation = api.generation();
    api.aside(move || Ok(read_all(&generation.policy, given, lane.as_ref()))).await?
}

fn read_all(policy: &Policy, given: Value, lane: Option<&LaneName>) -> Result<Vec<Stub>, ApiError> {
    let (items, is_list) = match given {
        Value::Array(items) => (items, true),
        one => (vec![one], false),
    };
    if items.len() > MOST {
        return Err(ApiError::bad_request(format!("there are {} stubs, and {MOST} may come at once", items.len())));
    }
    let (mut stubs, mut wrong) = (Vec::new(), Vec::new());
    for (index, mut item) in items.into_iter().enumerate() {
        if let (Some(lane), Value::Object(members)) = (lane, &mut item) {
            members.entry("lane").or_insert_with(|| lane.as_str().into());
        }
        match Stub::read(&Id::new().to_string(), item, policy) {
            Ok(stub) => stubs.push(stub),
            Err(problems) => wrong.extend(told(&problems, is_list.then_some(index))),
        }
    }
    if wrong.is_empty() {
        return Ok(stubs);
    }
    Err(ApiError::bad_request("this is no stub: see `problems`").member("problems", wrong.into()))
}

/// Each problem with the place in the body, as a JSON Pointer.
fn told(problems: &Problems, index: Option<usize>) -> Vec<Value> {
    let problems = problems.0.iter().map(|problem| {
        let place = problem.place.name();
        let within = if place == "/" { "" } else { place };
        let pointer = index.map(|index| format!("/{index}")).unwrap_or_default() + within;
        let mut told = serde_json::json!({"detail": problem.text, "pointer": pointer});
        if let Some(help) = &problem.help {
            told["help"] = help.as_str().into();
        }
        told
    });
    problems.collect()
}

/// Adds stubs, all or none.
pub(crate) fn put(api: &Api, stubs: Vec<Stub>) -> Result<Vec<Shown>, ApiError> {
    let mut added: Vec<(Arc<Stub>, Arc<Lane>)> = Vec::new();
    for stub in stubs {
        let lane = api.lanes().claim(&stub.lane);
        match lane.add_stub(stub) {
            Ok(stub) => added.push((stub, lane)),
            Err(full) => {
                for (stub, lane) in &added {
                    lane.remove_stubs(|known| known.id == stub.id);
                }
                return Err(ApiError::bad_request(full).help("delete some: `DELETE /api/v1/stubs`"));
            }
        }
    }
    Ok(added.iter().map(|(stub, lane)| Shown::of(stub, lane)).collect())
}

fn no_such_stub() -> ApiError {
    ApiError::not_found("there is no such stub")
}
