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

/// A provider, as a person wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderView {
    /// The pack's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The domains whose recipients it answers for.
    pub domains: Vec<String>,
    /// Its rules, in the order in which they are asked.
    pub rules: Vec<RuleView>,
}

/// A rule, as a person wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleView {
    /// The rule's id within the pack.
    pub id: String,
    /// Where it is asked.
    pub stage: crate::stage::Stage,
    /// What it does, in a word or two: `refuse`, `drop`.
    pub action: &'static str,
    /// The reply, as the pack writes it.
    pub reply: Option<String>,
    /// It fires only when it is named.
    pub trigger_only: bool,
    /// The recipient's address that makes it fire.
    pub trigger: String,
    /// Why, in Chinese.
    pub reason_zh: Option<String>,
    /// Why, in English.
    pub reason_en: Option<String>,
    /// What to do, in Chinese.
    pub remedy_zh: Option<String>,
    /// What to do, in English.
    pub remedy_en: Option<String>,
    /// Where and when this was seen.
    pub source: Option<String>,
    /// What is ours in it, and not the document's.
    pub note: Option<String>,
    /// The pack's file.
    pub file: String,
    /// The line where the rule begins.
    pub line: usize,
}

#[allow(missing_docs, reason = "stub")]
impl Policy {
    pub fn providers(&self) -> Vec<ProviderView> {
        Vec::new()
    }
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
