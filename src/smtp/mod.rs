//! SMTP without I/O (stub of the interface).

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::facts::{Facts, Tls};
use crate::stage::Stage;
use crate::verdict::Verdict;

/// Bounds within a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a command line, with its end.
    pub command_line: usize,
    /// Bytes of a line of a message, with its end.
    pub text_line: usize,
    /// Bytes of a message.
    pub message: u64,
    /// Recipients of a message.
    pub recipients: usize,
    /// Commands that may be unknown, malformed or out of order.
    pub errors: u32,
    /// Logins that may fail.
    pub failed_logins: u32,
}

/// What a provider says where no rule speaks.
#[derive(Clone, Debug, Default)]
pub struct Persona {
    /// The name that it goes by.
    pub host: String,
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
    /// Ask the policy before every command.
    pub judge_commands: bool,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    facts: Facts,
}

/// What the session wants of its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the output, then read more.
    Read,
    /// Take what [`Session::take_content`] has.
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

#[allow(missing_docs, reason = "stub")]
impl Session {
    pub fn new(_service: Arc<Service>, facts: Facts) -> Self {
        Self { facts }
    }
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
    pub fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }
    pub fn receive(&mut self, _bytes: &[u8]) {}
    pub fn step(&mut self) -> Step {
        Step::Read
    }
    pub fn resolve(&mut self, _verdict: &Verdict) {}
    pub fn tls_started(&mut self, _tls: Tls) {}
    pub fn output(&mut self) -> &mut Vec<u8> {
        unreachable!()
    }
    pub fn take_content(&mut self) -> Vec<u8> {
        Vec::new()
    }
}
