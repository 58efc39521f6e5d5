//! `mockmx report`: how the senders under test behaved, as a running mockmx saw it.

mod junit;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::styling::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use mockmx::clock::Time;
use mockmx::escape::Escaped;
use mockmx::report::{Conduct, Report, SenderLine, SenderReport};

use super::http;

/// What `mockmx report --help` says besides the flags.
pub(super) const NOTES: &str = "\
A sender is whoever sends from one domain over one address, in one lane. docs/report.md says what
is looked at, and what cannot be seen. With --fail-on, exit code 1 also if nobody sent.

  mockmx report                                  show how each sender behaved
  mockmx report --sender example.org --fail-on bad
  mockmx report --junit report.xml               for CI";

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Where mockmx serves HTTP: `http://HOST:PORT`
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8025")]
    url: String,
    /// Only this lane
    #[arg(long, value_name = "NAME")]
    lane: Option<String>,
    /// Only the senders of this domain, or of this address
    #[arg(long, value_name = "DOMAIN|IP")]
    sender: Option<String>,
    /// Only sessions that did not begin before this moment, as `2026-11-25T08:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    since: Option<Time>,
    /// Only sessions that began before this moment, up to which mockmx is known to have run
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    until: Option<Time>,
    /// Show this token to mockmx [default: what MOCKMX_HTTP_TOKEN holds]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write JUnit XML to this file too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Exit with 1 if something is bad, or, with `not-seen`, also if something was not seen
    #[arg(long, value_name = "WHAT")]
    fail_on: Option<FailOn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Bad,
    NotSeen,
}

/// Where the report is.
const PATH: &str = "/api/v1/senders/report";

/// The longest answer that is read: some ten thousand senders.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A journal of ten thousand sessions takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let report = fetch(args)?;
    let mut out = anstream::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        print(&report, &mut out)?;
    }
    if let Some(file) = &args.junit {
        let cannot = || format!("cannot write {}", Escaped(&file.to_string_lossy()));
        let mut xml = BufWriter::new(File::create(file).with_context(cannot)?);
        junit::write(&report, &mut xml).and_then(|()| xml.flush()).with_context(cannot)?;
    }
    let fails = match args.fail_on {
        None => false,
        Some(_) if report.senders.is_empty() => true,
        Some(FailOn::Bad) => report.has(Conduct::Bad),
        Some(FailOn::NotSeen) => report.has(Conduct::Bad) || report.has(Conduct::NotSeen),
    };
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn fetch(args: &ReportArgs) -> anyhow::Result<Report> {
    let (target, base) = http::target(&args.url, "")?;
    let path = format!("{}{PATH}?", base.trim_end_matches('/'));
    let behind = path.len();
    let mut query = form_urlencoded::Serializer::for_suffix(path, behind);
    let [since, until] = [args.since, args.until].map(|time| time.map(|time| time.to_string()));
    for (name, value) in [("lane", &args.lane), ("sender", &args.sender), ("since", &since), ("until", &until)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let path = query.finish();
    let token = http::token(args.token.as_deref());
    let request = http::Request {
        target,
        path: path.trim_end_matches('?'),
        token: token.as_deref(),
        most: LONGEST_ANSWER,
        patience: Some(PATIENCE),
    };
    let host = target.host;
    let answer = http::get(request).with_context(|| format!("cannot ask {host}; does mockmx run there"))?;
    if answer.status != 200 {
        let body = String::from_utf8_lossy(&answer.body);
        bail!("{host} answers {}: {}", answer.status, Escaped(body.trim()));
    }
    serde_json::from_slice(&answer.body).with_context(|| format!("what {host} answers is no report"))
}

fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.senders.is_empty() {
        return writeln!(out, "no sender was seen");
    }
    for (index, sender) in report.senders.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        one(sender, out)?;
    }
    if !report.complete {
        writeln!(
            out,
            "\nonly the latest sessions were looked at, for there are too many; `--lane` and `--since` choose others"
        )?;
    }
    Ok(())
}

fn one(sender: &SenderReport, out: &mut impl Write) -> io::Result<()> {
    let bold = Style::new().bold();
    writeln!(
        out,
        "{bold}{}{bold:#}, lane {}: sessions {}, messages {}, from {} to {}",
        Escaped(&sender.name()),
        Escaped(&sender.lane),
        sender.sessions,
        sender.messages,
        sender.since,
        sender.until
    )?;
    let width = sender.lines.iter().map(|line| line.check.name().len()).max().unwrap_or(0);
    for line in &sender.lines {
        let colour = match line.conduct {
            Conduct::Good => AnsiColor::Green,
            Conduct::Bad => AnsiColor::Red,
            Conduct::NotSeen => AnsiColor::Yellow,
        };
        let colour = colour.on_default();
        let (conduct, check, text) = (line.conduct.name(), line.check.name(), Escaped(&line.text));
        writeln!(out, "{colour}{conduct:<8}{colour:#}  {check:<width$}  {text}")?;
        if let Some(more) = more(line) {
            writeln!(out, "{:<8}  {:<width$}  {}", "", "", Escaped(&more))?;
        }
    }
    Ok(())
}

/// What is said besides: what asks for it and where it is seen, or how it could be seen.
fn more(line: &SenderLine) -> Option<String> {
    let seen = || line.sessions.first().map(|first| format!("{}, in session {first}", line.rfc));
    match (line.conduct, &line.provoke) {
        (Conduct::Good, _) => None,
        (_, Some(provoke)) => Some(format!("to see it: {provoke}")),
        (_, None) => seen(),
    }
}
