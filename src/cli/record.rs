//! `mockmx record`: from a real server to a pack that answers as it did.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use mockmx::clock::length;
use mockmx::escape::Escaped;
use mockmx::record::{Answer, Recording};
use mockmx::relay::Hop;
use mockmx::server::proxy::{Notice, Proxy};
use mockmx::settings::listen_address;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::pack_file::PackFile;
use super::reproduce::Common;

/// What `mockmx record --help` says besides the flags.
pub(super) const NOTES: &str = "\
Mail sent to the listener goes to the upstream, and to no other host: it is really delivered
there, or refused. What was answered is written as a pack after each session, and at SIGINT or
SIGTERM. EHLO offers neither STARTTLS nor CHUNKING on the way. Passwords are passed on and written
nowhere, and neither is any text of a message but the subject.

  mockmx record --upstream mx.example.com:25 --pack acme.toml
  swaks -s 127.0.0.1:2525 -f me@example.org -t nobody@example.com
                                    send what is to be refused; end the recording with ^C
  mockmx --policies acme.toml --provider acme
                                    answer so, without the server
  mockmx record --upstream 192.0.2.1:25 --pack acme.toml --match sender,subject --force";

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Pass every session on to this server, `HOST:PORT`
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Hop,
    /// Listen here; a port alone is on 127.0.0.1
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2525", value_parser = listen_address)]
    listen: SocketAddr,
    /// Write the pack to this file, `ID.toml`
    #[arg(long, value_name = "FILE")]
    pack: PathBuf,
    /// Write over a file that is there already
    #[arg(long)]
    force: bool,
    /// What a mail must have in common with one that was refused at its end; several are joined by commas, and all must
    /// hold [default: recipient]
    #[arg(long = "match", value_name = "WHAT", value_delimiter = ',')]
    matches: Vec<Common>,
    /// How long the upstream may take for a reply; for that to a message, twice as long
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = patience)]
    patience: Duration,
}

fn patience(text: &str) -> Result<Duration, String> {
    let bounds = Duration::from_millis(1)..=Duration::from_secs(60 * 60);
    length(text).filter(|length| bounds.contains(length)).ok_or_else(|| "from `1ms` to `1h`, as `30s`".to_owned())
}

pub(super) fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    let file = PackFile::new(&args.pack, args.force)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(record(args, file))
}

async fn record(args: &RecordArgs, file: PackFile) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let proxy = Proxy::bind(args.listen, args.upstream.clone(), args.patience).await?;
    let wanted = args.matches.iter().copied().map(Into::into).collect();
    let (upstream, recording) = (args.upstream.to_string(), proxy.recording());
    let mut output = Output { file, upstream, wanted, recording, hindrance: None };
    writeln!(io::stdout(), "listening record {}", proxy.address()).context("cannot print the address")?;
    let mut errors = anstream::stderr();
    writeln!(errors, "passing sessions on to {}, which really delivers what it takes", args.upstream)?;
    if !proxy.address().ip().is_loopback() {
        writeln!(errors, "whoever reaches {} sends mail through it", proxy.address())?;
    }
    let ended = Arc::new(Notify::new());
    let notify = Arc::clone(&ended);
    let tell = move |notice: &Notice<'_>| {
        if matches!(notice, Notice::Ended(_)) {
            notify.notify_one();
        }
        show(notice);
    };
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let mut serving = std::pin::pin!(proxy.serve(stop, tell));
    loop {
        tokio::select! {
            () = &mut serving => break,
            () = ended.notified() => tokio::task::block_in_place(|| output.write()),
        }
    }
    output.finish()
}

/// A line for each reply, and for what went wrong.
fn show(notice: &Notice<'_>) {
    let line = match notice {
        Notice::Heard(session, asked, Some(Answer::Reply { bytes, .. })) => {
            let text = String::from_utf8_lossy(bytes);
            format!("{session} {:<8} {}", asked.name(), Escaped(&text.trim_end().replace("\r\n", " / ")))
        }
        Notice::Heard(session, asked, Some(answer)) => {
            let what = match answer {
                Answer::Reset => "reset the connection",
                Answer::Silent => "said nothing",
                _ => "closed the connection",
            };
            format!("{session} {:<8} ({what})", asked.name())
        }
        Notice::Heard(session, asked, None) => {
            format!("{session} {:<8} (not shown: it repeats a password)", asked.name())
        }
        Notice::Failed(session, why) => format!("{session} failed   {}", Escaped(why)),
        Notice::Ended(_) => return,
    };
    // If nobody reads it, the pack is still written.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// What is recorded, and where it goes.
struct Output {
    file: PackFile,
    upstream: String,
    wanted: Vec<mockmx::record::Match>,
    recording: Arc<Mutex<Recording>>,
    /// What was told of last that stood in the way.
    hindrance: Option<String>,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pack so far, if any reply was recorded.
    fn text(&self) -> Option<String> {
        let recording = self.lock();
        (recording.counts().0 > 0).then(|| recording.pack(self.file.id(), &self.upstream, &self.wanted))
    }

    /// Writes what is recorded so far. What stands in the way may have gone by the end of the next session.
    fn write(&mut self) {
        let Some(text) = self.text() else { return };
        let Err(error) = self.file.write(text) else { return self.hindrance = None };
        let why = format!("{error:#}");
        if self.hindrance.as_ref() != Some(&why) {
            // If nobody reads it, it is told at the end.
            let _ = writeln!(anstream::stderr(), "{why}\nrecording goes on");
            self.hindrance = Some(why);
        }
    }

    /// Writes all that was recorded, here or elsewhere.
    fn finish(&mut self) -> anyhow::Result<ExitCode> {
        if let Some(text) = self.text()
            && let Err(error) = self.file.write(text.clone())
        {
            let rescued = self.file.rescue(&text).map(|path| Escaped(&path.display().to_string()).to_string());
            return Err(match rescued {
                Ok(path) => error.context(format!("what was recorded is in {path}")),
                Err(_) => error.context("what was recorded is lost"),
            });
        }
        let (kept, sessions, left_out) = self.lock().counts();
        let mut errors = anstream::stderr();
        if !self.file.is_written() {
            writeln!(errors, "no server answered in {sessions} sessions, so no pack is written")?;
            return Ok(ExitCode::FAILURE);
        }
        let (name, id) = (self.file.name(), self.file.id());
        let beyond = if left_out > 0 { format!(", {left_out} more left out") } else { String::new() };
        writeln!(errors, "wrote {name}: {kept} replies in {sessions} sessions{beyond}")?;
        writeln!(errors, "`mockmx --policies {name} --provider {id}` answers so")?;
        Ok(ExitCode::SUCCESS)
    }
}
