//! The engine: which rule of which pack fires at a stage.
//!
//! Rules are asked in the order of their pack, and the first that fires and has more than a delay to say ends it. If
//! the session names a rule (a trigger), only that rule fires, at its own stage, and leaves nothing behind in counters
//! and prisons. Rules that file, discard or replace are asked at the end of stage `message`, for each recipient.

mod named;
mod speak;
mod told;

use std::sync::Arc;

use crate::address::Address;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::policy::ask::{Answer, Ask, Effect, Group};
use crate::policy::rule::{Hits, Rule, View};
use crate::policy::stub::Stub;
use crate::policy::trigger::Named;
use crate::policy::{Policy, Provider};
use crate::stage::Stage;
use crate::verdict::{Action, Verdict};

/// The rules that could fire at one stage of one session.
#[derive(Debug)]
pub struct Scene<'a> {
    policy: &'a Policy,
    stage: Stage,
    facts: &'a Facts,
    /// The keywords of each pack that is asked, by the pack's place.
    hits: Vec<(usize, Hits)>,
    stubs: &'a [Arc<Stub>],
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
    /// The stub that it is.
    stub: Option<&'a Stub>,
    recipient: Option<&'a Address>,
    evidence: Vec<Evidence>,
    asks: Vec<Ask>,
}

impl Candidate<'_> {
    /// Whether it says what comes of the message for one recipient, and leaves the others to other rules.
    fn is_of_recipient(&self) -> bool {
        self.rule.does.outcome.is_of_recipient()
    }
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
    /// Looks at which rules could fire at `stage`, with the stubs of the session's lane ahead of them.
    #[must_use]
    pub fn scene<'a>(&'a self, stage: Stage, facts: &'a Facts, stubs: &'a [Arc<Stub>]) -> Scene<'a> {
        let mut scene = Scene { policy: self, stage, facts, hits: Vec::new(), stubs, cast: Cast::Rules(Vec::new()) };
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
        asking
            .map(|candidate| Group {
                asks: candidate.asks.clone(),
                last: candidate.stub.is_none() && candidate.rule.is_last() && !candidate.is_of_recipient(),
                of: candidate.stub.and(candidate.recipient).map(Address::key),
            })
            .collect()
    }

    /// The verdict, with an answer to each question of each group of [`asks`](Self::asks), in their order. Groups that
    /// the store did not come to are answered with no.
    #[must_use]
    pub fn judge(&self, answers: &[Vec<Answer>]) -> Judgement {
        let mut judgement = Judgement { verdict: Verdict::accept(), effects: Vec::new() };
        let (mut filed, mut told) = (Vec::new(), Vec::new());
        let ended = match &self.cast {
            Cast::Rules(candidates) => self.judge_rules(candidates, answers, (&mut filed, &mut told), &mut judgement),
            Cast::Named(named) => {
                self.judge_named(named, &mut told, &mut judgement);
                true
            }
            Cast::Own(verdict) => {
                judgement.verdict = Verdict::clone(verdict);
                true
            }
        };
        if self.stage == Stage::Message && (judgement.verdict.action == Action::Accept || judgement.verdict.manner.keep)
        {
            if !ended {
                self.file(&filed, &mut told, &mut judgement);
            }
            self.tell(&told, &mut judgement.verdict);
            self.deliver(&mut judgement);
        }
        judgement
    }

    /// The rules of the packs that answer at this stage.
    fn rules(&mut self) -> Cast<'a> {
        let (policy, stage, facts) = (self.policy, self.stage, self.facts);
        let mut candidates = self.stubs();
        for index in policy.asked(stage, facts) {
            let provider = &policy.packs[index];
            if let Some(message) = facts.message.as_deref().filter(|_| stage == Stage::Message) {
                self.hits.push((index, provider.pack.scan(message)));
            }
            for rule in provider.pack.answering(stage) {
                for recipient in self.subjects(rule, index) {
                    let Some((evidence, asks)) = rule.test(&self.view(index, recipient)) else { continue };
                    let certain = asks.is_empty() && rule.is_last();
                    candidates.push(Candidate { provider, rule, stub: None, recipient, evidence, asks });
                    if certain {
                        return Cast::Rules(candidates);
                    }
                }
            }
        }
        if stage == Stage::Message {
            candidates.extend(self.asking());
        }
        Cast::Rules(candidates)
    }

    /// The rules that say what becomes of the message for one recipient and want to know what is remembered. They are
    /// asked ahead of the others of their sort.
    fn asking(&self) -> Vec<Candidate<'a>> {
        let mut candidates = Vec::new();
        for recipient in &self.facts.envelope.recipients {
            let index = self.policy.of_recipient(self.facts, recipient);
            let provider = &self.policy.packs[index];
            for rule in provider.pack.filing().filter(|rule| rule.remembers()) {
                let Some((evidence, asks)) = rule.test(&self.view(index, Some(recipient))) else { continue };
                candidates.push(Candidate { provider, rule, stub: None, recipient: Some(recipient), evidence, asks });
            }
        }
        candidates
    }

    /// The stubs whose pure conditions hold, the one that is asked first in front.
    fn stubs(&self) -> Vec<Candidate<'a>> {
        if self.stubs.is_empty() {
            return Vec::new();
        }
        let packs = self.policy.asked(self.stage, self.facts);
        let mut candidates = Vec::new();
        for stub in self.stubs.iter().filter(|stub| stub.stage() == self.stage) {
            let message = self.facts.message.as_deref().filter(|_| self.stage == Stage::Message);
            let hits = message.map_or(Hits::none(), |message| stub.scan(message));
            let packs = packs.iter().filter(|index| stub.speaks_for(&self.policy.packs[**index].pack.id));
            let subjects = packs
                .flat_map(|index| self.subjects(stub.rule(), *index).into_iter().map(|recipient| (*index, recipient)));
            for (index, recipient) in subjects {
                let provider = &self.policy.packs[index];
                let view = View { hits: &hits, ..self.view(index, recipient) };
                let Some((evidence, mut asks)) = stub.rule().test(&view) else { continue };
                asks.retain(|ask| !matches!(ask, Ask::Turn(_)));
                asks.push(Ask::Turn(stub.ask(self.facts, view.host)));
                candidates.push(Candidate { provider, rule: stub.rule(), stub: Some(stub), recipient, evidence, asks });
                if recipient.is_none() || self.stage == Stage::Rcpt {
                    // It speaks of the whole message, whatever packs answer for its recipients.
                    break;
                }
            }
        }
        candidates
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
}

impl Ask {
    /// What an answer says to people.
    fn evidence(&self, answer: &Answer) -> Option<Evidence> {
        Some(match (self, answer) {
            (Self::Rate(rate), Answer::UsedUp(until)) => rate.evidence(*until),
            (Self::Concurrency(limit), Answer::AtOnce(sessions)) => limit.evidence(*sessions),
            (Self::Prison(cell), Answer::LockedUntil(until)) => cell.evidence(*until).into(),
            (Self::Usage(usage), Answer::Holds(amount)) => usage.evidence(*amount).into(),
            (Self::Greylist(list), Answer::Waits(until)) => list.evidence(*until).into(),
            (Self::Draw(draw), Answer::Drawn(nth)) => draw.evidence(*nth).into(),
            (Self::Turn(turn), Answer::Turn(nth)) => turn.evidence(*nth).into(),
            _ => return None,
        })
    }
}
