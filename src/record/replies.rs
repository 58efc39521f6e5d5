//! The replies of a server, as bytes that are cut where a reply ends. It is a stranger's, and may never come to an end.

use memchr::{memchr, memrchr};

/// Bytes of a reply, and of one of its lines. RFC 5321 §4.5.3.1.5 allows 512 for a line.
const LONGEST: usize = 32 << 10;
const LONGEST_LINE: usize = 4 << 10;

/// Lines of a reply.
const MOST_LINES: usize = 200;

/// Why a server is not listened to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Faulty {
    #[error("its reply has no end")]
    Endless,
    #[error("it says what nobody asked for")]
    Unasked,
}

/// Bytes that came from the server and were not yet looked at.
#[derive(Debug, Default)]
pub(crate) struct Replies(Vec<u8>);

impl Replies {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Whether part of a reply is there.
    pub(crate) fn has_begun(&self) -> bool {
        !self.0.is_empty()
    }

    /// The next reply, with its line ends. A line that is none of a reply ends it too.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Faulty> {
        let (mut at, mut lines) = (0, 0);
        while let Some(length) = memchr(b'\n', &self.0[at..]) {
            lines += 1;
            let line = &self.0[at..=at + length];
            if line.len() > LONGEST_LINE || at + line.len() > LONGEST || lines > MOST_LINES {
                return Err(Faulty::Endless);
            }
            at += line.len();
            if !(line.len() > 4 && line[..3].iter().all(u8::is_ascii_digit) && line[3] == b'-') {
                let rest = self.0.split_off(at);
                return Ok(Some(std::mem::replace(&mut self.0, rest)));
            }
        }
        if self.0.len() - at > LONGEST_LINE { Err(Faulty::Endless) } else { Ok(None) }
    }
}

/// The last line of a reply, by which clients go.
fn last_line(reply: &[u8]) -> &[u8] {
    let body = reply.strip_suffix(b"\n").unwrap_or(reply);
    memrchr(b'\n', body).map_or(body, |at| &body[at + 1..])
}

/// The first digit of a reply.
pub(crate) fn class(reply: &[u8]) -> u8 {
    last_line(reply).first().copied().unwrap_or_default()
}

/// Whether a reply has that code.
pub(crate) fn has_code(reply: &[u8], code: &[u8; 3]) -> bool {
    last_line(reply).starts_with(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_the_same_however_it_comes() {
        let stream = b"250-a\r\n250-b\r\n250 c\r\n354 x\r\n550\r\nno reply\r\n250-\r\n250 \n";
        let wanted = ["250-a\r\n250-b\r\n250 c\r\n", "354 x\r\n", "550\r\n", "no reply\r\n", "250-\r\n250 \n"];
        for size in 1..stream.len() {
            let mut replies = Replies::default();
            let mut found = Vec::new();
            for bytes in stream.chunks(size) {
                replies.push(bytes);
                while let Some(reply) = replies.next().unwrap() {
                    found.push(String::from_utf8(reply).unwrap());
                }
            }
            assert_eq!(found, wanted, "by {size}");
            assert!(!replies.has_begun());
        }
        assert_eq!((class(b"250-a\r\n550 b\r\n"), class(b"\r\n"), class(b"")), (b'5', b'\r', 0));
        assert!(has_code(b"250-a\r\n421 b\r\n", b"421") && !has_code(b"421-a\r\n250 b\r\n", b"421"));
    }

    #[test]
    fn a_reply_without_end_is_given_up() {
        let mut replies = Replies::default();
        let mut pushed = 0;
        while replies.next().is_ok() {
            replies.push(&[b'x'; 1000]);
            pushed += 1;
        }
        assert!(pushed < 10);
        let mut replies = Replies::default();
        replies.push(&b"250-x\r\n".repeat(10_000));
        assert_eq!(replies.next(), Err(Faulty::Endless));
        let mut replies = Replies::default();
        for _ in 0..MOST_LINES {
            replies.push(b"250-x\r\n");
            assert_eq!(replies.next(), Ok(None));
        }
        replies.push(b"250 x\r\n");
        assert_eq!(replies.next(), Err(Faulty::Endless));
    }
}
