//! What a message says, as a person reads it.
//!
//! [`MessageFacts::read`] goes through a message once. `parts` cuts it into ranges; `reader` takes the ranges one by
//! one, decodes each (`transfer`, `charset`, `words`, `parameters`), and drops it before it looks at the next, so that
//! a large message costs little more than its largest attachment. Text becomes readings, folded for matching (`fold`,
//! `html`); files become attachments, with what is inside them (`archive`, `magic`).
//!
//! Nothing here fails: what cannot be read is read as far as it goes, and what lies beyond the [`Bounds`] is named in
//! [`MessageFacts::unseen`].

mod archive;
mod bounds;
mod charset;
mod fold;
#[cfg(fuzzing)]
pub mod fuzzing;
mod header;
mod html;
mod magic;
mod notice;
mod outline;
mod parameters;
mod parts;
mod reader;
#[cfg(test)]
mod tests;
mod transfer;
mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use bounds::Bounds;
pub(crate) use charset::guess;
pub use fold::fold;
pub use notice::virus_notice;
pub use outline::Outline;

use header::Section;
use reader::{Aside, Reader};

/// The header section of a message, without the empty line behind it; empty if it has none.
pub(crate) fn header_section(raw: &[u8]) -> &[u8] {
    let section = &raw[..Section::read(raw, 0, &Bounds::default()).body];
    let last = memchr::memrchr(b'\n', section.strip_suffix(b"\n").unwrap_or(section)).map_or(0, |at| at + 1);
    // Without an empty line, the last line is a field's.
    if section[last..].trim_ascii().is_empty() { &section[..last] } else { section }
}

/// A message as rules see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFacts {
    /// Bytes as they came.
    pub size: u64,
    /// The message's own header fields, in order, decoded.
    pub headers: Vec<Header>,
    /// The subject, decoded, as it is shown.
    pub subject: String,
    /// All the texts that a person could read, folded for matching.
    pub readings: Vec<Reading>,
    /// Attachments, and the files inside archives.
    pub attachments: Vec<Attachment>,
    /// The bounds that were met while looking, for people; what lies beyond was not seen.
    pub unseen: Vec<String>,
}

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Header {
    /// Its name, as written.
    pub name: String,
    /// Its value, unfolded, with encoded-words decoded.
    pub value: String,
}

/// A text, folded by [`fold()`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Where it stands.
    pub place: Spot,
    /// It.
    pub text: String,
}

/// A text or HTML part of the message itself, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its number as IMAP counts parts.
    pub part: String,
    /// It is HTML.
    pub html: bool,
    /// It, decoded.
    pub text: String,
}

/// Where in a message a text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The subject, also of an attached message.
    Subject,
    /// Another header field, by its name in lower case.
    Header(String),
    /// A text or HTML part, by its number as IMAP counts parts: `1.2`.
    Body(String),
    /// An attachment's name.
    AttachmentName,
}

/// A file attached, or a file inside an archive that is attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The names from the outermost archive to the file itself, as they are; empty where there is none.
    pub path: Vec<String>,
    /// Other names that the file itself goes by, where its names differ (RFC 2231, RFC 2047, `name`, in a zip the
    /// local header): programs differ in which they show.
    pub aliases: Vec<String>,
    /// The index, in [`MessageFacts::attachments`], of the attachment of the message itself that this is or that
    /// holds it: an archive, or an attached message.
    pub top: usize,
    /// Bytes, as far as known.
    pub size: u64,
    /// What its bytes are by their magic: `exe`, `zip`, `pdf`.
    pub magic: Option<&'static str>,
    /// It is a member of an archive and its bytes are encrypted.
    pub encrypted: bool,
    /// It holds the EICAR test string, itself or in a member.
    pub infected: bool,
}

/// How much of what is attached to a message is infected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Virus {
    /// Nothing.
    None,
    /// Every attachment.
    Only,
    /// Some attachment, beside clean ones.
    Beside,
}

impl MessageFacts {
    /// Reads all of a message. Never fails; see [`Self::unseen`].
    #[must_use]
    pub fn read(raw: &[u8], bounds: &Bounds) -> Self {
        let mut reader = Reader::new(raw, bounds);
        reader.message(raw, "", None, 0);
        reader.facts
    }

    /// Reads all of a message, and its texts as they are. Those that would be more than the bounds allow are left out.
    #[must_use]
    pub fn read_with_texts(raw: &[u8], bounds: &Bounds) -> (Self, Vec<Text>) {
        let mut reader = Reader::new(raw, bounds);
        reader.aside = Aside::Texts(Vec::new());
        reader.message(raw, "", None, 0);
        let texts = if let Aside::Texts(texts) = reader.aside { texts } else { Vec::new() };
        (reader.facts, texts)
    }

    /// The attachment of that index in [`Self::attachments`], as [`Self::read`] with the same bounds counts them, and
    /// its bytes as far as they could be read.
    #[must_use]
    pub fn attachment(raw: &[u8], bounds: &Bounds, index: usize) -> Option<(Attachment, Vec<u8>)> {
        let mut reader = Reader::new(raw, bounds);
        reader.aside = Aside::File(index, None);
        reader.message(raw, "", None, 0);
        match reader.aside {
            Aside::File(_, Some(bytes)) => Some((reader.facts.attachments.into_iter().nth(index)?, bytes)),
            _ => None,
        }
    }

    /// Reads the header section only: headers, subject, and their readings.
    #[must_use]
    pub fn read_header(raw: &[u8], bounds: &Bounds) -> Self {
        let mut reader = Reader::new(raw, bounds);
        let section = Section::read(raw, 0, bounds);
        if section.cut {
            reader.unseen("header fields");
        }
        reader.header(raw, &section, true);
        reader.facts
    }

    /// How much of what is attached is infected, counting attachments of the message itself.
    #[must_use]
    pub fn virus(&self) -> Virus {
        let mut tops = self.attachments.iter().enumerate().filter(|(at, file)| file.top == *at).map(|(_, file)| file);
        let (infected, clean) = (self.attachments.iter().any(|file| file.infected), tops.any(|file| !file.infected));
        match (infected, clean) {
            (false, _) => Virus::None,
            (true, false) => Virus::Only,
            (true, true) => Virus::Beside,
        }
    }
}
