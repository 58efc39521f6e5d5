//! A bounce that is dropped here, and what it takes for it to happen again.

use askama::Template;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::timeout;

use super::frame::html;
use super::shown;
use super::visitor::Visitor;
use crate::escape::Escaped;
use crate::http::MOST_BODY;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::extract::BODY_TIME;
use crate::http::reproduce::look;
use crate::reproduce::{Told, Wanted};

#[derive(Template)]
#[template(path = "reproduce.html")]
struct Reproduce {
    v: Visitor,
    told: Option<Told>,
}

impl Reproduce {
    /// A failure's stubs, as they are put in.
    fn given(stubs: &[serde_json::Value]) -> String {
        serde_json::to_string_pretty(stubs).unwrap_or_default()
    }
}

pub(super) async fn page(v: Visitor) -> Result<Response, ApiError> {
    html(&Reproduce { v, told: None })
}

/// What is found in the file or the text of the form.
pub(super) async fn found(State(api): State<Api>, v: Visitor, mut request: Request) -> Result<Response, ApiError> {
    DefaultBodyLimit::max(MOST_BODY).apply(&mut request);
    let slow = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the form came too slowly");
    let bytes = timeout(BODY_TIME, brought(request)).await.map_err(slow)??;
    let generation = api.generation();
    let look = move || Ok(look(&generation.policy, &bytes, &Wanted::default(), false));
    let (told, _) = api.aside(look).await??;
    html(&Reproduce { v, told: Some(told) })
}

/// The first field that has anything.
async fn brought(request: Request) -> Result<Vec<u8>, ApiError> {
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| ApiError::new(error.status(), error.body_text()))?;
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        let bytes = field.bytes().await.map_err(wrong)?;
        if !bytes.is_empty() {
            return Ok(bytes.into());
        }
    }
    Ok(Vec::new())
}

fn wrong(error: MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the form has more than {MOST_BODY} bytes"))
                .help("what a bounce says stands in its beginning: send that")
        }
        status => ApiError::new(status, error.body_text()),
    }
}
