//! What pages are made of besides themselves, compiled in.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::http::errors::ApiError;

const FOLDER: &str = "/assets/";

/// Names with media types and bytes.
const ASSETS: [(&str, &str, &[u8]); 4] = [
    ("page.css", "text/css; charset=utf-8", include_bytes!("assets/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_bytes!("assets/page.js")),
    ("htmx.min.js", "text/javascript; charset=utf-8", include_bytes!("assets/htmx.min.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];

/// Whether a path is that of one, which says nothing of what mockmx knows.
pub(in crate::http) fn is_asset(path: &str) -> bool {
    path.starts_with(FOLDER)
}

pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = ASSETS.iter().find(|(known, ..)| *known == name);
    let (_, media, bytes) = found.ok_or_else(|| ApiError::not_found("there is no such file"))?;
    // Asked for anew each time: they are small, near, and another mockmx may be here tomorrow.
    Ok(([(header::CONTENT_TYPE, *media)], *bytes).into_response())
}
