//! One session between a client and the server.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Notice, Upstream, dismiss, lock};
use crate::clock::{Clock, io_now};
use crate::record::Recording;
use crate::record::dialogue::{Dialogue, Event, Gone};
use crate::server::deadline::{Progress, deadline};
use crate::server::farewell::Farewell;
use crate::server::stream::Stream;
use crate::settings::ServerLimits;

/// The reply to a message may take so many times as long as others (RFC 5321 §4.5.3.2).
const MESSAGE: u32 = 2;

/// How long a last reply may take to be written.
const FAREWELL: Duration = Duration::from_secs(5);

/// Bytes that are read at once, and bytes that wait for one side before the other is read on.
const BLOCK: usize = 16 << 10;
const MOST_HELD: usize = 64 << 10;

/// One session.
pub(super) struct Session<'a, T> {
    pub(super) number: u64,
    pub(super) upstream: &'a Upstream,
    pub(super) recording: &'a Mutex<Recording>,
    pub(super) tell: &'a T,
    /// Where the latest reply is kept.
    pub(super) place: Option<usize>,
}

/// What came first.
enum Came {
    ToServer(io::Result<usize>),
    ToClient(io::Result<usize>),
    FromServer(io::Result<usize>),
    FromClient(io::Result<usize>),
    Nothing,
}

/// How the client is left.
enum Left {
    InOrder,
    /// With a last reply of ours.
    Told(String),
    Reset,
}

