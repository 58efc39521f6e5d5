//! Who is answered.
//!
//! A page of any site can have its visitor's browser ask a server on the visitor's own machine. Three things keep it
//! out: the `Host` must be no name of that site (DNS rebinding), an `Origin` must be the server's own and no other site
//! may have caused the request (CSRF), and where others reach the server, whoever asks knows the token. Health is told
//! to everybody. A link on another site may lead to a page, which that site cannot read.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::api::Api;
use super::errors::ApiError;
use super::page;
use crate::address::fold;
use crate::settings::Settings;

/// Lets a request through, or says why not.
pub(crate) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let generation = api.generation();
    let mut response = match admit(&generation.settings, &request) {
        Ok(()) => {
            drop(generation);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    // What strangers sent is handed out here; a browser must take it for nothing but what it is called.
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
        (header::CACHE_CONTROL, "no-store"),
        // Nor may a page of another site have it shown, or hold on to a window that a link of it opened here.
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn admit(settings: &Settings, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let host = host(request)?;
    check_host(&host, &settings.http_hosts)?;
    check_origin(headers, &host, is_visit(request))?;
    let Some(token) = &settings.http_token else { return Ok(()) };
    let path = request.uri().path();
    if path == page::LOGIN || page::is_asset(path) {
        return Ok(());
    }
    let is_it = |given: &[u8]| bool::from(given.ct_eq(token.reveal().as_bytes()));
    if bearer(headers).is_some_and(|given| is_it(given.as_bytes()))
        || page::token(headers).is_some_and(|given| is_it(&given))
    {
        return Ok(());
    }
    let error = ApiError::new(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
    Err(error
        .help("send `Authorization: Bearer TOKEN` with the token that mockmx was started with")
        .header(header::WWW_AUTHENTICATE, "Bearer realm=\"mockmx\""))
}

/// The host that the client believes to talk to.
fn host(request: &Request) -> Result<Authority, ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let host = host.filter(|_| more.is_none()).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let host = host.filter(|host| !host.as_str().contains('@'));
    let host = host.filter(|host| request.uri().authority().is_none_or(|other| other == host));
    host.ok_or_else(|| misdirected("the request has no `Host`, or not one alone"))
}

fn check_host(host: &Authority, names: &[String]) -> Result<(), ApiError> {
    let name = host.host();
    // Settings have domains in the form that they are compared in.
    let plain = fold(name);
    let literal = plain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&plain);
    if literal.parse::<IpAddr>().is_ok() || plain == "localhost" || names.contains(&plain) {
        return Ok(());
    }
    Err(misdirected(format!("mockmx is not known as `{plain}`")))
}

fn misdirected(detail: impl Into<String>) -> ApiError {
    let error = ApiError::new(StatusCode::MISDIRECTED_REQUEST, detail);
    error.help("ask by an IP address or `localhost`, or name the host in `http-hosts`")
}

/// Whether a person goes to a page, from wherever.
fn is_visit(request: &Request) -> bool {
    let says = |name: &str, wanted: &str| {
        request.headers().get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    request.method() == Method::GET
        && !request.uri().path().starts_with("/api/")
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}

fn check_origin(headers: &HeaderMap, host: &Authority, is_visit: bool) -> Result<(), ApiError> {
    let own = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host.as_str()))
    };
    let foreign = !headers.get_all(header::ORIGIN).iter().all(own);
    let crossed = !is_visit
        && headers.get_all("sec-fetch-site").iter().any(|site| {
            // `same-site` is another port of this host, where anything may be.
            [b"cross-site".as_slice(), b"same-site"].iter().any(|other| site.as_bytes().eq_ignore_ascii_case(other))
        });
    if foreign || crossed {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "the request comes from a page of another site"));
    }
    Ok(())
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::default();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn status(headers: &[(&'static str, &'static str)]) -> Option<u16> {
        let request = request(headers);
        let admitted = host(&request).and_then(|host| {
            check_host(&host, &["mockmx".to_owned()])?;
            check_origin(request.headers(), &host, is_visit(&request))
        });
        admitted.err().map(|error| error.into_response().status().as_u16())
    }

    #[test]
    fn a_host_is_an_address_localhost_or_a_name_of_ours() {
        for host in
            ["127.0.0.1", "127.0.0.1:8025", "[::1]:8025", "localhost", "LOCALHOST.:80", "MockMX:8025", "8.8.8.8"]
        {
            assert_eq!(status(&[("host", host)]), None, "{host}");
        }
        for host in
            ["evil.test", "evil.test:8025", "127.0.0.1.evil.test", "localhost.evil.test", "a@localhost", "", "0x7f.1"]
        {
            assert_eq!(status(&[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(status(&[]), Some(421));
        assert_eq!(status(&[("host", "localhost"), ("host", "evil.test")]), Some(421));
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let host = ("host", "localhost:8025");
        assert_eq!(status(&[host, ("origin", "http://localhost:8025"), ("sec-fetch-site", "same-origin")]), None);
        assert_eq!(status(&[host, ("sec-fetch-site", "none")]), None);
        for origin in
            ["http://evil.test", "null", "http://localhost", "https://localhost:8025", "http://localhost:80250", ""]
        {
            assert_eq!(status(&[host, ("origin", origin)]), Some(403), "{origin}");
        }
        assert_eq!(status(&[host, ("sec-fetch-site", "same-site")]), Some(403));
        let crossed = ("sec-fetch-site", "cross-site");
        assert_eq!(status(&[host, crossed]), Some(403));
        // A link leads here.
        assert_eq!(status(&[host, crossed, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]), None);
        assert_eq!(status(&[host, crossed, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]), Some(403));
    }
}
