//! The receiving side of SMTP (RFC 5321 and extensions) as a state machine without I/O.
//!
//! A [`Session`] is fed the bytes that a client sent and says with each [`Step`] what it wants: more bytes, a verdict,
//! TLS, the end. It answers by itself whatever is a matter of protocol (syntax, order, bounds), and leaves everything
//! else to the verdicts of its stages. It knows no rule: a verdict comes in, a reply goes out.
//!
//! The parts, in the order in which a byte meets them: `line` and `content` (with `data`, the decoder of DATA)
//! cut the stream into commands and text; `command`, `path` and `parameters` parse a command; `auth` holds the
//! SASL exchanges; `session` is the state; `persona` has the words of the provider that speaks, and `extension`
//! what it offers; `transcript` keeps what was said.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::stage::Stage;

mod auth;
mod command;
mod content;
mod data;
mod extension;
#[cfg(fuzzing)]
pub mod fuzzing;
mod line;
mod parameters;
mod path;
mod persona;
mod session;
#[cfg(test)]
mod tests;
mod transcript;

pub(crate) use command::{Command, is_http};
pub use data::{Decoded, Decoder};
pub use extension::{Extension, Extensions};
pub(crate) use line::{Input, Line};
pub(crate) use path::is_path;
pub use persona::{Canned, Persona};
pub use session::Session;
pub use transcript::Spoken;
pub(crate) use transcript::{Holds, Passwords, is_mechanism};

/// Bounds within a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a command line, with its end.
    pub command_line: usize,
    /// Bytes of a line of a message, with its end.
    pub text_line: usize,
    /// Bytes of a message. A message beyond it is read on and thrown away, for as many bytes again.
    pub message: u64,
    /// Recipients of a message.
    pub recipients: usize,
    /// Commands that may be unknown, malformed or out of order; one more ends the session.
    pub errors: u32,
    /// Logins that may fail; one more ends the session.
    pub failed_logins: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line: 4 << 10,
            text_line: 64 << 10,
            message: 35 << 20,
            recipients: 1000,
            errors: 10,
            failed_logins: 3,
        }
    }
}

/// What all sessions of a listener share.
#[derive(Debug)]
pub struct Service {
    /// Who speaks.
    pub persona: Arc<Persona>,
    /// Bounds.
    pub limits: Limits,
    /// Who may log in.
    pub accounts: Arc<Accounts>,
    /// Offer AUTH although neither TLS is in use nor the peer is on this machine.
    pub auth_without_tls: bool,
}

/// What the session wants of its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the output, then read more.
    Read,
    /// Take what [`Session::take_content`] has. It is a part of the message that began after the latest
    /// [`Stage::Data`] was judged; what was taken before that belongs to a message that is done with.
    Content,
    /// Ask the policy, then call [`Session::resolve`].
    Judge(Stage),
    /// Write the output, then do the TLS handshake, then call [`Session::tls_started`].
    StartTls,
    /// Write the output, then close.
    Close,
    /// Close without writing.
    Drop,
    /// Close by RST without writing.
    Reset,
    /// Write nothing more and read nothing more, until the client gives up.
    Stall,
}
