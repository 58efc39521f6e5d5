//! What of the original goes back with a report.

use super::mime::Part;
use super::{Form, Kind, Returns, Source};

/// The largest message that is returned whole to a sender who asks for it (RET=FULL).
const MOST: usize = 10 << 20;

/// The largest header section that is returned; a longer one ends with its last whole line within.
const MOST_HEADER: usize = 64 << 10;

/// What is returned of the original.
///
/// RET speaks of reports of failures; all others carry header fields at most (RFC 3461 §4.3). Without it, the form
/// decides, by the message's size as well. A message too large to be returned leaves its header.
pub(super) fn returns(source: &Source<'_>, form: &Form) -> Returns {
    let length = source.event.original.raw.len();
    let failed = matches!(source.event.kind, Kind::Failed { .. });
    let wanted = match source.message().parameters.ret.as_deref() {
        _ if !failed => return if form.returns == Returns::Nothing { Returns::Nothing } else { Returns::Headers },
        Some("FULL") if length <= MOST => return Returns::Full,
        Some(_) => Returns::Headers,
        None => form.returns,
    };
    if wanted == Returns::Full && length > form.return_most { Returns::Headers } else { wanted }
}

/// The bytes that are returned.
pub(super) fn bytes<'a>(source: &Source<'a>, returns: Returns) -> &'a [u8] {
    match returns {
        Returns::Full => source.event.original.raw,
        Returns::Headers => {
            let section = source.head.section;
            let within = &section[..section.len().min(MOST_HEADER)];
            if within.len() == section.len() {
                return section;
            }
            // A field is not cut in its middle: what is left of it could mean something else.
            let end = memchr::memrchr(b'\n', within).map_or(0, |at| at + 1);
            &within[..end]
        }
        Returns::Nothing => &[],
    }
}

/// The part that carries the original: `message/rfc822` or `text/rfc822-headers` (RFC 6522 §4), of UTF-8 header fields
/// `message/global` or `message/global-headers` (RFC 6533 §4).
///
/// It is labelled `8bit` as soon as a byte has eight bits. Long lines and bare line feeds, which RFC 2045 would have
/// called `binary`, are labelled so too: no server takes `binary` from here, and the bytes must stay as they are.
pub(super) fn part<'a>(source: &Source<'a>, returns: Returns, utf8: bool) -> Option<Part<'a>> {
    let bytes = bytes(source, returns);
    let (kind, description) = match (returns, utf8) {
        (Returns::Nothing, _) => return None,
        (Returns::Full, false) => ("message/rfc822", "Original message"),
        (Returns::Full, true) => ("message/global", "Original message"),
        (Returns::Headers, false) => ("text/rfc822-headers", "Original message header"),
        (Returns::Headers, true) => ("message/global-headers", "Original message header"),
    };
    Some(Part::of(kind, description, bytes.into()))
}
