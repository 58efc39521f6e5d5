//! What is answered where a request cannot be served: problem documents (RFC 9457).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::json;
use crate::journal::JournalError;

/// The media type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not served (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says which kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    pub(crate) title: &'static str,
    /// The status.
    pub(crate) status: u16,
    /// What is wrong with this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// The line of the body that is wrong, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The column in that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

/// An answer that is a problem document.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    problem: Problem,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl ApiError {
    /// A problem that says no more than its status.
    pub(crate) fn bare(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = Problem {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: None,
            help: None,
            parameter: None,
            line: None,
            column: None,
        };
        Self(Box::new(Inner { status, problem, members: Map::new(), headers: HeaderMap::new() }))
    }

    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let mut error = Self::bare(status);
        error.0.problem.detail = Some(detail.into());
        error
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// A parameter of the query that is wrong.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let mut error = Self::bad_request(detail);
        error.0.problem.parameter = Some(name.to_owned());
        error
    }

    /// mockmx stops, or serves HTTP elsewhere from now on.
    pub(crate) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "mockmx no longer serves here")
    }

    /// Our own fault, which the log tells of.
    pub(crate) fn fault(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "cannot answer over HTTP");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.problem.help = Some(help.into());
        self
    }

    /// Where in the body it is, from 1.
    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        (self.0.problem.line, self.0.problem.column) = (Some(line), Some(column));
        self
    }

    /// One more member of the document.
    pub(crate) fn member(mut self, name: &str, value: Value) -> Self {
        self.0.members.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.0.headers.insert(name, HeaderValue::from_static(value));
        self
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        Self::fault(&error)
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::fault(&error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Inner { status, problem, members, headers } = *self.0;
        let mut document = serde_json::to_value(&problem).unwrap_or_default();
        if let Value::Object(all) = &mut document {
            all.extend(members);
        }
        let text = json::text(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(format!("{text}\n")));
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        // For who shows it in another form.
        response.extensions_mut().insert(problem);
        response
    }
}
