//! The flags that set something, as `serve`, `check` and `providers` share them.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use mockmx::settings::{Flags, Secret};

/// Flags that say which packs there are, and what is hosted.
#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// Read this settings file [default: mockmx.toml, if it is here]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Be this provider on every listener that names none [default: 263, until a recipient's domain says otherwise]
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Add the packs of this folder, or of this one file, to the built-in ones; a pack of the same id replaces one
    #[arg(long, value_name = "DIR")]
    policies: Vec<String>,
    /// Begin with the stubs of this folder, a JSON file each, and save stubs to it
    #[arg(long, value_name = "DIR")]
    stubs: Option<String>,
    /// Host this domain: its users are the provider's (can be given several times)
    #[arg(long, value_name = "DOMAIN")]
    hosted: Vec<String>,
    /// Answer as on this day, where a pack knows that a provider's replies changed [default: as the documents say]
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
}

impl PackArgs {
    pub(super) fn flags(&self) -> Flags {
        Flags::default()
            .config(self.config.clone())
            .set("--provider", &self.provider)
            .set("--policies", &self.policies)
            .set("--stubs", &self.stubs)
            .set("--hosted", &self.hosted)
            .set("--as-of", &self.as_of)
    }
}

/// Flags that say which packs there are, for commands that only look at them.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// Read this settings file [default: mockmx.toml, if it is here]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Add the packs of this folder, or of this one file, to the built-in ones; a pack of the same id replaces one
    #[arg(long, value_name = "DIR")]
    policies: Vec<String>,
}

impl PolicyArgs {
    pub(super) fn flags(&self) -> Flags {
        Flags::default().config(self.config.clone()).set("--policies", &self.policies)
    }
}

/// All flags that set something.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    packs: PackArgs,
    /// Be an MX here, without STARTTLS; as for the three below, a port alone is on 127.0.0.1, `:25` is on all of
    /// IPv4, port 0 is any free one, and `off` is none [default: 127.0.0.1:2525]
    #[arg(long, value_name = "ADDR")]
    smtp: Option<String>,
    /// Take submissions here, with STARTTLS and AUTH [default: 127.0.0.1:2587]
    #[arg(long, value_name = "ADDR")]
    submission: Option<String>,
    /// Take submissions here, with TLS from the first byte and AUTH [default: 127.0.0.1:2465]
    #[arg(long, value_name = "ADDR")]
    smtps: Option<String>,
    /// Serve HTTP here: the API, metrics and health [default: 127.0.0.1:8025]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Answer DNS here, by UDP and TCP, for the zones and the providers' domains [default: off]
    #[arg(long, value_name = "ADDR")]
    dns: Option<String>,
    /// Ask for this token over HTTP; other users of this machine see flags, so MOCKMX_HTTP_TOKEN is the better place
    #[arg(long, value_name = "TOKEN")]
    http_token: Option<Secret>,
    /// Serve HTTP without a token also where other machines reach it
    #[arg(long)]
    http_open: bool,
    /// Answer HTTP also by this name of the host (can be given several times)
    #[arg(long, value_name = "NAME")]
    http_host: Vec<String>,
    /// Keep the journal here: `memory`, `sqlite:FILE` or `postgres://USER@HOST/DATABASE`. A password is better put into
    /// the variable MOCKMX_JOURNAL, for everybody on the machine sees flags [default: memory]
    #[arg(long, value_name = "PLACE")]
    journal: Option<String>,
    /// Write the CA of the certificate that is made at start to this file, for clients to trust
    #[arg(long, value_name = "FILE")]
    write_ca: Option<String>,
    /// Log for people or for machines [default: auto, which is human, in colour on a terminal]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(["auto", "human", "json"]))]
    log_format: Option<String>,
    /// Log these events: `warn`, `debug`, `info,mockmx::smtp=trace` [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

impl ServeArgs {
    pub(super) fn flags(&self) -> Flags {
        self.packs
            .flags()
            .set("--smtp", &self.smtp)
            .set("--submission", &self.submission)
            .set("--smtps", &self.smtps)
            .set("--http", &self.http)
            .set("--dns", &self.dns)
            .set("--http-token", self.http_token.as_ref().map(Secret::reveal))
            .set("--http-open", self.http_open.then_some("true"))
            .set("--http-host", &self.http_host)
            .set("--journal", &self.journal)
            .set("--write-ca", &self.write_ca)
            .set("--log-format", &self.log_format)
            .set("--log", &self.log)
    }
}
