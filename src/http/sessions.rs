//! Sessions, and what was said in them.

use std::fmt::Write as _;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::api::{Api, Closing};
use super::collections::{self, Deleted, Item, NotYet, Page, Shown};
use super::errors::ApiError;
use super::extract::In;
use super::json::json;
use super::parameters::Given;
use crate::escape::Escaped;
use crate::journal::record::{Id, Session, Speaker, Transcript};

impl Shown for Session {
    const NAME: &'static str = "session";
    const PATH: &'static str = "/api/v1/sessions";

    fn shown(&self, _: &Api, transcript: bool) -> serde_json::Result<Item<'_, Self>> {
        if transcript {
            return Ok(Item::Whole(self));
        }
        let mut value = serde_json::to_value(self.without_transcript())?;
        if let Value::Object(members) = &mut value {
            members.shift_remove("transcript");
        }
        Ok(Item::Rest(value))
    }
}

/// Sessions, newest first; those that are open too. Their transcripts are left out unless `transcript=true`.
#[utoipa::path(
    get, path = "/api/v1/sessions", operation_id = "listSessions", tag = "sessions",
    responses(
        (status = 200, description = "a page of them", body = Page<Session>,
            headers(("Link" = String, description = "the next page, if there is one"))),
        (status = 408, description = "what was waited for did not come in time", body = NotYet<Session>,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    Extension(closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    collections::list::<Session>(&api, query.as_deref(), closing).await
}

/// Deletes sessions that have ended.
#[utoipa::path(
    delete, path = "/api/v1/sessions", operation_id = "deleteSessions", tag = "sessions",
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn delete(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    collections::delete::<Session>(&api, query.as_deref()).await
}

/// A session with its transcript.
#[utoipa::path(
    get, path = "/api/v1/sessions/{id}", operation_id = "getSession", tag = "sessions",
    params(("id" = Id, Path, description = "its id")),
    responses((status = 200, description = "it", body = Session))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    json(collections::find::<Session>(&api, &id).await?.as_ref())
}

/// What was said in a session, a line each: the time, `C:`, `S:` or `*` for mockmx itself, and the line with everything
/// escaped that would not be seen as what it is.
#[utoipa::path(
    get, path = "/api/v1/sessions/{id}/transcript", operation_id = "getTranscript", tag = "sessions",
    params(("id" = Id, Path, description = "the session's id")),
    responses((status = 200, description = "it", body = String, content_type = "text/plain"))
)]
pub(crate) async fn transcript(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let session = collections::find::<Session>(&api, &id).await?;
    let text = as_text(&session.transcript);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

fn as_text(transcript: &Transcript) -> String {
    let mut text = String::new();
    for line in &transcript.lines {
        let by = match line.by {
            Speaker::Client => "C:",
            Speaker::Server => "S:",
            Speaker::Mockmx => "*",
        };
        let _ = writeln!(text, "{} {by} {}", line.at, Escaped(&line.text));
    }
    if transcript.left_out > 0 {
        let _ = writeln!(text, "* ({} more lines left out)", transcript.left_out);
    }
    text
}
