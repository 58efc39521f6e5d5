//! The sessions of `docs/testing.md` go as they stand there.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::program::{Serving, without_settings};

/// A command, and what it must print.
struct Said {
    command: String,
    wanted: String,
}

/// The settings and the commands of the page.
fn page(text: &str) -> (String, Vec<Said>) {
    let (mut settings, mut said, mut block) = (String::new(), Vec::<Said>::new(), "");
    for line in text.lines() {
        match (line.strip_prefix("```"), block) {
            (Some(kind), "") => block = kind,
            (Some(_), _) => block = "",
            (None, "toml") => settings += &format!("{line}\n"),
            (None, "console") => match (line.strip_prefix("$ "), said.last_mut()) {
                (Some(command), _) => said.push(Said { command: command.to_owned(), wanted: String::new() }),
                (None, Some(last)) => last.wanted += &format!("{line}\n"),
                (None, None) => panic!("no command before {line:?}"),
            },
            _ => {}
        }
    }
    (settings, said)
}

#[test]
fn the_page_about_testing_goes_as_it_stands() {
    let text = include_str!("../../docs/testing.md");
    let (settings, _) = page(text);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mockmx.toml"), settings).unwrap();
    let serving = Serving::start(folder.path(), &[]);
    let [smtp, http] = ["smtp", "http"].map(|name| serving.address(name).to_string());
    let instead = [("127.0.0.1:8025", &*http), ("127.0.0.1:2525", &*smtp)];
    assert!(replay(text, folder.path(), &instead) > 20);
}

/// Runs the commands of a page as they stand in `folder`, with these texts in place of others and free ports in place of
/// mockmx's own, and holds what they print against the page. Says how many there were.
pub(crate) fn replay(text: &str, folder: &Path, instead: &[(&str, &str)]) -> usize {
    let (_, said) = page(text);
    // Both are held until both are known, so that they differ.
    let free = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [smtp, http] = free.map(|free| free.local_addr().unwrap().to_string());
    let instead: Vec<_> =
        instead.iter().chain(&[("127.0.0.1:2525", &*smtp), ("127.0.0.1:8025", &*http)]).copied().collect();
    let put = |text: &str| instead.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let said: Vec<_> =
        said.iter().map(|Said { command, wanted }| Said { command: put(command), wanted: put(wanted) }).collect();
    let mut script = String::new();
    for Said { command, .. } in &said {
        script += &match command.strip_suffix(" &") {
            // What runs on is heard until it has said where it listens.
            Some(command) => format!(
                "coproc {command}\nwhile IFS= read -r line <&${{COPROC[0]}}; do echo \"$line\"; \
                 [[ $line != listening* ]] || break; done"
            ),
            None => command.clone(),
        };
        script += "\nprintf '\\036'\n";
    }
    let mut bash = Command::new("bash");
    without_settings(&mut bash);
    let programs = Path::new(env!("CARGO_BIN_EXE_mockmx")).parent().unwrap().display().to_string();
    bash.env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap())).env("NO_COLOR", "1");
    let output = bash.args(["-c", &script]).current_dir(folder).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    compare(&said, &String::from_utf8(output.stdout).unwrap());
    said.len()
}

/// Holds what was printed, parted by the byte RS, against what must be.
fn compare(said: &[Said], printed: &str) {
    for (Said { command, wanted }, found) in said.iter().zip(printed.split('\u{1e}')) {
        let parts: Vec<_> = wanted.split('…').map(regex::escape).collect();
        let pattern = Regex::new(&format!("(?s)^{}$", parts.join(".*"))).unwrap();
        assert!(pattern.is_match(found), "{command}\nwanted:\n{wanted}\nfound:\n{found}");
    }
}
