//! The real server over loopback.

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::facts::TlsMode;

/// A server that runs.
pub(super) struct Running {
    pub(super) addresses: Vec<(String, SocketAddr)>,
    pub(super) authority: String,
    pub(super) journal: Arc<Journal>,
    reloads: mpsc::Sender<Reload>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

pub(super) fn start(settings: Settings) -> Running {
    let journal = Arc::<Journal>::default();
    let server = Server::bind(generation(settings), Arc::default(), Arc::clone(&journal)).unwrap();
    let (addresses, authority) = (server.addresses(), server.made.authority().to_owned());
    let (reloads, reload) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.serve(async { drop(stopped.await) }, reload));
    Running { addresses, authority, journal, reloads, stop, task }
}

impl Running {
    pub(super) fn address(&self, name: &str) -> SocketAddr {
        self.addresses.iter().find(|(other, _)| other == name).unwrap().1
    }

    pub(super) async fn connect(&self, name: &str) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address(name)).await.unwrap())
    }

    async fn reload(&self, settings: Settings) -> Result<Vec<(String, SocketAddr)>, StartError> {
        let (answer, answered) = oneshot::channel();
        self.reloads.send(Reload { generation: generation(settings), answer }).await.unwrap();
        answered.await.unwrap()
    }

    async fn get(&self, path: &str) -> String {
        let mut client = self.connect("http").await;
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        client.rest().await
    }
}

#[tokio::test]
async fn a_session_over_tcp_and_a_stop() {
    let server = start(settings());
    let mut client = server.connect("smtp").await;
    assert_eq!(client.code().await, "220");
    client.begin_data().await;
    assert_eq!(client.ask("Subject: x\r\n\r\ny\r\n.").await, "250");
    assert_eq!(client.ask("QUIT").await, "221");
    assert_eq!(client.rest().await, "");
    assert_eq!(messages(&server.journal).await.len(), 1);

    let mut idle = server.connect("smtp").await;
    assert_eq!(idle.code().await, "220");
    let address = server.address("smtp");
    server.stop.send(()).unwrap();
    assert_eq!(idle.code().await, "421");
    drop((client, idle));
    server.task.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let limits = ServerLimits { connections: 2, ..limits() };
    let server = start(Settings { limits, ..settings() });
    let mut first = server.connect("smtp").await;
    let mut second = server.connect("smtp").await;
    assert_eq!((first.code().await, second.code().await), ("220".to_owned(), "220".to_owned()));
    let mut third = server.connect("smtp").await;
    assert_eq!(third.code().await, "421");
    assert_eq!(third.rest().await, "");
    assert_eq!(first.ask("QUIT").await, "221");
    assert_eq!(first.rest().await, "");
    drop(first);
    // The seat is given back once the server has seen the end.
    loop {
        let mut next = server.connect("smtp").await;
        match next.code().await.as_str() {
            "220" => break,
            code => assert_eq!(code, "421"),
        }
    }
}

#[tokio::test]
async fn a_reset_connection_gives_its_seat_back() {
    let limits = ServerLimits { connections: 1, ..limits() };
    let server = start(Settings { limits, ..settings() });
    let mut client = server.connect("smtp").await;
    assert_eq!(client.code().await, "220");
    client.begin_data().await;
    client.stream.set_zero_linger().unwrap();
    drop(client);
    while server.connect("smtp").await.code().await != "220" {}
    assert!(messages(&server.journal).await.is_empty());
}

#[tokio::test]
async fn all_addresses_that_cannot_be_bound_are_told_together() {
    let taken =
        [std::net::TcpListener::bind("127.0.0.1:0").unwrap(), std::net::TcpListener::bind("127.0.0.1:0").unwrap()];
    let addresses = taken.map(|listener| (listener.local_addr().unwrap(), listener));
    let listeners = addresses
        .iter()
        .map(|(address, _)| ListenerSettings { address: *address, ..listener("smtp", TlsMode::None) })
        .collect();
    let error =
        Server::bind(generation(Settings { listeners, ..settings() }), Arc::default(), Arc::default()).unwrap_err();
    let [(first, _), (second, _)] = addresses;
    assert_eq!(error.to_string(), format!("cannot bind {first}: address in use\ncannot bind {second}: address in use"));
}

#[tokio::test]
async fn a_reload_keeps_sessions_and_changes_new_ones() {
    let server = start(settings());
    let mut old = server.connect("smtp").await;
    assert_eq!(old.code().await, "220");

    let mut changed = settings();
    changed.limits.session.message = 4_096;
    changed.listeners.push(listener("second", TlsMode::None));
    let addresses = server.reload(changed).await.unwrap();
    assert_eq!(addresses[0], ("smtp".to_owned(), server.address("smtp")));
    assert_eq!(addresses[1].0, "second");

    let size = |reply: String| reply.lines().find_map(|line| line.get(4..)?.strip_prefix("SIZE ").map(str::to_owned));
    let mut new = server.connect("smtp").await;
    assert_eq!(new.code().await, "220");
    new.send("EHLO client.example\r\n").await;
    old.send("EHLO client.example\r\n").await;
    assert_eq!(size(new.reply().await).as_deref(), Some("4096"));
    assert_eq!(size(old.reply().await).as_deref(), Some("36700160"));

    let mut second = Client::new(TcpStream::connect(addresses[1].1).await.unwrap());
    assert_eq!(second.code().await, "220");
    // A listener that is gone takes no more, and its sessions go on.
    server.reload(settings()).await.unwrap();
    assert_eq!(second.ask("NOOP").await, "250");
    while TcpStream::connect(addresses[1].1).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(second.ask("QUIT").await, "221");
}

#[tokio::test]
async fn a_reload_that_cannot_bind_changes_nothing() {
    let server = start(settings());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut changed = settings();
    changed.limits.connections = 0;
    changed.listeners.push(listener("free", TlsMode::None));
    let address = taken.local_addr().unwrap();
    changed.listeners.push(ListenerSettings { address, ..listener("taken", TlsMode::None) });
    let error = server.reload(changed).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot bind {address}: address in use"));
    let mut client = server.connect("smtp").await;
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("QUIT").await, "221");
}

#[tokio::test]
async fn health_and_readiness() {
    let server = start(Settings { http: Some(listener("", TlsMode::None).address), ..settings() });
    let alive = server.get("/healthz").await;
    assert!(alive.starts_with("HTTP/1.1 200 ") && alive.ends_with("\r\n\r\nok\n"), "{alive}");
    assert!(server.get("/readyz").await.starts_with("HTTP/1.1 200 "));
    let missing = server.get("/nothing").await;
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("application/problem+json"), "{missing}");

    let mut client = server.connect("smtp").await;
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("HELO client.example").await, "250");
    assert_eq!(client.ask("MAIL FROM:<>").await, "250");
    let mut kept = server.connect("http").await;
    let (http, mut idle) = (server.address("http"), server.connect("smtp").await);
    assert_eq!(idle.code().await, "220");
    server.stop.send(()).unwrap();
    assert_eq!(idle.code().await, "421", "it is draining now");
    kept.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"draining\n") {
        assert_ne!(kept.stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
    assert_eq!(client.ask("RSET").await, "250");
    assert_eq!(client.code().await, "421");
    drop((client, idle));
    server.task.await.unwrap();
    assert_eq!(kept.rest().await, "");
    assert!(TcpStream::connect(http).await.is_err());
}

#[tokio::test]
async fn an_http_head_without_end_is_refused() {
    let server = start(Settings { http: Some(listener("", TlsMode::None).address), ..settings() });
    let mut client = server.connect("http").await;
    client.send(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000))).await;
    let answer = client.reply().await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}
