//! `mockmx health`: the health check of a container that has no other program in it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::http;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Where to ask: `http://ADDR:PORT/PATH`, whose path may be left out
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8025/readyz")]
    url: String,
}

/// An answer is much shorter.
const LONGEST_ANSWER: u64 = 4096;

pub(super) fn run(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let (target, path) = http::target(&args.url, "/readyz")?;
    let request = http::Request { target, path, token: None, most: LONGEST_ANSWER, patience: None };
    let status = http::get(request).with_context(|| format!("cannot ask {}", target.address))?.status;
    let mut out = anstream::stdout();
    writeln!(out, "{status}")?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
