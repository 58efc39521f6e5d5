//! The file that `mockmx record` and `mockmx reproduce` write a pack to.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use mockmx::escape::Escaped;
use mockmx::policy::Policy;

/// The file. Only what was written last, or with `force` anything at first, is written over.
pub(super) struct PackFile {
    path: PathBuf,
    id: String,
    force: bool,
    written: Option<String>,
}

impl PackFile {
    /// The file of that name, which is not touched yet.
    pub(super) fn new(path: &Path, force: bool) -> anyhow::Result<Self> {
        let name = Escaped(&path.display().to_string()).to_string();
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let id = Policy::pack_id(path).filter(|_| is_toml).with_context(|| {
            format!("{name}: a pack's file has small letters, digits and hyphens, as `customer-1.toml`")
        })?;
        if fs::symlink_metadata(path).is_ok() && !force {
            bail!("{name} is there already; --force writes over it");
        }
        let folder = folder(path);
        if !folder.is_dir() {
            bail!("cannot write {name}: there is no folder {}", Escaped(&folder.display().to_string()));
        }
        Ok(Self { path: path.to_owned(), id: id.to_owned(), force, written: None })
    }

    /// The id that it gives its pack.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Its name, to be shown.
    pub(super) fn name(&self) -> String {
        Escaped(&self.path.display().to_string()).to_string()
    }

    pub(super) const fn is_written(&self) -> bool {
        self.written.is_some()
    }

    /// Writes a pack, whole or not at all.
    pub(super) fn write(&mut self, text: String) -> anyhow::Result<()> {
        if self.written.as_ref() == Some(&text) {
            return Ok(());
        }
        if let Err(problems) = Policy::check(&format!("{}.toml", self.id), &text) {
            bail!("no pack can be made of it, which is a mistake of mockmx's:\n{problems}");
        }
        self.replace(&text).with_context(|| format!("cannot write {}", self.name()))?;
        self.written = Some(text);
        Ok(())
    }

    fn replace(&self, text: &str) -> anyhow::Result<()> {
        let mut builder = tempfile::Builder::new();
        let mut file = builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder(&self.path))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        match &self.written {
            None if !self.force => drop(file.persist_noclobber(&self.path).map_err(|error| error.error)?),
            Some(written) if fs::read(&self.path).is_ok_and(|found| found != written.as_bytes()) => {
                bail!("somebody else has changed it, so it is left as it is");
            }
            _ => drop(file.persist(&self.path).map_err(|error| error.error)?),
        }
        Ok(())
    }

    /// Writes a pack that cannot be written here to a folder for files that do not last.
    pub(super) fn rescue(&self, text: &str) -> anyhow::Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix("mockmx-").tempdir()?;
        let path = folder.path().join(format!("{}.toml", self.id));
        fs::write(&path, text)?;
        let _ = folder.keep();
        Ok(path)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
