//! What is remembered between sessions (stub of the interface).

use crate::facts::SessionId;

/// Counters, prisons and mailboxes' usage, shared by all sessions. It survives a reload of the settings.
#[derive(Debug, Default)]
pub struct Store;

impl Store {
    /// A session has ended: it no longer counts as one of several at once.
    pub fn leave(&self, _session: SessionId) {}
}
