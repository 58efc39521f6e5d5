//! What all pages have in common.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use form_urlencoded::byte_serialize;

use super::door::LOGIN;
use super::visitor::Visitor;
use crate::http::errors::{ApiError, Problem};

/// Only what is compiled in is loaded, only our two scripts run, and nobody frames a page of ours.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(super) fn html(page: &impl Template) -> Result<Response, ApiError> {
    let text = page.render().map_err(|error| ApiError::fault(&error))?;
    Ok(with_headers(text))
}

fn with_headers(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_DNS_PREFETCH_CONTROL, "off"),
    ];
    (headers, text).into_response()
}

/// Back to a page after something was done there: a reload does not do it again.
pub(super) fn back_to(path: &str) -> Response {
    Redirect::to(path).into_response()
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    v: Visitor,
    problem: &'a Problem,
}

/// Lets a browser's visitor remember how pages are liked, shows what is wrong as a page, and asks for the token where it
/// is missing.
pub(in crate::http) async fn dressed(request: Request, next: Next) -> Response {
    if !is_looked_at(request.method(), request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let visitor = Visitor::of(request.headers(), request.uri());
    let uri = request.uri().clone();
    let is_get = request.method() == Method::GET;
    let mut response = next.run(request).await;
    let cookies = visitor.remembered();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && is_get {
            let wanted = uri.path_and_query().map_or("/", |wanted| wanted.as_str());
            let wanted: String = byte_serialize(wanted.as_bytes()).collect();
            return Redirect::to(&format!("{LOGIN}?next={wanted}")).into_response();
        }
        let page = ProblemPage { v: visitor, problem: &problem }.render();
        // Our own fault twice: the problem document is better than nothing.
        if let Ok(text) = page {
            let (page, body) = with_headers(text).into_parts();
            *response.body_mut() = body;
            response.headers_mut().extend(page.headers);
        }
    }
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether a person waits for a page, and no program for data.
fn is_looked_at(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("text/html"));
    matches!(*method, Method::GET | Method::POST)
        && !uri.path().starts_with("/api/")
        && headers.get(header::ACCEPT).is_some_and(accepts)
}
