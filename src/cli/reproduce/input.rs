//! What is brought to `mockmx reproduce`.

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
pub(super) fn read(what: &[String]) -> anyhow::Result<Vec<(String, Found)>> {
    match what {
        [dash] if dash == "-" => Ok(vec![("standard input".to_owned(), find(&bytes(io::stdin())?))]),
        [name] if Path::new(name).is_dir() => folder(Path::new(name)),
        names if names.iter().all(|name| Path::new(name).is_file()) => names.iter().map(|name| file(name)).collect(),
        [name] if is_name(name) => bail!("cannot open {}: there is no such file, and it is no bounce", Escaped(name)),
        words => Ok(vec![("the text".to_owned(), find(words.join(" ").as_bytes()))]),
    }
}

/// Whether a text can only be meant as the name of a file.
fn is_name(text: &str) -> bool {
    !text.contains(char::is_whitespace)
}

fn folder(folder: &Path) -> anyhow::Result<Vec<(String, Found)>> {
    let name = folder.display().to_string();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", Escaped(&name)))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    if files.len() > MOST_FILES {
        bail!("{} has {} files, and {MOST_FILES} are read at once; name some of them", Escaped(&name), files.len());
    }
    files.iter().map(|path| file(&path.display().to_string())).collect()
}

fn file(name: &str) -> anyhow::Result<(String, Found)> {
    let read = File::open(name).and_then(bytes);
    let read = read.with_context(|| format!("cannot read {}", Escaped(name)))?;
    Ok((name.to_owned(), find(&read)))
}

fn bytes(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
