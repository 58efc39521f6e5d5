//! Scenarios: sessions as text, run through the pure core (session, policy, store) with a hand-set clock and no socket.
//! README.md beside this file explains the text.

mod names;
mod player;
mod script;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mockmx::policy::Policy;

use player::Player;
use script::Script;

/// All scenario files below this folder, in order.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let folders = std::fs::read_dir(root).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let texts = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()));
    let mut files: Vec<_> = texts.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).collect();
    files.sort();
    files
}

/// Plays a scenario; returns the rules that fired by their real trigger, and those that were named.
fn play(file: &Path) -> Result<Player, String> {
    let script = Script::parse(&std::fs::read_to_string(file).map_err(|error| error.to_string())?)?;
    let mut player = Player::new(&script)?;
    for step in &script.steps {
        player.play(step).map_err(|error| format!("line {}: {error}", step.line))?;
    }
    player.finish()?;
    Ok(player)
}

#[test]
fn every_scenario_plays_as_written_and_every_rule_is_met() {
    let (mut real, mut named, mut failures) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let files = files();
    for file in &files {
        match play(file) {
            Ok(player) => {
                real.extend(player.real);
                named.extend(player.named);
            }
            Err(error) => failures.push(format!("{}: {error}", file.display())),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    assert!(files.len() > 20, "scenarios found: {}", files.len());

    let script = Script::parse("").unwrap();
    let policy = Policy::load(&script.settings().unwrap()).unwrap();
    let rules = policy.providers().into_iter().flat_map(|provider| {
        provider.rules.into_iter().map(move |rule| (format!("{}/{}", provider.id, rule.id), rule.trigger_only))
    });
    let missed: Vec<_> = rules
        .filter(|(name, trigger_only)| !(real.contains(name) || *trigger_only && named.contains(name)))
        .map(|(name, _)| name)
        .collect();
    assert!(missed.is_empty(), "no scenario meets the rules {missed:?} by their real trigger");
}
