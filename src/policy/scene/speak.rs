//! What the rules that may speak have to say.

use super::{Candidate, Judgement, Scene};
use crate::address::Address;
use crate::message::MessageFacts;
use crate::policy::Provider;
use crate::policy::ask::{Answer, Effect};
use crate::policy::rule::{Outcome, Rule, Turned};
use crate::policy::trigger::Named;
use crate::stage::Stage;
use crate::verdict::{Action, Fate, Finding, Verdict};

impl<'a> Scene<'a> {
    /// Lets the rules speak until one ends it. Returns whether one did. What stubs have filed is noted: nothing for
    /// all recipients.
    pub(super) fn judge_rules(
        &self,
        candidates: &[Candidate<'a>],
        answers: &[Vec<Answer>],
        filed: &mut Vec<Option<&'a Address>>,
        to: &mut Judgement,
    ) -> bool {
        let mut answers = answers.iter();
        let mut latest: Option<&Rule> = None;
        for candidate in candidates {
            let mut evidence = candidate.evidence.clone();
            let mut nth = 0;
            if !candidate.asks.is_empty() {
                let Some(answers) = answers.next().filter(|given| given.len() == candidate.asks.len()) else {
                    continue;
                };
                if !answers.iter().all(Answer::yes) {
                    continue;
                }
                evidence.extend(candidate.asks.iter().zip(answers).filter_map(|(ask, answer)| ask.evidence(answer)));
                nth = answers.iter().find_map(Answer::turn).unwrap_or_default();
            }
            let several = matches!(self.stage, Stage::Data | Stage::Message);
            let finding = Finding {
                rule: candidate.rule.reference.clone(),
                stage: self.stage,
                late: false,
                triggered: false,
                recipient: candidate.recipient.filter(|_| several).map(|address| address.as_str().to_owned()),
                evidence,
            };
            let prison = candidate.rule.lock.as_deref().and_then(|id| candidate.provider.pack.prison(id));
            let host = &candidate.provider.pack.persona.host;
            to.effects.extend(prison.and_then(|prison| prison.cell(self.facts, host)).map(Effect::Lock));
            let turned = candidate.stub.map_or(&candidate.rule.does, |stub| stub.turn(nth));
            // One that speaks of several recipients waits once.
            if !latest.is_some_and(|rule| std::ptr::eq(rule, candidate.rule)) {
                to.verdict.delay += turned.delay.of(&finding.rule.id, self.facts);
            }
            latest = Some(candidate.rule);
            if let Outcome::Fate(fate) = &turned.outcome {
                to.verdict.findings.push(finding);
                let wanted = |to: &Address| candidate.recipient.is_none_or(|of| of == to) && !is_filed(filed, to);
                self.set_fates(wanted, fate, &mut to.verdict);
                filed.push(candidate.recipient);
            } else if self.fire((candidate.provider, candidate.rule, turned), finding, &mut to.verdict) {
                return true;
            }
        }
        false
    }

    pub(super) fn judge_named(&self, named: &[(&'a Provider, &'a Rule, Named)], to: &mut Judgement) {
        for (provider, rule, named) in named {
            let several = self.stage == Stage::Message;
            let recipient = named.recipient.as_ref().filter(|_| several);
            let finding = Finding {
                rule: rule.reference.clone(),
                stage: self.stage,
                late: rule.stage != self.stage,
                triggered: true,
                recipient: recipient.map(|address| address.as_str().to_owned()),
                evidence: vec![format!("named by {}", named.by)],
            };
            to.verdict.delay += rule.does.delay.of(&finding.rule.id, self.facts);
            if let Outcome::Fate(fate) = &rule.does.outcome {
                to.verdict.findings.push(finding);
                self.set_fates(|to| recipient.is_none_or(|of| of == to), fate, &mut to.verdict);
            } else if self.fire((provider, rule, &rule.does), finding, &mut to.verdict) {
                return;
            }
        }
    }

    /// Does what a rule says. Returns whether that ends it.
    fn fire(
        &self,
        (provider, rule, turned): (&Provider, &Rule, &Turned),
        finding: Finding,
        verdict: &mut Verdict,
    ) -> bool {
        verdict.manner = turned.manner.clone();
        verdict.findings.push(finding);
        verdict.action = match &turned.outcome {
            Outcome::Accept | Outcome::Continue | Outcome::Fate(_) => Action::Accept,
            Outcome::Drop => Action::Drop,
            Outcome::Refuse { reply, close } => {
                let reply = reply.render(&rule.spoken_of(self.facts), &provider.pack.persona.host);
                if *close { Action::RefuseAndClose(reply) } else { Action::Refuse(reply) }
            }
            Outcome::Reset => Action::Reset,
            Outcome::Stall => Action::Stall,
        };
        turned.is_last()
    }

    /// Asks for each recipient what becomes of the message.
    pub(super) fn file(&self, filed: &[Option<&Address>], to: &mut Judgement) {
        for recipient in self.facts.envelope.recipients.iter().filter(|recipient| !is_filed(filed, recipient)) {
            let index = self.policy.of_recipient(self.facts, recipient);
            let view = self.view(index, Some(recipient));
            let mut rules = self.policy.packs[index].pack.filing();
            let Some((rule, (evidence, _))) = rules.find_map(|rule| Some((rule, rule.test(&view)?))) else { continue };
            let Outcome::Fate(fate) = &rule.does.outcome else { continue };
            to.verdict.findings.push(Finding {
                rule: rule.reference.clone(),
                stage: self.stage,
                late: false,
                triggered: false,
                recipient: Some(recipient.as_str().to_owned()),
                evidence,
            });
            self.set_fates(|to| recipient == to, fate, &mut to.verdict);
        }
    }

    /// Sets the fate of the message for these recipients.
    fn set_fates(&self, is_meant: impl Fn(&Address) -> bool, fate: &Fate, verdict: &mut Verdict) {
        let recipients = &self.facts.envelope.recipients;
        verdict.fates.resize(recipients.len(), Fate::Inbox);
        for (of, to) in verdict.fates.iter_mut().zip(recipients) {
            if is_meant(to) {
                *of = fate.clone();
            }
        }
    }

    /// Remembers what fills mailboxes. Other folders do not count towards a quota (263 W022 §4.0.15).
    pub(super) fn deliver(&self, to: &mut Judgement) {
        let bytes = self.facts.message.as_deref().map_or(0, |message: &MessageFacts| message.size);
        for (place, recipient) in self.facts.envelope.recipients.iter().enumerate() {
            let fate = to.verdict.fates.get(place).unwrap_or(&Fate::Inbox);
            let directory = &self.policy.packs[self.policy.of_recipient(self.facts, recipient)].directory;
            if matches!(fate, Fate::Inbox | Fate::Replaced(_)) && directory.mailbox(recipient).is_some() {
                to.effects.push(Effect::Deliver { mailbox: recipient.key(), bytes });
            }
        }
    }
}

/// Whether a stub has filed the message for a recipient, or for all.
fn is_filed(filed: &[Option<&Address>], recipient: &Address) -> bool {
    filed.iter().any(|by_stub| by_stub.is_none_or(|filed| filed == recipient))
}
