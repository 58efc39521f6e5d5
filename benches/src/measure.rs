//! One contestant under one load.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::contestant::{Contestant, Places};
use crate::load::{self, Connection, Load, Until};

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub per_second: f64,
    /// Microseconds of the server's processor time for each message.
    pub cpu: f64,
    /// MiB.
    pub peak: f64,
    /// Microseconds, p50, p99 and p99.9 of each stage.
    pub stages: Vec<[f64; 3]>,
}

/// Starts a server, opens `held` sessions that say nothing, sends mail by others, and ends it.
pub async fn measure(
    contestant: Contestant,
    load: Load,
    held: usize,
    until: Until,
    places: &Places,
) -> Result<Measured> {
    let server = contestant.start(places).await?;
    let open = hold(server.address, held).await?;
    let (before, after) = (Cell::new(None), Cell::new(None));
    let began = || before.set(server.cpu().ok());
    let ended = || after.set(server.cpu().ok());
    let tally = load::run(server.address, load, until, began, ended).await?;
    let spent = after.get().zip(before.get()).map(|(after, before)| after - before).context("the server is gone")?;
    ensure!(tally.messages > 0, "no message was accepted in time");
    drop(open);
    let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1e3;
    let stages = tally.stages.iter().map(|stage| [0.5, 0.99, 0.999].map(|q| microseconds(stage.value_at_quantile(q))));
    Ok(Measured {
        per_second: tally.messages as f64 / tally.elapsed.as_secs_f64(),
        cpu: spent.as_secs_f64() * 1e6 / tally.messages as f64,
        peak: mebibytes(server.peak_memory()?),
        stages: stages.collect(),
    })
}

/// The memory of a server, in MiB: without a session, and with so many that said EHLO and then nothing.
pub async fn measure_idle(contestant: Contestant, sessions: usize, places: &Places) -> Result<(f64, f64)> {
    let server = contestant.start(places).await?;
    let before = server.memory()?;
    let open = hold(server.address, sessions).await?;
    let after = server.memory()?;
    drop(open);
    Ok((mebibytes(before), mebibytes(after)))
}

async fn hold(address: SocketAddr, sessions: usize) -> Result<Vec<Connection>> {
    /// So many at once, which no server's backlog is too short for.
    const TOGETHER: usize = 100;
    let mut open = Vec::with_capacity(sessions);
    while open.len() < sessions {
        let few = (sessions - open.len()).min(TOGETHER);
        let begun: JoinSet<_> = (0..few).map(|_| greeted(address)).collect();
        for connection in begun.join_all().await {
            open.push(connection.with_context(|| format!("beyond {} sessions", open.len()))?);
        }
    }
    Ok(open)
}

async fn greeted(address: SocketAddr) -> Result<Connection> {
    let mut connection = Connection::open(address).await?;
    connection.ask(b"EHLO client.bench.example\r\n", b'2').await?;
    Ok(connection)
}

/// Messages a second and processor time of a server to which Postfix's `smtp-source` sends.
pub async fn measure_source(
    contestant: Contestant,
    (load, messages): (Load, u64),
    places: &Places,
) -> Result<Measured> {
    let program = places.program("smtp-source").context("smtp-source is not installed")?;
    let server = contestant.start(places).await?;
    let mut command = Command::new(program);
    command.args(["-s", &load.sessions.to_string(), "-l", &load.body.to_string(), "-m", &messages.to_string()]);
    command.args(["-f", "sender@bench.example", "-t", "user@263.net", "-M", "client.bench.example"]);
    if load.per_connection > 1 {
        command.arg("-d");
    }
    command.arg(format!("127.0.0.1:{}", server.address.port()));
    let (before, began) = (server.cpu()?, Instant::now());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).status();
    let status = tokio::time::timeout(Duration::from_secs(120), status).await.context("smtp-source does not end")??;
    ensure!(status.success(), "smtp-source: {status}");
    let (spent, elapsed) = (server.cpu()? - before, began.elapsed());
    Ok(Measured {
        per_second: messages as f64 / elapsed.as_secs_f64(),
        cpu: spent.as_secs_f64() * 1e6 / messages as f64,
        peak: mebibytes(server.peak_memory()?),
        stages: Vec::new(),
    })
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
