//! The parts of a message in short, as a tree is drawn of them.

use std::borrow::Cow;
use std::ops::Range;

use super::bounds::Bounds;
use super::parts::split;
use super::transfer::Transfer;

/// A part of a message, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its number as IMAP counts parts; empty for a multipart that is the whole message.
    pub number: String,
    /// How many multiparts and messages it is within.
    pub level: usize,
    /// `text/html`, or as the field says.
    pub media: String,
    /// Its charset, as the field says.
    pub charset: Option<String>,
    /// How its bytes are encoded, if they are.
    pub encoding: Option<&'static str>,
    /// All names that it goes by.
    pub names: Vec<String>,
    /// Content-Disposition says attachment.
    pub attached: bool,
    body: Range<usize>,
    transfer: Transfer,
}

impl Outline {
    /// The parts of a message, each before those that it holds.
    #[must_use]
    pub fn read(raw: &[u8], bounds: &Bounds) -> Vec<Self> {
        let parts = split(raw, bounds).parts.into_iter().map(|part| Self {
            number: part.number,
            level: part.level,
            media: part.media,
            charset: part.charset,
            encoding: part.transfer.name(),
            names: part.names,
            attached: part.attached,
            body: part.body,
            transfer: part.transfer,
        });
        parts.collect()
    }

    /// Bytes of its body as it stands in the message.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// Its body, decoded up to so many bytes, in the message that it was read from.
    #[must_use]
    pub fn decoded<'r>(&self, raw: &'r [u8], most: usize) -> Cow<'r, [u8]> {
        self.transfer.decode(raw.get(self.body.clone()).unwrap_or_default(), most).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbered_and_nested() {
        let raw = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n\
            --a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
            --b\r\n\r\nplain\r\n\
            --b\r\nContent-Type: text/html; charset=gbk\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\n--b--\r\n\
            --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner\r\n\
            --a\r\nContent-Disposition: attachment; filename=x.zip\r\n\r\nzip\r\n--a--\r\n";
        let parts = Outline::read(raw, &Bounds::default());
        let shown: Vec<_> = parts.iter().map(|part| (part.level, part.number.as_str(), part.media.as_str())).collect();
        let expected = [
            (0, "", "multipart/mixed"),
            (1, "1", "multipart/alternative"),
            (2, "1.1", "text/plain"),
            (2, "1.2", "text/html"),
            (1, "2", "message/rfc822"),
            (2, "2.1", "text/plain"),
            (1, "3", "text/plain"),
        ];
        assert_eq!(shown, expected);
        let html = &parts[3];
        assert_eq!((html.charset.as_deref(), html.encoding, html.size()), (Some("gbk"), Some("base64"), 4));
        assert_eq!(html.decoded(raw, 100).as_ref(), b"<b>");
        assert_eq!((parts[6].names.as_slice(), parts[6].attached), (["x.zip".to_owned()].as_slice(), true));
    }
}
