//! The engine: which rule of which pack fires at a stage.
//!
//! Rules are asked in the order of their pack, and the first that fires and has more than a delay to say ends it. If
//! the session names a rule (a trigger), only that rule fires, at its own stage, and leaves nothing behind in counters
//! and prisons. Rules that file, discard or replace are asked at the end of stage `message`, for each recipient.

use crate::address::Address;
use crate::facts::Facts;
use crate::message::MessageFacts;
use crate::policy::ask::{Answer, Ask, Effect, Group};
use crate::policy::rule::{Hits, Outcome, Rule, View};
use crate::policy::trigger::{self, Named, RuleName};
use crate::policy::{Policy, Provider, habit};
use crate::reply::Reply;
use crate::stage::Stage;
use crate::verdict::{Action, Fate, Finding, RuleRef, Verdict};

/// The rules that could fire at one stage of one session.
#[derive(Debug)]
pub struct Scene<'a> {
    policy: &'a Policy,
    stage: Stage,
    facts: &'a Facts,
    /// The keywords of each pack that is asked, by the pack's place.
    hits: Vec<(usize, Hits)>,
    cast: Cast<'a>,
}

/// Who may speak.
#[derive(Debug)]
enum Cast<'a> {
    /// The rules whose pure conditions hold, up to the first that fires for certain.
    Rules(Vec<Candidate<'a>>),
    /// The rules that were named and speak now, and nobody else. Empty if their stage is yet to come.
    Named(Vec<(&'a Provider, &'a Rule, Named)>),
    /// mockmx itself: a rule was named that is not there, or another server's habit was followed.
    Own(Box<Verdict>),
}

/// A rule that fires if its questions are answered with yes.
#[derive(Debug)]
struct Candidate<'a> {
    provider: &'a Provider,
    rule: &'a Rule,
    recipient: Option<&'a Address>,
    evidence: Vec<String>,
    asks: Vec<Ask>,
}

/// The verdict, and what must be remembered because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is done.
    pub verdict: Verdict,
    /// What the store has to remember.
    pub effects: Vec<Effect>,
}

impl Policy {
    /// Looks at which rules could fire at `stage`.
    #[must_use]
    pub fn scene<'a>(&'a self, stage: Stage, facts: &'a Facts) -> Scene<'a> {
        let mut scene = Scene { policy: self, stage, facts, hits: Vec::new(), cast: Cast::Rules(Vec::new()) };
        scene.cast = match scene.named() {
            Some(cast) => cast,
            None => scene.rules(),
        };
        scene
    }
}

impl<'a> Scene<'a> {
    /// What has to be asked before the verdict, a group for each rule that depends on it.
    #[must_use]
    pub fn asks(&self) -> Vec<Group> {
        let Cast::Rules(candidates) = &self.cast else {
            return Vec::new();
        };
        let asking = candidates.iter().filter(|candidate| !candidate.asks.is_empty());
        asking.map(|candidate| Group { asks: candidate.asks.clone(), last: candidate.rule.is_last() }).collect()
    }

    /// The verdict, with an answer to each question of each group of [`asks`](Self::asks), in their order. Groups that
    /// the store did not come to are answered with no.
    #[must_use]
    pub fn judge(&self, answers: &[Vec<Answer>]) -> Judgement {
        let mut judgement = Judgement { verdict: Verdict::accept(), effects: Vec::new() };
        let ended = match &self.cast {
            Cast::Rules(candidates) => self.judge_rules(candidates, answers, &mut judgement),
            Cast::Named(named) => {
                self.judge_named(named, &mut judgement);
                true
            }
            Cast::Own(verdict) => {
                judgement.verdict = Verdict::clone(verdict);
                true
            }
        };
        if self.stage == Stage::Message && judgement.verdict.action == Action::Accept {
            if !ended {
                self.file(&mut judgement);
            }
            self.deliver(&mut judgement);
        }
        judgement
    }

