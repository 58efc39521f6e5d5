//! Connections to either database.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Error, Executor, Row as _};
use tokio::time::{Instant, sleep};

use super::files::Files;
use super::rows::statement;
use super::schema;
use crate::clock::io_now;
use crate::journal::Location;

/// Connections for readers. They never wait for the writer: SQLite's WAL and PostgreSQL both let them read beside it.
const READERS: u32 = 4;

/// How long a reader may wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long another that holds SQLite's file is waited for, as long as `busy_timeout`, and how often it is tried.
const BUSY: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(5);

/// A commit of SQLite is on the disk when it returns, with its WAL and its file: what was told to be kept outlives a
/// power cut. Another process that writes is waited for.
const SQLITE: &str = "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; \
                      pragma foreign_keys = on;";

/// A server that was set up to lose the latest commits is asked not to, and none is to tell that tables are there
/// already. What a connection asked before it was given up ends by itself: else each that waits for a lock would stay,
/// until the server takes no more.
const POSTGRES: &str = "select set_config('synchronous_commit', 'on', false) \
                        where current_setting('synchronous_commit') = 'off'; \
                        select set_config('statement_timeout', '30s', false) \
                        where current_setting('statement_timeout') = '0'; \
                        set client_min_messages = warning";

/// The encodings of a server that can hold any text.
const ENCODINGS: [&str; 2] = ["UTF8", "SQL_ASCII"];

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
        let until = io_now() + BUSY;
        loop {
            match self.try_connect().await {
                // Of two that make a new file a WAL at once, SQLite does not let the later one wait.
                Err(error) if is_busy(&error) && io_now() < until => sleep(AGAIN).await,
                connected => return connected,
            }
        }
    }

    async fn try_connect(&self) -> Result<AnyConnection, Error> {
        let mut connection = self.options.connect().await?;
        connection.execute(self.set_up).await?;
        if self.is_postgres {
            check_encoding(&mut connection).await?;
        }
        schema::ensure(&mut connection).await?;
        Ok(connection)
    }

    /// The files of SQLite as they are now.
    pub(super) async fn files(&self) -> Files {
        match &self.file {
            Some(file) => Files::of(file).await,
            None => Files::default(),
        }
    }

    /// Whether SQLite's file is no longer the one that it was.
    pub(super) async fn is_replaced(&self, files: &Files) -> bool {
        match &self.file {
            Some(file) => files.were_replaced(file).await,
            None => false,
        }
    }

    /// Removes what those files left to the one that was put in their place.
    pub(super) async fn clear(&self, files: &Files) -> Result<(), Error> {
        match &self.file {
            Some(file) if files.were_replaced(file).await => Ok(files.remove_remains(file).await?),
            _ => Ok(()),
        }
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

/// Whether SQLite says that another holds its file (`SQLITE_BUSY`, with what it adds in the higher bits).
fn is_busy(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

/// Text that a database cannot hold would be found out one message at a time.
async fn check_encoding(connection: &mut AnyConnection) -> Result<(), Error> {
    let row = statement("select current_setting('server_encoding')".to_owned()).fetch_one(connection).await?;
    let encoding: String = row.try_get(0)?;
    if ENCODINGS.contains(&&*encoding) {
        return Ok(());
    }
    Err(Error::Configuration(format!("its encoding is {encoding}, which cannot hold all text; it must be UTF8").into()))
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
