//! What a message says, as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::messages::bounds;
use crate::journal::record::Message;
use crate::message::{self, MessageFacts, Spot, Text};

/// A message, and what it says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Parsed {
    #[serde(flatten)]
    message: Message,
    /// Its first text part, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Its first HTML part, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    /// All that a person could read in it, folded as rules compare it.
    readings: Vec<Reading>,
    /// Its attachments, and the files inside archives.
    attachments: Vec<Attachment>,
    /// The bounds that were met while looking; what lies beyond is not shown here, and no rule saw it.
    unseen: Vec<String>,
}

/// A text, folded as rules compare it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reading {
    /// Where it stands.
    place: Place,
    /// The header field's name, or the part's number as IMAP counts parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// It.
    text: String,
}

/// Where in a message a text stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Place {
    /// The subject, also of an attached message.
    Subject,
    /// Another header field.
    Header,
    /// A text or HTML part.
    Body,
    /// An attachment's name.
    AttachmentName,
}

/// An attachment, or a file inside an archive that is attached.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attachment {
    /// Its index, by which its bytes are asked for.
    index: usize,
    /// Its name, as it is; empty if it has none.
    name: String,
    /// The names from the outermost archive to the file itself.
    path: Vec<String>,
    /// The index of the attachment that it is or that it is in.
    top: usize,
    /// Bytes, as far as known.
    size: u64,
    /// What its bytes are by their magic: `exe`, `zip`, `pdf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    magic: Option<&'static str>,
    /// It is in an archive and encrypted.
    encrypted: bool,
    /// It holds the EICAR test string.
    infected: bool,
}

impl Parsed {
    pub(crate) fn of(message: &Message, raw: &[u8]) -> Self {
        let (facts, texts) = MessageFacts::read_with_texts(raw, &bounds(raw));
        let MessageFacts { readings, attachments, unseen, .. } = facts;
        let first = |html| texts.iter().find(|text: &&Text| text.html == html).map(|text| text.text.clone());
        Self {
            message: message.clone(),
            text: first(false),
            html: first(true),
            readings: readings.into_iter().map(reading).collect(),
            attachments: attachments.into_iter().enumerate().map(|(index, file)| attachment(index, file)).collect(),
            unseen,
        }
    }
}

fn reading(message::Reading { place, text }: message::Reading) -> Reading {
    let (place, name) = match place {
        Spot::Subject => (Place::Subject, None),
        Spot::Header(name) => (Place::Header, Some(name)),
        Spot::Body(part) => (Place::Body, Some(part)),
        Spot::AttachmentName => (Place::AttachmentName, None),
    };
    Reading { place, name, text }
}

fn attachment(index: usize, file: message::Attachment) -> Attachment {
    Attachment {
        index,
        name: file.path.last().cloned().unwrap_or_default(),
        path: file.path,
        top: file.top,
        size: file.size,
        magic: file.magic,
        encrypted: file.encrypted,
        infected: file.infected,
    }
}
