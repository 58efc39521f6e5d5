//! How long mockmx takes for a page when there are ten thousand sessions in its journal. `make bench-page` runs it;
//! docs/performance.md has what it found.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use hdrhistogram::Histogram;

/// Sessions that come before, as many as a journal keeps by default, and clients that bring them.
const SESSIONS: usize = 10_000;
const CLIENTS: usize = 8;

/// How often each page is asked for.
const TIMES: usize = 50;

/// What is asked for: a first paint, and filters that find much, little, and nothing of what is there.
const PATHS: [(&str, &str); 9] = [
    ("first paint", "/"),
    ("a provider", "/?provider=netease"),
    ("a verdict", "/?verdict=refuse"),
    ("a rule", "/?rule=263/keyword"),
    ("a text of one", "/?text=sender-17@"),
    ("a text of none", "/?text=nobody-at-all"),
    ("messages", "/messages"),
    ("messages, a text of none", "/messages?text=nobody-at-all"),
    ("coverage", "/coverage"),
];

#[derive(Parser)]
#[command(about = "Measures how long mockmx takes for its pages with 10,000 sessions in the journal")]
struct Arguments {
    /// The mockmx to measure [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    mockmx: Option<PathBuf>,
}

fn main() -> Result<()> {
    let mockmx = match Arguments::parse().mockmx {
        Some(file) => file,
        None => std::env::current_exe()?.with_file_name("mockmx"),
    };
    let work = std::env::temp_dir().join(format!("mockmx-bench-page-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    let done = measure(&mockmx, &work);
    std::fs::remove_dir_all(&work)?;
    done
}

fn measure(mockmx: &Path, work: &Path) -> Result<()> {
    let sqlite = format!("sqlite:{}", work.join("journal.db").display());
    println!(
        "Milliseconds from the request to the last byte, of {TIMES} times: half of them, 99 in 100, the slowest.\n"
    );
    println!("| page | asked for | memory | SQLite |\n|---|---|---|---|");
    let (memory, sqlite) = (times(mockmx, work, "memory")?, times(mockmx, work, &sqlite)?);
    for (((name, path), memory), sqlite) in PATHS.iter().zip(memory).zip(sqlite) {
        println!("| {name} | `{path}` | {memory} | {sqlite} |");
    }
    Ok(())
}

/// The times of each page with that journal.
fn times(mockmx: &Path, work: &Path, journal: &str) -> Result<Vec<String>> {
    let server = Server::start(mockmx, work, journal)?;
    bring(server.smtp)?;
    PATHS.iter().map(|(_, path)| asked(server.http, path)).collect()
}

struct Server {
    child: Child,
    smtp: SocketAddr,
    http: SocketAddr,
}

impl Server {
    fn start(mockmx: &Path, work: &Path, journal: &str) -> Result<Self> {
        let mut command = Command::new(mockmx);
        command.args(["serve", "--smtp", "0", "--submission", "0", "--smtps", "0", "--http", "0"]);
        command.args(["--journal", journal]);
        command.current_dir(work).env("MOCKMX_LOG__FILTER", "warn").stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", mockmx.display()))?;
        let output = child.stdout.take().context("no output")?;
        let mut addresses = BufReader::new(output).lines().take(4).map_while(Result::ok);
        let mut address = |name: &str| {
            let line = addresses.find_map(|line| line.strip_prefix(&format!("listening {name} ")).map(str::to_owned));
            line.with_context(|| format!("no {name}"))?.parse().context("no address")
        };
        let (smtp, http) = (address("smtp")?, address("http")?);
        Ok(Self { child, smtp, http })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Brings sessions of all kinds: accepted, refused by several rules of several providers, and in lanes of their own.
fn bring(smtp: SocketAddr) -> Result<()> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            thread::spawn(move || (client..SESSIONS).step_by(CLIENTS).try_for_each(|number| session(smtp, number)))
        })
        .collect();
    clients.into_iter().try_for_each(|client| client.join().ok().context("a client failed")?)
}

fn session(smtp: SocketAddr, number: usize) -> Result<()> {
    let to = match number % 5 {
        0 => "keyword@263.mockmx.test".to_owned(),
        1 => "ip-block-spam@xinnet.mockmx.test".to_owned(),
        2 => "user-not-found-since-2013@netease.mockmx.test".to_owned(),
        3 => format!("user@lane-{}.lane.mockmx.test", number % 100),
        _ => "user@example.com".to_owned(),
    };
    let mut stream = TcpStream::connect(smtp)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "EHLO client-{number}.example.org\r\nMAIL FROM:<sender-{number}@example.org>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
         Subject: message {number}\r\n\r\n{}\r\n.\r\nQUIT\r\n",
        "A line of some length, as mails have them.\r\n".repeat(20)
    )?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Asks for a page again and again, each time on a connection of its own.
fn asked(http: SocketAddr, path: &str) -> Result<String> {
    let mut times = Histogram::<u64>::new(3)?;
    for _ in 0..TIMES {
        let began = Instant::now();
        let mut stream = TcpStream::connect(http)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {http}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        times.record(u64::try_from(began.elapsed().as_micros())?)?;
        ensure!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "{path}: {}",
            String::from_utf8_lossy(&answer[..answer.len().min(200)])
        );
    }
    let shown = [times.value_at_quantile(0.5), times.value_at_quantile(0.99), times.max()];
    Ok(shown.map(|micros| format!("{:.1}", micros as f64 / 1000.0)).join(", "))
}
