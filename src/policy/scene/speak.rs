//! What the rules that may speak have to say.

use super::{Candidate, Judgement, Scene};
use crate::address::Address;
use crate::message::MessageFacts;
use crate::policy::Provider;
use crate::policy::ask::{Answer, Effect};
use crate::policy::rule::{Outcome, Rule, Turned};
use crate::policy::scene::told::Told;
use crate::policy::trigger::Named;
use crate::stage::Stage;
use crate::verdict::{Action, Fate, Finding, Verdict};

impl<'a> Scene<'a> {
    /// Lets the rules speak until one ends it. Returns whether one did. What is filed already is noted, nothing for all
    /// recipients, and what the sender is to be told.
    pub(super) fn judge_rules(
        &self,
        candidates: &[Candidate<'a>],
        answers: &[Vec<Answer>],
        (filed, told): (&mut Vec<Option<&'a Address>>, &mut Vec<Told<'a>>),
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
            let turned = candidate.stub.map_or(&candidate.rule.does, |stub| stub.turn(nth));
            let is_filed_already = candidate.recipient.is_some_and(|recipient| is_filed(filed, recipient));
            if candidate.stub.is_none() && is_filed_already && turned.outcome.fate().is_some() {
                continue;
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
            // One that speaks of several recipients waits once.
            if !latest.is_some_and(|rule| std::ptr::eq(rule, candidate.rule)) {
                to.verdict.delay += turned.delay.of(&finding.rule.id, self.facts);
            }
            latest = Some(candidate.rule);
            if turned.outcome.is_of_recipient() {
                to.verdict.findings.push(finding);
                let wanted = |to: &Address| candidate.recipient.is_none_or(|of| of == to) && !is_filed(filed, to);
                told.extend(self.told((candidate.provider, candidate.rule, turned), false, wanted));
                if let Some(fate) = turned.outcome.fate() {
                    self.set_fates(wanted, &fate, &mut to.verdict);
                    filed.push(candidate.recipient);
                }
            } else if self.fire((candidate.provider, candidate.rule, turned), finding, &mut to.verdict) {
                return true;
            }
        }
        false
    }

    pub(super) fn judge_named(
        &self,
        named: &[(&'a Provider, &'a Rule, Named)],
        told: &mut Vec<Told<'a>>,
        to: &mut Judgement,
    ) {
        for (provider, rule, named) in named {
            let several = self.stage == Stage::Message;
            let recipient = named.recipient.as_ref().filter(|_| several);
            let finding = Finding {
                rule: rule.reference.clone(),
                stage: self.stage,
                late: rule.stage != self.stage,
                triggered: true,
                recipient: recipient.map(|address| address.as_str().to_owned()),
                evidence: vec![format!("named by {}", named.by).into()],
            };
            to.verdict.delay += rule.does.delay.of(&finding.rule.id, self.facts);
            if rule.does.outcome.is_of_recipient() {
                to.verdict.findings.push(finding);
                let wanted = |to: &Address| recipient.is_none_or(|of| of == to);
                told.extend(self.told((provider, rule, &rule.does), true, wanted));
                if let Some(fate) = rule.does.outcome.fate() {
                    self.set_fates(wanted, &fate, &mut to.verdict);
                }
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
            Outcome::Accept | Outcome::Continue | Outcome::Fate(_) | Outcome::Bounce(_) => Action::Accept,
            Outcome::Drop => Action::Drop,
            Outcome::Refuse { reply, close } => {
                let reply = reply.render(&rule.spoken_of(self.facts), &provider.pack.persona.host);
                if let Some(charset) = turned.charset.filter(|_| turned.manner.raw.is_none()) {
                    verdict.manner.raw = Some(charset.encode(&reply.to_wire()));
                }
                if *close { Action::RefuseAndClose(reply) } else { Action::Refuse(reply) }
            }
            Outcome::Reset => Action::Reset,
            Outcome::Stall => Action::Stall,
        };
        turned.is_last()
    }

    /// Asks for each recipient what becomes of the message: the first rule that decides it is the last that is asked.
    pub(super) fn file(&self, filed: &[Option<&Address>], told: &mut Vec<Told<'a>>, to: &mut Judgement) {
        for recipient in self.facts.envelope.recipients.iter().filter(|recipient| !is_filed(filed, recipient)) {
            let index = self.policy.of_recipient(self.facts, recipient);
            let (view, provider) = (self.view(index, Some(recipient)), &self.policy.packs[index]);
            for rule in provider.pack.filing().filter(|rule| !rule.remembers()) {
                let Some((evidence, _)) = rule.test(&view) else { continue };
                to.verdict.findings.push(Finding {
                    rule: rule.reference.clone(),
                    stage: self.stage,
                    late: false,
                    triggered: false,
                    recipient: Some(recipient.as_str().to_owned()),
                    evidence,
                });
                told.extend(self.told((provider, rule, &rule.does), false, |to| recipient == to));
                if let Some(fate) = rule.does.outcome.fate() {
                    self.set_fates(|to| recipient == to, &fate, &mut to.verdict);
                    break;
                }
            }
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
        let copies = self.copies(&to.verdict);
        to.effects.extend(copies.into_iter().map(|mailbox| Effect::Deliver { mailbox, bytes }));
    }
}

/// Whether a stub has filed the message for a recipient, or for all.
fn is_filed(filed: &[Option<&Address>], recipient: &Address) -> bool {
    filed.iter().any(|by_stub| by_stub.is_none_or(|filed| filed == recipient))
}
