//! What can be set, and under which names.

/// A setting that a variable, and sometimes a flag, can set. Lists of tables (`[[listener]]`, `[[account]]`,
/// `[[domain]]`, `[[mailbox]]`), `[outbox.relays]` and `[providers]` can be set in the file only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The way to it in the file: `limits.idle`.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Its flag, if it has one: `--smtp`.
    pub flag: Option<&'static str>,
}

/// What a setting holds, as far as the text of a variable or a flag must be made into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// Texts, separated by commas in a variable. A flag adds to what is there.
    List,
    /// A whole number.
    Number,
    /// Text, which may be an address, a size or a duration.
    Text,
}

/// Every such setting, in the order of the documentation.
pub const KEYS: &[Key] = &[
    flag("smtp", Kind::Text, "--smtp"),
    flag("submission", Kind::Text, "--submission"),
    flag("smtps", Kind::Text, "--smtps"),
    flag("http", Kind::Text, "--http"),
    flag("http-token", Kind::Text, "--http-token"),
    flag("http-open", Kind::Boolean, "--http-open"),
    flag("http-hosts", Kind::List, "--http-host"),
    flag("provider", Kind::Text, "--provider"),
    flag("policies", Kind::List, "--policies"),
    flag("stubs", Kind::Text, "--stubs"),
    flag("hosted", Kind::List, "--hosted"),
    flag("as-of", Kind::Text, "--as-of"),
    key("habits", Kind::Boolean),
    flag("journal", Kind::Text, "--journal"),
    key("keep-sessions", Kind::Number),
    key("keep-bytes", Kind::Text),
    key("keep-for", Kind::Text),
    key("accounts.any", Kind::Boolean),
    key("auth.without-tls", Kind::Boolean),
    key("tls.certificate", Kind::Text),
    key("tls.key", Kind::Text),
    flag("tls.write-ca", Kind::Text, "--write-ca"),
    flag("dns.listen", Kind::Text, "--dns"),
    key("dns.resolver", Kind::Text),
    key("outbox.relay", Kind::Text),
    key("outbox.retry", Kind::Text),
    key("outbox.give-up", Kind::Text),
    key("limits.command-line", Kind::Text),
    key("limits.text-line", Kind::Text),
    key("limits.message", Kind::Text),
    key("limits.recipients", Kind::Number),
    key("limits.errors", Kind::Number),
    key("limits.failed-logins", Kind::Number),
    key("limits.connections", Kind::Number),
    key("limits.idle", Kind::Text),
    key("limits.message-time", Kind::Text),
    key("limits.guess-delay", Kind::Text),
    key("limits.minimum-rate", Kind::Text),
    key("limits.rate-grace", Kind::Text),
    key("limits.spool-beyond", Kind::Text),
    key("limits.drain", Kind::Text),
    flag("log.format", Kind::Text, "--log-format"),
    flag("log.filter", Kind::Text, "--log"),
];

impl Key {
    /// The environment variable that sets it: `MOCKMX_LIMITS__IDLE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "__").replace('-', "_").to_uppercase())
    }
}

/// What all variables of mockmx begin with.
pub(super) const PREFIX: &str = "MOCKMX_";

/// The variable that names the settings file, as `--config` does.
pub(super) const CONFIG_VARIABLE: &str = "MOCKMX_CONFIG";

/// Whether an orchestrator made this variable for a service that happens to be called `mockmx`: Kubernetes and Docker
/// links set `MOCKMX_PORT`, `MOCKMX_PORT_2525_TCP_ADDR`, `MOCKMX_SERVICE_HOST` and more in every container near it.
pub(super) fn is_service_link(variable: &str) -> bool {
    let rest = variable.strip_prefix(PREFIX).unwrap_or(variable);
    rest == "PORT" || rest == "NAME" || ["PORT_", "SERVICE_", "ENV_"].iter().any(|link| rest.starts_with(link))
}

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, flag: None }
}

const fn flag(path: &'static str, kind: Kind, flag: &'static str) -> Key {
    Key { path, kind, flag: Some(flag) }
}
