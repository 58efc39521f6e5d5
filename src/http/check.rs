//! What is wrong with a pack.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::MOST_BODY;
use super::api::Api;
use super::errors::ApiError;
use super::extract::body;
use super::json::json;
use super::parameters::{Given, Holds, Parameter};
use crate::policy::Policy;
use crate::problem::{Place, Problem};

/// What can be asked for.
pub(crate) const PARAMETERS: [Parameter; 1] = [Parameter::once(
    "name",
    Holds::Text,
    "263.toml",
    "the file's name, which is the provider's id; `pack.toml` if none",
)];

/// What is wrong with a pack; nothing if the list is empty.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checked {
    /// The problems, from top to bottom.
    problems: Vec<Found>,
}

/// Something that is wrong with a pack.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    /// What is wrong.
    text: String,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The column in that line, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// What to do about it, if that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// Says what is wrong with a pack, without using it.
#[utoipa::path(
    post, path = "/api/v1/check", operation_id = "checkPack", tag = "providers",
    request_body(content = String, content_type = "text/plain", description = "the pack, in TOML"),
    responses((status = 200, description = "what is wrong with it", body = Checked))
)]
pub(crate) async fn check(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    raw: Body,
) -> Result<Response, ApiError> {
    let given = Given::read(query.as_deref(), &PARAMETERS)?;
    let name = given.get("name").unwrap_or("pack.toml").to_owned();
    let bytes = body(&headers, raw, MOST_BODY, &["text/plain", "application/toml"]).await?;
    let text = String::from_utf8(bytes.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let (line, column) = position(&String::from_utf8_lossy(&error.as_bytes()[..at]), at);
        ApiError::bad_request("the body is not UTF-8").at(line, column)
    })?;
    // Regular expressions are compiled and tables built.
    let checked = api.aside(move || Ok(Policy::check(&name, &text))).await?;
    let problems = checked.err().map(|problems| problems.0.iter().map(found).collect());
    json(&Checked { problems: problems.unwrap_or_default() })
}

fn found(problem: &Problem) -> Found {
    let at = match &problem.place {
        Place::File(source, span) => Some(position(&source.text, span.start)),
        _ => None,
    };
    let (text, help) = (problem.text.clone(), problem.help.clone());
    Found { text, line: at.map(|(line, _)| line), column: at.map(|(_, column)| column), help }
}

/// Line and column of a byte, from 1; the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (1 + before.matches('\n').count(), 1 + line.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters() {
        assert_eq!(position("a\n企业=x", 9), (2, 4));
        assert_eq!(position("", 7), (1, 1));
        assert_eq!(position("企", 1), (1, 1));
    }
}
