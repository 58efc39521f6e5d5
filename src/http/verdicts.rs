//! What rules said.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::api::{Api, Closing};
use super::collections::{self, Deleted, Item, NotYet, Page, Shown};
use super::errors::ApiError;
use super::extract::In;
use super::json::json;
use super::parameters::Given;
use crate::journal::record::{Id, Verdict};

impl Shown for Verdict {
    const NAME: &'static str = "verdict";
    const PATH: &'static str = "/api/v1/verdicts";

    fn shown(&self, _: &Api, _: bool) -> serde_json::Result<Item<'_, Self>> {
        Ok(Item::Whole(self))
    }
}

/// What rules said and why, newest first.
#[utoipa::path(
    get, path = "/api/v1/verdicts", operation_id = "listVerdicts", tag = "verdicts",
    responses(
        (status = 200, description = "a page of them", body = Page<Verdict>,
            headers(("Link" = String, description = "the next page, if there is one"))),
        (status = 408, description = "what was waited for did not come in time", body = NotYet<Verdict>,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    Extension(closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    collections::list::<Verdict>(&api, query.as_deref(), closing).await
}

/// Deletes verdicts.
#[utoipa::path(
    delete, path = "/api/v1/verdicts", operation_id = "deleteVerdicts", tag = "verdicts",
    responses((status = 200, description = "done", body = Deleted))
)]
pub(crate) async fn delete(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    collections::delete::<Verdict>(&api, query.as_deref()).await
}

/// A verdict.
#[utoipa::path(
    get, path = "/api/v1/verdicts/{id}", operation_id = "getVerdict", tag = "verdicts",
    params(("id" = Id, Path, description = "its id")),
    responses((status = 200, description = "it", body = Verdict))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    json(collections::find::<Verdict>(&api, &id).await?.as_ref())
}
