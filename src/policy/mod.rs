//! Which rule speaks, and what it says. Pure: nothing here awaits, reads a clock, draws a random number or opens a
//! file or a socket (but for the loader, which reads packs at start).
//!
//! A [`Policy`] is one generation of packs and tables. At each stage of a session it is asked in three steps, so that
//! what is remembered between sessions can live elsewhere:
//!
//! ```text
//! let scene = policy.scene(stage, &facts);          // which rules could fire
//! let answers = store.settle(&scene.asks(), now);   // what counters and prisons say
//! let judgement = scene.judge(&answers);            // the verdict, and what must be remembered
//! ```
//!
//! [`pack`] reads one provider's file, [`rule`] holds one file for each kind of condition, [`trigger`] finds the rule
//! that a session names, [`scene`] is the engine.

pub mod ask;
mod directory;
mod explanation;
mod habit;
mod load;
mod matcher;
mod pack;
mod parse;
mod period;
mod reach;
mod rule;
mod scene;
mod stub;
mod stub_files;
#[cfg(test)]
mod tests;
pub(crate) mod trigger;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use crate::address::Address;
use crate::facts::{Facts, Listener};
use crate::identity::{Needs, Zones};
use crate::policy::directory::Directory;
use crate::policy::pack::Pack;
use crate::policy::rule::Rule;
use crate::policy::trigger::RuleName;
use crate::settings::Settings;
use crate::smtp::{Persona, Service};
use crate::stage::Stage;

pub use explanation::Occasion;
pub(crate) use matcher::AddressPattern;
pub use parse::date;
pub(crate) use parse::is_id;
pub use period::Period;
pub use rule::START;
pub use scene::{Judgement, Scene};
pub use stub::{PROVIDER as STUB_PROVIDER, Stub};
pub use view::{ExplanationView, ProviderView, RuleView};

/// The pack that speaks where neither settings nor a recipient's domain choose another.
const DEFAULT_PROVIDER: &str = "263";

/// All packs and tables of one generation of settings.
#[derive(Debug)]
pub struct Policy {
    /// By id, never empty.
    packs: Vec<Provider>,
    /// The pack of listeners that name none.
    base: usize,
    /// The settings chose the base, so a recipient's domain does not.
    pinned: bool,
    /// Addresses of other test servers' habits work.
    habits: bool,
    /// Domains of recipients, and the packs that answer for them.
    routes: HashMap<String, usize>,
    /// What DNS says by the packs and, over them, the settings.
    zones: Zones,
}

/// A pack, and the world as it sees it.
#[derive(Debug)]
struct Provider {
    pack: Pack,
    directory: Directory,
}

/// How much of a message has to be read before it can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// The header fields.
    Header,
    /// All of it.
    Everything,
}

impl Policy {
    /// What is said at a listener where no rule speaks.
    #[must_use]
    pub fn persona(&self, listener: &Listener) -> Arc<Persona> {
        self.packs[self.at(listener)].pack.persona.clone()
    }

    /// What all sessions at a listener share: who speaks there, within which bounds, and when the policy is asked.
    #[must_use]
    pub fn service(&self, settings: &Settings, listener: &Listener) -> Service {
        Service {
            persona: self.persona(listener),
            limits: settings.limits.session.clone(),
            accounts: Arc::new(settings.accounts.clone()),
            auth_without_tls: settings.auth_without_tls,
        }
    }

    /// The name of the pack that greets at a listener.
    #[must_use]
    pub fn greeter(&self, listener: &Listener) -> &str {
        &self.packs[self.at(listener)].pack.id
    }

    /// The names of the packs that answer for the recipients of the transaction under way.
    #[must_use]
    pub fn answering(&self, facts: &Facts) -> Vec<String> {
        self.asked(Stage::Message, facts).into_iter().map(|index| self.packs[index].pack.id.clone()).collect()
    }

    /// How much of the message must be known at stage `message`.
    #[must_use]
    pub fn reads(&self, facts: &Facts, stubs: &[Arc<Stub>]) -> Reads {
        let reads = |index: usize| self.packs[index].pack.reads_body;
        let base = self.at(&facts.listener);
        let recipients = facts.envelope.recipients.iter();
        let any = recipients.map(|recipient| self.of_recipient(facts, recipient)).chain([base]).any(reads);
        let stubs = stubs.iter().any(|stub| stub.stage() == Stage::Message && stub.reads_body());
        if any || stubs { Reads::Everything } else { Reads::Header }
    }

    /// What the rules of `stage` want to know of who the sender is.
    #[must_use]
    pub fn identifies(&self, stage: Stage, facts: &Facts, stubs: &[Arc<Stub>]) -> Needs {
        let mut needs = Needs::default();
        stubs.iter().for_each(|stub| stub.identifies(stage, &mut needs));
        for index in self.asked(stage, facts) {
            self.packs[index].pack.identifies(stage, &mut needs);
        }
        needs
    }

    /// What DNS says by the packs and, over them, the settings.
    #[must_use]
    pub const fn zones(&self) -> &Zones {
        &self.zones
    }

    /// Domains that mail is taken for by their own names, but for those that settings host for any provider.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(String::as_str)
    }

    /// The packs whose rules are asked at `stage`.
    fn asked(&self, stage: Stage, facts: &Facts) -> Vec<usize> {
        let recipients = match stage {
            Stage::Rcpt => facts.envelope.candidate.as_slice(),
            Stage::Data | Stage::Message => &facts.envelope.recipients,
            _ => return vec![self.at(&facts.listener)],
        };
        let mut packs = Vec::new();
        for index in recipients.iter().map(|to| self.of_recipient(facts, to)) {
            if !packs.contains(&index) {
                packs.push(index);
            }
        }
        packs
    }

    /// The rule of that name.
    fn rule(&self, name: &RuleName) -> Option<(&Provider, &Rule)> {
        let provider = self.packs.iter().find(|provider| provider.pack.id == name.provider)?;
        Some((provider, provider.pack.rule(&name.rule)?))
    }

    /// The prisons of a pack.
    fn prisons(&self, index: usize) -> &[(String, rule::Prison)] {
        &self.packs[index].pack.prisons
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.packs.iter().position(|provider| provider.pack.id == id)
    }

    /// The pack that a listener speaks as.
    fn at(&self, listener: &Listener) -> usize {
        let named = listener.provider.as_deref().or_else(|| {
            // A listener whose every session meets one rule speaks as that rule's provider.
            listener.trigger.as_deref().and_then(|name| name.split_once('/')).map(|(provider, _)| provider)
        });
        named.and_then(|id| self.index(id)).unwrap_or(self.base)
    }

    /// The pack that answers for a recipient.
    fn of_recipient(&self, facts: &Facts, recipient: &Address) -> usize {
        let base = self.at(&facts.listener);
        if self.pinned || facts.listener.provider.is_some() {
            return base;
        }
        self.routes.get(recipient.domain()).copied().unwrap_or(base)
    }
}
