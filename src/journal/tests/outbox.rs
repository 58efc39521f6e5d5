//! What senders are told later, in every store.

use super::stores::{Stores, reopen};
use super::*;
use crate::clock::Clock;
use crate::journal::record::Passed;
use crate::lane::Clocks;
use crate::notification;
use crate::verdict::{Later, NotificationKind};

fn notification(message: &Message, due: Time, raw: &[u8]) -> (Arc<Notification>, Content) {
    let written = notification::Notification {
        from: String::new(),
        to: message.from.clone(),
        raw: raw.to_vec(),
        kind: "failed",
        recipients: vec![0],
        smtputf8: false,
    };
    let later = Later::of(NotificationKind::Failed, "263", "263.net", 0);
    let record = Notification::of(message, &later, &written, vec!["b@example.com".to_owned()], due);
    (Arc::new(record), Content::in_memory(raw.to_vec()))
}

pub(super) async fn what_waits_is_due_by_its_lane_s_clock(stores: &Stores) {
    let clock = Clock::standing(NOW);
    let clocks = Clocks::new({
        let clock = clock.clone();
        move |_| clock.now()
    });
    let (journal, location) = stores.empty(Keep::default(), &clock).await;
    let facts = facts("a@example.org", &["b@example.com"]);
    let mut ids = Vec::new();
    for hours in [2, 1, 3] {
        let message = message(&facts, Vec::new(), 1);
        let told = notification(&message, NOW.after(Duration::from_secs(hours * 3600)), b"Subject: x\r\n\r\n\xff\0");
        ids.push(told.0.id);
        journal.message_with(message, Content::in_memory(*b"x"), vec![told]).await.unwrap();
    }
    let state = |is: bool| Filter::default().and_due(is, clocks.clone());
    let count = async |journal: &Journal, is| {
        journal.page::<Notification>(&Query { filter: state(is), ..all() }).await.unwrap().len()
    };
    assert_eq!((count(&journal, false).await, count(&journal, true).await), (3, 0));
    assert_eq!(journal.content(ids[0]).await.unwrap().unwrap().read_all().unwrap(), b"Subject: x\r\n\r\n\xff\0");
    let journal = match location {
        Location::Memory => journal,
        // What waits outlives the process.
        _ => {
            journal.close(io_now() + Duration::from_secs(30)).await;
            drop(journal);
            reopen(&location, Keep::default(), &clock).await
        }
    };
    let mut due = Due::of(Arc::clone(&journal), clocks.clone(), clock.moves()).await.unwrap();
    let (_, mut events) = journal.watch().since(None);
    let waiting = tokio::spawn(async move {
        let first = due.next().await.id;
        (first, due.next().await.id, due)
    });
    clock.advance(Duration::from_secs(2 * 3600));
    let (first, second, mut due) = waiting.await.unwrap();
    assert_eq!((first, second), (ids[1], ids[0]), "the earliest first");
    assert_eq!(events.recv().await.unwrap().entry.id(), ids[1]);
    assert_eq!((count(&journal, false).await, count(&journal, true).await), (1, 2));
    // One that is deleted is not sent.
    assert_eq!(journal.delete::<Notification>(&state(false)).await.unwrap(), 1);
    let message = message(&facts, Vec::new(), 1);
    let told = notification(&message, NOW, b"");
    let id = told.0.id;
    clock.advance(Duration::from_secs(2 * 3600));
    journal.message_with(message, Content::default(), vec![told]).await.unwrap();
    assert_eq!(due.next().await.id, id);
    let attempt = Attempt {
        id: Id::new(),
        notification: id,
        lane: "default".to_owned(),
        at: NOW,
        host: "mx.example".to_owned(),
        outcome: Passed::Relayed,
        reply: "250 ok".to_owned(),
    };
    journal.attempt(attempt.clone());
    let of = |id: Id| Query { filter: where_(Field::Notification, &id.to_string()), ..all() };
    assert_eq!(journal.page::<Attempt>(&of(id)).await.unwrap(), [Arc::new(attempt)]);
    assert!(journal.page::<Attempt>(&of(first)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_longer_kept_is_waited_for_no_more() {
    let clock = Clock::standing(NOW);
    let clocks = Clocks::new({
        let clock = clock.clone();
        move |_| clock.now()
    });
    let journal = Arc::new(Journal::default());
    let mut due = Due::of(Arc::clone(&journal), clocks.clone(), clock.moves()).await.unwrap();
    due.room = 3;
    let facts = facts("a@example.org", &["b@example.com"]);
    let keep = async |after: u64| {
        let message = message(&facts, Vec::new(), 1);
        let told = notification(&message, NOW.after(Duration::from_secs(after)), b"");
        let id = told.0.id;
        journal.message_with(message, Content::default(), vec![told]).await.unwrap();
        id
    };
    for after in 1..=3 {
        keep(after).await;
    }
    assert_eq!(journal.delete::<Notification>(&Filter::default()).await.unwrap(), 3);
    let (waits, now) = (keep(2).await, keep(0).await);
    assert_eq!((due.next().await.id, journal.agenda.len()), (now, 1));
    clock.advance(Duration::from_secs(3));
    assert_eq!(due.next().await.id, waits);
}
