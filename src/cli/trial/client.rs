//! A client that shows what is said, and takes what comes to the byte.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use mockmx::escape::Escaped;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest reply that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// What came as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The server closed the connection.
    End,
    /// A reply, all its lines with their ends. Without its last line end if the connection closed before it.
    Reply(String),
    /// The connection was reset.
    Reset,
    /// Nothing, in the time given.
    Silence,
}

impl Heard {
    /// The first digit of a reply is 2 or 3.
    pub(super) fn is_positive(&self) -> bool {
        matches!(self, Self::Reply(reply) if reply.starts_with(['2', '3']))
    }

    /// What came, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::End => "the end of the connection".to_owned(),
            Self::Reply(reply) => format!("`{}`", Escaped(reply.trim_end_matches(['\r', '\n']))),
            Self::Reset => "a reset of the connection".to_owned(),
            Self::Silence => "silence".to_owned(),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    patience: Duration,
    /// Whether what is said is printed, a line each: `C: ` by us, `S: ` by the server, `*  ` what happens besides.
    is_shown: bool,
}

impl Client {
    pub(super) async fn connect(address: &str, patience: Duration, is_shown: bool) -> anyhow::Result<Self> {
        let connected = timeout(patience, TcpStream::connect(address)).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream =
            connected.with_context(|| format!("cannot connect to {}; does mockmx run there", Escaped(address)))?;
        let mut client = Self { stream, unread: Vec::new(), patience, is_shown };
        client.show(&format!("*  connected to {}", Escaped(address)));
        Ok(client)
    }

    /// Prints at once, so that a server that keeps silent is seen to.
    fn show(&mut self, line: &str) {
        if self.is_shown {
            // Who cannot print hears of it when the outcome is printed.
            self.is_shown = writeln!(anstream::stdout(), "{line}").is_ok();
        }
    }

    /// Sends lines, each with its end. A server that is gone is heard of when its answer is read.
    pub(super) async fn say(&mut self, text: &str) {
        let mut bytes = Vec::new();
        for line in text.split('\n') {
            self.show(&format!("C: {}", Escaped(line)));
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let _ = timeout(self.patience, self.stream.write_all(&bytes)).await;
    }

    /// The next reply, or what comes in its place within `patience`, which is for the whole of it.
    pub(super) async fn hear(&mut self, patience: Option<Duration>) -> Heard {
        let patience = patience.unwrap_or(self.patience);
        let heard = match timeout(patience, self.read()).await {
            Err(_) if self.unread.is_empty() => Heard::Silence,
            // Half a reply is shown as what it is.
            Err(_) => Heard::Reply(lossy(std::mem::take(&mut self.unread))),
            Ok(Ok(heard)) => heard,
            Ok(Err(_)) => Heard::Reset,
        };
        match &heard {
            Heard::Reply(reply) => {
                let lines = reply.split_inclusive('\n').map(|line| line.trim_end_matches(['\r', '\n']));
                lines.for_each(|line| self.show(&format!("S: {}", Escaped(line))));
            }
            other => self.show(&format!("*  {}", other.describe())),
        }
        heard
    }

    async fn read(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(end) = end_of_reply(&self.unread) {
                let rest = self.unread.split_off(end);
                return Ok(Heard::Reply(lossy(std::mem::replace(&mut self.unread, rest))));
            }
            if self.unread.len() >= LONGEST || self.stream.read_buf(&mut self.unread).await? == 0 {
                let rest = std::mem::take(&mut self.unread);
                return Ok(if rest.is_empty() { Heard::End } else { Heard::Reply(lossy(rest)) });
            }
        }
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where the first whole reply ends: behind the first line whose code no hyphen follows.
fn end_of_reply(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.ends_with(b"\n") && line.get(3) != Some(&b'-') {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_the_line_that_no_hyphen_continues() {
        for (bytes, end) in [
            ("", None),
            ("220 x\r", None),
            ("220 x\r\n", Some(7)),
            ("250-a\r\n250", None),
            ("250-a\r\n250 b\r\n220 c\r\n", Some(14)),
            ("250\r\n", Some(5)),
        ] {
            assert_eq!(end_of_reply(bytes.as_bytes()), end, "{bytes:?}");
        }
    }
}
