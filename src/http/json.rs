//! JSON that a terminal shows as it is.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::errors::ApiError;
pub(crate) use crate::escape::json as text;

/// 200 with a JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let body = text(value).map_err(|error| ApiError::fault(&error))? + "\n";
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
