//! The bytes of a message, wherever they are.

use std::fs::File;
use std::io;
use std::sync::Arc;

/// The bytes of a message: in memory, or in an unnamed temporary file that is gone with the last handle to it.
///
/// Clones are handles to the same bytes, which never change.
#[derive(Clone, Debug)]
pub struct Content(Kept);

/// No bytes.
impl Default for Content {
    fn default() -> Self {
        Self::in_memory([])
    }
}

#[derive(Clone, Debug)]
enum Kept {
    Memory(Arc<[u8]>),
    File { file: Arc<File>, length: u64 },
}

impl Content {
    /// Bytes in memory.
    #[must_use]
    pub fn in_memory(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(Kept::Memory(bytes.into()))
    }

    /// The first `length` bytes of a file that nobody writes to any more.
    #[must_use]
    pub fn in_file(file: File, length: u64) -> Self {
        Self(Kept::File { file: Arc::new(file), length })
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::File { length, .. } => *length,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if reading them touches no file.
    #[must_use]
    pub fn memory(&self) -> Option<&[u8]> {
        match &self.0 {
            Kept::Memory(bytes) => Some(bytes),
            Kept::File { .. } => None,
        }
    }

    /// All bytes. Blocks on the file, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        self.read_head(u64::MAX)
    }

    /// The bytes from `offset` on, `most` at most. Blocks on the file, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_at(&self, offset: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.append_part_to(&mut bytes, offset, most)?;
        Ok(bytes)
    }

    /// The first bytes, `most` at most. Blocks on the file, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_head(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.append_part_to(&mut bytes, 0, most)?;
        Ok(bytes)
    }

    /// Appends all bytes. Blocks on the file, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn append_to(&self, out: &mut Vec<u8>) -> io::Result<()> {
        self.append_part_to(out, 0, u64::MAX)
    }

    fn append_part_to(&self, out: &mut Vec<u8>, offset: u64, most: u64) -> io::Result<()> {
        let wanted = usize::try_from(self.len().saturating_sub(offset).min(most)).map_err(io::Error::other)?;
        match &self.0 {
            Kept::Memory(bytes) => {
                let start = usize::try_from(offset).map_err(io::Error::other)?.min(bytes.len());
                out.extend_from_slice(&bytes[start..start + wanted]);
            }
            Kept::File { file, .. } => {
                let start = out.len();
                out.resize(start + wanted, 0);
                // By position: several readers share the file, and its cursor.
                read_exact_at(file, &mut out[start..], offset)?;
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}
