//! What a message says, as its page shows it: no more of it than a page can carry, with how much was left out.

use super::shown::{self, Beginning};
use crate::escape::{Escaped, EscapedList};
use crate::http::messages::bounds;
use crate::message::{self, Attachment, Bounds, MessageFacts, Outline, Reading, Spot, Text};

/// Bytes of the raw message, of its header section, and of each text that are shown.
const MOST_RAW: usize = 256 * 1024;
const MOST_HEAD: usize = 64 * 1024;
const MOST_TEXT: usize = 128 * 1024;

/// Bytes of HTML that are shown.
pub(super) const MOST_HTML: usize = 1024 * 1024;

/// How many of each are shown.
const MOST_TEXTS: usize = 10;
const MOST_PARTS: usize = 300;
const MOST_FILES: usize = 300;
const MOST_READINGS: usize = 300;

/// Bytes of readings that are shown.
const MOST_READ: usize = 128 * 1024;

/// Some of a list, and how many there are besides.
pub(super) struct Few<T> {
    pub(super) shown: Vec<T>,
    pub(super) more: usize,
}

impl<T> Few<T> {
    pub(super) fn of(all: impl IntoIterator<Item = T>, most: usize) -> Self {
        let mut all = all.into_iter();
        let shown = all.by_ref().take(most).collect();
        Self { shown, more: all.count() }
    }
}

/// What a message says.
pub(super) struct Content {
    pub(super) texts: Few<(String, Beginning)>,
    pub(super) htmls: Few<Html>,
    pub(super) head: Beginning,
    /// How many header fields there are.
    pub(super) fields: usize,
    pub(super) tree: Few<Node>,
    pub(super) files: Few<File>,
    pub(super) readings: Few<(String, Beginning)>,
    pub(super) unseen: Vec<String>,
    pub(super) raw: Beginning,
}

/// An HTML part.
pub(super) struct Html {
    pub(super) part: String,
    pub(super) left_out: usize,
}

/// A part of the tree.
pub(super) struct Node {
    pub(super) number: String,
    pub(super) media: String,
    /// Charset, encoding, size, disposition, as far as there are.
    pub(super) about: String,
    pub(super) names: String,
    /// Whether the parts that it holds follow, else how many of the lists that it is in end behind it.
    pub(super) opens: bool,
    pub(super) closes: usize,
}

/// An attachment, or a file in one.
pub(super) struct File {
    pub(super) index: usize,
    pub(super) path: Vec<String>,
    pub(super) aliases: String,
    pub(super) is_inside: bool,
    pub(super) size: String,
    pub(super) magic: Option<&'static str>,
    pub(super) encrypted: bool,
    pub(super) infected: bool,
}

impl Content {
    pub(super) fn of(raw: &[u8]) -> Self {
        let (facts, texts) = MessageFacts::read_with_texts(raw, &bounds(raw));
        let (htmls, texts): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| text.html);
        Self {
            texts: Few::of(texts.iter().map(|text| (text.part.clone(), plain(text))), MOST_TEXTS),
            htmls: Few::of(htmls.iter().map(html), MOST_TEXTS),
            head: Beginning::of_raw(message::header_section(raw), MOST_HEAD),
            fields: facts.headers.len(),
            tree: tree(Outline::read(raw, &Bounds::default())),
            files: Few::of(
                facts.attachments.iter().enumerate().map(|(index, file)| self::file(index, file)),
                MOST_FILES,
            ),
            readings: readings(&facts.readings),
            unseen: facts.unseen,
            raw: Beginning::of_raw(raw, MOST_RAW),
        }
    }
}

/// The HTML part of that number, or the first one.
pub(super) fn html_part(raw: &[u8], number: Option<&str>) -> Option<String> {
    let (_, texts) = MessageFacts::read_with_texts(raw, &bounds(raw));
    let wanted = |text: &Text| text.html && number.is_none_or(|number| number == text.part);
    texts.into_iter().find(wanted).map(|text| text.text)
}

fn plain(text: &Text) -> Beginning {
    Beginning::of_text(&text.text, MOST_TEXT)
}

