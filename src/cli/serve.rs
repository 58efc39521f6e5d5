//! `mockmx serve`: takes mail until it is told to stop.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use mockmx::escape::Escaped;
use mockmx::journal::Journal;
use mockmx::policy::Stub;
use mockmx::server::{Generation, Reload, Server};
use mockmx::settings::{Flags, JournalSettings, Settings};
use mockmx::store::Lanes;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::args::ServeArgs;
use super::load::{load, load_stubs, report};
use super::log;

/// What `mockmx serve --help` says besides the flags.
pub(super) const NOTES: &str = "\
Each address is printed once it is bound: `listening smtp 127.0.0.1:2525`.
SIGINT and SIGTERM let transactions end within 10 seconds; a second one does not wait.
SIGHUP reads settings and packs anew, and keeps the old ones if the new ones have a problem.
Everything else that can be set, also by file or variable, is in docs/settings.md.";

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    run_with(args, Vec::new(), std::future::ready(()))
}

/// Serves with `more` stubs than the settings' folder has, and does `then` beside it once it listens.
pub(super) fn run_with(
    args: &ServeArgs,
    more: Vec<Stub>,
    then: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let flags = args.flags();
    let loaded = load(&flags).and_then(|generation| {
        let stubs = load_stubs(&generation.settings, &generation.policy)?;
        Ok((generation, stubs))
    });
    let (generation, stubs) = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    log::start(&generation.settings.log)?;
    raise_open_files(generation.settings.limits.connections);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let lanes = Arc::<Lanes>::default();
    for stub in stubs.into_iter().chain(more) {
        lanes.claim(&stub.lane).add_stub(stub).map_err(anyhow::Error::msg)?;
    }
    runtime.block_on(serve(flags, generation, lanes, then))
}

async fn serve(
    flags: Flags,
    generation: Generation,
    lanes: Arc<Lanes>,
    then: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    // Whoever has read where we listen may already send a signal.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let hangup = signal(SignalKind::hangup())?;
    say_what_is_set(&generation.settings);
    let kept_in = generation.settings.journal.clone();
    let journal = open_journal(&generation.settings.journal, &lanes).await?;
    let server = Server::bind(generation, lanes, journal)?;
    print(&server.addresses()).context("cannot print the addresses")?;
    tokio::spawn(then);
    let (reloads, wanted) = mpsc::channel(1);
    tokio::spawn(reload_at(hangup, flags, kept_in, reloads));
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let mut serving = pin!(server.serve(async { drop(stopped.await) }, wanted));
    loop {
        tokio::select! {
            () = &mut serving => {
                info!("stopped");
                return Ok(ExitCode::SUCCESS);
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.take().is_none() {
            warn!("stopped without waiting for what was under way");
            return Ok(ExitCode::FAILURE);
        }
        info!("stopping once what is under way has ended; a second signal does not wait");
    }
}

async fn open_journal(settings: &JournalSettings, lanes: &Lanes) -> anyhow::Result<Arc<Journal>> {
    let JournalSettings { location, place, keep } = settings;
    info!("the journal is in {location}");
    let clock = lanes.default_lane().clock.clone();
    match Journal::open(location, keep.clone(), clock).await {
        Ok(journal) => Ok(Arc::new(journal)),
        Err(error) => bail!("cannot open the `journal` {location} ({place}): {}", error.0),
    }
}

/// Lets the process hold a file for each connection, as far as the system allows: the usual limit of 1,024 is meant for
/// programs that use select.
fn raise_open_files(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(256);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit < wanted => {
            warn!("the system allows {limit} open files, fewer than {connections} connections need; raise `ulimit -n`");
        }
        Ok(_) => {}
        Err(error) => warn!("cannot raise the number of open files: {error}"),
    }
}

fn say_what_is_set(settings: &Settings) {
    info!(
        "settings are {}",
        settings.file.as_deref().map_or_else(|| "built in".into(), |file| Escaped(file).to_string())
    );
    if settings.accounts.any {
        info!("every login is taken, whatever its password");
    }
}

/// Prints and logs where is listened, a line each.
fn print(addresses: &[(String, SocketAddr)]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, address) in addresses {
        info!("listening {name} {address}");
        writeln!(out, "listening {name} {address}")?;
    }
    out.flush()
}

/// Reloads at each signal, one after the other.
async fn reload_at(mut hangup: Signal, flags: Flags, kept_in: JournalSettings, reloads: mpsc::Sender<Reload>) {
    while hangup.recv().await.is_some() {
        if let Err(failure) = reload(&flags, &kept_in, &reloads).await {
            error!("kept the old settings and packs: {}", Escaped(&failure));
        }
    }
}

/// Loads settings and packs, and has the server take them. What is wrong with them is logged a line each; what is
/// returned is why they were not taken.
async fn reload(flags: &Flags, kept_in: &JournalSettings, reloads: &mpsc::Sender<Reload>) -> Result<(), String> {
    let flags = flags.clone();
    let loaded = tokio::task::spawn_blocking(move || load(&flags)).await.map_err(|error| error.to_string())?;
    let generation = loaded.map_err(|problems| {
        for problem in &problems.0 {
            error!("{}", Escaped(&problem.to_string()));
        }
        format!("problems: {}", problems.0.len())
    })?;
    let JournalSettings { location, keep, .. } = &generation.settings.journal;
    if (location, keep) != (&kept_in.location, &kept_in.keep) {
        warn!("`journal` and `keep-...` are read at start only; the journal stays in {} as it was", kept_in.location);
    }
    let (answer, answered) = oneshot::channel();
    let stopping = || "mockmx is stopping".to_owned();
    let wanted = Reload { generation, answer };
    reloads.send(wanted).await.map_err(|_| stopping())?;
    let addresses = answered.await.map_err(|_| stopping())?.map_err(|error| error.to_string())?;
    info!("took new settings and packs");
    for (name, address) in addresses {
        info!("listening {name} {address}");
    }
    Ok(())
}
