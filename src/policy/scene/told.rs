//! What the sender is told after the 250.

use std::collections::BTreeSet;

use super::Scene;
use crate::address::Address;
use crate::policy::Provider;
use crate::policy::rule::{Bounce, Outcome, Rule, Speaker, Turned};
use crate::verdict::{Fate, Later, NotificationKind, Verdict};

/// What a rule tells the sender of one recipient.
#[derive(Debug)]
pub(super) struct Told<'a> {
    provider: &'a Provider,
    rule: &'a Rule,
    bounce: &'a Bounce,
    /// The recipient's place.
    recipient: usize,
    named: bool,
}

impl<'a> Scene<'a> {
    /// What a rule tells of these recipients.
    pub(super) fn told(
        &self,
        (provider, rule, turned): (&'a Provider, &'a Rule, &'a Turned),
        named: bool,
        is_meant: impl Fn(&Address) -> bool,
    ) -> Vec<Told<'a>> {
        let Outcome::Bounce(bounce) = &turned.outcome else { return Vec::new() };
        let recipients = self.facts.envelope.recipients.iter().enumerate().filter(|(_, to)| is_meant(to));
        recipients.map(|(recipient, _)| Told { provider, rule, bounce, recipient, named }).collect()
    }

    /// Adds what the sender is told, by rules and because it asked for it.
    pub(super) fn tell(&self, told: &[Told<'_>], verdict: &mut Verdict) {
        if !told.is_empty() {
            // One copy for all: there can be a thousand recipients.
            let mut facts = self.facts.clone();
            for Told { provider, rule, bounce, recipient, named } in told {
                // A stub's words are those of whoever answers for the recipient.
                let is_its = rule.reference.provider == provider.pack.id;
                let provider = if is_its { provider } else { self.answering(*recipient) };
                let mut speaker = Speaker {
                    provider: &provider.pack.id,
                    host: &provider.pack.persona.host,
                    rule,
                    facts: &mut facts,
                    recipient: *recipient,
                    tracker: self.tracker(*recipient),
                    named: *named,
                };
                verdict.later.append(&mut bounce.later(&mut speaker));
            }
        }
        let asked = (0..self.facts.envelope.recipients.len()).filter(|&recipient| self.is_success(recipient, verdict));
        let asked: Vec<_> = asked.map(|recipient| self.success(recipient)).collect();
        verdict.later.extend(asked);
    }

    /// Who gets a copy of what was delivered, by key; each one copy, however many recipients it tracks (263 W022
    /// §4.0.19 3). Whoever has no room for it gets none: the sender is told so.
    pub(super) fn copies(&self, verdict: &Verdict) -> BTreeSet<String> {
        let recipients = 0..self.facts.envelope.recipients.len();
        let delivered =
            recipients.filter(|&place| !matches!(verdict.fates.get(place), Some(Fate::Discarded | Fate::Bounced)));
        let trackers = delivered.filter_map(|place| {
            let tracker = self.tracker(place)?;
            self.answering(place).directory.mailbox(tracker)?;
            let about = |later: &Later| later.about.as_deref() == Some(tracker.as_str());
            (!verdict.later.iter().any(about)).then(|| tracker.key())
        });
        trackers.collect()
    }

    fn answering(&self, recipient: usize) -> &'a Provider {
        let to = &self.facts.envelope.recipients[recipient];
        &self.policy.packs[self.policy.of_recipient(self.facts, to)]
    }

    /// Who gets a copy of what comes to a recipient.
    fn tracker(&self, recipient: usize) -> Option<&'a Address> {
        let to = &self.facts.envelope.recipients[recipient];
        self.answering(recipient).directory.mailbox(to)?.tracker.as_ref()
    }

    /// Whether the sender asked to be told that the message was delivered (RFC 3461 §4.1), and it was, and no rule
    /// tells of its delivery.
    fn is_success(&self, recipient: usize, verdict: &Verdict) -> bool {
        let parameters = self.facts.envelope.recipient_parameters.get(recipient);
        let notify = parameters.and_then(|parameters| parameters.notify.as_deref()).unwrap_or_default();
        let tells =
            |later: &Later| later.recipient == recipient && later.about.is_none() && later.kind.is_of_delivery();
        notify.split(',').any(|word| word.trim().eq_ignore_ascii_case("SUCCESS"))
            && !matches!(verdict.fates.get(recipient), Some(Fate::Discarded | Fate::Bounced))
            && !verdict.later.iter().any(tells)
    }

    fn success(&self, recipient: usize) -> Later {
        let pack = &self.answering(recipient).pack;
        Later::of(NotificationKind::Delivered, &pack.id, &pack.persona.host, recipient)
    }
}
