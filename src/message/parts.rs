//! The parts of a message (RFC 2046), found in one pass over its lines.
//!
//! mail-parser decodes all parts at once, looks for a delimiter anywhere in a line, and searches to the end of the
//! message once for each multipart whose delimiter is missing. Here a message is cut into ranges, each line is looked
//! at once, and the parts are decoded one by one by whoever wants them.

use std::ops::Range;

use super::bounds::Bounds;
use super::header::Section;
use super::parameters::Structured;
use super::transfer::Transfer;

/// A part that is no multipart, or a multipart that could not be cut into parts.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its number as IMAP counts parts (RFC 3501 §6.4.5).
    pub(super) number: String,
    /// How many multiparts and messages it is within.
    pub(super) level: usize,
    /// Its body, encoded.
    pub(super) body: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
    /// `text/html`, or as the field says.
    pub(super) media: String,
    pub(super) charset: Option<String>,
    pub(super) transfer: Transfer,
    /// All names that it goes by.
    pub(super) names: Vec<String>,
    /// Content-Disposition says attachment.
    pub(super) attached: bool,
    /// The outermost attached message that it belongs to, by its index among the parts.
    pub(super) within: Option<usize>,
    /// The header section, if it is that of a message: fields of the raw message.
    pub(super) message: Option<Section>,
}

/// What a part is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has bytes of its own.
    #[default]
    Leaf,
    /// A multipart of which no part was met yet.
    Undivided,
    /// Holds the parts that follow it.
    Container,
    /// An attached message, whose own parts follow it.
    Message,
}

/// The parts of a message, and whether the bounds cut something off.
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    pub(super) unseen: Vec<&'static str>,
}

/// Cuts a message into parts.
pub(super) fn split(raw: &[u8], bounds: &Bounds) -> Parts {
    let mut walk = Walk { raw, bounds, parts: Vec::new(), open: Vec::new(), unseen: Vec::new() };
    walk.entity(0, String::new(), true, false);
    let mut at = walk.parts.last().map_or(raw.len(), |part| part.body.start);
    while let Some(delimiter) = walk.next_delimiter(at) {
        walk.close_above(delimiter.level, delimiter.start);
        at = delimiter.end;
        if delimiter.last {
            // Parts after the last delimiter are still shown by some programs, so the multipart stays open.
        } else if walk.parts.len() < bounds.parts {
            at = walk.child(delimiter);
        } else {
            walk.unseen.push("parts");
            break;
        }
    }
    walk.close_above(0, raw.len());
    for part in &mut walk.parts {
        // A multipart without parts is a part by itself.
        if part.kind == Kind::Undivided {
            part.kind = Kind::Leaf;
            if part.message.is_some() {
                part.number = first_of(&part.number);
            }
        }
    }
    Parts { parts: walk.parts, unseen: walk.unseen }
}

/// A multipart or a message whose end was not met yet.
struct Frame {
    part: usize,
    /// Of a multipart; an attached message has none.
    boundary: Option<Vec<u8>>,
    /// The number before the numbers of its parts.
    prefix: String,
    children: usize,
    digest: bool,
}

struct Delimiter {
    /// The index of the open multipart that it belongs to.
    level: usize,
    start: usize,
    end: usize,
    last: bool,
}

struct Walk<'a> {
    raw: &'a [u8],
    bounds: &'a Bounds,
    parts: Vec<Part>,
    open: Vec<Frame>,
    unseen: Vec<&'static str>,
}

