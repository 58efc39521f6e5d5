//! A message as it goes over the wire.

use super::client::Halt;
use crate::message::header_section;

/// Received fields of a message that is sent no more (RFC 5321 §6.3): it goes round in circles.
pub const MOST_RECEIVED: usize = 100;

/// What follows 354, up to the line with the dot.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) bytes: Vec<u8>,
    /// Whether a byte of it has eight bits.
    pub(super) is_eight_bit: bool,
    /// Its octets as SIZE counts them (RFC 1870 §3): without the dots that are put in.
    pub(super) size: usize,
}

impl Outgoing {
    /// The message as it is sent, unless it has been through too many servers.
    pub(super) fn new(raw: &[u8]) -> Result<Self, Halt> {
        let received = received(raw);
        if received >= MOST_RECEIVED {
            return Err(Halt::Unable(format!("the message goes round in circles: it has {received} Received fields")));
        }
        Ok(Self::of(raw))
    }

    /// Puts a dot before each line that begins with one (RFC 5321 §4.5.2). A bare CR or LF becomes a line end: it may
    /// not be sent (§2.3.8), and a server that took it for a line end would find commands behind it (SMTP smuggling).
    fn of(raw: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(raw.len() + raw.len() / 32 + 8);
        let (mut at, mut dots) = (0, 0);
        while at < raw.len() {
            let length = memchr::memchr2(b'\r', b'\n', &raw[at..]);
            let line = &raw[at..length.map_or(raw.len(), |length| at + length)];
            if line.first() == Some(&b'.') {
                bytes.push(b'.');
                dots += 1;
            }
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
            at += line.len();
            at += if raw[at..].starts_with(b"\r\n") { 2 } else { 1 };
        }
        let size = bytes.len() - dots;
        Self { bytes, is_eight_bit: !raw.is_ascii(), size }
    }
}

fn received(raw: &[u8]) -> usize {
    let name = |line: &&[u8]| {
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        line[..colon].trim_ascii_end().eq_ignore_ascii_case(b"received")
    };
    header_section(raw).split(|&byte| byte == b'\n').filter(name).count()
}
