//! The servers that are compared, and how they are started.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;
use tokio::time::{Instant, sleep};

use crate::load::Connection;
use crate::process;
use crate::text;

/// How long a server may take to greet.
const START: Duration = Duration::from_secs(30);

/// Keywords of the 263 pack.
pub const KEYWORDS: usize = 10_000;

/// How many connections mailin-embedded serves at once: it has a thread for each.
const MAILIN_THREADS: usize = 100;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Contestant {
    Sink,
    Neutral,
    Pack,
    Sqlite,
    NeutralSqlite,
    Mailin,
    Aiosmtpd,
    SmtpServer,
}

impl Contestant {
    /// Those of the tables.
    pub const ALL: [Self; 7] =
        [Self::Sink, Self::Neutral, Self::Pack, Self::Sqlite, Self::Mailin, Self::Aiosmtpd, Self::SmtpServer];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Sink => "smtp-sink",
            Self::Neutral => "mockmx, no pack",
            Self::Pack => "mockmx, 263",
            Self::Sqlite => "mockmx, 263, SQLite",
            Self::NeutralSqlite => "mockmx, no pack, SQLite",
            Self::Mailin => "mailin-embedded",
            Self::Aiosmtpd => "aiosmtpd",
            Self::SmtpServer => "smtp-server (npm)",
        }
    }

    /// Whether so many sessions at once can be asked of it: mailin-embedded has a thread for each.
    pub const fn takes(self, sessions: usize) -> bool {
        !matches!(self, Self::Mailin) || sessions <= MAILIN_THREADS
    }

    /// Whether it can be started here; if not, what is missing.
    pub fn missing(self, places: &Places) -> Option<String> {
        let program = match self {
            Self::Sink => {
                return places.program("smtp-sink").is_none().then(|| "smtp-sink is not installed".to_owned());
            }
            Self::Neutral | Self::Pack | Self::Sqlite | Self::NeutralSqlite => places.mockmx.clone(),
            Self::Mailin => places.beside("mailin"),
            Self::Aiosmtpd => places.peers.join("venv/installed"),
            Self::SmtpServer => places.peers.join("node_modules/smtp-server"),
        };
        (!program.exists()).then(|| format!("there is no {}", program.display()))
    }

    fn command(self, port: u16, places: &Places) -> Result<Command> {
        let mockmx = |provider: &str, settings: &str, journal: &str| {
            let file = places.work.join("mockmx.toml");
            fs::write(&file, settings)?;
            let mut command = Command::new(&places.mockmx);
            command.args(["serve", "--submission=off", "--smtps=off", "--http=off", "--log=warn"]);
            command.arg(format!("--smtp={port}")).arg(format!("--provider={provider}"));
            command.arg(format!("--journal={journal}")).arg("--config").arg(file);
            anyhow::Ok(command)
        };
        let sqlite = || {
            for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
                let _ = fs::remove_file(places.work.join(file));
            }
            format!("sqlite:{}", places.work.join("journal.db").display())
        };
        Ok(match self {
            Self::Sink => {
                let mut command = Command::new(places.program("smtp-sink").context("smtp-sink is not installed")?);
                if Uid::effective().is_root() {
                    // It refuses to run as root.
                    command.args(["-u", "nobody"]);
                }
                command.args(["-m", "20000", &format!("127.0.0.1:{port}"), "1024"]);
                command
            }
            Self::Neutral => mockmx("neutral", "", "memory")?,
            Self::Pack => mockmx("263", &text::settings(KEYWORDS), "memory")?,
            Self::Sqlite => mockmx("263", &text::settings(KEYWORDS), &sqlite())?,
            Self::NeutralSqlite => mockmx("neutral", "", &sqlite())?,
            Self::Mailin => {
                let mut command = Command::new(places.beside("mailin"));
                command.arg(format!("127.0.0.1:{port}")).arg(MAILIN_THREADS.to_string());
                command
            }
            Self::Aiosmtpd => {
                let mut command = Command::new(places.peers.join("venv/bin/python"));
                command.arg(places.peers.join("aiosmtpd_server.py")).arg(port.to_string());
                command
            }
            Self::SmtpServer => {
                let mut command = Command::new("node");
                command.arg(places.peers.join("smtp-server.js")).arg(port.to_string());
                command
            }
        })
    }

    /// Starts it, and waits until it greets.
    pub async fn start(self, places: &Places) -> Result<Running> {
        // Free a moment ago, and nobody else here asks for ports in this range.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = self.command(address.port(), places)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {}", self.name()))?;
        let mut running = Running { child, address };
        let began = Instant::now();
        loop {
            match Connection::open(address).await {
                Ok(mut connection) => {
                    connection.ask(b"QUIT\r\n", b'2').await?;
                    return Ok(running);
                }
                Err(_) if began.elapsed() < START => sleep(Duration::from_millis(20)).await,
                Err(error) => bail!("{} does not greet: {error:#}", self.name()),
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended: {status}", self.name());
            }
        }
    }
}

/// Where things are.
pub struct Places {
    pub mockmx: PathBuf,
    pub peers: PathBuf,
    pub work: PathBuf,
}

impl Places {
    fn beside(&self, program: &str) -> PathBuf {
        std::env::current_exe().unwrap_or_default().with_file_name(program)
    }

    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        std::env::split_paths(&paths).chain(more).map(|path| path.join(name)).find(|path| path.exists())
    }
}

/// A server that runs; it is killed when this is dropped.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
}

impl Running {
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.child.id())
    }

    pub fn memory(&self) -> Result<u64> {
        process::memory(self.child.id())
    }

    pub fn peak_memory(&self) -> Result<u64> {
        process::peak_memory(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
