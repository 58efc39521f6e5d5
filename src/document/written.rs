//! TOML as packs are written.

use std::fmt::Write as _;

use serde_json::Value;

/// Adds a line, or several.
pub(crate) fn add(text: &mut String, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{line}");
}

/// A string. One of JSON is one of TOML too, but for DEL.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
