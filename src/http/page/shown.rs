//! What strangers wrote, as it can be shown, and no more of it than a page can carry.

use std::time::Duration;

use bytesize::ByteSize;

use crate::brought::within;
use crate::clock::Time;
use crate::escape::Escaped;

/// The beginning of a text that is shown, and the bytes of it that are not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) text: String,
    pub(super) left_out: usize,
}

impl Beginning {
    /// Of a text, line by line.
    pub(super) fn of_text(text: &str, most: usize) -> Self {
        let shown = within(text.as_bytes(), most).len();
        let (shown, left_out) = text.split_at(shown);
        Self { text: lines(shown), left_out: left_out.len() }
    }

    /// Of the bytes of a mail: whatever ends a line and is no CR LF is seen.
    pub(super) fn of_raw(raw: &[u8], most: usize) -> Self {
        let shown = within(raw, most);
        let mut text = String::with_capacity(shown.len());
        for line in String::from_utf8_lossy(shown).split_inclusive('\n') {
            match line.strip_suffix("\r\n") {
                Some(line) => text += &(Escaped(line).to_string() + "\n"),
                None if line.ends_with('\n') => text += &(Escaped(line).to_string() + "\n"),
                None => text += &Escaped(line).to_string(),
            }
        }
        Self { text, left_out: raw.len() - shown.len() }
    }
}

/// A text, each line by itself. Tabs stay.
pub(super) fn lines(text: &str) -> String {
    let line = |line: &str| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\t').map(|part| Escaped(part).to_string()).collect::<Vec<_>>().join("\t")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// An address; the null path as `<>`.
pub(super) fn address(address: &str) -> String {
    if address.is_empty() { "<>".to_owned() } else { Escaped(address).to_string() }
}

/// So many bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// A moment to the second, in UTC.
pub(super) fn moment(time: Time) -> String {
    let text = time.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// The time of day to the second, in UTC.
pub(super) fn day_time(time: Time) -> String {
    time.to_string().get(11..19).unwrap_or_default().to_owned()
}

/// A time that is left, in whole seconds that have begun, as `page.js` goes on with it.
pub(super) fn countdown(left: Duration) -> String {
    let seconds = left.as_millis().div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_lines_and_tabs_and_nothing_else_unseen() {
        assert_eq!(lines("a\tb\r\nc\u{202e}\r\r\n\\"), "a\tb\nc\\u{202e}\\r\n\\\\");
        let beginning = Beginning::of_text("发票发票", 8);
        assert_eq!((beginning.text.as_str(), beginning.left_out), ("发票", 6));
        assert_eq!(Beginning::of_text("", 8), Beginning { text: String::new(), left_out: 0 });
    }

    #[test]
    fn a_bare_line_feed_is_seen() {
        let raw = Beginning::of_raw(b"a\r\nb\nc\rd\xff\r\nend", 100);
        assert_eq!(raw.text, "a\nb\\n\nc\\rd\u{fffd}\nend");
        assert_eq!(Beginning::of_raw(b"abcdef", 4), Beginning { text: "abcd".to_owned(), left_out: 2 });
    }

    #[test]
    fn sizes_and_moments_are_for_people() {
        assert_eq!((size(12), size(2_048)), ("12 B".to_owned(), "2.0 KiB".to_owned()));
        assert_eq!(moment(Time::from_unix_seconds(0)), "1970-01-01 00:00:00");
    }

    #[test]
    fn a_countdown_ends_when_it_is_over_and_not_before() {
        for (millis, told) in [
            (0, "0:00"),
            (1, "0:01"),
            (1_000, "0:01"),
            (60_001, "1:01"),
            (1_200_000, "20:00"),
            (86_399_999, "24:00:00"),
        ] {
            assert_eq!(countdown(Duration::from_millis(millis)), told, "{millis}");
        }
    }
}
