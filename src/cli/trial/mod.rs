//! `mockmx try`: makes rules fire on a mockmx that runs, and looks whether it answers as their packs say.
//!
//! `names` finds the rules that are meant, `plan` says for a rule what the client says and what must come, `client` speaks with the server, `session` has the
//! session of one rule, this file the command.

mod client;
mod names;
mod plan;
mod session;

use std::io::{self, IsTerminal, Write};
use std::net::Ipv6Addr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use mockmx::clock::io_now;
use mockmx::escape::Escaped;
use mockmx::facts::{Role, TlsMode};
use mockmx::generation::Generation;
use mockmx::settings::Settings;
use tokio::signal::unix::{SignalKind, signal};

use self::names::{Named, of_names, of_providers};
use self::plan::Plan;
use self::session::{Addresses, Outcome};
use super::args::PolicyArgs;
use super::load::{load, report};

/// What `mockmx try --help` says besides the flags.
pub(super) const NOTES: &str = "\
Each rule is named at its own stage in an otherwise innocent session; a rule of stage connect or command by the
recipient, so that it answers late. Exit code 1 if an answer is not the one that the pack writes, to the byte. Of a rule
that lets the message pass, to file, replace or discard it, only that it is accepted is looked at.

  mockmx try 263/keyword            show the conversation
  mockmx try --all                  go through every rule of every provider
  mockmx try --all 263 21cn         through those of two";

/// The exit code after Ctrl-C, as of a program that it ends.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
pub(super) struct TryArgs {
    /// Rules, as `263/keyword`; with --all, providers
    #[arg(value_name = "RULE", required_unless_present = "all")]
    names: Vec<String>,
    /// Try every rule of the providers named, or of all
    #[arg(long)]
    all: bool,
    /// Send to this address, and name the rule by the sender (can be given several times)
    #[arg(long, value_name = "ADDR")]
    to: Vec<String>,
    /// Where the MX listens, port 2525 if none is given [default: where the settings say, else 127.0.0.1:2525]
    #[arg(long, value_name = "ADDR")]
    smtp: Option<String>,
    /// Where submissions are taken, for rules of stage auth [default: where the settings say, else 127.0.0.1:2587]
    #[arg(long, value_name = "ADDR")]
    submission: Option<String>,
    /// Wait so many seconds for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
    #[command(flatten)]
    packs: PolicyArgs,
}

pub(super) fn run(args: &TryArgs) -> anyhow::Result<ExitCode> {
    let Generation { settings, policy, .. } = match load(&args.packs.flags()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(wrong) = args.to.iter().find(|address| !is_sendable(address)) {
        anyhow::bail!("`{}` is no address to send to", Escaped(wrong));
    }
    let providers = policy.providers();
    let rules = if args.all { of_providers(&providers, &args.names)? } else { of_names(&providers, &args.names)? };
    let smtp = address(args.smtp.as_deref(), &settings, Role::Mx);
    let smtp = smtp.context("the settings have no MX; say with --smtp where to connect to")?;
    let addresses = Addresses {
        // Without submission, rules of stage auth are named by the recipient.
        submission: address(args.submission.as_deref(), &settings, Role::Submission).unwrap_or_else(|| smtp.clone()),
        smtp,
        patience: Duration::from_secs(args.patience),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        if args.all { all(&rules, &args.to, &addresses).await } else { shown(&rules, &args.to, &addresses).await }
    })
}

/// Where to connect to: what the flag says, else the first listener of that role that does not begin with TLS.
fn address(flag: Option<&str>, settings: &Settings, role: Role) -> Option<String> {
    if let Some(flag) = flag {
        let port = flag.strip_prefix(':').unwrap_or(flag);
        if port.parse::<u16>().is_ok() {
            return Some(format!("127.0.0.1:{port}"));
        }
        let default = if role == Role::Mx { 2525 } else { 2587 };
        return Some(match flag.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]:{default}"),
            Err(_) if flag.contains(':') => flag.to_owned(),
            Err(_) => format!("{flag}:{default}"),
        });
    }
    let plain = |tls| matches!(tls, TlsMode::None | TlsMode::StartTls);
    let listener = settings.listeners.iter().find(|listener| listener.role == role && plain(listener.tls));
    let mut address = listener?.address;
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { [127, 0, 0, 1].into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    Some(address.to_string())
}

/// Whether an address can be put between the angle brackets of RCPT.
fn is_sendable(address: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>".contains(c);
    address.contains('@') && address.len() <= 320 && !address.contains(odd)
}

