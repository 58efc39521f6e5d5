//! The values that settings are written in: addresses, sizes, durations, names.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;

use crate::clock;
use crate::document::{Node, Value, expected};
use crate::problem::{Place, Problem, Problems};

/// An address to listen on: `2525` is that port on 127.0.0.1, `:2525` on every IPv4 address.
///
/// # Errors
/// If it is none.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("`{text}` is no address to listen on");
    let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
    let port = port.parse().map_err(|_| wrong())?;
    match host {
        "" => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        _ if host.eq_ignore_ascii_case("localhost") => Ok((Ipv4Addr::LOCALHOST, port).into()),
        _ => text.parse().map_err(|_| wrong()),
    }
}

/// What is shown beside an address that cannot be read.
pub(super) const ADDRESS_HELP: &str =
    "an address is `127.0.0.1:2525`, `[::1]:2525`, `localhost:2525`, `:2525` for all of IPv4, or a port alone";

/// A number of bytes within `bounds`: `4096` or `"4 KiB"`.
pub(super) fn size(node: &Node, bounds: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
    let text = number_or_text(node, "a size such as \"64 KiB\"", problems)?;
    let Ok(ByteSize(size)) = text.parse::<ByteSize>() else {
        problems.push(Problem::new(&node.place, format!("`{text}` is no size")).help("a size is `4096` or `64 KiB`"));
        return None;
    };
    within(node, size, &bounds, |size| ByteSize(*size).to_string(), problems)
}

/// A length of time within `bounds`: `"5m"`.
pub(super) fn duration(node: &Node, bounds: RangeInclusive<Duration>, problems: &mut Problems) -> Option<Duration> {
    let Value::Text(text) = &node.value else {
        return expected("a length of time such as \"10s\" or \"5m\"", node, problems);
    };
    let Some(duration) = clock::length(text) else {
        let problem = Problem::new(&node.place, format!("`{text}` is no length of time"));
        problems.push(problem.help("a length of time is `500ms`, `10s`, `5m` or `1h 30m`"));
        return None;
    };
    let show =
        |length: &Duration| SignedDuration::try_from(*length).map_or_else(|_| String::new(), |it| format!("{it:#}"));
    within(node, duration, &bounds, show, problems)
}

/// A whole number within `bounds`.
pub(super) fn number(node: &Node, bounds: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
    let Value::Integer(number) = node.value else { return expected("a whole number", node, problems) };
    // A negative number is less than every bound.
    within(node, u64::try_from(number).unwrap_or_default(), &bounds, u64::to_string, problems)
}

/// The digits of a whole number, or the text.
pub(super) fn number_or_text<'n>(node: &'n Node, wanted: &str, problems: &mut Problems) -> Option<Cow<'n, str>> {
    match &node.value {
        Value::Text(text) => Some(Cow::Borrowed(text.trim())),
        Value::Integer(number) => Some(Cow::Owned(number.to_string())),
        _ => expected(wanted, node, problems),
    }
}

/// One of the words that a setting can hold.
pub(super) fn word<T: Copy>(node: &Node, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let text = node.as_text().or_else(|| expected("text", node, problems))?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        problems.push(Problem::new(&node.place, format!("`{text}` is none of {}", words.join(", "))));
    }
    found.map(|(_, value)| *value)
}

/// A listener's name: it is printed in `listening NAME ADDRESS`, so it is one word.
pub(super) fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text {
        "" => Err("a name cannot be empty".to_owned()),
        _ if text.chars().all(plain) => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is no name: letters, digits, `-`, `_` and `.` make one")),
    }
}

/// A path; one in a settings file is taken from the file's folder.
pub(super) fn path(text: &str, place: &Place) -> PathBuf {
    match place {
        Place::File(source, _) => Path::new(&source.name).parent().unwrap_or_else(|| Path::new("")).join(text),
        _ => PathBuf::from(text),
    }
}

fn within<T: PartialOrd>(
    node: &Node,
    value: T,
    bounds: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
    problems: &mut Problems,
) -> Option<T> {
    if bounds.contains(&value) {
        return Some(value);
    }
    let (least, most) = (show(bounds.start()), show(bounds.end()));
    problems.push(Problem::new(&node.place, format!("it must be from {least} to {most}")));
    None
}

/// The value of `result`; its error is noted at `node`, with `help`.
pub(super) fn helped<T, E: Display>(
    node: &Node,
    result: Result<T, E>,
    help: &str,
    problems: &mut Problems,
) -> Option<T> {
    result.map_err(|error| problems.push(Problem::new(&node.place, error.to_string()).help(help))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        Node { place: Place::Default, value }
    }

    fn texts(problems: &Problems) -> Vec<&str> {
        problems.0.iter().map(|problem| problem.text.as_str()).collect()
    }

    #[test]
    fn an_address_may_leave_out_its_host() {
        for (text, wanted) in [
            ("2525", "127.0.0.1:2525"),
            (":2525", "0.0.0.0:2525"),
            ("localhost:0", "127.0.0.1:0"),
            ("[::1]:25", "[::1]:25"),
            ("0.0.0.0:65535", "0.0.0.0:65535"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), wanted, "{text}");
        }
        for text in ["", "65536", "mail.example.com:25", "::1", "127.0.0.1", "127.0.0.1:", "localhost", "-1", "::1:x"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_has_a_unit_and_bounds() {
        let mut problems = Problems::default();
        let mut read = |value| size(&node(value), 1..=1 << 20, &mut problems);
        assert_eq!(read(Value::Integer(4096)), Some(4096));
        assert_eq!(read(Value::Text("4096".to_owned())), Some(4096));
        assert_eq!(read(Value::Text("64 KiB".to_owned())), Some(65_536));
        assert_eq!(read(Value::Text("64k".to_owned())), Some(64_000));
        assert_eq!(read(Value::Integer(-1)), None);
        assert_eq!(read(Value::Text("64 KiBits".to_owned())), None);
        assert_eq!(read(Value::Text("2 MiB".to_owned())), None);
        assert_eq!(read(Value::Boolean(true)), None);
        assert_eq!(
            texts(&problems),
            [
                "`-1` is no size",
                "`64 KiBits` is no size",
                "it must be from 1 B to 1.0 MiB",
                "expected a size such as \"64 KiB\", found true or false"
            ]
        );
    }

    #[test]
    fn a_duration_has_a_unit_and_bounds() {
        let mut problems = Problems::default();
        let bounds = Duration::from_secs(1)..=Duration::from_secs(3600);
        let mut read = |text: &str| duration(&node(Value::Text(text.to_owned())), bounds.clone(), &mut problems);
        assert_eq!(read("5m"), Some(Duration::from_secs(300)));
        assert_eq!(read("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(read("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!((read("5"), read("-5m"), read("2h"), read("0s")), (None, None, None, None));
        assert_eq!(
            texts(&problems),
            [
                "`5` is no length of time",
                "`-5m` is no length of time",
                "it must be from 1s to 1h",
                "it must be from 1s to 1h"
            ]
        );
    }

    #[test]
    fn a_name_is_one_word() {
        assert!(name("mx-2").is_ok());
        assert!(name("").is_err() && name("a b").is_err() && name("a\nlistening smtp").is_err());
    }
}
