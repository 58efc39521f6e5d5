//! The outbox: what senders are told later.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::api::{Api, Closing};
use super::collections::{self, Deleted, Item, NotYet, Page, Shown};
use super::errors::ApiError;
use super::extract::In;
use super::files::{Bytes, mail};
use super::json::json;
use super::parameters::Given;
use crate::journal::query::{Field, Filter, Query, state};
use crate::journal::record::{Attempt, Id, Notification};

/// Where it is.
pub(super) const PATH: &str = "/api/v1/outbox";

/// The most attempts that are shown.
const MOST_ATTEMPTS: usize = 1_000;

/// A notification, and whether it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "it says what the record's members are, to which one is added")]
pub(crate) struct Outgoing {
    #[serde(flatten)]
    notification: Notification,
    /// `waiting` until the clock of its lane shows when it is due.
    state: Due,
}

/// A notification, and how it was passed on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutgoingInFull {
    #[serde(flatten)]
    notification: Notification,
    /// `waiting` until the clock of its lane shows when it is due.
    state: Due,
    /// The tries to pass it on, the first one first.
    attempts: Vec<Attempt>,
}

/// Whether a notification is sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Due {
    /// Not yet.
    Waiting,
    /// It is.
    Due,
}

impl Shown for Notification {
    const NAME: &'static str = "notification";
    const PATH: &'static str = PATH;

    fn shown(&self, api: &Api, _: bool) -> serde_json::Result<Item<'_, Self>> {
        let mut value = serde_json::to_value(self)?;
        if let Value::Object(members) = &mut value {
            members.insert("state".to_owned(), state(self.is_due(api.clocks().now(&self.lane))).into());
        }
        Ok(Item::Rest(value))
    }
}

/// What senders are told of their messages later, the latest message first: bounces and other reports, read receipts,
/// out-of-office replies, abuse reports. `since` and `until` speak of when they are due.
#[utoipa::path(
    get, path = "/api/v1/outbox", operation_id = "listNotifications", tag = "outbox",
    responses(
        (status = 200, description = "a page of them", body = Page<Outgoing>,
            headers(("Link" = String, description = "the next page, if there is one"))),
        (status = 408, description = "what was waited for did not come in time", body = NotYet<Outgoing>,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    Extension(closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    collections::list::<Notification>(&api, query.as_deref(), closing).await
}

/// Deletes notifications; those that wait are never sent.
#[utoipa::path(
    delete, path = "/api/v1/outbox", operation_id = "deleteNotifications", tag = "outbox",
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn delete(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    collections::delete::<Notification>(&api, query.as_deref()).await
}

/// A notification, and the tries to pass it on.
#[utoipa::path(
    get, path = "/api/v1/outbox/{id}", operation_id = "getNotification", tag = "outbox",
    params(("id" = Id, Path, description = "its id")),
    responses((status = 200, description = "it", body = OutgoingInFull))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let notification = collections::find::<Notification>(&api, &id).await?;
    let attempts = attempts(&api, &notification).await?.iter().map(|attempt| attempt.as_ref().clone()).collect();
    let is_due = notification.is_due(api.clocks().now(&notification.lane));
    let state = if is_due { Due::Due } else { Due::Waiting };
    json(&OutgoingInFull { notification: notification.as_ref().clone(), state, attempts })
}

/// The tries to pass a notification on, the first one first.
pub(super) async fn attempts(api: &Api, notification: &Notification) -> Result<Vec<Arc<Attempt>>, ApiError> {
    let filter = Filter::within(Some(notification.lane.clone()), None, None);
    let filter = filter.and(Field::Notification, &notification.id.to_string());
    let filter = filter.map_err(|error| ApiError::parameter(Field::Notification.name(), error))?;
    let mut attempts = api.journal().page(&Query { filter, before: None, limit: MOST_ATTEMPTS }).await?;
    attempts.reverse();
    Ok(attempts)
}

/// A notification as it is sent.
#[utoipa::path(
    get, path = "/api/v1/outbox/{id}/raw", operation_id = "getRawNotification", tag = "outbox",
    params(("id" = Id, Path, description = "its id")),
    responses((status = 200, description = "its bytes", body = Bytes, content_type = "message/rfc822"))
)]
pub(crate) async fn raw(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let notification = collections::find::<Notification>(&api, &id).await?;
    let content = collections::content(&api, notification.as_ref()).await?;
    Ok(mail(notification.id, api.aside(move || content.read_all()).await?))
}
