//! What handlers take out of a request.

use std::future::Future;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::errors::ApiError;

/// The variable parts of a path.
#[derive(Debug)]
pub(crate) struct In<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for In<T> {
    type Rejection = ApiError;

    fn from_request_parts(parts: &mut Parts, state: &S) -> impl Future<Output = Result<Self, ApiError>> + Send {
        let path = Path::<T>::from_request_parts(parts, state);
        async move {
            // It is not UTF-8, or no number where one is wanted.
            let Path(value) = path.await.map_err(|error| ApiError::not_found(error.body_text().to_lowercase()))?;
            Ok(Self(value))
        }
    }
}
