//! The files of SQLite: which they are, and what is to be done once another is in their place.
//!
//! A database is a file, and beside it a log of what is not yet in it (`-wal`) and an index of that log (`-shm`). SQLite
//! finds those two by their names alone: where the file was removed or replaced and they were not, it would write an old
//! log into a new file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Which files have the three names; none where there is no such file, or no telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    main: Option<FileId>,
    log: Option<FileId>,
    index: Option<FileId>,
}

/// Which file it is that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl Files {
    /// Those beside `main` as they are now.
    pub(super) async fn of(main: &Path) -> Self {
        let main = main.to_owned();
        let look = move || Self { main: id(&main), log: id(&beside(&main, "-wal")), index: id(&beside(&main, "-shm")) };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }

    /// Whether the file's name leads to another file now, or to none. SQLite itself goes on writing into the one that
    /// it opened, and nobody would find there what it keeps.
    pub(super) async fn were_replaced(&self, main: &Path) -> bool {
        let main = main.to_owned();
        let known = self.main;
        tokio::task::spawn_blocking(move || id(&main) != known).await.unwrap_or_default()
    }

    /// Removes what is left beside the file's name of the one that was there before: its log and its index, if they
    /// are still those. Whoever has them open keeps them.
    pub(super) async fn remove_remains(&self, main: &Path) -> io::Result<()> {
        let (main, known) = (main.to_owned(), *self);
        let remove = move || {
            for (end, known) in [("-wal", known.log), ("-shm", known.index)] {
                let name = beside(&main, end);
                if known.is_some() && id(&name) == known {
                    fs::remove_file(name)?;
                }
            }
            Ok(())
        };
        tokio::task::spawn_blocking(remove).await.map_err(io::Error::other).flatten()
    }
}

fn beside(main: &Path, end: &str) -> PathBuf {
    let mut name = main.to_owned().into_os_string();
    name.push(end);
    name.into()
}

#[cfg(unix)]
fn id(file: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(file).ok()?;
    Some(FileId(metadata.dev(), metadata.ino()))
}

/// Files have no such ids elsewhere.
#[cfg(not(unix))]
fn id(_: &Path) -> Option<FileId> {
    None
}
