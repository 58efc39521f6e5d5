//! What is counted.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus::TEXT_FORMAT;

use super::api::Api;
use super::errors::ApiError;
use super::parameters::Given;

/// What is counted, in Prometheus' text format 0.0.4.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "health",
    responses((status = 200, description = "it", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let text = api.metrics().text().map_err(|error| ApiError::fault(&error))?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}
