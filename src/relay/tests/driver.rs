use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::*;
use crate::clock::{Clock, Time};

const BEGIN: Time = Time::from_unix_seconds(1_201_824_000);

/// An outbox that tells of every report.
struct Kept {
    reports: mpsc::UnboundedSender<(u32, Report)>,
    unreadable: bool,
}

impl Outbox for Kept {
    type Key = u32;

    async fn raw(&self, _: &u32) -> Result<Option<Vec<u8>>, String> {
        if self.unreadable { Err("the store is out of order".to_owned()) } else { Ok(Some(RAW.to_vec())) }
    }

    async fn attempted(&self, key: &u32, report: Report) {
        self.reports.send((*key, report)).unwrap();
    }
}

/// A driver that runs, and what it is driven by.
struct Driven {
    entries: mpsc::Sender<Entry<u32>>,
    reports: mpsc::UnboundedReceiver<(u32, Report)>,
    relay: watch::Sender<Arc<Relay>>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    clock: Clock,
}

impl Driven {
    fn new(relay: Relay, unreadable: bool, drain: Duration) -> Self {
        let (reports_in, reports) = mpsc::unbounded_channel();
        let (entries, entries_out) = mpsc::channel(1);
        let (relay, relay_out) = watch::channel(Arc::new(relay));
        let (stop, stopped) = oneshot::channel();
        let outbox = Arc::new(Kept { reports: reports_in, unreadable });
        let shutdown = async { drop(stopped.await) };
        let running = tokio::spawn(run(entries_out, outbox, relay_out, shutdown, drain));
        Self { entries, reports, relay, stop, running, clock: Clock::standing(BEGIN) }
    }

    async fn add(&self, key: u32, due: Time) {
        let clock = self.clock.clone();
        let to = format!("{key}@example.com");
        let entry = Entry { key, from: String::new(), to, smtputf8: false, clock, first: due, tries: 0, due };
        self.entries.send(entry).await.unwrap();
    }

    async fn report(&mut self) -> (u32, Report) {
        self.reports.recv().await.unwrap()
    }
}

fn to(hop: &str) -> Relay {
    let settings = OutboxSettings { relay: Some(hop.parse().unwrap()), ..OutboxSettings::default() };
    Relay::new(&settings, Vec::new())
}

/// A server on loopback: `steps` for each connection in turn, the last ones for all that follow.
async fn server(steps: &'static [&'static [(&'static str, Then)]]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for turn in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(play(stream, steps[turn.min(steps.len() - 1)]));
        }
    });
    address.to_string()
}

const TAKES: &[(&str, Then)] = &[
    ("", Then::Say(b"220 a\r\n")),
    ("EHLO", Then::Say(b"250 a\r\n")),
    ("MAIL", Then::Say(b"250 ok\r\n")),
    ("RCPT", Then::Say(b"250 ok\r\n")),
    ("DATA", Then::Say(b"354 ok\r\n")),
    (".\r\n", Then::Say(b"250 taken\r\n")),
    ("QUIT", Then::Say(b"221 bye\r\n")),
];
const LATER: &[(&str, Then)] = &[("", Then::Say(b"421 4.3.2 later\r\n")), ("QUIT", Then::Close)];
const NEVER: &[(&str, Then)] = &[("", Then::Say(b"554 5.3.2 never\r\n")), ("QUIT", Then::Close)];

#[tokio::test]
async fn an_entry_is_tried_by_its_clock_until_it_is_taken() {
    let mut driven = Driven::new(to(&server(&[LATER, LATER, TAKES]).await), false, Duration::ZERO);
    let (minute, due) = (Duration::from_secs(60), BEGIN.after(Duration::from_secs(600)));
    driven.add(7, due).await;
    driven.clock.advance(Duration::from_secs(600));
    let (key, first) = driven.report().await;
    assert_eq!((key, first.outcome.name(), first.tries, first.at), (7, "deferred", 1, due));
    assert_eq!(first.next, Some(due.after(minute)));
    assert!(first.outcome.answer().to_string().ends_with(" said 421 4.3.2 later"), "{:?}", first.outcome);
    driven.clock.advance(minute);
    let (_, second) = driven.report().await;
    assert_eq!((second.outcome.name(), second.tries, second.next), ("deferred", 2, Some(due.after(minute * 3))));
    driven.clock.advance(minute * 2);
    let (_, third) = driven.report().await;
    assert_eq!((third.outcome.name(), third.tries, third.next), ("relayed", 3, None));
    // With no more to come, it ends by itself.
    drop(driven.entries);
    driven.running.await.unwrap();
    assert!(driven.reports.recv().await.is_none());
}

#[tokio::test]
async fn an_entry_is_given_up_when_its_time_is_up_or_the_server_says_never() {
    let mut driven = Driven::new(to(&server(&[LATER, LATER, NEVER]).await), false, Duration::ZERO);
    driven.add(1, BEGIN).await;
    assert_eq!(driven.report().await.1.outcome.name(), "deferred");
    driven.clock.advance(Duration::from_secs(24 * 60 * 60));
    let (_, last) = driven.report().await;
    assert_eq!((last.outcome.name(), last.tries, last.next), ("failed", 2, None));
    driven.add(2, driven.clock.now()).await;
    let (_, never) = driven.report().await;
    assert_eq!((never.outcome.name(), never.tries, never.next), ("failed", 1, None));
}

