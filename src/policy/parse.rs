//! Small values as people write them in packs and settings.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::civil::Date;

use crate::clock;
use crate::document::{Node, Table, Value, expected, note, text};
use crate::problem::{Problem, Problems};
use crate::stage::Stage;

/// The value that goes by `name`.
///
/// # Errors
/// If there is none; the error lists all names.
pub(crate) fn one_of<T: Copy>(name: &str, values: &[(&str, T)]) -> Result<T, String> {
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(known, _)| format!("\"{known}\"")).collect();
        format!("expected {}, found \"{name}\"", known.join(" or "))
    })
}

/// `20m`, `1h 30m`, `500ms`: a time span that is longer than nothing.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    clock::length(text)
        .filter(|span| !span.is_zero())
        .ok_or_else(|| format!("expected a time as \"20m\" or \"1h 30m\", found \"{text}\""))
}

/// The stage that a node names.
pub(crate) fn stage(node: &Node, problems: &mut Problems) -> Option<Stage> {
    let named = Stage::named(text(node, problems)?);
    if named.is_none() {
        let names = Stage::ALL.map(Stage::name).join(", ");
        problems.push(Problem::new(&node.place, "there is no such stage").help(format!("stages: {names}")));
    }
    named
}

/// A time span from one time up to another: a list of the two.
pub(crate) fn span(node: &Node, problems: &mut Problems) -> Option<(Duration, Duration)> {
    let ends = match &node.value {
        Value::List(ends) => &ends[..],
        _ => &[],
    };
    let [least, most] = ends else {
        problems.push(Problem::new(&node.place, "a span of times has two ends, as `[\"15m\", \"20m\"]`"));
        return None;
    };
    let mut one = |node| note(node, duration(text(node, problems)?), problems);
    let (least, most) = (one(least)?, one(most)?);
    if least > most {
        problems.push(Problem::new(&node.place, "a span of times begins with the shorter one"));
        return None;
    }
    Some((least, most))
}

/// `2015-01-01`.
///
/// # Errors
/// If it is no date.
pub fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("expected a date as \"2015-01-01\", found \"{text}\""))
}

/// The time span at `key`.
pub(crate) fn duration_at(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<Duration> {
    table.converted(key, problems, duration)
}

/// The number of bytes at `key`: a whole number or `"20 MiB"`.
pub(crate) fn size_at(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<u64> {
    size(table.node(key)?, problems)
}

/// The number of bytes that a node tells.
pub(crate) fn size(node: &Node, problems: &mut Problems) -> Option<u64> {
    match &node.value {
        Value::Integer(number) => {
            note(node, u64::try_from(*number).map_err(|_| format!("{number} is out of range")), problems)
        }
        Value::Text(text) => {
            let size = text.parse::<ByteSize>().map_err(|_| format!("expected a size as \"20 MiB\", found \"{text}\""));
            note(node, size.map(|size| size.as_u64()), problems)
        }
        _ => expected("a size as \"20 MiB\"", node, problems),
    }
}

/// Whether an id can stand in a host name: `same-domain-auth`, `263`.
pub(crate) fn is_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    plain && !text.is_empty() && text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-')
}
