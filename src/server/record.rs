//! What the journal is told of a connection.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::log::Ended;
use crate::clock::Time;
use crate::facts::Facts;
use crate::journal::record::{Line, Message, Notification, Said, Session, Speaker};
use crate::journal::{Content, JournalError, OpenSession};
use crate::metrics::Metrics;
use crate::smtp::Spoken;
use crate::stage::Stage;
use crate::store::{Lane, Lanes};
use crate::verdict::Verdict;

/// A session's record, and the lanes that it was in.
#[derive(Debug)]
pub(super) struct Recording {
    open: OpenSession,
    /// Those in which it has a place, and the one that it is in, last.
    lanes: Vec<Arc<Lane>>,
    /// What rules said of the message under way.
    said: Vec<Said>,
    metrics: Arc<Metrics>,
}

impl Recording {
    pub(super) fn begin(endpoint: &Endpoint, facts: &Facts, lane: Arc<Lane>) -> Self {
        let provider = endpoint.generation.policy.greeter(&endpoint.listener);
        let open = endpoint.world.journal.begin(Session::begun(facts, provider));
        let metrics = Arc::clone(&endpoint.world.metrics);
        metrics.session_began();
        Self { open, lanes: vec![lane], said: Vec::new(), metrics }
    }

    /// Goes over to the session's lane.
    pub(super) fn enter(&mut self, facts: &Facts, lanes: &Lanes) {
        let name = &facts.lane;
        if self.lane().name != *name {
            let lane = lanes.get(name);
            // A session can name any number of lanes; only those that it has to give a place back to are remembered.
            self.lanes.retain(|known| known.name != *name && known.store.holds_place(facts.session));
            self.lanes.push(lane);
        }
    }

    /// The lane that the session is in now.
    pub(super) fn lane(&self) -> &Lane {
        // There is one from the beginning, and none is ever taken away without another in its place.
        &self.lanes[self.lanes.len() - 1]
    }

    /// The same, for whoever keeps it.
    pub(super) fn shared_lane(&self) -> Arc<Lane> {
        Arc::clone(&self.lanes[self.lanes.len() - 1])
    }

    pub(super) fn lines(&self, spoken: Vec<Spoken>) {
        if spoken.is_empty() {
            return;
        }
        let at = self.lane().clock.now();
        self.open.add(spoken.into_iter().map(|spoken| match spoken {
            Spoken::Client { text, bare_lf } => Line { bare_lf, ..Line::new(at, Speaker::Client, text) },
            Spoken::Server { text, ahead } => Line { ahead, ..Line::new(at, Speaker::Server, text) },
        }));
    }

    /// Notes something that was no line.
    pub(super) fn note(&self, text: String) {
        self.open.lines([(Speaker::Mockmx, text)], self.lane().clock.now());
    }

    pub(super) fn verdict(&mut self, stage: Stage, facts: &Facts, verdict: &Verdict, at: Time) {
        self.open.learn(facts);
        let verdicts = self.open.verdict(facts, verdict, at);
        verdicts.iter().for_each(|verdict| self.metrics.verdict(verdict));
        if stage == Stage::Message {
            self.said = verdicts.iter().map(|verdict| Said::of(verdict)).collect();
        }
    }

    /// Keeps what mockmx itself says of the message under way.
    pub(super) fn fault(&mut self, facts: &Facts, verdict: &Verdict) {
        self.verdict(Stage::Message, facts, verdict, self.lane().clock.now());
    }

    /// The record of the message that is accepted.
    pub(super) fn accepted(
        &self,
        facts: &Facts,
        verdict: &Verdict,
        (host, providers): (&str, Vec<String>),
        size: u64,
    ) -> Message {
        let (said, now) = (self.said.clone(), self.lane().clock.now());
        Message::accepted(self.open.id(), facts, verdict, (host, providers), said, size, now)
    }

    /// Keeps the message and what its sender is told later; once this returns, it is kept.
    pub(super) async fn message(
        &self,
        mut message: Message,
        content: Content,
        later: Vec<(Arc<Notification>, Content)>,
    ) -> Result<Arc<Message>, JournalError> {
        message.notifications = later.iter().map(|(notification, _)| notification.id).collect();
        let told: Vec<_> = later.iter().map(|(notification, _)| Arc::clone(notification)).collect();
        let message = self.open.message_with(message, content, later).await?;
        self.metrics.message();
        told.iter().for_each(|notification| self.metrics.notification(notification));
        Ok(message)
    }

    /// The session is over: it no longer counts anywhere.
    pub(super) fn end(&self, facts: &Facts, ended: &Ended, bytes: u64) {
        self.metrics.session_ended(bytes);
        for lane in &self.lanes {
            lane.store.leave(facts.session);
        }
        self.open.end(facts, &ended.to_string(), bytes, self.lane().clock.now());
    }
}