#[tokio::test]
async fn what_cannot_be_read_is_tried_again_where_the_settings_say_by_then() {
    let mut driven = Driven::new(to("127.0.0.1:1"), true, Duration::ZERO);
    driven.add(1, BEGIN).await;
    for port in [1_u32, 2] {
        let (_, report) = driven.report().await;
        let wanted = format!("127.0.0.1:{port}: the message cannot be read: the store is out of order");
        assert_eq!((report.outcome.answer().to_string(), report.tries), (wanted, port));
        driven.relay.send_replace(Arc::new(to("127.0.0.1:2")));
        driven.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn without_a_host_nothing_is_tried() {
    let mut driven = Driven::new(Relay::default(), false, Duration::ZERO);
    driven.add(1, BEGIN).await;
    drop(driven.entries);
    driven.running.await.unwrap();
    assert!(driven.reports.recv().await.is_none());
}

#[tokio::test]
async fn nobody_connects_to_a_listener_of_mockmx_by_any_name() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = OutboxSettings {
        relay: Some(format!("localhost:{}", address.port()).parse().unwrap()),
        ..OutboxSettings::default()
    };
    let relay = Relay::new(&settings, vec![address]);
    let Some(Outcome::Failed(answer)) = relay.attempt("", "a@b.test", RAW, false).await else { panic!() };
    assert!(answer.to_string().contains("is a listener of this mockmx: the mail would come back"), "{answer}");
    assert_eq!(Relay::default().attempt("", "a@b.test", RAW, false).await, None);
}

#[tokio::test]
async fn a_host_has_four_connections_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hop = listener.local_addr().unwrap().to_string();
    let mut driven = Driven::new(to(&hop), false, Duration::ZERO);
    let (open, most, doors) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (server_most, server_doors, all_there) = (Arc::clone(&most), Arc::clone(&doors), Arc::new(Notify::new()));
    let there = Arc::clone(&all_there);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let now = open.fetch_add(1, Ordering::SeqCst) + 1;
            server_most.fetch_max(now, Ordering::SeqCst);
            if now == 4 {
                there.notify_one();
            }
            let (open, doors) = (Arc::clone(&open), Arc::clone(&server_doors));
            tokio::spawn(async move {
                doors.acquire().await.unwrap().forget();
                open.fetch_sub(1, Ordering::SeqCst);
                play(stream, TAKES).await;
            });
        }
    });
    for key in 0..12 {
        driven.add(key, BEGIN).await;
    }
    all_there.notified().await;
    doors.add_permits(12);
    let mut keys = Vec::new();
    for _ in 0..12 {
        let (key, report) = driven.report().await;
        assert_eq!(report.outcome.name(), "relayed");
        keys.push(key);
    }
    keys.sort_unstable();
    assert_eq!((keys, most.load(Ordering::SeqCst)), ((0..12).collect(), 4));
}

#[tokio::test]
async fn who_waits_for_a_server_that_hangs_goes_to_the_one_that_is_named_by_then() {
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut driven = Driven::new(to(&hangs.local_addr().unwrap().to_string()), false, Duration::ZERO);
    for key in 0..6 {
        driven.add(key, BEGIN).await;
    }
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(hangs.accept().await.unwrap());
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    driven.relay.send_replace(Arc::new(to(&server(&[TAKES]).await)));
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (key, report) = driven.report().await;
        assert_eq!(report.outcome.name(), "relayed");
        keys.push(key);
    }
    keys.sort_unstable();
    assert_eq!(keys, [4, 5]);
}

#[tokio::test]
async fn at_shutdown_what_is_under_way_may_end_and_nothing_is_begun() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hop = listener.local_addr().unwrap().to_string();
    let mut driven = Driven::new(to(&hop), false, Duration::from_secs(60));
    for (key, due) in [(1, BEGIN), (2, BEGIN.after(Duration::from_secs(60)))] {
        driven.add(key, due).await;
    }
    let (stream, _) = listener.accept().await.unwrap();
    driven.stop.send(()).unwrap();
    tokio::task::yield_now().await;
    driven.clock.advance(Duration::from_secs(60));
    play(stream, TAKES).await;
    driven.running.await.unwrap();
    let (key, report) = driven.reports.recv().await.unwrap();
    assert_eq!((key, report.outcome.name()), (1, "relayed"));
    assert!(driven.reports.recv().await.is_none(), "the other waits on");
}

#[tokio::test]
async fn at_the_end_of_the_drain_time_an_attempt_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hop = listener.local_addr().unwrap().to_string();
    let mut driven = Driven::new(to(&hop), false, Duration::ZERO);
    driven.add(1, BEGIN).await;
    let _silent = listener.accept().await.unwrap();
    driven.stop.send(()).unwrap();
    driven.running.await.unwrap();
    assert!(driven.reports.recv().await.is_none(), "it stays as it was");
}

#[tokio::test]
async fn one_lane_does_not_wait_by_the_clock_of_another() {
    let mut driven = Driven::new(to(&server(&[TAKES]).await), false, Duration::ZERO);
    let later = BEGIN.after(Duration::from_secs(3600));
    driven.add(1, later).await;
    driven.clock = driven.clock.fork();
    driven.add(2, later).await;
    driven.clock.advance(Duration::from_secs(3600));
    assert_eq!(driven.report().await.0, 2);
    drop(driven.entries);
    driven.stop.send(()).unwrap();
    driven.running.await.unwrap();
    assert!(driven.reports.recv().await.is_none());
}
