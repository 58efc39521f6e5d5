//! What a message says (stub of the interface).

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name, as written.
    pub name: String,
    /// Its value, unfolded, with encoded-words decoded.
    pub value: String,
}

/// A text, folded by [`fold`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Where it stands.
    pub place: Spot,
    /// It.
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
    /// The names from the outermost archive to the file itself.
    pub path: Vec<String>,
    /// Bytes, as far as known.
    pub size: u64,
    /// What its bytes are by their magic: `exe`, `zip`, `pdf`.
    pub magic: Option<&'static str>,
    /// It is a member of an archive and its bytes are encrypted.
    pub encrypted: bool,
    /// It holds the EICAR test string.
    pub infected: bool,
}

/// Folds text for matching.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}
