//! JSON that a terminal shows as it is.

use std::fmt::Write as _;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::errors::ApiError;
use crate::escape::is_unseen;

/// A JSON document in which every character that would not be seen as what it is is escaped, not only those that JSON
/// wants to have escaped: a terminal obeys U+009B too, and a bidi control turns around what follows.
pub(crate) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_unseen) {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        // JSON has these in strings only, where an escape means the same.
        if is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Ok(escaped)
}

/// 200 with a JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let body = text(value).map_err(|error| ApiError::fault(&error))? + "\n";
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_escaped_and_means_the_same() {
        for shown in ["\u{9b}1m", "\u{7f}", "\u{202e}x", "\u{feff}", "\u{e0041}", "\u{1b}\n\"\\", "发票 <b>"] {
            let text = text(&shown).unwrap();
            assert!(!text.contains(is_unseen), "{text}");
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), shown);
        }
    }
}