    /// The rules that the session names.
    fn named(&self) -> Option<Cast<'a>> {
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
        Some(Cast::Own(own_refusal("habit", reply, stage, format!("asked for by {address}")).into()))
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
            return Cast::Own(own_refusal("unknown-rule", Reply::new(550, text), self.stage, evidence).into());
        };
        let late = is_over(rule.stage, named.at) && self.stage == named.at;
        Cast::Named(if rule.stage == self.stage || late { vec![(provider, rule, named)] } else { Vec::new() })
    }

    /// The rules of the packs that answer at this stage.
    fn rules(&mut self) -> Cast<'a> {
        let (policy, stage, facts) = (self.policy, self.stage, self.facts);
        let mut candidates = Vec::new();
        for index in policy.asked(stage, facts) {
            let provider = &policy.packs[index];
            if let Some(message) = facts.message.as_deref().filter(|_| stage == Stage::Message) {
                self.hits.push((index, provider.pack.scan(message)));
            }
            for rule in provider.pack.answering(stage) {
                for recipient in self.subjects(rule, index) {
                    let Some((evidence, asks)) = rule.test(&self.view(index, recipient)) else { continue };
                    let certain = asks.is_empty() && rule.is_last();
                    candidates.push(Candidate { provider, rule, recipient, evidence, asks });
                    if certain {
                        return Cast::Rules(candidates);
                    }
                }
            }
        }
        Cast::Rules(candidates)
    }

    /// The recipients that a rule has to be asked for, one after the other.
    fn subjects(&self, rule: &Rule, index: usize) -> Vec<Option<&'a Address>> {
        let envelope = &self.facts.envelope;
        match self.stage {
            Stage::Data | Stage::Message if rule.of_recipient() => {
                let of_pack = |to: &&Address| self.policy.of_recipient(self.facts, to) == index;
                envelope.recipients.iter().filter(of_pack).map(Some).collect()
            }
            _ => vec![envelope.candidate.as_ref()],
        }
    }

    fn view<'v>(&'v self, index: usize, recipient: Option<&'v Address>) -> View<'v> {
        static NONE: Hits = Hits::none();
        let provider = &self.policy.packs[index];
        View {
            facts: self.facts,
            directory: &provider.directory,
            hits: self.hits.iter().find(|(pack, _)| *pack == index).map_or(&NONE, |(_, hits)| hits),
            recipient,
            host: &provider.pack.persona.host,
            max_messages: provider.pack.max_messages,
        }
    }

    /// Lets the rules speak until one ends it. Returns whether one did.
    fn judge_rules(&self, candidates: &[Candidate<'a>], answers: &[Vec<Answer>], to: &mut Judgement) -> bool {
        let mut answers = answers.iter();
        for candidate in candidates {
            let mut evidence = candidate.evidence.clone();
            if !candidate.asks.is_empty() {
                let Some(answers) = answers.next().filter(|given| given.len() == candidate.asks.len()) else {
                    continue;
                };
                if !answers.iter().all(Answer::yes) {
                    continue;
                }
                evidence.extend(candidate.asks.iter().zip(answers).filter_map(|(ask, answer)| ask.evidence(answer)));
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
            if self.fire(candidate.provider, candidate.rule, finding, &mut to.verdict) {
                return true;
            }
        }
        false
    }

    fn judge_named(&self, named: &[(&'a Provider, &'a Rule, Named)], to: &mut Judgement) {
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
            if let Outcome::Fate(fate) = &rule.outcome {
                to.verdict.delay += rule.delay;
                to.verdict.findings.push(finding);
                self.set_fates(recipient, fate, &mut to.verdict);
            } else if self.fire(provider, rule, finding, &mut to.verdict) {
                return;
            }
        }
    }

    /// Does what a rule says. Returns whether that ends it.
    fn fire(&self, provider: &Provider, rule: &Rule, finding: Finding, verdict: &mut Verdict) -> bool {
        verdict.delay += rule.delay;
        verdict.findings.push(finding);
        verdict.action = match &rule.outcome {
            Outcome::Accept | Outcome::Continue | Outcome::Fate(_) => Action::Accept,
            Outcome::Drop => Action::Drop,
            Outcome::Refuse { reply, close } => {
                let reply = reply.render(&rule.spoken_of(self.facts), &provider.pack.persona.host);
                if *close { Action::RefuseAndClose(reply) } else { Action::Refuse(reply) }
            }
            Outcome::Reset => Action::Reset,
            Outcome::Stall => Action::Stall,
        };
        rule.is_last()
    }

    /// Asks for each recipient what becomes of the message.
    fn file(&self, to: &mut Judgement) {
        for recipient in &self.facts.envelope.recipients {
            let index = self.policy.of_recipient(self.facts, recipient);
            let view = self.view(index, Some(recipient));
            let mut rules = self.policy.packs[index].pack.filing();
            let Some((rule, (evidence, _))) = rules.find_map(|rule| Some((rule, rule.test(&view)?))) else { continue };
            let Outcome::Fate(fate) = &rule.outcome else { continue };
            to.verdict.findings.push(Finding {
                rule: rule.reference.clone(),
                stage: self.stage,
                late: false,
                triggered: false,
                recipient: Some(recipient.as_str().to_owned()),
                evidence,
            });
            self.set_fates(Some(recipient), fate, &mut to.verdict);
        }
    }

    /// Sets the fate of the message for one recipient, or for all.
    fn set_fates(&self, recipient: Option<&Address>, fate: &Fate, verdict: &mut Verdict) {
        let recipients = &self.facts.envelope.recipients;
        verdict.fates.resize(recipients.len(), Fate::Inbox);
        for (of, to) in verdict.fates.iter_mut().zip(recipients) {
            if recipient.is_none_or(|recipient| recipient == to) {
                *of = fate.clone();
            }
        }
    }

    /// Remembers what fills mailboxes. Other folders do not count towards a quota (263 W022 §4.0.15).
    fn deliver(&self, to: &mut Judgement) {
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

/// Whether a rule's own stage can no more be waited for once it was named at `now`. Commands and faults come all along, so
/// whoever names such a rule with a listener waits for one, and whoever names it later has its answer at once.
fn is_over(own: Stage, now: Stage) -> bool {
    match own {
        Stage::Command | Stage::Fault => now != Stage::Connect,
        own => own < now,
    }
}

/// A refusal by no pack, but by mockmx itself.
fn own_refusal(rule: &str, reply: Reply, stage: Stage, evidence: String) -> Verdict {
    let rule = RuleRef { provider: "mockmx".to_owned(), id: rule.to_owned(), file: "built in".to_owned(), line: 0 };
    let finding =
        Finding { rule: rule.into(), stage, late: false, triggered: true, recipient: None, evidence: vec![evidence] };
    Verdict { findings: vec![finding], ..Verdict::of(Action::Refuse(reply)) }
}

impl Ask {
    /// What an answer says to people.
    fn evidence(&self, answer: &Answer) -> Option<String> {
        match (self, answer) {
            (Self::Rate(rate), Answer::UsedUp(until)) => Some(rate.evidence(*until)),
            (Self::Concurrency(limit), Answer::AtOnce(sessions)) => Some(limit.evidence(*sessions)),
            (Self::Prison(cell), Answer::LockedUntil(until)) => Some(cell.evidence(*until)),
            (Self::Usage(usage), Answer::Holds(amount)) => Some(usage.evidence(*amount)),
            _ => None,
        }
    }
}
