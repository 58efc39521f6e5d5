//! Files as they are handed out, under names that are safe although strangers chose them.

use std::fmt::Write as _;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::escape::is_unseen;
use crate::journal::record::Id;

/// The longest name, in characters.
const LONGEST: usize = 150;

/// Bytes as they are.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "it is only described")]
pub(crate) struct Bytes(Vec<u8>);

/// A name that is safe to save under: one step of a path, of characters that can be seen and that no file system takes
/// for anything else.
pub(crate) fn file_name(name: &str, index: usize) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if is_unseen(c) || "\"*:<>?|".contains(c) { '_' } else { c };
    let name: String = last.chars().map(plain).take(LONGEST).collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if name.is_empty() { format!("attachment-{index}") } else { name.to_owned() }
}

/// A mail as it is, to be saved under its id.
pub(crate) fn mail(id: Id, bytes: Vec<u8>) -> Response {
    let name = disposition(&format!("{id}.eml"));
    ([(header::CONTENT_TYPE, "message/rfc822"), (header::CONTENT_DISPOSITION, &name)], bytes).into_response()
}

/// `Content-Disposition` (RFC 6266): the name in ASCII, and as it is where that is not the same.
pub(crate) fn disposition(name: &str) -> String {
    let ascii: String = name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).collect();
    let ascii = ascii.replace(['"', '\\'], "_");
    let mut value = format!("attachment; filename=\"{ascii}\"");
    if ascii != name {
        value.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                value.push(char::from(byte));
            } else {
                let _ = write!(value, "%{byte:02X}");
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_step_and_can_be_seen() {
        for (name, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\a.exe", "a.exe"),
            ("..", "attachment-3"),
            ("", "attachment-3"),
            (".profile", "profile"),
            ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x"),
            ("x\u{202e}fdp.exe", "x_fdp.exe"),
            ("发票.pdf", "发票.pdf"),
        ] {
            assert_eq!(file_name(name, 3), safe, "{name:?}");
        }
        assert_eq!(file_name(&"x".repeat(9_999), 0).len(), LONGEST);
    }

    #[test]
    fn a_disposition_is_a_header_of_one_line() {
        assert_eq!(disposition("a b.pdf"), "attachment; filename=\"a b.pdf\"");
        assert_eq!(disposition("发\".x"), "attachment; filename=\"__.x\"; filename*=UTF-8''%E5%8F%91%22.x");
    }
}
