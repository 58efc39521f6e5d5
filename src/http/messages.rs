//! Messages.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::api::{Api, Closing};
use super::collections::{self, Deleted, Item, NotYet, Page, Shown};
use super::errors::ApiError;
use super::extract::In;
use super::files::{Bytes, disposition, file_name, mail};
use super::json::json;
use super::parameters::{Given, Holds, Parameter};
use super::parsed::Parsed;
use crate::journal::record::{Id, Message};
use crate::message::{Bounds, MessageFacts};

/// A message up to this size is read where it is; a larger one on a thread that may block.
pub(super) const READ_IN_PLACE: usize = 64 * 1024;

/// More than there ever are.
const MOST_INDEX: usize = 1_000_000;

const DELIVERED: &str = "delivered";

/// What can be asked of a message's bytes.
pub(crate) const RAW: [Parameter; 1] = [Parameter::once(
    DELIVERED,
    Holds::Number { least: 0, most: MOST_INDEX },
    "0",
    "the index in `deliveries` of the recipient whose copy is wanted, with the trace of its delivery",
)];

impl Shown for Message {
    const NAME: &'static str = "message";
    const PATH: &'static str = "/api/v1/messages";

    fn shown(&self, _: &Api, _: bool) -> serde_json::Result<Item<'_, Self>> {
        Ok(Item::Whole(self))
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

/// A message, and what it says.
#[utoipa::path(
    get, path = "/api/v1/messages/{id}", operation_id = "getMessage", tag = "messages",
    params(("id" = Id, Path, description = "its id")),
    responses((status = 200, description = "it", body = Parsed))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let message = collections::find::<Message>(&api, &id).await?;
    let content = collections::content(&api, message.as_ref()).await?;
    let parsed = match content.memory().filter(|bytes| bytes.len() <= READ_IN_PLACE) {
        Some(bytes) => Parsed::of(&message, bytes),
        None => api.aside(move || Ok(Parsed::of(&message, &content.read_all()?))).await?,
    };
    json(&parsed)
}

/// A message as it came, or the copy of one recipient with the trace of its delivery.
#[utoipa::path(
    get, path = "/api/v1/messages/{id}/raw", operation_id = "getRawMessage", tag = "messages",
    params(("id" = Id, Path, description = "its id")),
    responses((status = 200, description = "its bytes", body = Bytes, content_type = "message/rfc822"))
)]
pub(crate) async fn raw(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let delivered = Given::read(query.as_deref(), &RAW)?.number(DELIVERED, 0, MOST_INDEX)?;
    let message = collections::find::<Message>(&api, &id).await?;
    let content = collections::content(&api, message.as_ref()).await?;
    let message_id = message.id;
    let bytes = match delivered {
        None => api.aside(move || content.read_all()).await?,
        Some(index) if index >= message.deliveries.len() => {
            return Err(ApiError::not_found(format!("there is no recipient {index}")).help("they are counted from 0"));
        }
        Some(index) => {
            let copy = api.aside(move || message.delivered(&content, index)).await?;
            copy.ok_or_else(|| ApiError::not_found("nothing was delivered to this recipient"))?
        }
    };
    Ok(mail(message_id, bytes))
}

/// The bytes of an attachment, also of a file in an archive, as `attachments` counts them.
#[utoipa::path(
    get, path = "/api/v1/messages/{id}/attachments/{n}", operation_id = "getAttachment", tag = "messages",
    params(
        ("id" = Id, Path, description = "the message's id"),
        ("n" = usize, Path, description = "the attachment's index", example = 0)
    ),
    responses((status = 200, description = "its bytes", body = Bytes, content_type = "application/octet-stream",
        headers(("Content-Disposition" = String, description = "its name"))))
)]
pub(crate) async fn attachment(
    State(api): State<Api>,
    In((id, index)): In<(String, usize)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let message = collections::find::<Message>(&api, &id).await?;
    let content = collections::content(&api, message.as_ref()).await?;
    let found = move || {
        let raw = content.read_all()?;
        Ok(MessageFacts::attachment(&raw, &bounds(&raw), index))
    };
    let missing = || ApiError::not_found(format!("there is no attachment {index} that can be read"));
    let (attachment, bytes) = api.aside(found).await?.ok_or_else(missing)?;
    // A member of an archive that the bounds cut off would pass for the whole file.
    if attachment.top != index && attachment.size != bytes.len() as u64 {
        return Err(missing().help("of this file in an archive not all could be read"));
    }
    let name = file_name(attachment.path.last().map_or("", String::as_str), index);
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream"), (header::CONTENT_DISPOSITION, &disposition(&name))];
    Ok((headers, bytes).into_response())
}

/// As wide as it takes for every attachment to be whole.
pub(crate) fn bounds(raw: &[u8]) -> Bounds {
    let usual = Bounds::default();
    Bounds { held: usual.held.max(raw.len()), ..usual }
}
