//! What the documentation says of the settings is so.

use std::path::Path;

use mockmx::journal::{Keep, Location};
use mockmx::settings::{Flags, KEYS, ListenerSettings, LogSettings, OutboxSettings, ServerLimits, Settings};

use crate::program::{mockmx, said};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap()
}

/// The example with the `#` taken off that stands directly before something.
fn with_everything_set(example: &str) -> String {
    let uncomment = |line: &str| {
        let rest = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()));
        rest.unwrap_or(line).to_owned()
    };
    example.lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_holds_the_defaults() {
    let settings = Settings::load(&Flags::default(), [], &repository().join("docs/mockmx.toml")).unwrap();
    let without_place = |mut listener: ListenerSettings| {
        listener.place = mockmx::problem::Place::Default;
        listener
    };
    let listeners: Vec<_> = settings.listeners.into_iter().map(without_place).collect();
    assert_eq!(listeners, ListenerSettings::defaults());
    assert_eq!(settings.http.unwrap().to_string(), "127.0.0.1:8025");
    assert_eq!(settings.limits, ServerLimits::default());
    assert_eq!(settings.log, LogSettings::default());
    assert_eq!((settings.journal.location, settings.journal.keep), (Location::Memory, Keep::default()));
    assert_eq!(settings.outbox, OutboxSettings::default());
    assert!(settings.accounts.any && !settings.auth_without_tls);
}

#[test]
fn the_example_has_every_key_and_all_of_it_can_be_set() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["cert.pem", "key.pem"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    std::fs::create_dir(folder.path().join("packs")).unwrap();
    let text = with_everything_set(&read("docs/mockmx.toml"));
    let file = folder.path().join("mockmx.toml");
    std::fs::write(&file, &text).unwrap();
    let settings = Settings::load(&Flags::default(), [], &file).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.listeners.len(), 5);
    assert_eq!(settings.accounts.passwords.len(), 1);
    assert_eq!((settings.domains.len(), settings.mailboxes.len()), (1, 1));
    assert!(settings.providers.is_some());
    for key in KEYS {
        let last = key.path.rsplit('.').next().unwrap();
        let is_set = |line: &str| line.trim_start_matches(['#', ' ']).starts_with(&format!("{last} = "));
        assert!(text.lines().any(is_set), "{}", key.path);
    }
}

#[test]
fn check_finds_nothing_wrong_with_the_example() {
    let output = mockmx(repository()).args(["check", "docs/mockmx.toml"]).output().unwrap();
    assert_eq!(said(&output), ("ok docs/mockmx.toml\n".to_owned(), String::new(), Some(0)));
}

#[test]
fn the_reference_has_a_line_for_every_key() {
    let reference = read("docs/settings.md");
    let mut lines = reference.lines().filter(|line| line.starts_with("| `"));
    for key in KEYS {
        let line = lines.find(|line| line.starts_with(&format!("| `{}` |", key.path)));
        let line = line.unwrap_or_else(|| panic!("{} is missing or out of order", key.path));
        match key.flag {
            // With what it takes, or alone.
            Some(flag) => assert!([' ', '`'].iter().any(|end| line.contains(&format!("`{flag}{end}"))), "{line}"),
            None => assert!(line.contains("| |"), "{line}"),
        }
    }
}

/// The names and the texts of the pages in a folder.
fn pages(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let page = |file: std::path::PathBuf| {
        (file.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(file).unwrap())
    };
    let mut pages: Vec<_> = entries.map(page).collect();
    pages.sort();
    pages
}

#[test]
fn the_pages_of_the_providers_are_current() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("providers");
    let output = mockmx(folder.path()).arg("docs").arg(&made).output().unwrap();
    assert_eq!(said(&output), (String::new(), String::new(), Some(0)));
    let (made, committed) = (pages(&made), pages(&repository().join("docs/providers")));
    let names = |pages: &[(String, String)]| pages.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&made), names(&committed), "`make docs` makes the first; remove what is left over");
    for ((name, made), (_, committed)) in made.iter().zip(&committed) {
        let differs = made.lines().zip(committed.lines()).find(|(made, committed)| made != committed);
        assert!(made == committed, "docs/providers/{name} is not current, run `make docs`: {differs:?}");
    }
}

#[test]
fn every_test_that_the_list_of_abuses_names_is_there() {
    let mut sources = String::new();
    let mut folders = vec![repository().join("src"), repository().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    let text = read("docs/abuse.md");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what is tried"));
    let named: Vec<_> = rows.map(|row| row.rsplit(" | ").next().unwrap()).collect();
    assert!(named.len() > 20);
    for tests in named {
        let tests: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty());
        for test in tests {
            assert!(sources.contains(&format!("fn {test}(")), "there is no test {test}");
        }
    }
}
