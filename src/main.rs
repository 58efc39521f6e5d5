//! The command line of mockmx.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
