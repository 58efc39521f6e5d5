//! Notifications on their way to the relay.

use super::*;
use crate::address::Address;
use crate::clock::io_now;
use crate::facts::{Facts, Listener, ReversePath, SessionId, loopback};
use crate::journal::record::{Attempt, Id, Notification, Passed};
use crate::notification;
use crate::verdict::{Action, Later, NotificationKind, Verdict};

const NOW: Time = Time::from_unix_seconds(1_201_824_000);

/// More than a relay takes while nobody lets it.
const MANY: usize = 3_000;

/// What is told of one message.
fn told(message: &Message, recipient: usize, due: Time) -> Arc<Notification> {
    let written = notification::Notification {
        from: String::new(),
        to: message.from.clone(),
        raw: Vec::new(),
        kind: "failed",
        recipients: vec![recipient],
        smtputf8: false,
    };
    let later = Later::of(NotificationKind::Failed, "263", "263.net", recipient);
    Arc::new(Notification::of(message, &later, &written, vec!["b@example.com".to_owned()], due))
}

/// Who takes notifications in that world, where nobody listens, and what lets that go on.
fn outgoing(world: &Arc<World>) -> (Outgoing, Vec<Box<dyn std::any::Any>>) {
    let settings = OutboxSettings { relay: Some("127.0.0.1:1".parse().unwrap()), ..OutboxSettings::default() };
    let (named, relay) = watch::channel(Arc::new(Relay::new(&settings, Vec::new())));
    let (outgoing, relaying) = Outgoing::start(world, &relay, Duration::ZERO);
    (outgoing, vec![Box::new(named), Box::new(relaying)])
}

fn world() -> Arc<World> {
    let lanes = Arc::new(Lanes::new(Clock::standing(NOW)));
    Arc::new(World::new(lanes, Arc::new(Journal::default()), Metrics::new().unwrap()))
}

/// Keeps a message and so many notifications of it, due after that time.
async fn keep(journal: &Journal, many: usize, after: Duration) -> Vec<Arc<Notification>> {
    let listener = Arc::new(Listener::plain("smtp", Role::Mx, TlsMode::None));
    let mut facts = Facts::new(SessionId(1), listener, loopback(), NOW);
    facts.envelope.sender = Address::parse("a@client.test").map(ReversePath::Mailbox);
    let (verdict, host) = (Verdict::of(Action::Accept), ("263.net", vec!["263".to_owned()]));
    let message = Message::accepted(Id::new(), &facts, &verdict, host, Vec::new(), 0, NOW);
    let later: Vec<_> = (0..many).map(|at| told(&message, at, NOW.after(after))).collect();
    let with_bytes = later.iter().map(|told| (Arc::clone(told), Content::default())).collect();
    journal.message_with(message, Content::default(), with_bytes).await.unwrap();
    later
}

#[tokio::test]
async fn however_many_are_due_at_once_each_is_tried() {
    let world = world();
    let (outgoing, _goes_on) = outgoing(&world);
    let later = keep(&world.journal, MANY, Duration::ZERO).await;
    later.iter().for_each(|told| outgoing.due(told));
    let query = Query { limit: MANY + 1, ..Query::default() };
    assert!(world.journal.page::<Attempt>(&query).await.unwrap().is_empty(), "nothing was tried yet");
    let end = io_now() + Duration::from_secs(60);
    let tried = world.journal.wait::<Attempt>(&query, MANY, end).await.unwrap();
    assert_eq!(tried.found.len(), MANY);
    assert!(tried.found.iter().all(|tried| tried.outcome == Passed::Deferred), "{:?}", tried.found[0]);
}

#[tokio::test]
async fn what_was_taken_before_the_clock_was_set_back_by_a_restart_is_not_sent_again() {
    let world = world();
    let (outgoing, _goes_on) = outgoing(&world);
    let later = keep(&world.journal, 3, Duration::from_secs(3600)).await;
    for (told, outcome) in later.iter().zip([Passed::Relayed, Passed::Failed, Passed::Deferred]) {
        let (id, lane, at) = (Id::new(), told.lane.clone(), told.due);
        let (host, reply) = ("mx.example:25".to_owned(), "250 ok".to_owned());
        world.journal.attempt(Attempt { id, notification: told.id, lane, at, host, outcome, reply });
    }
    let known = outgoing.resume().await.unwrap();
    let is_known = later.iter().map(|told| known.contains(&told.id)).collect::<Vec<_>>();
    assert_eq!(is_known, [true, true, false]);
}
