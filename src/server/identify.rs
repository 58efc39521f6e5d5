//! Has DNS asked for what the rules of a stage want to know of who the sender is.

use std::io;
use std::sync::Arc;

use super::connection::Connection;
use super::content::READ_IN_PLACE;
use super::stream::Wire;
use crate::facts::Facts;
use crate::identity::{Identity, Needs, identify};
use crate::journal::Content;
use crate::server::endpoint::Endpoint;
use crate::stage::Stage;

impl<S: Wire> Connection<'_, S> {
    /// What the rules of a stage want to know of who the sender is.
    pub(super) fn needs(&self, stage: Stage) -> Needs {
        self.endpoint.generation.policy.identifies(stage, self.session.facts(), &self.recording.lane().stubs())
    }

    /// Finds out what the rules of a stage before the message want to know.
    pub(super) async fn identify(&mut self, needs: Needs) {
        let facts = self.session.facts();
        let identity = find_out(&self.endpoint, &needs, facts, None).await;
        self.session.facts_mut().identity = Some(Arc::new(identity));
    }

    /// Finds out what the rules of stage `message` want to know, and gives the message back.
    ///
    /// # Errors
    /// If the message cannot be read.
    pub(super) async fn identify_message(&mut self, content: Content) -> io::Result<Content> {
        let needs = self.needs(Stage::Message);
        if needs.is_nothing() {
            return Ok(content);
        }
        let facts = self.session.facts();
        let identity = match content.memory() {
            _ if !needs.message() => find_out(&self.endpoint, &needs, facts, None).await,
            Some(bytes) if content.len() <= READ_IN_PLACE => find_out(&self.endpoint, &needs, facts, Some(bytes)).await,
            _ => find_out_of_large(&self.endpoint, needs, facts, content.clone()).await?,
        };
        self.session.facts_mut().identity = Some(Arc::new(identity));
        Ok(content)
    }
}

async fn find_out(endpoint: &Endpoint, needs: &Needs, facts: &Facts, raw: Option<&[u8]>) -> Identity {
    let zones = endpoint.generation.policy.zones().aged(endpoint.world.age());
    let dns = (zones, endpoint.resolver.as_ref());
    identify(dns, needs, facts, &endpoint.service.persona.host, raw).await
}

/// Hashing a large message takes its time, so it is done on a thread that may block.
async fn find_out_of_large(
    endpoint: &Arc<Endpoint>,
    needs: Needs,
    facts: &Facts,
    content: Content,
) -> io::Result<Identity> {
    let permit = endpoint.world.large_reads.acquire().await.map_err(io::Error::other)?;
    let (endpoint, facts) = (Arc::clone(endpoint), facts.clone());
    let runtime = tokio::runtime::Handle::current();
    let examine = move || {
        let read = if content.memory().is_some() { Vec::new() } else { content.read_all()? };
        let raw = content.memory().unwrap_or(&read);
        Ok(runtime.block_on(find_out(&endpoint, &needs, &facts, Some(raw))))
    };
    let identity = tokio::task::spawn_blocking(examine).await.map_err(io::Error::other)?;
    drop(permit);
    identity
}
