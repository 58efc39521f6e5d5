//! Connections to either database.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Error, Executor, SqlStr};
use tokio::time::Instant;

use crate::clock::io_now;
use crate::journal::Location;

/// Connections for readers. They never wait for the writer: SQLite's WAL and PostgreSQL both let them read beside it.
const READERS: u32 = 4;

/// How long a reader may wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// A commit of SQLite is on the disk when it returns, with its WAL and its file: what was told to be kept outlives a
/// power cut. Another process that writes is waited for.
const SQLITE: &str = "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; \
                      pragma foreign_keys = on;";

/// A server that was set up to lose the latest commits is asked not to, and none is to tell that tables are there
/// already.
const POSTGRES: &str = "select set_config('synchronous_commit', 'on', false) \
                        where current_setting('synchronous_commit') = 'off'; \
                        set client_min_messages = warning";

/// How one connects.
#[derive(Clone)]
pub(super) struct Door {
    options: AnyConnectOptions,
    set_up: &'static str,
    /// SQLite's file.
    file: Option<PathBuf>,
    /// When the writer connected anew.
    renewed: Arc<Mutex<Option<Instant>>>,
    pub(super) is_postgres: bool,
}

/// Which file it is that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl Door {
    /// The door to a location on disk.
    ///
    /// # Errors
    /// If the file's name cannot be told, or the URL cannot be read.
    pub(super) fn to(location: &Location) -> Result<Self, String> {
        // Does nothing from the second time on.
        sqlx::any::install_default_drivers();
        let (url, set_up, file) = match location {
            Location::Memory => return Err("memory is no place on disk".to_owned()),
            Location::Sqlite(file) => (sqlite_url(file)?, SQLITE, Some(file.clone())),
            Location::Postgres(url) => (url.secret().to_owned(), POSTGRES, None),
        };
        let options = AnyConnectOptions::from_str(&url).map_err(|_| "its URL cannot be read".to_owned())?;
        // Statements hold what people wrote, and a slow one shows in what waits for it.
        Ok(Self {
            options: options.disable_statement_logging(),
            set_up,
            is_postgres: file.is_none(),
            file,
            renewed: Arc::default(),
        })
    }

    /// A connection, with the schema as it must be.
    pub(super) async fn connect(&self) -> Result<AnyConnection, Error> {
        let mut connection = self.options.connect().await?;
        connection.execute(self.set_up).await?;
        migrations().run_direct(None, &mut connection, false).await.map_err(Error::from)?;
        Ok(connection)
    }

    /// Which file SQLite writes to, if its name still leads there. SQLite itself goes on writing into a file that was
    /// removed, or that another was put in the place of, and nobody would find there what it keeps.
    pub(super) async fn file(&self) -> Option<FileId> {
        let metadata = tokio::fs::metadata(self.file.as_ref()?).await.ok()?;
        file_id(&metadata)
    }

    /// The writer connected anew: readers' connections of before may lead to a file that is no longer there.
    pub(super) fn renew(&self) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(io_now());
    }

    /// Connections for readers, made as they are needed.
    pub(super) fn readers(&self) -> AnyPool {
        let set_up = self.set_up;
        let pool = AnyPoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE);
        let pool = pool.after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(set_up).await?;
                Ok(())
            })
        });
        let renewed = Arc::clone(&self.renewed);
        let pool = pool.before_acquire(move |_, connection| {
            let renewed = *renewed.lock().unwrap_or_else(PoisonError::into_inner);
            let is_current = renewed.is_none_or(|renewed| renewed + connection.age < io_now());
            Box::pin(async move { Ok(is_current) })
        });
        pool.connect_lazy_with(self.options.clone())
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere files have no such ids")]
fn file_id(metadata: &std::fs::Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some(FileId(metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &std::fs::Metadata) -> Option<FileId> {
    None
}

/// A path as a URL: what would end it there is written with its code.
fn sqlite_url(file: &Path) -> Result<String, String> {
    let name = file.to_str().ok_or_else(|| "its path is not UTF-8".to_owned())?;
    let mut url = "sqlite:".to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => url.push(byte.into()),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("?mode=rwc");
    Ok(url)
}

fn migrations() -> Migrator {
    let records = Migration::new(
        1,
        "records".into(),
        MigrationType::Simple,
        SqlStr::from_static(include_str!("0001_records.sql")),
        false,
    );
    Migrator::with_migrations(vec![records])
}