impl<T: Fn(&Notice<'_>)> Session<'_, T> {
    pub(super) async fn run(&mut self, mut client: TcpStream) {
        let mut server = match self.upstream.connect().await {
            Ok(server) => server,
            Err(why) => {
                self.fail(format!("cannot reach {}: {why}", self.upstream.name));
                let reply = format!("421 4.4.1 {} cannot be reached\r\n", self.upstream.name);
                return dismiss(client, reply).await;
            }
        };
        match self.pass(&mut client, &mut server).await {
            Left::InOrder => Farewell::InOrder.say(Stream::Plain(client)).await,
            Left::Told(reply) => dismiss(client, reply).await,
            // Whoever has gone without a word takes the other side along.
            Left::Reset => {
                let reset = client.set_zero_linger().and_then(|()| server.set_zero_linger());
                if let Err(error) = reset {
                    tracing::debug!(%error, "cannot reset a connection");
                }
            }
        }
    }

    /// Passes on what either side says, until one has gone.
    async fn pass(&mut self, client: &mut TcpStream, server: &mut TcpStream) -> Left {
        let limits = ServerLimits::default();
        let Ok(local) = server.local_addr() else { return Left::Reset };
        let mut dialogue = Dialogue::new(self.number, local.ip().to_canonical());
        let (mut from_client, mut from_server) = (vec![0; BLOCK], vec![0; BLOCK]);
        let (mut client_reads, mut client_writes) = client.split();
        let (mut server_reads, mut server_writes) = server.split();
        let mut progress = Progress::Line { since: io_now() };
        let mut asked = io_now();
        let mut client_ended = false;
        let left = loop {
            let until = self.until(&limits, &dialogue, progress, asked);
            let (for_server, for_client) = (dialogue.to_server.len(), dialogue.to_client.len());
            let came = tokio::select! {
                biased;
                wrote = server_writes.write(&dialogue.to_server), if for_server > 0 => Came::ToServer(wrote),
                wrote = client_writes.write(&dialogue.to_client), if for_client > 0 => Came::ToClient(wrote),
                read = server_reads.read(&mut from_server), if for_client < MOST_HELD => Came::FromServer(read),
                read = client_reads.read(&mut from_client), if for_server < MOST_HELD && dialogue.wants_input() && !client_ended => Came::FromClient(read),
                () = sleep_until(until) => Came::Nothing,
            };
            let (waited, now) = (dialogue.waits(), Clock::system().now());
            let left = match came {
                Came::ToServer(Ok(count)) => {
                    dialogue.to_server.drain(..count);
                    None
                }
                // What it said before may still be read.
                Came::ToServer(Err(_)) => {
                    dialogue.to_server.clear();
                    None
                }
                Came::ToClient(Ok(count)) => {
                    dialogue.to_client.drain(..count);
                    None
                }
                Came::ToClient(Err(_)) | Came::FromClient(Err(_)) => Some(Left::Reset),
                Came::FromServer(Ok(0)) => Some(self.gone(&mut dialogue, Gone::Closed)),
                Came::FromServer(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    Some(self.gone(&mut dialogue, Gone::Reset))
                }
                Came::FromServer(Err(_)) => Some(self.gone(&mut dialogue, Gone::Closed)),
                Came::FromServer(Ok(count)) => match dialogue.server(&from_server[..count], now) {
                    Ok(()) => None,
                    Err(fault) => Some(self.broken(&fault.to_string(), &mut dialogue, Gone::Closed)),
                },
                Came::FromClient(Ok(0)) => {
                    // It may have said all at once, and still wait for the replies.
                    client_ended = true;
                    None
                }
                Came::FromClient(Ok(count)) => {
                    progress = came_on(progress, dialogue.reads_text(), count);
                    dialogue.client(&from_client[..count]);
                    None
                }
                // What the server says cannot be read before.
                Came::Nothing if for_client > 0 => {
                    self.fail("the client does not read".to_owned());
                    Some(Left::Reset)
                }
                Came::Nothing if for_server > 0 => Some(self.broken("it does not read", &mut dialogue, Gone::Silent)),
                Came::Nothing if waited => Some(self.broken("it does not answer", &mut dialogue, Gone::Silent)),
                Came::Nothing => {
                    self.fail("the client takes too long".to_owned());
                    Some(Left::Told("421 4.4.2 Error: timeout\r\n".to_owned()))
                }
            };
            self.take_note(&mut dialogue);
            let spoke = dialogue.to_client.len() > for_client;
            if spoke || !waited {
                asked = io_now();
            }
            if spoke && !dialogue.reads_text() {
                progress = Progress::Line { since: io_now() };
            }
            match left {
                Some(left) => break left,
                None if dialogue.is_over() || client_ended && !dialogue.waits() => break Left::InOrder,
                None => {}
            }
        };
        // What is still owed: to the server QUIT, say, and to the client the reply to it.
        let rest = (std::mem::take(&mut dialogue.to_server), std::mem::take(&mut dialogue.to_client));
        if !matches!(left, Left::Reset) {
            let _ = timeout(FAREWELL, server_writes.write_all(&rest.0)).await;
            let _ = timeout(FAREWELL, client_writes.write_all(&rest.1)).await;
        }
        left
    }

    /// By when the side whose turn it is must have said something.
    fn until(&self, limits: &ServerLimits, dialogue: &Dialogue, progress: Progress, asked: Instant) -> Instant {
        if !dialogue.waits() {
            return deadline(limits, progress);
        }
        let patience = self.upstream.patience;
        asked + if dialogue.waits_for_message() { patience.saturating_mul(MESSAGE) } else { patience }
    }

    /// The server has gone, as it may.
    fn gone(&self, dialogue: &mut Dialogue, how: Gone) -> Left {
        if !dialogue.is_leaving() {
            self.fail(format!("{} closed the connection", self.upstream.name));
        }
        dialogue.gone(how, Clock::system().now());
        if how == Gone::Reset { Left::Reset } else { Left::InOrder }
    }

    /// The server does not speak SMTP, or no more.
    fn broken(&self, why: &str, dialogue: &mut Dialogue, how: Gone) -> Left {
        self.fail(format!("{}: {why}", self.upstream.name));
        dialogue.gone(how, Clock::system().now());
        Left::Told(format!("421 4.4.2 {}: {why}\r\n", self.upstream.name))
    }

    fn fail(&self, why: String) {
        (self.tell)(&Notice::Failed(self.number, why));
    }

    fn take_note(&mut self, dialogue: &mut Dialogue) {
        for event in dialogue.events.drain(..) {
            match event {
                Event::Heard(exchange) => {
                    (self.tell)(&Notice::Heard(self.number, exchange.asked, Some(&exchange.answer)));
                    self.place = lock(self.recording).add(exchange);
                }
                Event::Confidential(asked) => {
                    (self.tell)(&Notice::Heard(self.number, asked, None));
                    lock(self.recording).leave_out();
                    self.place = None;
                }
                Event::Closed => {
                    if let Some(place) = self.place {
                        lock(self.recording).closed(place);
                    }
                }
                Event::Offered(offered, withheld) => lock(self.recording).offer(offered, withheld),
            }
        }
    }
}

/// How far the client is after so many bytes.
fn came_on(progress: Progress, reads_text: bool, count: usize) -> Progress {
    let (now, count) = (io_now(), count as u64);
    match progress {
        Progress::Text { began, bytes, .. } if reads_text => {
            Progress::Text { began, latest: now, bytes: bytes + count }
        }
        _ if reads_text => Progress::Text { began: now, latest: now, bytes: count },
        // Only what was answered begins the time of a line anew.
        Progress::Line { .. } => progress,
        Progress::Text { .. } => Progress::Line { since: now },
    }
}
