//! What a server says. It is a stranger's, and may never come to an end.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::client::Halt;
use crate::message::guess;
use crate::reply::Reply;

/// The longest line that is read; RFC 5321 §4.5.3.1.5 allows 512.
const LINE: usize = 4 * 1024;

/// Lines of one reply that are read.
const LINES: usize = 100;

/// Lines of a reply that are kept, and characters of each.
const KEPT_LINES: usize = 20;
const KEPT_CHARACTERS: usize = 500;

/// Bytes that are written at once.
const BLOCK: usize = 64 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Writes; each block has so much time.
    pub(super) async fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), Halt> {
        for block in bytes.chunks(BLOCK) {
            let written = timeout(patience, async {
                self.stream.write_all(block).await?;
                self.stream.flush().await
            });
            match written.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(Halt::Broken(format!("the connection was lost: {error}"))),
                Err(_) => return Err(Halt::Broken("it does not read".to_owned())),
            }
        }
        Ok(())
    }

    /// The next reply, which must be there whole within that time.
    pub(super) async fn reply(&mut self, patience: Duration) -> Result<Reply, Halt> {
        let read = timeout(patience, self.read_reply()).await;
        read.unwrap_or_else(|_| Err(Halt::Broken("it does not answer".to_owned())))
    }

    async fn read_reply(&mut self) -> Result<Reply, Halt> {
        let (mut code, mut lines) = (None, Vec::new());
        loop {
            let line = self.line().await?;
            let parsed = std::str::from_utf8(&line[..line.len().min(3)]).ok().and_then(|code| Reply::parse(code).ok());
            let line_code = parsed.map(|reply| reply.code());
            let is_last = match line.get(3) {
                None | Some(b' ') => true,
                Some(b'-') => false,
                Some(_) => return Err(no_reply(&line)),
            };
            if line_code.is_none() || code.is_some() && code != line_code {
                return Err(no_reply(&line));
            }
            code = line_code;
            lines.push(guess(line.get(4..).unwrap_or_default()).into_owned());
            match line_code {
                Some(code) if is_last => return Ok(Reply::with_lines(code, lines)),
                _ if lines.len() == LINES => return Err(Halt::Broken("its reply has no end".to_owned())),
                _ => {}
            }
        }
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Result<Vec<u8>, Halt> {
        let mut looked_at = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.unread[looked_at..]) {
                let rest = self.unread.split_off(looked_at + at + 1);
                let mut line = std::mem::replace(&mut self.unread, rest);
                line.pop();
                line.pop_if(|last| *last == b'\r');
                return Ok(line);
            }
            looked_at = self.unread.len();
            if looked_at >= LINE {
                return Err(Halt::Broken("a line of its reply has no end".to_owned()));
            }
            let mut block = [0; LINE];
            match self.stream.read(&mut block).await {
                Ok(0) => return Err(Halt::Broken("it closed the connection".to_owned())),
                Ok(length) => self.unread.extend_from_slice(&block[..length]),
                Err(error) => return Err(Halt::Broken(format!("the connection was lost: {error}"))),
            }
        }
    }
}

fn no_reply(line: &[u8]) -> Halt {
    Halt::Broken(format!("it answers what is no reply: {}", shortened(&guess(line))))
}

/// A reply of which no more is kept than people read.
pub(super) fn kept(reply: &Reply) -> Reply {
    let mut lines: Vec<_> = reply.lines().iter().take(KEPT_LINES).map(|line| shortened(line)).collect();
    if reply.lines().len() > KEPT_LINES {
        lines.push("…".to_owned());
    }
    Reply::with_lines(reply.code(), lines)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(KEPT_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
