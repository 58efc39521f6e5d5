//! What a message's sender is told later: written with the message, and told of as it becomes due.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Generation;
use super::content::READ_IN_PLACE;
use super::endpoint::World;
use super::outgoing::Outgoing;
use crate::journal::record::{Message, Notification};
use crate::journal::{Content, Due, once_there};
use crate::notification::{Letter, write_later};
use crate::store::Lane;
use crate::verdict::Later;

/// What is kept with a message for its sender.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) notifications: Vec<(Arc<Notification>, Content)>,
    /// What is not sent, and why.
    pub(super) unsent: Vec<String>,
}

/// Writes what the sender is told, of a large message on a thread that may block.
pub(super) async fn write(
    message: Message,
    content: &Content,
    later: &[Later],
    generation: &Arc<Generation>,
    lane: Arc<Lane>,
    large: &Semaphore,
) -> io::Result<(Message, Written)> {
    if let Some(raw) = content.memory()
        && content.len() <= READ_IN_PLACE
    {
        let written = written(&message, raw, later, generation, &lane);
        return Ok((message, written));
    }
    let permit = large.acquire().await.map_err(io::Error::other)?;
    let (content, later, generation) = (content.clone(), later.to_vec(), Arc::clone(generation));
    let write = move || {
        let written = match content.memory() {
            Some(raw) => written(&message, raw, &later, &generation, &lane),
            None => written(&message, &content.read_all()?, &later, &generation, &lane),
        };
        Ok((message, written))
    };
    let done = tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?;
    drop(permit);
    done
}

fn written(message: &Message, raw: &[u8], later: &[Later], generation: &Generation, lane: &Lane) -> Written {
    // Who is away tells a sender now and then only, by the lane's clock.
    let may = |later: &Later| {
        let of = message.deliveries.get(later.recipient).map(|delivery| delivery.recipient.as_str());
        let (Some(every), Some(of)) = (later.every, of) else { return Ok(()) };
        let told = lane.store.answer(of, &message.from, every, message.received);
        told.map_err(|until| format!("{} was told already, and is not told again before {until}", message.from))
    };
    let found = write_later(message, raw, later, &generation.forms, may);
    let kept = |letter: Letter<'_>| {
        let Letter { later, written, recipients, due } = letter;
        let record = Notification::of(message, later, &written, recipients, due);
        (Arc::new(record), Content::in_memory(written.raw))
    };
    Written { notifications: found.letters.into_iter().map(kept).collect(), unsent: found.unsent }
}

/// Tells of notifications as they become due, for ever, and hands them to the relay.
pub(super) async fn tell(world: Arc<World>, outgoing: Outgoing) {
    let due = || {
        let (clocks, moves) = (world.lanes.clocks(), world.lanes.default_lane().clock.moves());
        Due::of(Arc::clone(&world.journal), clocks, moves)
    };
    let mut due = once_there(due).await;
    // What becomes due between the two is among both.
    let mut resumed = once_there(|| outgoing.resume()).await;
    loop {
        let notification = due.next().await;
        tracing::info!(
            target: "mockmx::message",
            id = %notification.id,
            kind = notification.kind.name(),
            lane = %notification.lane,
            to = %crate::escape::Escaped(&notification.to),
            "notification due"
        );
        if !resumed.remove(&notification.id) {
            outgoing.due(&notification);
        }
    }
}
