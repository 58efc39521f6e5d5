//! From a bounce to the stubs that answer as it says.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::MOST_BODY;
use super::api::Api;
use super::errors::ApiError;
use super::extract::{bounded, essence};
use super::json::json;
use super::parameters::{Given, Holds, LANE, Parameter, one_of};
use super::stubs::{self, Shown};
use crate::explain::Explainer;
use crate::policy::Policy;
use crate::reproduce::{Case, Found, Match, Plan, STAGES, Told, Wanted, find};
use crate::stage::Stage;

const ONLY: Parameter = Parameter::once(
    "only",
    Holds::Number { least: 1, most: 1_000_000 },
    "1",
    "only the failure of this number; all, if none",
);
const MATCH: Parameter = Parameter::many(
    "match",
    Holds::OneOf(matches),
    "recipient",
    "what a mail must have in common with the one that failed, all of them; the recipient, or what is known at the \
     stage, if none",
);
const STAGE: Parameter = Parameter::once(
    "stage",
    Holds::OneOf(stages),
    "rcpt",
    "the stage, where the bounce does not say it or says it wrong",
);
const STUB: Parameter =
    Parameter::once("stub", Holds::Boolean, "false", "whether the stubs are added, so that it is answered so at once");

/// What can be asked for.
pub(crate) const PARAMETERS: [Parameter; 5] = [MATCH, STAGE, ONLY, STUB, LANE];

/// What was found, and the stubs that were added.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reproduced {
    #[serde(flatten)]
    told: Told,
    /// The stubs that were added, as they are asked, if that was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Vec<Shown>>,
}

fn matches() -> Vec<&'static str> {
    Match::ALL.map(Match::name).to_vec()
}

fn stages() -> Vec<&'static str> {
    STAGES.map(Stage::name).to_vec()
}

/// Finds in a bounce, or in lines of a log, who was refused and how, and makes or adds the stubs that refuse so again.
#[utoipa::path(
    post, path = "/api/v1/reproduce", operation_id = "reproduce", tag = "stubs",
    request_body(
        description = "the bounce: a mail, a mailbox file, lines of a log, or a text, of whatever media type but a form's",
        content((String = "text/plain"), (String = "message/rfc822"), (Vec<u8> = "application/octet-stream"))
    ),
    responses(
        (status = 200, description = "what was found; no failures, if there are none in it", body = Reproduced),
        (status = 201, description = "what was found, and its stubs are asked from now on", body = Reproduced),
        (status = 422, description = "stubs were to be added, but nothing in it can be reproduced",
            body = super::errors::Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn reproduce(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let given = Given::read(query.as_deref(), &PARAMETERS)?;
    let (wanted, adds, lane) = (wanted(&given)?, given.boolean(STUB.name)?, given.lane()?);
    if lane.is_some() && !adds {
        let error = ApiError::parameter(LANE.name, "a lane is where stubs are added, and none are");
        return Err(error.help("give `stub=true`, too"));
    }
    let bytes = bounce(&headers, body).await?;
    let generation = api.generation();
    // A megabyte of a hostile text takes its time.
    let (told, stubs) = api.aside(move || Ok(look(&generation.policy, &bytes, &wanted, adds))).await??;
    if !adds {
        return json(&Reproduced { told, added: None });
    }
    let stubs = stubs::read(&api, stubs.into(), lane).await?;
    let added = Some(stubs::put(&api, stubs)?);
    Ok((StatusCode::CREATED, json(&Reproduced { told, added })?).into_response())
}

fn wanted(given: &Given) -> Result<Wanted, ApiError> {
    let of = |name: &str| one_of(MATCH.name, name, &matches());
    let matches = given.all(MATCH.name).map(|name| {
        let name = of(name)?;
        Ok(Match::ALL.into_iter().find(|of| of.name() == name))
    });
    let matches = matches.collect::<Result<Vec<_>, ApiError>>()?.into_iter().flatten().collect();
    let stage = given.get(STAGE.name).map(|name| one_of(STAGE.name, name, &stages())).transpose()?;
    let only = given.number(ONLY.name, 1, 1_000_000)?;
    Ok(Wanted { only, matches, stage: stage.and_then(Stage::named) })
}

async fn bounce(headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, ApiError> {
    if essence(headers).is_some_and(|essence| essence == "multipart/form-data") {
        let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is a form, and not the bounce itself");
        return Err(error.help("send the bytes alone: `curl --data-binary @bounce.eml`"));
    }
    bounded(headers, body, MOST_BODY).await.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => error.help("what a bounce says stands in its beginning: send that"),
        _ => error,
    })
}

/// What is found, and the stubs if they are wanted.
pub(super) fn look(policy: &Policy, bytes: &[u8], wanted: &Wanted, adds: bool) -> Result<(Told, Vec<Value>), ApiError> {
    let found = find(bytes);
    let cases = wanted.cases([&found]);
    if let Some(number) = wanted.only.filter(|_| cases.is_empty() && !found.failures.is_empty()) {
        let error = ApiError::parameter(ONLY.name, format!("there is no failure number {number}"));
        return Err(error.help(format!("there are {}", found.failures.len())));
    }
    let providers = policy.providers();
    let told = Told::new([("body", &found)], &cases, &Explainer::new(&providers));
    if !adds {
        return Ok((told, Vec::new()));
    }
    let stubs: Vec<_> = cases.iter().filter_map(|case| case.plan.as_ref().ok()).flat_map(Plan::stubs).collect();
    if stubs.is_empty() { Err(hindered(&found, &cases, told)) } else { Ok((told, stubs)) }
}

/// Why there is nothing to be added.
fn hindered(found: &Found, cases: &[Case<'_>], told: Told) -> ApiError {
    let why: Vec<_> = cases.iter().filter_map(|case| Some((case.number, case.plan.as_ref().err()?))).take(10).collect();
    let why: Vec<_> = why.iter().map(|(number, error)| format!("of failure {number}, {error}")).collect();
    let detail = match &why[..] {
        [] => "no failed delivery is found in it".to_owned(),
        why => format!("nothing can be reproduced: {}", why.join("; ")),
    };
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let error = if found.cut { error.help("only its first part was looked at") } else { error };
    match serde_json::to_value(told) {
        Ok(Value::Object(mut told)) => error.member("found", told.remove("found").unwrap_or_default()),
        _ => error,
    }
}
