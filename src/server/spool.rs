//! Where a message's bytes are kept while they come.

use std::fs::File;
use std::io::{self, Write as _};

use crate::journal::Content;

/// How many bytes are gathered before they are written to the file.
const CHUNK: usize = 256 * 1024;

/// A message on its way in: in memory up to a bound, beyond it in an unnamed temporary file.
///
/// When the file cannot be written, the rest of the message is swallowed and [`finish`](Self::finish) tells of it: the
/// session survives a full disk.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    buffer: Vec<u8>,
    written: u64,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Memory,
    File(File),
    Failed(io::Error),
}

impl Spool {
    /// Takes bytes; returns when they are kept. `beyond` is how many may stay in memory.
    pub(crate) async fn write(&mut self, bytes: &[u8], beyond: usize) {
        let bound = match self.state {
            State::Memory => beyond,
            State::File(_) => CHUNK.min(beyond),
            State::Failed(_) => return,
        };
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > bound {
            self.spill().await;
        }
    }

    /// Forgets the message.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The whole message; the spool is empty afterwards.
    ///
    /// # Errors
    /// If it could not be kept.
    pub(crate) async fn finish(&mut self) -> io::Result<Content> {
        if !matches!(self.state, State::Memory) && !self.buffer.is_empty() {
            self.spill().await;
        }
        let Self { buffer, written, state } = std::mem::take(self);
        match state {
            State::Memory => Ok(Content::in_memory(buffer)),
            State::File(file) => Ok(Content::in_file(file, written)),
            State::Failed(error) => Err(error),
        }
    }

    /// Moves what is in memory to the file.
    async fn spill(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let length = buffer.len() as u64;
        let file = match std::mem::take(&mut self.state) {
            State::Memory => None,
            State::File(file) => Some(file),
            failed @ State::Failed(_) => {
                self.state = failed;
                return;
            }
        };
        let write = move || {
            let mut file = file.map_or_else(tempfile::tempfile, Ok)?;
            file.write_all(&buffer)?;
            Ok(file)
        };
        let outcome = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten();
        self.state = outcome.map_or_else(State::Failed, State::File);
        self.written += length;
    }

    #[cfg(test)]
    pub(crate) fn fail(&mut self, error: io::Error) {
        self.state = State::Failed(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_small_message_stays_in_memory() {
        let mut spool = Spool::default();
        spool.write(b"ab", 3).await;
        spool.write(b"c", 3).await;
        let content = spool.finish().await.unwrap();
        assert_eq!(content.memory(), Some(&b"abc"[..]));
        assert!(spool.finish().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_large_message_goes_to_a_file_whole() {
        let mut spool = Spool::default();
        let pattern: Vec<u8> = (0..3 * CHUNK + 7).map(|index| (index % 251) as u8).collect();
        for chunk in pattern.chunks(10_007) {
            spool.write(chunk, 1000).await;
            assert!(spool.buffer.len() <= 1000, "memory is bounded");
        }
        let content = spool.finish().await.unwrap();
        assert!(content.memory().is_none());
        assert_eq!(content.read_all().unwrap(), pattern);
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_message_that_was_given_up() {
        let mut spool = Spool::default();
        spool.write(b"abcdef", 2).await;
        spool.clear();
        spool.write(b"x", 2).await;
        assert_eq!(spool.finish().await.unwrap().read_all().unwrap(), b"x");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_at_the_end() {
        let mut spool = Spool::default();
        spool.fail(io::ErrorKind::StorageFull.into());
        spool.write(b"abcdef", 2).await;
        assert!(spool.buffer.is_empty());
        assert_eq!(spool.finish().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
        spool.write(b"next", 9).await;
        assert_eq!(spool.finish().await.unwrap().read_all().unwrap(), b"next");
    }
}