/// Tries the rules, and prints each conversation as it goes.
async fn shown(rules: &[Named<'_>], to: &[String], addresses: &Addresses) -> anyhow::Result<ExitCode> {
    let mut failed = false;
    for (provider, rule) in rules {
        let Outcome { answer, .. } = session::run(Plan::new(&provider.id, rule, to, 0), addresses, true).await?;
        let mut out = anstream::stdout().lock();
        match answer {
            Ok(how) => writeln!(out, "ok: {}/{} {how}", provider.id, rule.id)?,
            Err(why) => {
                failed = true;
                writeln!(out, "failed: {}/{} {why}", provider.id, rule.id)?;
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Tries the rules, and prints a line for each and the count.
async fn all(rules: &[Named<'_>], to: &[String], addresses: &Addresses) -> anyhow::Result<ExitCode> {
    let started = io_now();
    let mut out = anstream::stdout().lock();
    let progress = Progress { on: io::stderr().is_terminal(), total: rules.len() };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (mut passed, mut only_accepted) = (0, 0);
    for (number, (provider, rule)) in rules.iter().enumerate() {
        let name = format!("{}/{}", provider.id, rule.id);
        progress.show(number, &name)?;
        let plan = Plan::new(&provider.id, rule, to, number);
        let accepts = plan.expects_acceptance();
        let outcome = tokio::select! {
            outcome = session::run(plan, addresses, false) => Some(outcome),
            _ = interrupt.recv() => None,
        };
        progress.clear()?;
        let Some(outcome) = outcome else {
            let left = rules.len() - number;
            writeln!(
                out,
                "interrupted: {passed} of {number} rules answered as their packs say; {left} were not tried"
            )?;
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let outcome = outcome?;
        match outcome.answer {
            Ok(_) if accepts => {
                (passed, only_accepted) = (passed + 1, only_accepted + 1);
                let follows = rule.later.as_deref().unwrap_or(rule.action);
                writeln!(out, "ok    {name}  {}  accepted; what follows ({follows}) is not looked at", rule.stage)?;
            }
            Ok(_) => {
                passed += 1;
                let reply = rule.reply.as_deref().unwrap_or(rule.action);
                writeln!(out, "ok    {name}  {}  {}", rule.stage, Escaped(reply))?;
            }
            Err(why) => writeln!(out, "FAIL  {name}  {why}")?,
        }
        if outcome.is_mute {
            anyhow::bail!("whoever listens there does not greet; is it a mockmx");
        }
    }
    let total = rules.len();
    let seconds = started.elapsed().as_secs_f64();
    write!(out, "{passed} of {total} rules answered as their packs say, in {seconds:.1} s")?;
    match only_accepted {
        0 => writeln!(out)?,
        some => writeln!(out, "; of {some} only that they accept the message was looked at")?,
    }
    Ok(if passed == total { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A bar on a terminal; nothing elsewhere.
struct Progress {
    on: bool,
    total: usize,
}

impl Progress {
    /// The bar's columns.
    const WIDTH: usize = 30;

    fn show(&self, done: usize, name: &str) -> io::Result<()> {
        if !self.on {
            return Ok(());
        }
        let full = done * Self::WIDTH / self.total.max(1);
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(Self::WIDTH - full));
        let mut out = anstream::stderr().lock();
        write!(out, "\r[{bar}] {done}/{} {name}\x1b[K", self.total)?;
        out.flush()
    }

    fn clear(&self) -> io::Result<()> {
        if !self.on {
            return Ok(());
        }
        let mut out = anstream::stderr().lock();
        write!(out, "\r\x1b[K")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_connect_to_needs_no_port() {
        let settings = Settings::load(&mockmx::settings::Flags::default(), [], std::path::Path::new("")).unwrap();
        for (flag, role, place) in [
            ("25", Role::Mx, "127.0.0.1:25"),
            (":25", Role::Mx, "127.0.0.1:25"),
            ("localhost", Role::Mx, "localhost:2525"),
            ("localhost", Role::Submission, "localhost:2587"),
            ("mx.test:25", Role::Mx, "mx.test:25"),
            ("::1", Role::Mx, "[::1]:2525"),
            ("[::1]", Role::Mx, "[::1]:2525"),
            ("[::1]:25", Role::Mx, "[::1]:25"),
        ] {
            assert_eq!(address(Some(flag), &settings, role).as_deref(), Some(place), "{flag}");
        }
    }

    #[test]
    fn an_address_cannot_end_a_command() {
        assert!(is_sendable("a@b.cn") && is_sendable("用户@例子.公司"));
        for address in ["a", "a@b>\r\nDATA", "a@b\n", "<a@b>", "a @b", &format!("{}@b", "a".repeat(400))] {
            assert!(!is_sendable(address), "{address:?}");
        }
    }
}
