//! Reads the parts of a message into facts, one by one, within the bounds.

use std::borrow::Cow;
use std::collections::HashMap;

use super::bounds::Bounds;
use super::fold::Folder;
use super::header::Section;
use super::parts::{Kind, Part, is_message, split};
use super::transfer::{Transfer, uuencoded};
use super::{Attachment, Header, MessageFacts, Reading, Spot, Text};
use super::{charset, html, magic, words};

/// Files in the old manner within one text.
const MOST_UUENCODED: usize = 100;

/// What was read so far, and how much more may be.
pub(super) struct Reader<'a> {
    pub(super) bounds: &'a Bounds,
    pub(super) facts: MessageFacts,
    /// Bytes of text and of names left.
    text: usize,
    /// Parts left.
    parts: usize,
    /// Bytes of members of archives left.
    pub(super) inflated: usize,
    /// Decoded bytes that may be held now.
    pub(super) held: usize,
    /// What is put aside beside the facts.
    pub(super) aside: Aside,
}

/// What somebody wants to have of a message beside the facts, as it is.
#[derive(Debug, Default)]
pub(super) enum Aside {
    #[default]
    Nothing,
    /// The texts.
    Texts(Vec<Text>),
    /// The bytes of the attachment of that index, once they were met.
    File(usize, Option<Vec<u8>>),
}

impl<'a> Reader<'a> {
    pub(super) fn new(raw: &[u8], bounds: &'a Bounds) -> Self {
        let facts = MessageFacts { size: raw.len() as u64, ..MessageFacts::default() };
        let Bounds { text, parts, inflated, held, .. } = *bounds;
        Self { bounds, facts, text, parts, inflated, held, aside: Aside::Nothing }
    }

    /// Notes once that something lies beyond the bounds.
    pub(super) fn unseen(&mut self, what: &str) {
        if !self.facts.unseen.iter().any(|noted| noted == what) {
            self.facts.unseen.push(what.to_owned());
        }
    }

    /// Reads a message: the one that came, or one that was encoded in it as part `number`, within attachment `top`.
    pub(super) fn message(&mut self, raw: &[u8], number: &str, top: Option<usize>, depth: usize) {
        let bounds =
            Bounds { parts: self.parts, depth: self.bounds.depth.saturating_sub(depth), ..self.bounds.clone() };
        let split = split(raw, &bounds);
        self.parts = self.parts.saturating_sub(split.parts.len());
        for what in split.unseen {
            self.unseen(what);
        }
        let mut messages = HashMap::new();
        for (index, mut part) in split.parts.into_iter().enumerate() {
            if !number.is_empty() {
                part.number = format!("{number}.{}", part.number);
            }
            if let Some(section) = &part.message {
                self.header(raw, section, index == 0 && number.is_empty());
            }
            let top = top.or_else(|| part.within.and_then(|message| messages.get(&message).copied()));
            match part.kind {
                Kind::Container | Kind::Undivided => {}
                Kind::Message => {
                    let size = part.body.len();
                    if let Some(at) = self.attach(named(&part, top), size) {
                        self.put_aside(at, &raw[part.body.clone()]);
                        messages.insert(index, self.facts.attachments[at].top);
                    }
                }
                Kind::Leaf => self.leaf(raw, &part, top, depth),
            }
        }
    }

    /// Reads the header of a message.
    pub(super) fn header(&mut self, raw: &[u8], section: &Section, outermost: bool) {
        for (name, value) in &section.fields {
            let name = String::from_utf8_lossy(&raw[name.clone()]);
            let text = words::decode(raw[value.clone()].trim_ascii());
            let subject = name.eq_ignore_ascii_case("subject");
            let place = if subject { Spot::Subject } else { Spot::Header(name.to_ascii_lowercase()) };
            self.read(place, |folder| folder.push(&text));
            if outermost {
                let value: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
                if subject && !self.facts.headers.iter().any(|header| header.name.eq_ignore_ascii_case("subject")) {
                    self.facts.subject.clone_from(&value);
                }
                self.facts.headers.push(Header { name: name.into_owned(), value });
            }
        }
    }

    fn leaf(&mut self, raw: &[u8], part: &Part, top: Option<usize>, depth: usize) {
        let body = &raw[part.body.clone()];
        // A multipart that could not be cut is shown as text.
        let mut text = is_text(&part.media);
        if !text || part.attached || !part.names.is_empty() {
            let (bytes, all) = part.transfer.decode(body, self.held);
            if !all {
                self.unseen("attachments larger than can be held");
            }
            // A file of which nothing is said counts as text (RFC 2045 §5.2), but need not be.
            text &= part.charset.is_some() || memchr::memchr(0, &bytes[..bytes.len().min(8_192)]).is_none();
            let owned = if let Cow::Owned(bytes) = &bytes { bytes.len() } else { 0 };
            self.held -= owned;
            if is_message(&part.media) && part.transfer != Transfer::Identity && depth < self.bounds.depth {
                if let Some(at) = self.attach(named(part, top), bytes.len()) {
                    self.put_aside(at, &bytes);
                    let top = self.facts.attachments[at].top;
                    self.message(&bytes, &part.number, Some(top), depth + 1);
                }
            } else {
                self.inspect(&bytes, named(part, top), 0);
            }
            self.held += owned;
        }
        if text {
            self.body(body, part, top);
        }
    }

