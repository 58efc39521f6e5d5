//! The sessions of `docs/testing.md` go as they stand there.

use std::process::Command;

use regex::Regex;

use crate::program::Serving;

/// A command, and what it must print.
pub(crate) struct Said {
    pub(crate) command: String,
    pub(crate) wanted: String,
}

/// The settings and the commands of the page.
pub(crate) fn page(text: &str) -> (String, Vec<Said>) {
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
    let (settings, said) = page(include_str!("../../docs/testing.md"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mockmx.toml"), settings).unwrap();
    let serving = Serving::start(folder.path(), &[]);
    let mut script = String::new();
    for Said { command, .. } in &said {
        let command = command.replace("127.0.0.1:8025", &serving.address("http").to_string());
        script += &command.replace("127.0.0.1:2525", &serving.address("smtp").to_string());
        script += "\nprintf '\\036'\n";
    }
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(said.len() > 20 && errors.is_empty(), "{errors}");
    compare(&said, &printed);
}

/// Holds what was printed, parted by the byte RS, against what must be.
pub(crate) fn compare(said: &[Said], printed: &str) {
    for (Said { command, wanted }, found) in said.iter().zip(printed.split('\u{1e}')) {
        let parts: Vec<_> = wanted.split('…').map(regex::escape).collect();
        let pattern = Regex::new(&format!("(?s)^{}$", parts.join(".*"))).unwrap();
        assert!(pattern.is_match(found), "{command}\nwanted:\n{wanted}\nfound:\n{found}");
    }
}
