//! What sessions, verdicts, messages and notifications have in common: pages, waiting, one by its id, deleting.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json as object};
use utoipa::ToSchema;

use super::api::{Api, Closing};
use super::errors::{ApiError, Problem};
use super::json::json;
use super::query::{Asked, filter_alone};
use crate::clock::io_now;
use crate::journal::Content;
use crate::journal::query::{Miss, Query};
use crate::journal::record::{Id, Record};

/// Bytes of transcripts in an answer, about. A page that would have more ends earlier.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// A page of a collection, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The records.
    items: Vec<T>,
    /// Where the next page begins, as the parameter `cursor` takes it; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// How many were deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// So many.
    deleted: u64,
}

impl Deleted {
    pub(crate) const fn of(deleted: u64) -> Self {
        Self { deleted }
    }
}

/// What was waited for did not come in time.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "it says what the problem's members are, which are put there one by one")]
pub(crate) struct NotYet<T> {
    #[serde(flatten)]
    problem: Problem,
    /// What is there, newest first.
    found: Vec<T>,
    /// The latest records that only just did not match.
    near: Vec<Near<T>>,
}

/// A record that nearly matched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Near<T> {
    /// The record.
    record: T,
    /// The filters that it did not pass.
    misses: Vec<Miss>,
}

/// A record as lists show it.
pub(crate) trait Shown: Record {
    /// What one is called.
    const NAME: &'static str;
    /// Where they are.
    const PATH: &'static str;

    /// The record as it is now, with its transcript if it has one and it is wanted.
    fn shown(&self, api: &Api, transcript: bool) -> serde_json::Result<Item<'_, Self>>;
}

/// A record as lists show it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Item<'r, R> {
    /// All of it.
    Whole(&'r R),
    /// What is left of it.
    Rest(Value),
}

fn all_shown<'r, R: Shown>(api: &Api, records: &'r [Arc<R>], transcript: bool) -> Result<Vec<Item<'r, R>>, ApiError> {
    let shown: Result<_, _> = records.iter().map(|record| record.shown(api, transcript)).collect();
    shown.map_err(|error| ApiError::fault(&error))
}

/// A page, at once or when enough is there.
pub(crate) async fn list<R: Shown>(api: &Api, query: Option<&str>, closing: Closing) -> Result<Response, ApiError> {
    let asked = Asked::read(query, R::KIND)?.by(&api.clocks());
    let most = asked.wait.map_or(asked.limit, |(count, _)| asked.limit.max(count));
    // One more, to know whether there is a next page.
    let wanted = Query { filter: asked.filter.clone(), before: asked.cursor, limit: most + 1 };
    let mut records = match asked.wait {
        None => api.journal().page::<R>(&wanted).await?,
        Some(_) => waited(api, &asked, &wanted, closing).await?,
    };
    let mut more = records.len() > most;
    records.truncate(most);
    let wanted = records.len();
    records = complete(api, &asked, records).await?;
    more |= records.len() < wanted;
    let last = records.last().filter(|_| more).map(|record| record.id());
    let page = Page { items: all_shown(api, &records, asked.transcript)?, next: last.map(|last| last.to_string()) };
    let mut response = json(&page)?;
    if let Some(last) = last {
        let link = format!("<{}?{}>; rel=\"next\"", R::PATH, asked.next(last));
        let link = HeaderValue::from_str(&link).map_err(|error| ApiError::fault(&error))?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The records once there are enough, or what is to be said if there are not.
async fn waited<R: Shown>(
    api: &Api,
    asked: &Asked,
    wanted: &Query,
    mut closing: Closing,
) -> Result<Vec<Arc<R>>, ApiError> {
    let Some((count, time)) = asked.wait else { return Ok(Vec::new()) };
    let waited = tokio::select! {
        waited = api.journal().wait::<R>(wanted, count, io_now() + time) => waited?,
        () = closing.closed() => return Err(ApiError::stopping()),
    };
    if waited.complete {
        return Ok(waited.found);
    }
    let (near, misses): (Vec<_>, Vec<_>) = api.journal().near_misses::<R>(&asked.filter).await?.into_iter().unzip();
    let found = complete(api, asked, waited.found).await?;
    let near = complete(api, asked, near).await?;
    let near: Result<Vec<_>, ApiError> = near
        .into_iter()
        .zip(misses)
        .map(|(record, misses)| {
            let record = record.shown(api, asked.transcript).map_err(|error| ApiError::fault(&error))?;
            Ok(object!({ "record": record, "misses": misses }))
        })
        .collect();
    let (are, of) = (found.len(), R::NAME);
    let detail = format!("after {time:?} there are {are} of the {count} {of}s waited for");
    let error = ApiError::new(StatusCode::REQUEST_TIMEOUT, detail);
    let found = serde_json::to_value(all_shown(api, &found, asked.transcript)?);
    let found = found.map_err(|error| ApiError::fault(&error))?;
    Err(error.member("found", found).member("near", near?.into()))
}

/// The records with their transcripts, if those are wanted; not all of them, if that would be too much.
async fn complete<R: Shown>(api: &Api, asked: &Asked, records: Vec<Arc<R>>) -> Result<Vec<Arc<R>>, ApiError> {
    Ok(if asked.transcript { api.journal().whole(records, MOST_BYTES).await? } else { records })
}

/// The record of that id.
pub(crate) async fn find<R: Shown>(api: &Api, id: &str) -> Result<Arc<R>, ApiError> {
    let found = match Id::parse(id) {
        Some(id) => api.journal().find::<R>(id).await?,
        None => None,
    };
    found.ok_or_else(|| ApiError::not_found(format!("there is no {} `{id}`", R::NAME)))
}

/// The bytes of a record, unless they were let go of in between.
pub(crate) async fn content<R: Shown>(api: &Api, record: &R) -> Result<Content, ApiError> {
    let content = api.journal().content(record.id()).await?;
    content.ok_or_else(|| ApiError::not_found(format!("the bytes of {} `{}` are gone", R::NAME, record.id())))
}

/// Deletes what a query's filters let through.
pub(crate) async fn delete<R: Shown>(api: &Api, query: Option<&str>) -> Result<Response, ApiError> {
    let filter = filter_alone(query, R::KIND, &api.clocks())?;
    json(&Deleted::of(api.journal().delete::<R>(&filter).await?))
}
