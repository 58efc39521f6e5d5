//! Where a journal is, and how much of it stays.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

/// Where a journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Location {
    /// In memory, gone with the process.
    #[default]
    Memory,
    /// In a file of SQLite.
    Sqlite(PathBuf),
    /// In a database of PostgreSQL, which several processes may share.
    Postgres(PostgresUrl),
}

/// What is shown beside a location that cannot be read.
pub const LOCATION_HELP: &str =
    "the journal is kept in `memory`, `sqlite:FILE` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";

impl Location {
    /// The location that is written so; `path` makes a path of what a file is called by.
    ///
    /// # Errors
    /// If it is none. What is said of it holds nothing of the text, in which a password may be.
    pub fn parse(text: &str, path: impl FnOnce(&str) -> PathBuf) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        match text.split_once(':') {
            Some(("sqlite", "" | ":memory:")) => Err("the journal's file has no name".to_owned()),
            Some(("sqlite", file)) => Ok(Self::Sqlite(path(file))),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                PostgresUrl::parse(text).map(Self::Postgres)
            }
            _ => Err("this is no place for the journal".to_owned()),
        }
    }
}

/// `memory`, `sqlite:journal.db`, `postgres://mockmx@db.example:5432/mail`: never with a password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A URL of PostgreSQL, which may hold a password and is never shown as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// The parameters that a URL of PostgreSQL may have. sqlx logs others with their values and goes on.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let query = text.split_once('?').map_or("", |(_, query)| query);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let name = parameter.split('=').next().unwrap_or_default();
            let known = PARAMETERS.contains(&name) || name == "options" || name.starts_with("options[");
            if !known {
                return Err("its URL has a parameter that PostgreSQL does not know".to_owned());
            }
        }
        // What is behind a slash that should have been written otherwise would be shown as the database's name.
        let behind_host = text.split_once("//").and_then(|(_, rest)| rest.split(['?', '#']).next()?.split_once('/'));
        if behind_host.is_some_and(|(_, database)| database.contains('@')) {
            return Err("in the password of its URL, `/` is written as `%2F`, `?` as `%3F`, `#` as `%23`".to_owned());
        }
        let url = Self(text.to_owned());
        url.options().map(|_| url).map_err(|_| "its URL cannot be read".to_owned())
    }

    /// As it was written, with its password.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    pub(super) fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        PgConnectOptions::from_str(&self.0)
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(options) = self.options() else { return f.write_str("postgres") };
        let (user, host, port) = (options.get_username(), options.get_host(), options.get_port());
        write!(f, "postgres://{user}@{host}:{port}/{}", options.get_database().unwrap_or(user))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How much of a journal stays: what is beyond any of these goes, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The latest sessions, so many, and what came in them.
    pub sessions: u64,
    /// Bytes of records and messages in all. The latest record stays even if it is too large alone.
    pub bytes: u64,
    /// For how long.
    pub age: Option<Duration>,
}

/// 10,000 sessions, 512 MiB, whatever their age.
impl Default for Keep {
    fn default() -> Self {
        Self { sessions: 10_000, bytes: 512 * 1024 * 1024, age: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location, String> {
        Location::parse(text, |file| PathBuf::from(file))
    }

    #[test]
    fn a_location_is_read_and_shown_without_its_password() {
        for (text, shown) in [
            ("memory", "memory"),
            ("sqlite:a b?.db", "sqlite:a b?.db"),
            ("postgres://u:secret@db.example/mail", "postgres://u@db.example:5432/mail"),
            ("postgresql://u@[::1]:5433/mail?password=secret", "postgres://u@::1:5433/mail"),
        ] {
            let location = parse(text).unwrap();
            let debug = format!("{location:?}");
            assert!(!debug.contains("secret"), "{debug}");
            assert_eq!(location.to_string().replace(['[', ']'], ""), shown);
        }
        for text in [
            "",
            "sqlite",
            "sqlite:",
            "sqlite::memory:",
            "postgres:db",
            "postgres://u:secret@h:x/",
            "mysql://u:secret@h",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        for text in ["postgres://u:/secret@h/d", "postgres://u:12/secret@h/d", "postgres://u:1?secret@h/d"] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        for text in ["postgres://u:12#secret@h/d", "postgres://u:%2Fs%3F%23@h/d", "postgres://u:a@secret@h/d"] {
            let shown = parse(text).unwrap().to_string();
            assert!(!shown.contains('s') || !shown.contains("secret") && !shown.contains("%2F"), "{shown}");
        }
        let error = parse("postgres://h/d?pasword=secret").unwrap_err();
        assert!(error.contains("parameter") && !error.contains("secret"), "{error}");
    }
}
