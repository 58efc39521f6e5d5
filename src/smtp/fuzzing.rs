//! What the fuzz targets see of the parts.

use super::command::{Command, is_http};
use super::line::{Input, Line};
use super::{Canned, Extensions};

/// How a stream was cut into lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Each line without its end, and whether that was a bare LF; nothing for one that was too long.
    pub lines: Vec<Option<(Vec<u8>, bool)>>,
    /// What is kept of the line under way.
    pub rest: Vec<u8>,
}

/// Cuts a stream that comes in pieces.
#[must_use]
pub fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Cut {
    let (mut input, mut cut) = (Input::default(), Cut::default());
    for piece in pieces {
        input.push(piece);
        while let Some(line) = input.line(limit) {
            cut.lines.push(match line {
                Line::Whole(line) => Some((line, input.bare_lf())),
                Line::TooLong => None,
            });
        }
        assert!(input.rest().len() < limit.max(1), "the line under way is kept beyond the limit");
    }
    cut.rest = input.rest().to_vec();
    cut
}

/// Parses a command; of one that follows the grammar its debug form.
///
/// # Errors
/// The reply that says what is wrong.
pub fn parse(line: &[u8], offered: Extensions) -> Result<String, Canned> {
    Command::parse(line, offered).map(|command| format!("{command:?}"))
}

/// Whether the beginning of a line is that of an HTTP request.
#[must_use]
pub fn is_request(line: &[u8]) -> bool {
    is_http(line)
}
