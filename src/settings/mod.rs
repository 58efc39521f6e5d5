//! What the user may set, as mockmx uses it.
//!
//! Four layers, each over the one before: built-in defaults, `mockmx.toml`, environment variables, flags. `keys` lists
//! what can be set and under which names, `layers` makes one tree of the file, the variables and the flags, in which
//! every value still knows where it was set, and `read` makes [`Settings`] of that tree. A mistake never hides
//! another: all of them are collected, and each points at its line, its variable or its flag.

mod keys;
mod layers;
mod outbox;
mod read;
mod secret;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;

use crate::accounts::Accounts;
use crate::document::Node;
use crate::facts::{Listener, Role, TlsFault, TlsMode};
use crate::identity::Zones;
use crate::journal::{Keep, Location};
use crate::lane::LaneName;
use crate::problem::{Place, Problems};
use crate::relay::{Hop, Schedule};
use crate::smtp::Limits;

pub use keys::{KEYS, Key, Kind};
pub use layers::Flags;
pub use secret::Secret;
pub use values::address as listen_address;

/// All settings, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider of all listeners that name none. If none is set, 263 speaks until a recipient's domain says
    /// otherwise.
    pub provider: Option<(String, Place)>,
    /// Where SMTP is served.
    pub listeners: Vec<ListenerSettings>,
    /// Where HTTP is served.
    pub http: Option<SocketAddr>,
    /// What whoever asks over HTTP has to know, health aside.
    pub http_token: Option<Secret>,
    /// Whether HTTP may be served without a token where other machines reach it.
    pub http_open: bool,
    /// Names by which HTTP may be asked, besides addresses and `localhost`.
    pub http_hosts: Vec<String>,
    /// Folders and files of packs, added to the built-in ones.
    pub policies: Vec<(PathBuf, Place)>,
    /// The folder of stubs that are there from the start, and that stubs are saved to.
    pub stubs: Option<(PathBuf, Place)>,
    /// Domains that are hosted here, by name alone.
    pub hosted: Vec<(String, Place)>,
    /// The day whose rules are in force; the documents' if none is set.
    pub as_of: Option<Date>,
    /// Whether the addresses that other test servers taught testers work too, as `bounce+550+text@any`.
    pub habits: bool,
    /// The `[[domain]]` tables, for `policy::directory`.
    pub domains: Vec<Node>,
    /// The `[[mailbox]]` tables, for `policy::directory`.
    pub mailboxes: Vec<Node>,
    /// The `[providers.ID]` tables: changes to packs, for `policy::load`.
    pub providers: Option<Node>,
    /// Where the journal is, and how much of it stays.
    pub journal: JournalSettings,
    /// Who may log in.
    pub accounts: Accounts,
    /// Whether AUTH is offered without TLS to peers that are not on this machine.
    pub auth_without_tls: bool,
    /// What DNS says.
    pub dns: DnsSettings,
    /// Where notifications go.
    pub outbox: OutboxSettings,
    /// Bounds.
    pub limits: ServerLimits,
    /// Certificate and key.
    pub tls: TlsSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// The file that was read, as it was named.
    pub file: Option<String>,
}

impl Settings {
    /// Reads `flags`, `environment` and the settings file, which is the one that a flag or `MOCKMX_CONFIG` names, or
    /// else `default_file` if it exists.
    ///
    /// # Errors
    /// All the problems that were found.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        default_file: &Path,
    ) -> Result<Self, Problems> {
        let (settings, problems) = Self::examine(flags, environment, default_file);
        problems.or(settings)
    }

    /// Like [`load`](Self::load), but returns what could be read as well, with defaults in place of what could not: so
    /// that packs can be checked in the same run.
    #[must_use]
    pub fn examine(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        default_file: &Path,
    ) -> (Self, Problems) {
        let mut problems = Problems::default();
        let layers = layers::Layers::collect(flags, environment, default_file, &mut problems);
        let root = layers.merge(&mut problems);
        let mut mistakes = Problems::default();
        let mut settings = read::settings(&root, &mut mistakes);
        settings.file = layers.file();
        // Where the file stops being TOML, what follows is not where its author put it.
        problems.0.extend(mistakes.0.into_iter().filter(|mistake| layers.is_sound(&mistake.place)));
        (settings, problems.sorted())
    }
}

