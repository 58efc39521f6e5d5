//! Settings and packs, loaded together so that the problems of both are told together.

use std::io::{self, Write};
use std::path::Path;

use mockmx::generation::Generation;
use mockmx::policy::{Policy, Stub};
use mockmx::problem::Problems;
use mockmx::settings::{Flags, Settings};

/// The settings file that is read if none is named.
const DEFAULT_FILE: &str = "mockmx.toml";

/// Loads settings, packs and forms.
pub(super) fn load(flags: &Flags) -> Result<Generation, Problems> {
    let (settings, mut problems) = Settings::examine(flags, std::env::vars_os(), Path::new(DEFAULT_FILE));
    match Generation::load(settings) {
        Ok(generation) => problems.or(generation),
        Err(more) => {
            problems.0.extend(more.0);
            Err(problems.sorted())
        }
    }
}

/// Loads the stubs of the settings' folder.
pub(super) fn load_stubs(settings: &Settings, policy: &Policy) -> Result<Vec<Stub>, Problems> {
    match &settings.stubs {
        Some((folder, place)) => Stub::load_folder(folder, place, policy),
        None => Ok(Vec::new()),
    }
}

/// Draws all problems on standard error.
pub(super) fn report(problems: &Problems) -> io::Result<()> {
    let mut out = anstream::stderr().lock();
    for problem in &problems.0 {
        writeln!(out, "{}\n", problem.render(true))?;
    }
    match problems.0.len() {
        1 => writeln!(out, "1 problem"),
        count => writeln!(out, "{count} problems"),
    }
}
