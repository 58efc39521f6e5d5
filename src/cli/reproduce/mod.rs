//! `mockmx reproduce`: from a bounce to a mockmx that says the same.
//!
//! `input` reads what is brought, `show` prints what was found, `resend` sends mails again, this file does what was asked.

mod input;
mod resend;
mod show;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use mockmx::escape::Escaped;
use mockmx::explain::Explainer;
use mockmx::generation::Generation;
use mockmx::lane::LaneName;
use mockmx::policy::{Policy, Stub};
use mockmx::relay::Hop;
use mockmx::reproduce::{Case, Found, Match, Plan, STAGES, Told, Wanted};
use mockmx::stage::Stage;

use super::args::ServeArgs;
use super::load::{load, report};
use super::pack_file::PackFile;
use super::{http, serve};

/// What `mockmx reproduce --help` says besides the flags.
pub(super) const NOTES: &str = "\
WHAT is a bounce, a mailbox file, a folder of them, lines of a log, or the text itself. Of a bounce it finds who failed,
with which reply, and at which stage; what it only guesses it calls a guess. Exit code 1 if it finds no failure, and
with --resend also if a mail cannot be sent or meets another reply than that of the bounce.

  mockmx reproduce bounce.eml                      say what it finds, and what mockmx would do
  mockmx reproduce bounce.eml --serve              answer the same mail to the same recipient so
  mockmx reproduce - --pack customer.toml < bounce.eml
  mockmx --policies customer.toml                  ... which is used so
  mockmx reproduce bounce.eml --match domain --stub http://127.0.0.1:8025
  mockmx reproduce bounce.eml --resend localhost:587
                                                   see whether one's own sender meets it again
  mockmx reproduce 'host mx.example.com said: 550 no (in reply to RCPT TO command)'";

#[derive(Debug, Args)]
pub(super) struct ReproduceArgs {
    /// What came back: a file, a folder, the text itself, or `-` for standard input
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<OsString>,
    /// Reproduce only failure number N, as they are printed [default: all]
    #[arg(long, value_name = "N")]
    only: Option<usize>,
    /// What a mail must have in common with the one that failed; several are joined by commas, and all must hold
    /// [default: recipient, or what is known at the stage]
    #[arg(long = "match", value_name = "WHAT", value_delimiter = ',')]
    matches: Vec<Common>,
    /// Answer at this stage, where the bounce does not say it or says it wrong
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stage: Option<Stage>,
    /// Start mockmx so that it answers as the bounce says
    #[arg(long, conflicts_with_all = ["json", "stub"])]
    serve: bool,
    /// Write a pack that answers so to this file, `ID.toml`
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// Write over a file that is there already
    #[arg(long, requires = "pack")]
    force: bool,
    /// Put it as stubs into the mockmx that serves HTTP here: `http://HOST:PORT`
    #[arg(long, value_name = "URL")]
    stub: Option<String>,
    /// Put them into this lane of it [default: default]
    #[arg(long, value_name = "NAME", requires = "stub", value_parser = lane)]
    lane: Option<LaneName>,
    /// Show this token to that mockmx [default: what MOCKMX_HTTP_TOKEN holds]
    #[arg(long, value_name = "TOKEN", requires = "stub")]
    token: Option<String>,
    /// Send the mail that failed again, to this server alone, and compare what it says: `HOST:PORT`
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "json")]
    resend: Option<Hop>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Settings, most of them for --serve")]
    settings: ServeArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Common {
    /// The recipient
    Recipient,
    /// The recipient's domain
    Domain,
    /// The sender of the envelope
    Sender,
    /// The whole subject
    Subject,
    /// Nothing: every mail is answered so
    All,
}

impl From<Common> for Match {
    fn from(common: Common) -> Self {
        match common {
            Common::Recipient => Self::Recipient,
            Common::Domain => Self::Domain,
            Common::Sender => Self::Sender,
            Common::Subject => Self::Subject,
            Common::All => Self::All,
        }
    }
}

/// A stage at which a reply can be given to one mail.
fn stage(name: &str) -> Result<Stage, String> {
    let names = STAGES.map(Stage::name).join(", ");
    STAGES.into_iter().find(|stage| stage.name() == name).ok_or_else(|| format!("the stages are {names}"))
}

fn lane(name: &str) -> Result<LaneName, String> {
    LaneName::parse(name)
}

