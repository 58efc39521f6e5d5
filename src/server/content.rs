//! What happens when a message is complete.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::connection::Connection;
use super::later;
use super::log::{self, Ended};
use super::stream::Wire;
use crate::journal::{Content, JournalError};
use crate::message::{Bounds, MessageFacts};
use crate::policy::Reads;
use crate::stage::Stage;
use crate::verdict::{Action, Verdict};

/// A message up to this size is read where it is; a larger one on a thread that may block.
pub(super) const READ_IN_PLACE: u64 = 64 * 1024;

/// Bytes of which only the header section is wanted.
const HEAD: u64 = 1024 * 1024 + 1;

impl<S: Wire> Connection<'_, S> {
    /// Judges the message that is complete. It is in the journal before the client is told that it is accepted.
    pub(super) async fn judge_message(&mut self) -> Result<(), Ended> {
        self.end_text();
        let content = match self.spool.finish().await {
            Ok(content) => self.read_message(content).await,
            Err(error) => Err(error),
        };
        let content = match content {
            Ok(content) => self.identify_message(content).await,
            Err(error) => Err(error),
        };
        let content = match content {
            Ok(content) => content,
            Err(error) => return self.fault("spool", &error),
        };
        let verdict = self.ask(Stage::Message);
        self.wait(verdict.delay).await?;
        if (verdict.action == Action::Accept || verdict.manner.keep)
            && let Err(error) = self.record(content, &verdict).await
        {
            return self.fault("journal", &error);
        }
        self.resolve(&verdict).await
    }

    /// Reads as much of the message as the policy wants to know, and gives it back. Its header may name a lane whose
    /// stubs want to know more.
    async fn read_message(&mut self, mut content: Content) -> io::Result<Content> {
        self.recording.note(format!("({} bytes of text)", content.len()));
        let mut reads = self.reads();
        loop {
            let facts;
            (content, facts) = read(content, reads, &self.endpoint.world.large_reads).await?;
            let unseen = facts.unseen.clone();
            self.session.facts_mut().message = Some(Arc::new(facts));
            self.enter_lane();
            if self.reads() <= reads {
                log::unseen(self.session.facts(), &unseen);
                return Ok(content);
            }
            reads = self.reads();
        }
    }

    fn reads(&self) -> Reads {
        self.endpoint.generation.policy.reads(self.session.facts(), &self.recording.lane().stubs())
    }

    /// Our own fault: the client may try again. The journal says so of it, by a rule of mockmx's own.
    fn fault(&mut self, rule: &str, error: &dyn std::error::Error) -> Result<(), Ended> {
        let facts = self.session.facts();
        tracing::error!(target: "mockmx::session", session = %facts.session, %error, "message not taken");
        let verdict = Verdict::by_mockmx(rule, Stage::Message, false, error.to_string(), self.session.local_error());
        log::verdict(facts, &verdict);
        self.recording.note(format!("({error})"));
        self.recording.fault(facts, &verdict);
        self.session.fail();
        Ok(())
    }

    async fn record(&self, content: Content, verdict: &Verdict) -> Result<(), JournalError> {
        let facts = self.session.facts();
        let host = &self.endpoint.service.persona.host;
        let providers = self.endpoint.generation.policy.answering(facts);
        let message = self.recording.accepted(facts, verdict, (host, providers), content.len());
        let (message, written) = if verdict.later.is_empty() {
            (message, later::Written::default())
        } else {
            let (world, lane) = (&self.endpoint.world, self.recording.shared_lane());
            let written =
                later::write(message, &content, &verdict.later, &self.endpoint.generation, lane, &world.large_reads);
            Box::pin(written).await.map_err(|error| JournalError(error.to_string()))?
        };
        written.unsent.iter().for_each(|unsent| self.recording.note(format!("({unsent})")));
        let message = self.recording.message(message, content, written.notifications).await?;
        log::message(facts, &message);
        Ok(())
    }
}

/// What the message says, as far as the policy wants to know.
async fn read(content: Content, reads: Reads, large: &Semaphore) -> io::Result<(Content, MessageFacts)> {
    if let Some(bytes) = content.memory()
        && content.len() <= READ_IN_PLACE
    {
        let facts = facts(bytes, content.len(), reads);
        return Ok((content, facts));
    }
    // What is read at once takes memory several times its size.
    let permit = large.acquire().await.map_err(io::Error::other)?;
    let read = move || {
        let length = content.len();
        let facts = match (content.memory(), reads) {
            (Some(bytes), _) => facts(bytes, length, reads),
            (None, Reads::Header) => facts(&content.read_head(HEAD)?, length, reads),
            (None, Reads::Everything) => facts(&content.read_all()?, length, reads),
        };
        Ok((content, facts))
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?;
    drop(permit);
    read
}

fn facts(bytes: &[u8], size: u64, reads: Reads) -> MessageFacts {
    let bounds = Bounds::default();
    let facts = match reads {
        Reads::Header => MessageFacts::read_header(bytes, &bounds),
        Reads::Everything => MessageFacts::read(bytes, &bounds),
    };
    // Only its head may have been looked at.
    MessageFacts { size, ..facts }
}
