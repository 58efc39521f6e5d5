//! `mockmx check`: everything that is wrong with settings and packs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use mockmx::document::{Node, Value};
use mockmx::generation::Generation;
use mockmx::notification::{Forms, Kind};
use mockmx::problem::{Problems, Source};
use mockmx::settings::{Flags, Settings};

use super::args::ServeArgs;
use super::load::{load, load_stubs, report};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Settings files, packs, forms of notifications and folders of packs, each checked by itself; if none is named,
    /// what `serve` would use
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    serve: ServeArgs,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let flags = args.serve.flags();
    let mut problems = Problems::default();
    let mut out = anstream::stdout().lock();
    if args.files.is_empty() {
        let loaded = load(&flags)
            .and_then(|generation| load_stubs(&generation.settings, &generation.policy).map(|_| generation.settings));
        match loaded {
            Ok(settings) => writeln!(out, "ok {}", settings.file.as_deref().unwrap_or("built-in settings"))?,
            Err(found) => problems = found,
        }
    }
    for file in &args.files {
        let checked = match Sort::of(file) {
            Sort::Settings => load(&flags.clone().config(Some(file.clone()))).map(drop),
            Sort::Pack => pack(file),
            Sort::Form(text) => Forms::check(&file.display().to_string(), &text),
        };
        match checked {
            Ok(()) => writeln!(out, "ok {}", file.display())?,
            // Two packs below the same settings would tell the same problem twice.
            Err(found) => {
                for problem in found.0 {
                    if !problems.0.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
    }
    if problems.0.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    report(&problems)?;
    Ok(ExitCode::FAILURE)
}

/// Checks a pack or a folder of them, beside the built-in packs and with no settings, whose problems are not theirs.
fn pack(file: &Path) -> Result<(), Problems> {
    let flags = Flags::default().set("--policies", [file.to_string_lossy()]);
    let settings = Settings::load(&flags, [], Path::new(""))?;
    Generation::load(settings).map(drop)
}

/// What a file holds.
enum Sort {
    Settings,
    /// A pack, or a folder.
    Pack,
    /// A form of notifications: its text.
    Form(String),
}

impl Sort {
    /// A form says where abuse reports come from or has words for a kind; a pack has a name or rules; settings have
    /// none of these.
    fn of(file: &Path) -> Self {
        let Ok(text) = std::fs::read_to_string(file) else { return Self::Pack };
        let (root, _) = Node::parse_toml(&Arc::new(Source { name: String::new(), text: text.clone() }));
        match &root.value {
            Value::Table(keys) if keys.contains_key("rule") => Self::Pack,
            Value::Table(keys)
                if keys.contains_key("abuse") || Kind::NAMES.iter().any(|kind| keys.contains_key(*kind)) =>
            {
                Self::Form(text)
            }
            Value::Table(keys) if !keys.contains_key("name") => Self::Settings,
            _ => Self::Pack,
        }
    }
}
