//! The commands, a file each.
//!
//! Every command ends with one of three exit codes: 0, 1 if there are problems or it failed, 2 for wrong usage; or with
//! 130 if it was interrupted. What was asked for goes to standard output, all else to standard error, in colour only on a terminal.

mod args;
mod check;
mod docs;
mod explain;
mod health;
mod http;
mod load;
mod log;
mod pack_file;
mod providers;
mod record;
mod report;
mod reproduce;
mod serve;
mod trial;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use args::ServeArgs;

/// A mock of the mail provider on the other side.
///
/// mockmx takes mail by SMTP as a provider's gateway does: the same banner, and the same refusals with the same texts at
/// the same stages. Without a command it serves; without flags and settings, on 127.0.0.1 alone.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

const EXAMPLES: &str = "\
Examples:
  mockmx                            be 263's gateway on 127.0.0.1:2525
  mockmx --hosted example.com       and host example.com there
  mockmx --smtp :25 --http off      take mail from other machines too
  mockmx check                      say everything that is wrong with settings and packs
  mockmx providers 263              list 263's rules and how to trigger each
  mockmx explain 'sender in prison' say what a refusal means
  mockmx reproduce bounce.eml       say what was refused, and --serve it again
  mockmx record --upstream HOST:25 --pack acme.toml
                                    write down what a real server answers, as a pack
  mockmx report --fail-on bad       say how the senders behaved, and fail if one did not
  mockmx try --all                  see that a running mockmx answers as the packs say";

#[derive(Debug, Subcommand)]
enum Command {
    /// Take mail until SIGINT or SIGTERM; SIGHUP reloads settings and packs (this is the default command).
    #[command(after_help = serve::NOTES)]
    Serve(ServeArgs),
    /// Check settings and packs, and say everything that is wrong with them.
    Check(check::CheckArgs),
    /// List the providers, or the rules of one.
    Providers(providers::ProvidersArgs),
    /// Write a page for each built-in provider into a folder, as `make docs` does.
    #[command(hide = true)]
    Docs(docs::DocsArgs),
    /// Say what a refusal means, and how to make it happen here.
    #[command(after_help = explain::NOTES)]
    Explain(explain::ExplainArgs),
    /// Ask a running mockmx whether it is ready: exit code 0 if it is.
    Health(health::HealthArgs),
    /// Pass sessions on to a real server, and write what it answers as a pack.
    #[command(after_help = record::NOTES)]
    Record(record::RecordArgs),
    /// Say how the senders under test behaved towards a running mockmx.
    #[command(after_help = report::NOTES)]
    Report(report::ReportArgs),
    /// Make of a bounce a mockmx that gives the same refusal at the same stage.
    #[command(after_help = reproduce::NOTES)]
    Reproduce(reproduce::ReproduceArgs),
    /// Make rules fire on a running mockmx, and see whether it answers as their packs say.
    #[command(after_help = trial::NOTES)]
    Try(trial::TryArgs),
}

/// Runs the command that was given.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Providers(args)) => providers::run(&args),
        Some(Command::Docs(args)) => docs::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Health(args)) => health::run(&args),
        Some(Command::Record(args)) => record::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Reproduce(args)) => reproduce::run(&args),
        Some(Command::Try(args)) => trial::run(&args),
    };
    done.unwrap_or_else(|error| {
        // Whoever reads the output may stop reading, as `mockmx providers | head -1` does.
        let closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
        if error.downcast_ref::<io::Error>().is_some_and(closed) {
            return ExitCode::SUCCESS;
        }
        // If even this cannot be written, the exit code has to say it.
        let _ = writeln!(anstream::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use mockmx::settings::KEYS;

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_a_setting_is_there() {
        let command = Cli::command();
        let flags: Vec<_> = command.get_arguments().filter_map(|flag| flag.get_long()).collect();
        for flag in KEYS.iter().filter_map(|key| key.flag) {
            assert!(flags.contains(&flag.trim_start_matches('-')), "{flag}");
        }
    }
}
