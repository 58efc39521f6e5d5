//! `mockmx record`: from a real server to a pack that answers as it did.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use mockmx::escape::Escaped;
use mockmx::policy::Policy;
use mockmx::record::{Answer, Recording};
use mockmx::relay::Hop;
use mockmx::server::proxy::{Notice, Proxy};
use mockmx::settings::listen_address;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::load::report;
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
    let length = text.parse::<jiff::SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok());
    let bounds = Duration::from_millis(1)..=Duration::from_secs(60 * 60);
    length.filter(|length| bounds.contains(length)).ok_or_else(|| "from `1ms` to `1h`, as `30s`".to_owned())
}

pub(super) fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    let file = Output::new(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(record(args, file))
}

async fn record(args: &RecordArgs, mut file: Output) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let proxy = Proxy::bind(args.listen, args.upstream.clone(), args.patience).await?;
    let recording = proxy.recording();
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
            () = ended.notified() => tokio::task::block_in_place(|| file.write(&recording))?,
        }
    }
    file.write(&recording)?;
    file.sum_up(&recording)
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

/// The pack's file.
struct Output {
    path: PathBuf,
    id: String,
    upstream: String,
    wanted: Vec<mockmx::record::Match>,
    /// What was written last. Only that, or with `force` anything at first, is written over.
    written: Option<String>,
    force: bool,
}

impl Output {
    fn new(args: &RecordArgs) -> anyhow::Result<Self> {
        let (path, name) = (args.pack.clone(), args.pack.display().to_string());
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let id = Policy::pack_id(&path).filter(|_| is_toml).with_context(|| {
            format!("{}: a pack's file has small letters, digits and hyphens, as `acme-1.toml`", Escaped(&name))
        })?;
        if fs::symlink_metadata(&path).is_ok() && !args.force {
            bail!("{} is there already; --force writes over it", Escaped(&name));
        }
        let folder = folder(&path);
        if !folder.is_dir() {
            bail!("cannot write {}: there is no folder {}", Escaped(&name), folder.display());
        }
        let wanted = args.matches.iter().copied().map(Into::into).collect();
        let (id, upstream) = (id.to_owned(), args.upstream.to_string());
        Ok(Self { path, id, upstream, wanted, written: None, force: args.force })
    }

    /// Writes what is recorded so far, whole or not at all.
    fn write(&mut self, recording: &Mutex<Recording>) -> anyhow::Result<()> {
        let recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
        if recording.counts().0 == 0 {
            return Ok(());
        }
        let text = recording.pack(&self.id, &self.upstream, &self.wanted);
        drop(recording);
        if self.written.as_ref() == Some(&text) {
            return Ok(());
        }
        if let Err(problems) = Policy::check(&format!("{}.toml", self.id), &text) {
            report(&problems)?;
            bail!("no pack can be made of what was recorded, which is a mistake of mockmx's");
        }
        let name = self.path.display().to_string();
        self.replace(&text).with_context(|| format!("cannot write {}", Escaped(&name)))?;
        self.written = Some(text);
        Ok(())
    }

    fn replace(&self, text: &str) -> anyhow::Result<()> {
        let mut builder = tempfile::Builder::new();
        let mut file = builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder(&self.path))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        match &self.written {
            None if !self.force => drop(file.persist_noclobber(&self.path)?),
            Some(written) if fs::read(&self.path).is_ok_and(|found| found != written.as_bytes()) => {
                bail!("somebody else has changed it, so it is left as it is");
            }
            _ => drop(file.persist(&self.path)?),
        }
        Ok(())
    }

    fn sum_up(&self, recording: &Mutex<Recording>) -> anyhow::Result<ExitCode> {
        let (kept, sessions, left_out) = recording.lock().unwrap_or_else(PoisonError::into_inner).counts();
        let mut errors = anstream::stderr();
        if self.written.is_none() {
            writeln!(errors, "no server answered in {sessions} sessions, so no pack is written")?;
            return Ok(ExitCode::FAILURE);
        }
        let name = self.path.display().to_string();
        let beyond = if left_out > 0 { format!(", {left_out} more left out") } else { String::new() };
        writeln!(errors, "wrote {}: {kept} replies in {sessions} sessions{beyond}", Escaped(&name))?;
        writeln!(errors, "`mockmx --policies {} --provider {}` answers so", Escaped(&name), self.id)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
