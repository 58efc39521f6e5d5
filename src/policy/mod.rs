//! Which rule speaks (stub of the interface).

use std::sync::Arc;

use crate::facts::{Facts, Listener};
use crate::problem::Problems;
use crate::settings::Settings;
use crate::smtp::Persona;

/// All packs and tables of one generation of settings. Pure: asks nothing of the world.
#[derive(Debug)]
pub struct Policy;

/// How much of a message has to be read before it can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// The header fields.
    Header,
    /// All of it.
    Everything,
}

#[allow(missing_docs, reason = "stub")]
impl Policy {
    pub fn load(_settings: &Settings) -> Result<Self, Problems> {
        Ok(Self)
    }
    pub fn persona(&self, _listener: &Listener) -> Arc<Persona> {
        Arc::default()
    }
    pub fn judges_commands(&self) -> bool {
        false
    }
    pub fn reads(&self, _facts: &Facts) -> Reads {
        Reads::Header
    }
}
