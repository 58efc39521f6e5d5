//! Sessions over pipes in memory, where time is tokio's and paused, and the real server over loopback.

mod driver;
mod ends;
mod handshake;
mod identify;
mod logs;
mod manner;
mod outgoing;
mod tcp;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::stream::Wire;
use super::*;
use crate::accounts::Accounts;
use crate::clock::{Clock, Time};
use crate::facts::{Role, TlsMode};
use crate::identity::Resolver;
use crate::journal::Content;
use crate::journal::query::Query;
use crate::journal::record::Message;
use crate::problem::Place;
use crate::settings::{
    DnsSettings, JournalSettings, ListenerSettings, LogSettings, OutboxSettings, ServerLimits, Settings, TlsSettings,
};
use crate::smtp::Limits;

impl Wire for DuplexStream {
    fn reset_on_close(&self) {}
}

pub(crate) fn limits() -> ServerLimits {
    ServerLimits {
        session: Limits {
            command_line: 4096,
            text_line: 64 * 1024,
            message: 35 * 1024 * 1024,
            recipients: 1000,
            errors: 10,
            failed_logins: 3,
        },
        connections: 100,
        idle: Duration::from_secs(300),
        message_time: Duration::from_secs(600),
        guess_delay: Duration::from_secs(1),
        minimum_rate: 100,
        rate_grace: Duration::from_secs(30),
        spool_beyond: 1024 * 1024,
        drain: Duration::from_secs(10),
    }
}

pub(crate) fn listener(name: &str, tls: TlsMode) -> ListenerSettings {
    ListenerSettings {
        name: name.to_owned(),
        address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        role: Role::Mx,
        tls,
        tls_fault: None,
        provider: Some("neutral".to_owned()),
        rule: None,
        lane: None,
        place: Place::Default,
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        as_of: None,
        habits: true,
        provider: None,
        listeners: vec![listener("smtp", TlsMode::None)],
        http: None,
        http_token: None,
        http_open: false,
        http_hosts: Vec::new(),
        policies: Vec::new(),
        stubs: None,
        hosted: Vec::new(),
        domains: Vec::new(),
        mailboxes: Vec::new(),
        providers: None,
        journal: JournalSettings::default(),
        accounts: Accounts { any: true, ..Accounts::default() },
        auth_without_tls: false,
        dns: DnsSettings::default(),
        outbox: OutboxSettings::default(),
        limits: limits(),
        tls: TlsSettings::default(),
        log: LogSettings::default(),
        file: None,
    }
}

pub(crate) fn generation(settings: Settings) -> Generation {
    Generation::load(settings).unwrap()
}

/// The first listener of the settings, in a world of its own whose clock stands.
pub(crate) fn endpoint(settings: Settings) -> Arc<Endpoint> {
    let now = Time::from_unix_seconds(1_201_824_000);
    let world = Arc::new(World::new(Lanes::new(Clock::standing(now)).into(), Arc::default(), Metrics::new().unwrap()));
    let acceptor = tls::acceptor(&settings.tls, &Made::new(now).unwrap()).unwrap();
    let listener = settings.listeners[0].clone();
    let resolver = settings.dns.resolver.map(|server| Resolver::new(server).unwrap());
    Arc::new(Endpoint::new(&listener, &Arc::new(generation(settings)), &acceptor, resolver.as_ref(), &world))
}

/// All that is answered to a script that is said at once.
pub(crate) async fn answered(settings: Settings, script: &[u8]) -> Vec<u8> {
    let endpoint = endpoint(settings);
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let phase = watch::Sender::new(Phase::Serving);
    let seat = endpoint.world.seat(1).unwrap();
    let serving = connection::serve(server, crate::facts::loopback(), endpoint, phase.subscribe(), seat);
    let talking = async {
        client.write_all(script).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        answer
    };
    tokio::join!(serving, talking).1
}

/// The messages that were accepted, oldest first, and their bytes.
pub(crate) async fn messages(journal: &Journal) -> Vec<(Arc<Message>, Content)> {
    let all = Query { limit: usize::MAX, ..Query::default() };
    let mut messages = Vec::new();
    for message in journal.page::<Message>(&all).await.unwrap().into_iter().rev() {
        let content = journal.content(message.id).await.unwrap().unwrap();
        messages.push((message, content));
    }
    messages
}

/// A client that reads replies one by one.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next reply, all its lines, or what came before the end.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            if let Some(end) = end_of_reply(&self.read) {
                let rest = self.read.split_off(end);
                return String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            if self.stream.read_buf(&mut self.read).await.unwrap() == 0 {
                return String::from_utf8(std::mem::take(&mut self.read)).unwrap();
            }
        }
    }

    /// Sends a line and reads the reply's code.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.code().await
    }

    pub(crate) async fn code(&mut self) -> String {
        self.reply().await.chars().take(3).collect()
    }

    /// Up to the point where DATA has been answered with 354.
    pub(crate) async fn begin_data(&mut self) {
        for (line, code) in [
            ("EHLO client.example", "250"),
            ("MAIL FROM:<a@example.org>", "250"),
            ("RCPT TO:<b@example.net>", "250"),
            ("DATA", "354"),
        ] {
            assert_eq!(self.ask(line).await, code, "{line}");
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.read);
        self.stream.read_to_end(&mut rest).await.unwrap();
        String::from_utf8(rest).unwrap()
    }
}

fn end_of_reply(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(end) = memchr::memmem::find(&bytes[start..], b"\r\n") {
        let line = &bytes[start..start + end];
        start += end + 2;
        if line.get(3) != Some(&b'-') {
            return Some(start);
        }
    }
    None
}