impl Walk<'_> {
    /// Begins the next part of the multipart that a delimiter belongs to; says where to go on.
    fn child(&mut self, delimiter: Delimiter) -> usize {
        let Some(frame) = self.open.get_mut(delimiter.level) else { return delimiter.end };
        self.parts[frame.part].kind = Kind::Container;
        frame.children += 1;
        let dot = if frame.prefix.is_empty() { "" } else { "." };
        let number = format!("{}{dot}{}", frame.prefix, frame.children);
        let digest = frame.digest;
        self.entity(delimiter.end, number, false, digest);
        self.parts.last().map_or(delimiter.end, |part| part.body.start)
    }

    /// Reads the header of an entity, and of the message in it, and so on.
    fn entity(&mut self, start: usize, number: String, root: bool, digest: bool) {
        let (mut start, mut number, mut root, mut digest) = (start, number, root, digest);
        loop {
            let section = Section::read(self.raw, start, self.bounds);
            if section.cut {
                self.unseen.push("header fields");
            }
            let (mut part, boundary, is_digest) = describe(self.raw, &section, digest);
            part.level = self.open.len();
            part.within = self.open.iter().find(|frame| frame.boundary.is_none()).map(|frame| frame.part);
            start = section.body;
            part.body = start..self.raw.len();
            part.message = root.then_some(section);
            let index = self.parts.len();
            let message = is_message(&part.media) && part.transfer == Transfer::Identity;
            // A message is a part, and what it holds is one more.
            let full = index + usize::from(message) >= self.bounds.parts;
            let deep = full || self.open.len() >= self.bounds.depth;
            // The parts of a multipart that is a whole message are numbered as if they were the message's own.
            let multipart = boundary.is_some() && !deep;
            part.number = if root && !multipart { first_of(&number) } else { number.clone() };
            if (message || boundary.is_some()) && deep {
                self.unseen.push("nested parts");
            } else if message {
                part.kind = Kind::Message;
                number.clone_from(&part.number);
                self.parts.push(part);
                self.open.push(Frame {
                    part: index,
                    boundary: None,
                    prefix: String::new(),
                    children: 0,
                    digest: false,
                });
                (root, digest) = (true, false);
                continue;
            } else if multipart {
                part.kind = Kind::Undivided;
                let prefix = number;
                self.open.push(Frame { part: index, boundary, prefix, children: 0, digest: is_digest });
            }
            self.parts.push(part);
            return;
        }
    }

    /// The next line that delimits parts of any open multipart.
    fn next_delimiter(&self, from: usize) -> Option<Delimiter> {
        if self.open.iter().all(|frame| frame.boundary.is_none()) {
            return None;
        }
        let mut at = from;
        let begins = at == 0 || self.raw.get(at - 1) == Some(&b'\n');
        let mut fresh = begins;
        loop {
            if !fresh {
                at += memchr::memmem::find(&self.raw[at..], b"\n--")? + 1;
            }
            fresh = false;
            if !self.raw[at..].starts_with(b"--") {
                continue;
            }
            let end = memchr::memchr(b'\n', &self.raw[at..]).map_or(self.raw.len(), |length| at + length + 1);
            if let Some((level, last)) = self.level_of(self.raw[at + 2..end].trim_ascii_end()) {
                return Some(Delimiter { level, start: at, end, last });
            }
            if end == self.raw.len() {
                return None;
            }
            at = end - 1;
        }
    }

    /// The multipart that a line, without its dashes, delimits: the innermost whose boundary it is, else the innermost
    /// whose boundary it begins with (RFC 2046 §5.1.2).
    fn level_of(&self, line: &[u8]) -> Option<(usize, bool)> {
        let boundaries = || {
            self.open.iter().enumerate().rev().filter_map(|(level, frame)| Some((level, frame.boundary.as_deref()?)))
        };
        let exact = boundaries().find_map(|(level, boundary)| match line.strip_prefix(boundary)? {
            b"" => Some((level, false)),
            b"--" => Some((level, true)),
            _ => None,
        });
        exact.or_else(|| {
            boundaries().find_map(|(level, boundary)| Some((level, line.strip_prefix(boundary)?.starts_with(b"--"))))
        })
    }

    /// Ends all that is open within the multipart `level`, at the line break before `end`.
    fn close_above(&mut self, level: usize, end: usize) {
        let end = if end == self.raw.len() { end } else { before_line_break(self.raw, end) };
        let last = self.parts.len().checked_sub(1);
        let closed = self.open.drain((level + 1).min(self.open.len())..).map(|frame| frame.part);
        for index in closed.chain(last) {
            let body = &mut self.parts[index].body;
            // What was ended before keeps its end.
            body.end = body.end.min(end.max(body.start));
        }
    }
}

/// The number of the only part of the message with that number.
fn first_of(number: &str) -> String {
    if number.is_empty() { "1".to_owned() } else { format!("{number}.1") }
}

/// Where the line before `at` ends: the line break belongs to the delimiter.
fn before_line_break(raw: &[u8], at: usize) -> usize {
    let text = &raw[..at];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text).len()
}

pub(super) fn is_message(media: &str) -> bool {
    matches!(media, "message/rfc822" | "message/global" | "message/news")
}

/// What the fields of a header section say of the part.
fn describe(raw: &[u8], section: &Section, digest: bool) -> (Part, Option<Vec<u8>>, bool) {
    let content_type = section.value(raw, "content-type").map(|value| Structured::read(&value)).unwrap_or_default();
    let disposition =
        section.value(raw, "content-disposition").map(|value| Structured::read(&value)).unwrap_or_default();
    let transfer = section.value(raw, "content-transfer-encoding").unwrap_or_default();
    let mut names = disposition.names("filename");
    for name in [disposition.names("name"), content_type.names("name"), content_type.names("filename")].concat() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.retain(|name| !name.is_empty());
    let media = match content_type.value.as_str() {
        "" if digest => "message/rfc822",
        // Without a subtype it means nothing (RFC 2045 §5.2).
        value if !value.contains('/') => "text/plain",
        value => value,
    };
    // A boundary may be written by RFC 2231, as any parameter.
    let boundary = content_type.bytes("boundary").map(<[u8]>::to_vec);
    let boundary = boundary.or_else(|| content_type.token("boundary").map(String::into_bytes));
    let boundary = boundary.map(|value| value.trim_ascii_end().to_vec());
    let multipart = media.starts_with("multipart/");
    let part = Part {
        media: media.to_owned(),
        charset: content_type.token("charset"),
        transfer: Transfer::named(&String::from_utf8_lossy(&transfer)),
        names,
        attached: disposition.value == "attachment",
        ..Part::default()
    };
    let is_digest = media == "multipart/digest";
    (part, boundary.filter(|boundary| multipart && !boundary.is_empty()), is_digest)
}
