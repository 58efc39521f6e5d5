//! Messages.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::Value;

use super::api::{Api, Closing};
use super::collections::{self, Deleted, NotYet, Page, Shown};
use super::errors::{ApiError, json};
use super::extract::In;
use super::parameters::Given;
use crate::journal::record::Message;

impl Shown for Message {
    const NAME: &'static str = "message";
    const PATH: &'static str = "/api/v1/messages";

    fn shown(&self, _: bool) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

/// Messages that were accepted, newest first.
#[utoipa::path(
    get, path = "/api/v1/messages", operation_id = "listMessages", tag = "messages",
    responses(
        (status = 200, description = "a page of them", body = Page<Message>,
            headers(("Link" = String, description = "the next page, if there is one"))),
        (status = 408, description = "what was waited for did not come in time", body = NotYet<Message>,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    Extension(closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    collections::list::<Message>(&api, query.as_deref(), closing).await
}

/// Deletes messages and their bytes.
#[utoipa::path(
    delete, path = "/api/v1/messages", operation_id = "deleteMessages", tag = "messages",
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn delete(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    collections::delete::<Message>(&api, query.as_deref()).await
}

/// A message.
#[utoipa::path(
    get, path = "/api/v1/messages/{id}", operation_id = "getMessage", tag = "messages",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "it", body = Message))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    json(collections::find::<Message>(&api, &id).await?.as_ref())
}
