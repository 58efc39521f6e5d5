//! What handlers take out of a request.

use std::error::Error as _;
use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::errors::ApiError;

/// How long a client may take for a request's body.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(15);

/// Bytes of a form.
pub(crate) const MOST_FORM: usize = 16 * 1024;

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

/// The body, which must be of one of these media types.
pub(crate) async fn body(headers: &HeaderMap, body: Body, most: usize, media: &[&str]) -> Result<Bytes, ApiError> {
    if !essence(headers).as_deref().is_some_and(|essence| media.contains(&essence)) {
        let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is of another media type");
        return Err(error.help(format!("send it with `Content-Type: {}`", media.join("` or `"))));
    }
    bounded(headers, body, most).await
}

/// The media type of the body, if one is said, without its parameters.
pub(crate) fn essence(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default())?;
    Some(given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The body, of whatever type.
pub(crate) async fn bounded(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"));
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let slow = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
    let read = timeout(BODY_TIME, to_bytes(body, most)).await.map_err(slow)?;
    read.map_err(|error| {
        let over = error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
        if over { too_large() } else { ApiError::bad_request("the body broke off") }
    })
}

/// What a form of ours says.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that has to be there.
    pub(crate) fn wanted(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::bad_request(format!("the form has no `{name}`")))
    }
}

/// The body as a form.
pub(crate) async fn form(headers: &HeaderMap, raw: Body, most: usize) -> Result<Form, ApiError> {
    let bytes = body(headers, raw, most, &["application/x-www-form-urlencoded"]).await?;
    Ok(Form(form_urlencoded::parse(&bytes).into_owned().collect()))
}

/// The body as the JSON that is wanted.
pub(crate) async fn json_body<T: DeserializeOwned>(headers: &HeaderMap, raw: Body, most: usize) -> Result<T, ApiError> {
    let bytes = body(headers, raw, most, &["application/json"]).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        ApiError::bad_request(format!("the body is not what is wanted: {text}")).at(error.line(), error.column())
    })
}
