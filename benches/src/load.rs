//! Sends mail to a server: so many sessions at once, each one command at a time, and how long every answer took.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, timeout};

use crate::text::message;

/// No answer takes that long, not even that of a server which waits for its disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same in nanoseconds.
const LONGEST: u64 = PATIENCE.as_secs() * 1_000_000_000;

/// What is waited for: from connecting, or from the last byte of a command, to the end of the reply.
pub const STAGES: [&str; 6] = ["banner", "EHLO", "MAIL", "RCPT", "DATA", "final dot"];

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Load {
    pub body: usize,
    pub sessions: usize,
    pub per_connection: u64,
    /// MAIL, RCPT and DATA in one write.
    pub pipelining: bool,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { body, sessions, per_connection, .. } = self;
        write!(f, "{} KiB, {sessions} sessions, {per_connection} a connection", body >> 10)
    }
}

/// How long it is sent.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// For so long, once the first time is over.
    Time { warm_up: Duration, measured: Duration },
    /// Until so many messages were accepted.
    Messages(u64),
}

/// What came of it.
pub struct Tally {
    pub messages: u64,
    pub elapsed: Duration,
    /// In nanoseconds, in the order of [`STAGES`].
    pub stages: Vec<Histogram<u64>>,
}

struct Shared {
    load: Load,
    address: SocketAddr,
    message: Vec<u8>,
    tally: RefCell<Tally>,
    measuring: Cell<bool>,
    over: Cell<bool>,
    left: Cell<u64>,
}

/// Sends mail; `began` is called when the warm-up is over, and `ended` as soon as nothing more counts.
pub async fn run(
    address: SocketAddr,
    load: Load,
    until: Until,
    began: impl FnOnce(),
    ended: impl FnOnce(),
) -> Result<Tally> {
    let stages = (0..STAGES.len()).map(|_| Histogram::new_with_bounds(1, LONGEST, 3)).collect::<Result<_, _>>()?;
    let shared = Rc::new(Shared {
        load,
        address,
        message: message(load.body),
        tally: RefCell::new(Tally { messages: 0, elapsed: Duration::ZERO, stages }),
        measuring: Cell::new(false),
        over: Cell::new(false),
        left: Cell::new(if let Until::Messages(count) = until { count } else { u64::MAX }),
    });
    let local = LocalSet::new();
    let mut sessions = JoinSet::new();
    for number in 0..load.sessions {
        sessions.spawn_local_on(session(Rc::clone(&shared), number), &local);
    }
    let control = async {
        let measure = || {
            began();
            shared.measuring.set(true);
            Instant::now()
        };
        let start = match until {
            Until::Time { warm_up, measured } => {
                sleep(warm_up).await;
                let start = measure();
                sleep(measured).await;
                start
            }
            Until::Messages(_) => {
                let start = measure();
                while let Some(session) = sessions.join_next().await {
                    session??;
                }
                start
            }
        };
        shared.measuring.set(false);
        shared.tally.borrow_mut().elapsed = start.elapsed();
        ended();
        shared.over.set(true);
        while let Some(session) = sessions.join_next().await {
            session??;
        }
        anyhow::Ok(())
    };
    local.run_until(control).await?;
    drop(local);
    let shared = Rc::into_inner(shared).context("a session is left")?;
    Ok(shared.tally.into_inner())
}

/// One connection after the other.
async fn session(shared: Rc<Shared>, number: usize) -> Result<()> {
    while !shared.is_over() {
        let mut connection = shared.connect().await?;
        for _ in 0..shared.load.per_connection {
            if shared.is_over() {
                break;
            }
            shared.left.set(shared.left.get() - 1);
            shared.send(&mut connection, number).await.with_context(|| format!("session {number}"))?;
        }
        connection.ask(b"QUIT\r\n", b'2').await?;
    }
    Ok(())
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.get() || self.left.get() == 0
    }

    async fn connect(&self) -> Result<Connection> {
        let began = Instant::now();
        let mut connection = Connection::open(self.address).await?;
        self.took(0, began);
        let began = Instant::now();
        connection.ask(b"EHLO client.bench.example\r\n", b'2').await?;
        self.took(1, began);
        Ok(connection)
    }

    /// Sends one message.
    async fn send(&self, connection: &mut Connection, number: usize) -> Result<()> {
        let mail = format!("MAIL FROM:<sender{number}@bench.example>\r\n");
        let commands = [(mail.as_bytes(), b'2'), (b"RCPT TO:<user@263.net>\r\n", b'2'), (b"DATA\r\n", b'3')];
        if self.load.pipelining {
            let began = Instant::now();
            connection.stream.write_all(&commands.map(|(command, _)| command).concat()).await?;
            for (stage, (_, wanted)) in (2..).zip(commands) {
                connection.reply(wanted).await?;
                self.took(stage, began);
            }
        } else {
            for (stage, (command, wanted)) in (2..).zip(commands) {
                let began = Instant::now();
                connection.ask(command, wanted).await?;
                self.took(stage, began);
            }
        }
        connection.stream.write_all(&self.message).await?;
        let began = Instant::now();
        connection.reply(b'2').await?;
        self.took(5, began);
        if self.measuring.get() {
            self.tally.borrow_mut().messages += 1;
        }
        Ok(())
    }

    fn took(&self, stage: usize, began: Instant) {
        if self.measuring.get() {
            let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.tally.borrow_mut().stages[stage].saturating_record(nanoseconds);
        }
    }
}

/// The client's end of a connection.
pub struct Connection {
    stream: TcpStream,
    /// What came and was not looked at yet.
    came: Vec<u8>,
}

impl Connection {
    /// Connects and waits for the banner.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream, came: Vec::new() };
        connection.reply(b'2').await?;
        Ok(connection)
    }

    /// Says something and waits for the reply, whose first digit is to be `wanted`.
    pub async fn ask(&mut self, command: &[u8], wanted: u8) -> Result<()> {
        self.stream.write_all(command).await?;
        self.reply(wanted).await
    }

    async fn reply(&mut self, wanted: u8) -> Result<()> {
        loop {
            while let Some(end) = self.came.iter().position(|byte| *byte == b'\n') {
                let last = self.came.get(3) != Some(&b'-');
                if last && self.came[0] != wanted {
                    bail!("the server said {}", String::from_utf8_lossy(&self.came[..end]));
                }
                self.came.drain(..=end);
                if last {
                    return Ok(());
                }
            }
            let mut space = [0; 4096];
            match timeout(PATIENCE, self.stream.read(&mut space)).await.context("no answer came")?? {
                0 => bail!("the server closed the connection"),
                count => self.came.extend_from_slice(&space[..count]),
            }
        }
    }
}
