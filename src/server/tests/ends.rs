//! The waits and ends that a verdict can order.

use tokio::io::duplex;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::io_now;
use crate::facts::loopback;
use crate::server::connection::Connection;
use crate::server::farewell::Farewell;
use crate::server::log::Ended;
use crate::server::stream::Stream;
use crate::smtp::Step;
use crate::stage::Stage;
use crate::verdict::Verdict;

const DELAY: Duration = Duration::from_secs(20);

/// Waits on the verdict on the connection, with what the client has done by then.
async fn wait(prepare: impl AsyncFnOnce(&mut DuplexStream), phase: Phase) -> (Result<(), Ended>, Duration) {
    let (mut client, server) = duplex(1024 * 1024);
    let phase = watch::Sender::new(phase);
    let mut receiver = phase.subscribe();
    let mut connection = Connection::new(server, loopback(), endpoint(settings()), &mut receiver);
    prepare(&mut client).await;
    let began = io_now();
    let outcome = connection.wait(DELAY).await;
    (outcome, io_now().duration_since(began))
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_as_long_as_the_verdict_says() {
    let (outcome, took) = wait(async |_| (), Phase::Serving).await;
    assert!(outcome.is_ok());
    assert_eq!(took, DELAY);
    // So it is for a client that fills the pipe meanwhile.
    let fill = async |client: &mut DuplexStream| client.write_all(&[b'x'; 500_000]).await.unwrap();
    let (outcome, took) = wait(fill, Phase::Serving).await;
    assert!(outcome.is_ok());
    assert_eq!(took, DELAY);
}

#[tokio::test(start_paused = true)]
async fn a_delay_ends_with_the_client_and_with_mockmx() {
    let (outcome, took) = wait(async |client| client.shutdown().await.unwrap(), Phase::Serving).await;
    assert!(matches!(outcome, Err(Ended::ByClient)));
    assert_eq!(took, Duration::ZERO);
    let (outcome, took) = wait(async |_| (), Phase::Draining).await;
    assert!(outcome.is_ok());
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_delay_goes_on_for_a_client_that_has_pipelined_and_half_closed() {
    let pipeline = async |client: &mut DuplexStream| {
        client.write_all(b"EHLO client.example\r\nQUIT\r\n").await.unwrap();
        client.shutdown().await.unwrap();
    };
    let (outcome, took) = wait(pipeline, Phase::Serving).await;
    assert!(outcome.is_ok());
    assert_eq!(took, DELAY);
}

#[tokio::test(start_paused = true)]
async fn earlier_replies_go_out_before_a_delay() {
    let (mut client, server) = duplex(1024);
    let phase = watch::Sender::new(Phase::Serving);
    let mut receiver = phase.subscribe();
    let mut connection = Connection::new(server, loopback(), endpoint(settings()), &mut receiver);
    assert!(matches!(connection.session.step(), Step::Judge(Stage::Connect)));
    connection.session.resolve(&Verdict::accept());
    let read = async {
        let mut banner = [0; 4];
        client.read_exact(&mut banner).await.unwrap();
        (banner, io_now())
    };
    let began = io_now();
    let (outcome, (banner, at)) = tokio::join!(connection.wait(DELAY), read);
    assert!(outcome.is_ok());
    assert_eq!((&banner, at), (b"220 ", began));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_is_kept_until_it_goes_or_the_idle_bound() {
    for (goes, wanted) in [(true, Duration::from_secs(40)), (false, limits().idle)] {
        let (mut client, server) = duplex(1024);
        let phase = watch::Sender::new(Phase::Serving);
        let mut receiver = phase.subscribe();
        let mut connection = Connection::new(server, loopback(), endpoint(settings()), &mut receiver);
        let began = io_now();
        let act = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            if goes {
                client.shutdown().await.unwrap();
            }
        };
        let (ended, ()) = tokio::join!(connection.stall(), act);
        assert!(matches!(ended, Ended::Stalled));
        assert_eq!(io_now().duration_since(began), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_our_fault_and_the_session_goes_on() {
    let (client, server) = duplex(64 * 1024);
    let mut client = Client::new(client);
    let phase = watch::Sender::new(Phase::Serving);
    let mut receiver = phase.subscribe();
    let endpoint = endpoint(settings());
    let mut connection = Connection::new(server, loopback(), Arc::clone(&endpoint), &mut receiver);
    let begin = "EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nbody\r\n";
    client.send(begin).await;
    while !connection.session.reading_content() {
        connection.advance().await.unwrap();
    }
    connection.spool.fail(std::io::ErrorKind::StorageFull.into());
    let talk = async {
        let mut codes = Vec::new();
        for _ in 0..5 {
            codes.push(client.code().await);
        }
        codes.push(client.ask("more\r\n.").await);
        codes.push(client.ask("MAIL FROM:<a@example.org>").await);
        codes
    };
    let serve = async { while connection.advance().await.is_ok() {} };
    tokio::select! {
        codes = talk => assert_eq!(codes, ["220", "250", "250", "250", "354", "451", "250"]),
        () = serve => panic!("the session has ended"),
    }
    assert!(messages(&endpoint.world.journal).await.is_empty());
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let (mut client, server) = pair().await;
    Farewell::after(&Ended::Reset).say(Stream::Plain(server)).await;
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn neither_a_drop_nor_a_last_reply_ends_in_a_reset_although_bytes_are_unread() {
    for (ended, last) in [(Ended::Closed, "554 no\r\n"), (Ended::Dropped, "")] {
        let (mut client, mut server) = pair().await;
        client.write_all(&[b'x'; 10_000]).await.unwrap();
        server.write_all(last.as_bytes()).await.unwrap();
        let leave = Farewell::after(&ended).say(Stream::Plain(server));
        let read = async move {
            let mut text = String::new();
            client.read_to_string(&mut text).await.map(|_| text)
        };
        let ((), read) = tokio::join!(leave, read);
        assert_eq!(read.unwrap(), last);
    }
}