/// One listener's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Its name in logs and in `listening NAME ADDRESS`.
    pub name: String,
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// What it is for.
    pub role: Role,
    /// How it uses TLS.
    pub tls: TlsMode,
    /// How TLS fails here.
    pub tls_fault: Option<TlsFault>,
    /// The one provider that answers here.
    pub provider: Option<String>,
    /// `PROVIDER/RULE`: the rule that answers every session here.
    pub rule: Option<String>,
    /// The lane of every session here.
    pub lane: Option<LaneName>,
    /// Where this was set.
    pub place: Place,
}

impl ListenerSettings {
    /// The listener as rules see it.
    #[must_use]
    pub fn facts(&self) -> Listener {
        Listener {
            name: self.name.clone(),
            role: self.role,
            tls: self.tls,
            provider: self.provider.clone(),
            trigger: self.rule.clone(),
            lane: self.lane.clone(),
        }
    }

    /// The listeners that are there unless they are switched off: an MX without STARTTLS (Go's net/smtp and others use
    /// it wherever it is offered, and fail on a certificate that they do not know), and submission on both of its
    /// ports (RFC 6409, RFC 8314).
    #[must_use]
    pub fn defaults() -> [Self; 3] {
        let listener = |name: &str, port, role, tls| Self {
            name: name.to_owned(),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            role,
            tls,
            tls_fault: None,
            provider: None,
            rule: None,
            lane: None,
            place: Place::Default,
        };
        [
            listener("smtp", 2525, Role::Mx, TlsMode::None),
            listener("submission", 2587, Role::Submission, TlsMode::StartTls),
            listener("smtps", 2465, Role::Submission, TlsMode::Implicit),
        ]
    }
}

/// Bounds on what a peer may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Those within a session's protocol.
    pub session: Limits,
    /// Connections in all; one more gets 421 in place of the banner.
    pub connections: usize,
    /// How long a client may take for one command line.
    pub idle: Duration,
    /// How long a client may take for one message.
    pub message_time: Duration,
    /// How much longer each failed login of a session is answered than the one before; the first is answered at once.
    pub guess_delay: Duration,
    /// Bytes a second below which a message is too slow, once `rate_grace` has passed.
    pub minimum_rate: u64,
    /// A message's first seconds, in which any rate will do.
    pub rate_grace: Duration,
    /// Bytes of a message beyond which it is kept in a temporary file.
    pub spool_beyond: usize,
    /// How long sessions may go on when mockmx is told to stop.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            session: Limits {
                command_line: 4 * 1024,
                text_line: 64 * 1024,
                message: 35 * 1024 * 1024,
                recipients: 1_000,
                errors: 10,
                failed_logins: 5,
            },
            connections: 10_000,
            idle: Duration::from_secs(5 * 60),
            message_time: Duration::from_secs(10 * 60),
            guess_delay: Duration::from_secs(1),
            minimum_rate: 128,
            rate_grace: Duration::from_secs(30),
            spool_beyond: 1024 * 1024,
            drain: Duration::from_secs(10),
        }
    }
}

/// Where the journal is, and how much of it stays. Read once at start: a reload does not change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Where it is.
    pub location: Location,
    /// Where that was set.
    pub place: Place,
    /// How much of it stays.
    pub keep: Keep,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { location: Location::default(), place: Place::Default, keep: Keep::default() }
    }
}

/// TLS: PEM files, or a certificate made at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate chain, in PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key: Option<PathBuf>,
    /// Where to write the CA of the certificate that was made at start.
    pub write_ca: Option<PathBuf>,
}

/// What DNS says of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsSettings {
    /// Where DNS is answered, and where that was set.
    pub listen: Option<(SocketAddr, Place)>,
    /// The server that is asked for names that are in no zone. Without one they do not exist.
    pub resolver: Option<SocketAddr>,
    /// Names, over those of the packs.
    pub zones: Zones,
}

/// Where notifications go. By default they stay in the outbox: nothing leaves mockmx.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxSettings {
    /// The host that they are handed to.
    pub relay: Option<Hop>,
    /// The hosts for return paths of a domain, in place of that one. None: they stay.
    pub relays: BTreeMap<String, Option<Hop>>,
    /// When a host is tried again.
    pub schedule: Schedule,
}

/// What is logged, and how. Read once at start: a reload does not change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// Which events, in the words of `tracing_subscriber::EnvFilter`: `info`, `mockmx=debug`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info".to_owned() }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// [`Human`](Self::Human), coloured only on a terminal.
    Auto,
    /// A line for people.
    Human,
    /// A JSON object.
    Json,
}
