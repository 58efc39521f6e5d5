//! The places in a session where a rule is asked.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stage, in the order in which a session comes by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A connection was made; nothing was said yet. The refusal stands in place of the banner.
    Connect,
    /// EHLO or HELO.
    Helo,
    /// The login is complete and its password was looked at.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT, once a recipient.
    Rcpt,
    /// DATA or the first BDAT, before 354.
    Data,
    /// The message is complete.
    Message,
    /// Any command line, before it is looked at: for counts of commands and errors.
    Command,
    /// A command was unknown, malformed or out of order, and is about to be told so.
    Fault,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Helo,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Message,
        Self::Command,
        Self::Fault,
    ];

    /// The name used in packs, logs and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Helo => "helo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Message => "message",
            Self::Command => "command",
            Self::Fault => "fault",
        }
    }

    /// Whether what is first known at stage `from` is known here. Commands and faults come at any time, so they have
    /// only what a connection has.
    #[must_use]
    pub fn knows(self, from: Self) -> bool {
        match self {
            Self::Command | Self::Fault => from == Self::Connect,
            _ => from <= self,
        }
    }

    /// The stage of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