    /// Reads a text, plain or HTML.
    fn body(&mut self, body: &[u8], part: &Part, top: Option<usize>) {
        let (bytes, all) = part.transfer.decode(body, self.text);
        if !all {
            self.unseen("text");
        }
        let is_html = matches!(part.media.as_str(), "text/html" | "application/xhtml+xml");
        let declared = if is_html && part.charset.is_none() { html::declared_charset(&bytes) } else { None };
        if !is_html {
            self.uuencoded(&bytes, top);
        }
        let text = charset::decode(&bytes, part.charset.as_deref().or(declared.as_deref())).into_owned();
        // Of the three forms of a text only two are held at a time.
        drop(bytes);
        if let Aside::Texts(texts) = &mut self.aside
            && top.is_none()
            && texts.iter().map(|text| text.text.len()).sum::<usize>() + text.len() <= self.bounds.text
        {
            texts.push(Text { part: part.number.clone(), html: is_html, text: text.clone() });
        }
        let mut hidden = false;
        self.read(Spot::Body(part.number.clone()), |folder| {
            if is_html {
                hidden = html::read(&text, false, folder);
            } else {
                folder.push(&text);
            }
        });
        if hidden {
            self.read(Spot::Body(part.number.clone()), |folder| {
                html::read(&text, true, folder);
            });
        }
    }

    /// Finds files that were encoded in the old manner (`begin 644 name`).
    fn uuencoded(&mut self, text: &[u8], top: Option<usize>) {
        let (mut at, mut found) = (0, 0);
        while found < MOST_UUENCODED && at < text.len() {
            if let Some((name, start)) = uu_begin(&text[at..]) {
                let (bytes, length) = uuencoded(&text[at + start..]);
                let name = charset::guess(name).into_owned();
                self.inspect(
                    &bytes,
                    Attachment { path: vec![name], top: top.unwrap_or(OWN), ..Attachment::default() },
                    0,
                );
                at += start + length;
                found += 1;
            } else {
                match memchr::memmem::find(&text[at..], b"\nbegin ") {
                    Some(next) => at += next + 1,
                    None => break,
                }
            }
        }
    }

    /// Looks at the bytes of a file; says whether they hold the test string, also in an archive in an archive.
    pub(super) fn inspect(&mut self, bytes: &[u8], file: Attachment, depth: usize) -> bool {
        let path = file.path.clone();
        let Some(at) = self.attach(file, bytes.len()) else { return magic::is_infected(bytes) };
        self.put_aside(at, bytes);
        let top = self.facts.attachments[at].top;
        self.facts.attachments[at].magic = magic::magic(bytes);
        let infected = magic::is_infected(bytes) | self.archive(bytes, &path, top, depth);
        self.facts.attachments[at].infected = infected;
        self.facts.attachments[top].infected |= infected;
        infected
    }

    /// Keeps the bytes of the attachment that somebody wants.
    fn put_aside(&mut self, at: usize, bytes: &[u8]) {
        if let Aside::File(wanted, kept) = &mut self.aside
            && *wanted == at
        {
            *kept = Some(bytes.to_vec());
        }
    }

    /// Adds a file, if the bounds allow, and says where.
    pub(super) fn attach(&mut self, mut file: Attachment, size: usize) -> Option<usize> {
        let at = self.facts.attachments.len();
        let names: usize = file.path.iter().chain(&file.aliases).map(String::len).sum();
        if at >= self.bounds.attachments || names > self.text {
            self.unseen("attachments");
            return None;
        }
        self.text -= names;
        if file.top == OWN {
            file.top = at;
        }
        if file.size == 0 {
            file.size = size as u64;
        }
        for name in file.path.last().into_iter().chain(&file.aliases).filter(|name| !name.is_empty()) {
            self.read(Spot::AttachmentName, |folder| folder.push(name));
        }
        self.facts.attachments.push(file);
        Some(at)
    }

    /// Adds a reading of what `write` writes, as far as the bounds allow.
    fn read(&mut self, place: Spot, write: impl FnOnce(&mut Folder)) {
        let mut folder = Folder::new(self.text);
        write(&mut folder);
        if folder.is_full() {
            self.unseen("text");
        }
        let text = folder.finish();
        self.text -= text.len();
        if !text.is_empty() {
            self.facts.readings.push(Reading { place, text });
        }
    }
}

/// The top of an attachment that is its own.
const OWN: usize = usize::MAX;

/// A part as an attachment.
fn named(part: &Part, top: Option<usize>) -> Attachment {
    let mut names = part.names.iter().cloned();
    Attachment {
        path: vec![names.next().unwrap_or_default()],
        aliases: names.collect(),
        top: top.unwrap_or(OWN),
        ..Attachment::default()
    }
}

/// Whether a part is shown as text.
fn is_text(media: &str) -> bool {
    media.starts_with("text/") || media.starts_with("multipart/") || media == "application/xhtml+xml"
}

/// The name in a `begin` line at the start of `text`, and where its data begin.
fn uu_begin(text: &[u8]) -> Option<(&[u8], usize)> {
    let line = text.split_inclusive(|byte| *byte == b'\n').next()?;
    let rest = line.strip_prefix(b"begin ")?.trim_ascii_start();
    let mode = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let name = rest[mode..].strip_prefix(b" ")?.trim_ascii();
    ((3..=4).contains(&mode) && !name.is_empty() && name.len() < 1_024).then_some((name, line.len()))
}
