//! How a reply is brought, and how the connection fares: networks break in more ways than servers refuse.
//!
//! ```toml
//! then = "reset"
//! after = "reply"        # say the positive reply first: 354 and then nothing
//! after = "100 KiB"      # at stage data: in the middle of the message
//! keep = true            # at stage message: the message is kept although the client is never told so
//!
//! reply = "550 no such user"
//! pace = "2 B"           # so many bytes of it a second
//! cut = 6                # so many bytes of it, and then the end
//! raw = "250-one\r\n550 two\r\n"     # what goes out in place of a reply, right or wrong
//! ```

use std::num::NonZeroU32;

use crate::document::{Node, Table, expected};
use crate::policy::parse;
use crate::policy::rule::Reading;
use crate::stage::Stage;
use crate::verdict::{End, Manner, When};

/// The longest `raw`.
const LONGEST_RAW: usize = 64 * 1024;

/// Reads the keys; `end` is what `then` says of the connection.
pub(super) fn read(table: &mut Table<'_>, end: Option<End>, reading: &mut Reading<'_, '_>) -> Manner {
    let after = table.node("after").and_then(|node| after(node, reading));
    let keep = table.boolean("keep", reading.problems).unwrap_or_default();
    let pace = parse::size_at(table, "pace", reading.problems).map(|pace| u32::try_from(pace).unwrap_or(u32::MAX));
    let cut = parse::size_at(table, "cut", reading.problems).map(|cut| usize::try_from(cut).unwrap_or(usize::MAX));
    let raw = table.text("raw", reading.problems).map(|raw| raw.as_bytes().to_vec());
    let place = table.place();
    if (after.is_some() || keep) && end.is_none() {
        reading.problem(place, "`after` and `keep` go with `then = \"drop\"`, \"reset\" or \"stall\"");
    }
    if keep && reading.stage != Stage::Message {
        reading.problem(place, format!("a message can be kept at stage message, not at stage {}", reading.stage));
    }
    if keep && after.is_some() {
        reading.problem(place, "`keep` is for a client that is told nothing; `after` tells it");
    }
    if matches!(after, Some(When::Bytes(_))) && reading.stage != Stage::Data {
        reading.problem(place, format!("a message comes after stage data, not after stage {}", reading.stage));
    }
    if pace == Some(0) {
        reading.problem(place, "`pace` is at least a byte a second");
    }
    if raw.as_ref().is_some_and(|raw| raw.len() > LONGEST_RAW) {
        reading.problem(place, format!("`raw` has {LONGEST_RAW} bytes at most"));
    }
    Manner { pace: pace.and_then(NonZeroU32::new), cut, raw, end: after.zip(end), keep }
}

/// Whether no whole reply comes, or the connection breaks behind it.
pub(crate) const fn breaks(manner: &Manner) -> bool {
    manner.cut.is_some() || manner.raw.is_some() || manner.end.is_some()
}

/// What is out of the ordinary, in words.
pub(crate) fn describe(manner: &Manner) -> Option<String> {
    let raw = manner.raw.as_deref().map(|raw| format!("in its place goes \"{}\"", raw.escape_ascii()));
    let pace = manner.pace.map(|pace| format!("{pace} bytes of it a second"));
    let cut = manner.cut.map(|cut| format!("{cut} bytes of it, and the connection ends"));
    let end = manner.end.map(|(when, end)| {
        let when = match when {
            When::Reply => "behind it".to_owned(),
            When::Bytes(bytes) => format!("after {bytes} bytes of the message"),
        };
        let end = match end {
            End::Drop => "the connection is closed",
            End::Reset => "the connection is reset",
            End::Stall => "nothing more is said",
        };
        format!("{when} {end}")
    });
    let keep = manner.keep.then(|| "the message is kept".to_owned());
    let words: Vec<_> = [raw, pace, cut, end, keep].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn after(node: &Node, reading: &mut Reading<'_, '_>) -> Option<When> {
    match node.as_text() {
        Some("reply") => Some(When::Reply),
        Some(text) if !text.starts_with(|c: char| c.is_ascii_digit()) => {
            expected("\"reply\" or a size as \"100 KiB\"", node, reading.problems)
        }
        _ => parse::size(node, reading.problems).map(When::Bytes),
    }
}
