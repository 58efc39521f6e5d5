//! The command line of mockmx.

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A message is many small allocations, made on one thread and let go on another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
