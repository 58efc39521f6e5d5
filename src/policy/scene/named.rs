//! Rules that a session names.

use super::{Cast, Scene};
use crate::address::Address;
use crate::policy::habit;
use crate::policy::trigger::{self, Named, RuleName};
use crate::reply::Reply;
use crate::stage::Stage;
use crate::verdict::Verdict;

impl<'a> Scene<'a> {
    /// The rules that the session names.
    pub(super) fn named(&self) -> Option<Cast<'a>> {
        let (policy, stage, facts) = (self.policy, self.stage, self.facts);
        if let Some(named) = trigger::session(stage, facts, |id| policy.index(id).is_some()) {
            return Some(self.cast_of(named));
        }
        let recipients: &[Address] = match stage {
            Stage::Rcpt => facts.envelope.candidate.as_slice(),
            Stage::Data | Stage::Message => &facts.envelope.recipients,
            _ => &[],
        };
        let mut all = Vec::new();
        for recipient in recipients {
            let directory = &policy.packs[policy.of_recipient(facts, recipient)].directory;
            let (name, by) = match (RuleName::of_address(recipient), directory.rule(recipient)) {
                (Some(name), _) => (name, "the recipient"),
                (None, Some(name)) => (name.clone(), "the mailbox's setting"),
                (None, None) => continue,
            };
            let named = Named { name, at: Stage::Rcpt, recipient: Some(recipient.clone()), by: by.to_owned() };
            match self.cast_of(named) {
                Cast::Named(mut named) => all.append(&mut named),
                other => return Some(other),
            }
            // Whoever names a rule for a later stage is innocent until then.
            if all.is_empty() && stage == Stage::Rcpt {
                return Some(Cast::Named(all));
            }
        }
        let named_any = recipients.iter().any(|recipient| RuleName::of_address(recipient).is_some());
        if named_any || !all.is_empty() {
            return Some(Cast::Named(all));
        }
        let (reply, address) = habit::asked(stage, facts).filter(|_| policy.habits)?;
        Some(Cast::Own(Verdict::by_mockmx("habit", stage, true, format!("asked for by {address}"), reply).into()))
    }

    /// Whether a rule that was named speaks now.
    fn cast_of(&self, named: Named) -> Cast<'a> {
        let Some((provider, rule)) = self.policy.rule(&named.name) else {
            // An unknown name is said once, where it was given.
            if named.at != self.stage {
                return Cast::Named(Vec::new());
            }
            let text = format!("mockmx: there is no rule {}; `mockmx providers` lists them", named.name);
            let evidence = format!("named by {}", named.by);
            return Cast::Own(
                Verdict::by_mockmx("unknown-rule", self.stage, true, evidence, Reply::new(550, text)).into(),
            );
        };
        let late = is_over(rule.stage, named.at) && self.stage == named.at;
        Cast::Named(if rule.stage == self.stage || late { vec![(provider, rule, named)] } else { Vec::new() })
    }
}

/// Whether a rule's own stage can no more be waited for once it was named at `now`. Commands and faults come all along, so
/// whoever names such a rule with a listener waits for one, and whoever names it later has its answer at once.
fn is_over(own: Stage, now: Stage) -> bool {
    match own {
        Stage::Command | Stage::Fault => now != Stage::Connect,
        own => own < now,
    }
}