fn html(text: &Text) -> Html {
    Html { part: text.part.clone(), left_out: text.text.len().saturating_sub(MOST_HTML) }
}

fn tree(parts: Vec<Outline>) -> Few<Node> {
    let mut tree = Few::of(parts, MOST_PARTS);
    let levels: Vec<_> = tree.shown.iter().map(|part| part.level).collect();
    let nodes = tree.shown.drain(..).enumerate().map(|(at, part)| {
        let next = levels.get(at + 1).copied().unwrap_or_default();
        let opens = next > part.level;
        Node {
            about: about(&part, opens),
            media: Escaped(&part.media).to_string(),
            names: EscapedList(&part.names).to_string(),
            number: part.number,
            opens,
            closes: part.level.saturating_sub(next),
        }
    });
    Few { shown: nodes.collect(), more: tree.more }
}

fn about(part: &Outline, holds_parts: bool) -> String {
    let charset = part.charset.as_deref().map(|charset| Escaped(charset).to_string());
    // What holds parts is as large as they are.
    let size = (!holds_parts).then(|| shown::size(part.size() as u64));
    let attached = part.attached.then(|| "attachment".to_owned());
    let all = [charset, part.encoding.map(str::to_owned), size, attached];
    all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn file(index: usize, file: &Attachment) -> File {
    File {
        index,
        path: file.path.iter().map(|name| Escaped(name).to_string()).collect(),
        aliases: EscapedList(&file.aliases).to_string(),
        is_inside: file.top != index,
        size: shown::size(file.size),
        magic: file.magic,
        encrypted: file.encrypted,
        infected: file.infected,
    }
}

fn readings(readings: &[Reading]) -> Few<(String, Beginning)> {
    let mut left = MOST_READ;
    let shown = readings.iter().map_while(|reading| {
        let most = left;
        left = left.saturating_sub(reading.text.len());
        (most > 3).then(|| (place(&reading.place), Beginning::of_text(&reading.text, most)))
    });
    let shown: Vec<_> = shown.take(MOST_READINGS).collect();
    Few { more: readings.len() - shown.len(), shown }
}

/// Where a reading stands, as rules call it.
fn place(spot: &Spot) -> String {
    match spot {
        Spot::Subject => "subject".to_owned(),
        Spot::Header(name) => format!("header {}", Escaped(name)),
        Spot::Body(part) => format!("body {part}"),
        Spot::AttachmentName => "attachment-name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_closed_as_often_as_it_is_opened() {
        let raw = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n\
            --a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n\
            --a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--a--\r\n";
        let tree = Content::of(raw).tree;
        let shape: Vec<_> = tree.shown.iter().map(|node| (node.opens, node.closes)).collect();
        assert_eq!(shape, [(true, 0), (true, 0), (false, 0), (false, 1), (true, 0), (false, 2)]);
        let many = [b"Content-Type: multipart/mixed; boundary=a\r\n\r\n".as_slice(), &b"--a\r\n\r\nx\r\n".repeat(400)];
        let tree = Content::of(&many.concat()).tree;
        let last = tree.shown.last().unwrap();
        assert_eq!((tree.shown.len(), tree.more, last.opens, last.closes), (MOST_PARTS, 101, false, 1));
    }

    #[test]
    fn what_is_large_is_cut_and_says_so() {
        let raw = [b"Subject: x\r\n\r\n".as_slice(), &b"0123456\r\n".repeat(100_000)].concat();
        let content = Content::of(&raw);
        let (_, text) = &content.texts.shown[0];
        assert_eq!(text.left_out, 900_000 - MOST_TEXT);
        assert_eq!(content.raw.left_out, raw.len() - MOST_RAW);
        let shown: usize = content.readings.shown.iter().map(|(_, text)| text.text.len()).sum();
        assert!(shown <= MOST_READ + 3, "{shown}");
        let many = [b"X: y\r\n".repeat(1_500).as_slice(), b"\r\n"].concat();
        let content = Content::of(&many);
        assert_eq!((content.readings.shown.len(), content.readings.more), (MOST_READINGS, 1_200));
    }
}