pub(super) fn run(args: &ReproduceArgs) -> anyhow::Result<ExitCode> {
    let file = args.pack.as_deref().map(|file| PackFile::new(file, args.force)).transpose()?;
    let brought = input::read(&args.what)?;
    let generation = match load(&args.settings.flags()) {
        Ok(generation) => generation,
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let matches = args.matches.iter().copied().map(Match::from).collect();
    let wanted = Wanted { only: args.only, matches, stage: args.stage };
    let cases = wanted.cases(brought.iter().map(|(_, found)| found));
    show_all(args, &brought, &cases, &generation.policy)?;
    if cases.is_empty() {
        if let Some(number) = args.only.filter(|_| brought.iter().any(|(_, found)| !found.failures.is_empty())) {
            bail!("there is no failure number {number}; without --only all are reproduced");
        }
        return Ok(ExitCode::FAILURE);
    }
    act(args, file, &cases, generation)
}

fn show_all(
    args: &ReproduceArgs,
    brought: &[(String, Found)],
    cases: &[Case<'_>],
    policy: &Policy,
) -> anyhow::Result<()> {
    let providers = policy.providers();
    let explainer = Explainer::new(&providers);
    let mut out = anstream::stdout().lock();
    if args.json {
        let brought = brought.iter().map(|(name, found)| (name.as_str(), found));
        writeln!(out, "{}", mockmx::escape::json(&Told::new(brought, cases, &explainer))?)?;
        return Ok(());
    }
    for case in cases {
        show::case(case, &explainer, &mut out)?;
    }
    let mut errors = anstream::stderr().lock();
    for (name, found) in brought {
        if found.failures.is_empty() {
            writeln!(errors, "{}: no failed delivery is found in it", Escaped(name))?;
        }
        if found.cut {
            writeln!(errors, "{}: only its first part was looked at", Escaped(name))?;
        }
    }
    Ok(())
}

/// Does with the failures what was asked for.
fn act(
    args: &ReproduceArgs,
    file: Option<PackFile>,
    cases: &[Case<'_>],
    generation: Generation,
) -> anyhow::Result<ExitCode> {
    let letters: Vec<_> = if args.resend.is_some() { resend::letters(cases) } else { Vec::new() };
    let mut stubs = Vec::new();
    if args.serve || file.is_some() || args.stub.is_some() {
        let plans = plans(cases)?;
        if let Some(file) = file {
            write_pack(file, &plans, &generation.policy)?;
        }
        stubs = plans.iter().flat_map(|plan| plan.stubs()).collect();
    }
    if let Some(url) = &args.stub {
        put(url, args.lane.as_ref(), http::token(args.token.as_deref()), &stubs)?;
    }
    if args.serve {
        return serve_with(args, stubs, letters, generation);
    }
    match &args.resend {
        Some(hop) => resend::run(hop, letters),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What can be reproduced; of what cannot it is said.
fn plans<'a>(cases: &'a [Case<'_>]) -> anyhow::Result<Vec<&'a Plan>> {
    let mut plans = Vec::new();
    for case in cases {
        match &case.plan {
            Ok(plan) => plans.push(plan),
            Err(error) => writeln!(anstream::stderr(), "{} is left out: {error}", case.number)?,
        }
    }
    if plans.is_empty() {
        bail!("nothing can be reproduced; the lines above say why");
    }
    Ok(plans)
}

/// Serves with these stubs, and sends the mails again once it listens.
fn serve_with(
    args: &ReproduceArgs,
    stubs: Vec<serde_json::Value>,
    letters: Vec<resend::Numbered>,
    generation: Generation,
) -> anyhow::Result<ExitCode> {
    let mut read = Vec::new();
    for (index, stub) in stubs.into_iter().enumerate() {
        match Stub::read(&format!("reproduced-{}", index + 1), stub, &generation.policy) {
            Ok(stub) => read.push(stub),
            Err(problems) => {
                report(&problems)?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    drop(generation);
    let hop = args.resend.clone();
    serve::run_with(&args.settings, read, async move {
        if let Some(hop) = hop
            && let Err(error) = resend::all(&hop, letters).await
        {
            // Standard output is closed, and it serves on.
            tracing::debug!(%error, "cannot print");
        }
    })
}

fn write_pack(mut file: PackFile, plans: &[&Plan], policy: &Policy) -> anyhow::Result<()> {
    if plans.len() > 1 {
        bail!("a pack is made of one failure, and there are {}; choose one with --only N", plans.len());
    }
    let Some(plan) = plans.first() else { return Ok(()) };
    file.write(plan.pack(file.id(), "Written by `mockmx reproduce` after a bounce."))?;
    let (name, id) = (file.name(), file.id());
    // A domain of another pack's may go there.
    let is_taken = policy.providers().iter().any(|of| of.domains.iter().any(|domain| plan.domains().contains(domain)));
    let provider = if is_taken || plan.needs_provider() { format!(" --provider {id}") } else { String::new() };
    writeln!(anstream::stderr(), "wrote {name}; `mockmx serve --policies {name}{provider}` answers by it")?;
    Ok(())
}

/// Adds the stubs to a running mockmx.
fn put(url: &str, lane: Option<&LaneName>, token: Option<String>, stubs: &[serde_json::Value]) -> anyhow::Result<()> {
    let (target, base) = http::target(url, "")?;
    let lane = lane.map(|lane| format!("?lane={}", lane.as_str())).unwrap_or_default();
    let path = format!("{}/api/v1/stubs{lane}", base.trim_end_matches('/'));
    let request = http::Request { target, path: &path, token: token.as_deref(), most: 1 << 20, patience: None };
    let body = serde_json::Value::from(stubs.to_vec()).to_string();
    let host = target.host;
    let answer =
        http::post(request, body.as_bytes()).with_context(|| format!("cannot ask {host}; does mockmx run there"))?;
    match answer.status {
        201 => {}
        401 | 403 => bail!("{host} asks for another token; give it with --token or in MOCKMX_HTTP_TOKEN"),
        status => bail!("{host} answered {status}: {}", Escaped(String::from_utf8_lossy(&answer.body).trim())),
    }
    let said = writeln!(anstream::stderr(), "{host} has {} stubs more, ahead of its rules", stubs.len());
    said.map_err(io::Error::into)
}
