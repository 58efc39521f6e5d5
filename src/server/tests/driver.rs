//! The driver over a pipe in memory, with paused time: an hour passes as soon as nobody has anything to do.

use tokio::io::duplex;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::io_now;
use crate::facts::loopback;
use crate::server::connection;

struct Run {
    client: Client<DuplexStream>,
    phase: watch::Sender<Phase>,
    world: Arc<World>,
    task: JoinHandle<()>,
}

/// A session with so many bytes of room for its replies.
fn run(limits: ServerLimits, room: usize) -> Run {
    let endpoint = endpoint(Settings { limits, ..settings() });
    let world = Arc::clone(&endpoint.world);
    let (client, server) = duplex(room);
    let phase = watch::Sender::new(Phase::Serving);
    let seat = world.seat(1).unwrap();
    let task = tokio::spawn(connection::serve(server, loopback(), endpoint, phase.subscribe(), seat));
    Run { client: Client::new(client), phase, world, task }
}

const ROOM: usize = 64 * 1024;

#[tokio::test(start_paused = true)]
async fn a_message_is_in_the_journal_before_it_is_acknowledged() {
    let Run { mut client, world, task, phase: _phase, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    client.begin_data().await;
    assert_eq!(client.ask("Subject: x\r\n\r\n..y\r\n.").await, "250");
    let messages = messages(&world.journal).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].1.read_all().unwrap(), b"Subject: x\r\n\r\n.y\r\n");
    assert_eq!(messages[0].0.deliveries[0].recipient, "b@example.net");
    assert_eq!(client.ask("QUIT").await, "221");
    assert_eq!(client.rest().await, "");
    drop(client);
    task.await.unwrap();
    assert!(world.seat(1).is_some(), "the seat was given back");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_an_earlier_message() {
    let Run { mut client, world, phase: _phase, .. } = run(ServerLimits { spool_beyond: 3, ..limits() }, ROOM);
    assert_eq!(client.code().await, "220");
    for body in ["first body", "second"] {
        client.begin_data().await;
        assert_eq!(client.ask(&format!("{body}\r\n.")).await, "250");
    }
    // One that is given up half-way.
    for line in ["MAIL FROM:<a@example.org>\r\n", "RCPT TO:<b@example.net>\r\n", "BDAT 4\r\nhalf", "RSET\r\n"] {
        client.send(line).await;
        assert_eq!(client.code().await, "250", "{line}");
    }
    client.begin_data().await;
    assert_eq!(client.ask("third\r\n.").await, "250");
    let bodies: Vec<_> =
        messages(&world.journal).await.iter().map(|(_, content)| content.read_all().unwrap()).collect();
    assert_eq!(bodies, [&b"first body\r\n"[..], b"second\r\n", b"third\r\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_beyond_the_bound_is_spooled_whole() {
    let Run { mut client, world, phase: _phase, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    client.begin_data().await;
    let line = "x".repeat(98) + "\r\n";
    let body = line.repeat(20_000);
    client.send(&body).await;
    assert_eq!(client.ask(".").await, "250");
    let messages = messages(&world.journal).await;
    assert!(messages[0].1.memory().is_none());
    assert_eq!(messages[0].1.read_all().unwrap(), body.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn pipelined_commands_are_answered_at_once_and_after_a_half_close() {
    let Run { mut client, world, phase: _phase, .. } = run(limits(), ROOM);
    client
        .send(
            "EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nbody\r\n.\r\n\
             NOOP\r\n",
        )
        .await;
    client.stream.shutdown().await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..7 {
        codes.push(client.code().await);
    }
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "250"]);
    assert_eq!(client.rest().await, "");
    assert_eq!(messages(&world.journal).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_line_sent_byte_by_byte_is_cut_off() {
    let Run { mut client, task, phase: _phase, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    let began = io_now();
    let drip = async {
        let (mut reading, mut writing) = tokio::io::split(&mut client.stream);
        let write = async {
            loop {
                tokio::time::sleep(Duration::from_secs(60)).await;
                if writing.write_all(b"N").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut rest = String::new();
        tokio::select! {
            read = reading.read_to_string(&mut rest) => drop(read.unwrap()),
            () = write => {}
        }
        rest
    };
    let rest = drip.await;
    assert!(rest.starts_with("421"), "{rest}");
    assert_eq!(io_now().duration_since(began).as_secs(), limits().idle.as_secs());
    drop(client);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_below_the_minimum_rate_is_cut_off() {
    let Run { mut client, world, phase: _phase, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    client.begin_data().await;
    let began = io_now();
    // Ten bytes a second, where a hundred are wanted once the grace is over.
    let rest = loop {
        client.send("12345678\r\n").await;
        if let Ok(rest) = timeout(Duration::from_secs(1), client.reply()).await {
            break rest;
        }
    };
    assert!(rest.starts_with("421"), "{rest}");
    assert_eq!(io_now().duration_since(began), limits().rate_grace);
    assert_eq!(client.rest().await, "");
    assert!(messages(&world.journal).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_left() {
    let Run { mut client, task, phase: _phase, .. } = run(limits(), 1024);
    let began = io_now();
    let write = async { while client.stream.write_all(b"HELP\r\n").await.is_ok() {} };
    tokio::join!(write, async { task.await.unwrap() });
    assert_eq!(io_now().duration_since(began), limits().idle);
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_an_idle_session_ends_at_once() {
    let Run { mut client, phase, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("EHLO client.example").await, "250");
    let began = io_now();
    phase.send_replace(Phase::Draining);
    assert_eq!(client.code().await, "421");
    assert_eq!(client.rest().await, "");
    assert_eq!(io_now(), began);
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_a_transaction_may_end() {
    let Run { mut client, phase, world, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("EHLO client.example").await, "250");
    assert_eq!(client.ask("MAIL FROM:<a@example.org>").await, "250");
    phase.send_replace(Phase::Draining);
    assert_eq!(client.ask("RCPT TO:<b@example.net>").await, "250");
    assert_eq!(client.ask("DATA").await, "354");
    assert_eq!(client.ask("body\r\n.").await, "250");
    assert_eq!(client.code().await, "421");
    assert_eq!(client.rest().await, "");
    assert_eq!(messages(&world.journal).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_is_told_and_cut() {
    let Run { mut client, phase, task, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    client.begin_data().await;
    phase.send_replace(Phase::Draining);
    client.send("a part\r\n").await;
    phase.send_replace(Phase::Closing);
    task.await.unwrap();
    // RFC 5321 §3.8: a server that has to stop says 421.
    assert_eq!(client.code().await, "421");
    assert_eq!(client.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stays_after_quit_is_left() {
    let Run { mut client, task, phase: _phase, .. } = run(limits(), ROOM);
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("QUIT").await, "221");
    let began = io_now();
    task.await.unwrap();
    assert_eq!(io_now().duration_since(began), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn each_guess_at_a_password_is_answered_later() {
    let passwords = [("a@example.com".to_owned(), "secret".to_owned())].into();
    let listeners = vec![ListenerSettings { role: Role::Submission, ..listener("submission", TlsMode::None) }];
    let accounts = Accounts { any: false, passwords };
    let endpoint = endpoint(Settings { accounts, listeners, ..settings() });
    let (client, server) = duplex(ROOM);
    let phase = watch::Sender::new(Phase::Serving);
    let seat = endpoint.world.seat(1).unwrap();
    tokio::spawn(connection::serve(server, loopback(), endpoint, phase.subscribe(), seat));
    let mut client = Client::new(client);
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("EHLO client.example").await, "250");
    let mut waits = Vec::new();
    for _ in 0..3 {
        let began = io_now();
        assert_eq!(client.ask("AUTH PLAIN AGFAZXhhbXBsZS5jb20Ad3Jvbmc=").await, "535");
        waits.push(io_now().duration_since(began).as_secs());
    }
    let began = io_now();
    assert_eq!(client.ask("AUTH PLAIN AGFAZXhhbXBsZS5jb20Ad3Jvbmc=").await, "421");
    waits.push(io_now().duration_since(began).as_secs());
    assert_eq!(waits, [0, 1, 2, 3]);
}
