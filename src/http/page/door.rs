//! The token, as a browser shows it.

use askama::Template;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::parse;
use subtle::ConstantTimeEq;

use super::frame::{back_to, html};
use super::visitor::{Visitor, cookie};
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::extract::{MOST_FORM, form};

/// Where one shows it.
pub(in crate::http) const LOGIN: &str = "/login";

const COOKIE: &str = "token";

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    v: Visitor,
    next: String,
    is_wrong: bool,
}

/// The token that a browser was given by us.
pub(in crate::http) fn token(headers: &HeaderMap) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(cookie(headers, COOKIE)?).ok()
}

pub(super) async fn page(v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let next = parse(query.as_bytes()).find(|(name, _)| name == "next");
    html(&Login { v, next: next.map(|(_, next)| next.into_owned()).unwrap_or_default(), is_wrong: false })
}

pub(super) async fn enter(
    State(api): State<Api>,
    v: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_FORM).await?;
    let generation = api.generation();
    let Some(wanted) = &generation.settings.http_token else { return Ok(back_to("/")) };
    let given = form.get("token").unwrap_or_default();
    let next = form.get("next").unwrap_or_default().to_owned();
    if !bool::from(given.as_bytes().ct_eq(wanted.reveal().as_bytes())) {
        let mut response = html(&Login { v, next, is_wrong: true })?;
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    let value = URL_SAFE_NO_PAD.encode(wanted.reveal());
    let cookie = format!("mockmx-{COOKIE}={value}; Path=/; SameSite=Lax; HttpOnly");
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| ApiError::fault(&error))?;
    let mut response = back_to(own(&next));
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The path, if it is one of ours: `//evil.test` is a host to a browser, and so is `/\evil.test`.
fn own(path: &str) -> &str {
    let is_own =
        path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_own { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_on_only_to_pages_of_ours() {
        for (path, to) in [
            ("/sessions/1?x=2", "/sessions/1?x=2"),
            ("//evil.test/", "/"),
            ("/\\evil.test", "/"),
            ("http://evil.test", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(own(path), to, "{path}");
        }
    }
}
