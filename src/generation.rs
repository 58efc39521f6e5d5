//! One state of settings and packs.

use crate::policy::Policy;
use crate::settings::Settings;

/// One state of settings and packs. A session keeps the one that it began with; a reload makes another.
#[derive(Debug)]
pub struct Generation {
    /// The settings.
    pub settings: Settings,
    /// The policy loaded by them.
    pub policy: Policy,
}
