//! What the user may set, as mockmx uses it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::accounts::Accounts;
use crate::document::Node;
use crate::facts::{Role, TlsMode};
use crate::problem::Place;
use crate::smtp::Limits;

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
    /// Folders and files of packs, added to the built-in ones.
    pub policies: Vec<(PathBuf, Place)>,
    /// Domains that are hosted here, by name alone.
    pub hosted: Vec<(String, Place)>,
    /// The `[[domain]]` tables, for `policy::directory`.
    pub domains: Vec<Node>,
    /// The `[[mailbox]]` tables, for `policy::directory`.
    pub mailboxes: Vec<Node>,
    /// The `[providers.ID]` tables: changes to packs, for `policy::load`.
    pub providers: Option<Node>,
    /// Who may log in.
    pub accounts: Accounts,
    /// Whether AUTH is offered without TLS to peers that are not on this machine.
    pub auth_without_tls: bool,
    /// Bounds.
    pub limits: ServerLimits,
    /// Certificate and key.
    pub tls: TlsSettings,
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
    /// The one provider that answers here.
    pub provider: Option<String>,
    /// `PROVIDER/RULE`: the rule that answers every session here.
    pub rule: Option<String>,
    /// Where this was set.
    pub place: Place,
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
    /// Bytes a second below which a message is too slow, once `rate_grace` has passed.
    pub minimum_rate: u64,
    /// A message's first seconds, in which any rate will do.
    pub rate_grace: Duration,
    /// Bytes of a message beyond which it is kept in a temporary file.
    pub spool_beyond: usize,
    /// How long sessions may go on when mockmx is told to stop.
    pub drain: Duration,
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
