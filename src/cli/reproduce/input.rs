//! What is brought to `mockmx reproduce`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mockmx::escape::Escaped;
use mockmx::reproduce::{Found, find};

/// How much of a file is read: a byte more than is looked at, so that it is told.
const LONGEST: u64 = (1 << 20) + 1;

/// The most files of a folder.
const MOST_FILES: usize = 1_000;

/// Reads what is named, and finds what is in each.
pub(super) fn read(what: &[OsString]) -> anyhow::Result<Vec<(String, Found)>> {
    match what {
        [dash] if dash == "-" => Ok(vec![("standard input".to_owned(), find(&bytes(io::stdin())?))]),
        [name] if Path::new(name).is_dir() => folder(Path::new(name)),
        names if names.iter().all(|name| Path::new(name).exists()) => {
            names.iter().map(|name| file(Path::new(name))).collect()
        }
        [name] if is_name(name) => {
            let name = name.to_string_lossy();
            bail!("cannot open {}: there is no such file, and it is no bounce", Escaped(&name))
        }
        // Who begins with a file means files.
        [first, more @ ..] if Path::new(first).is_file() => {
            let missing = more.iter().find(|name| !Path::new(name).exists());
            let name = missing.map(|name| name.to_string_lossy()).unwrap_or_default();
            bail!("cannot open {}: there is no such file", Escaped(&name))
        }
        // On a terminal of GBK they are no UTF-8.
        words => Ok(vec![("the text".to_owned(), find(words.join(OsStr::new(" ")).as_encoded_bytes()))]),
    }
}

/// Whether a text can only be meant as the name of a file.
fn is_name(text: &OsStr) -> bool {
    !text.as_encoded_bytes().iter().any(u8::is_ascii_whitespace)
}

fn folder(folder: &Path) -> anyhow::Result<Vec<(String, Found)>> {
    let name = folder.display().to_string();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", Escaped(&name)))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    if files.len() > MOST_FILES {
        bail!("{} has {} files, and {MOST_FILES} are read at once; name some of them", Escaped(&name), files.len());
    }
    files.iter().map(|path| file(path)).collect()
}

fn file(path: &Path) -> anyhow::Result<(String, Found)> {
    let name = path.display().to_string();
    let read = File::open(path).and_then(bytes);
    let read = read.with_context(|| format!("cannot read {}", Escaped(&name)))?;
    Ok((name, find(&read)))
}

fn bytes(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
