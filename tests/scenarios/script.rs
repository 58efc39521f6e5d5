//! The text of a scenario, line by line.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mockmx::lane::LaneName;
use mockmx::settings::{Flags, Settings};

/// A scenario.
#[derive(Debug)]
pub(crate) struct Script {
    /// The settings that it begins with, as TOML.
    settings: String,
    pub(crate) steps: Vec<Step>,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) what: What,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum What {
    /// `session NAME LISTENER [from ADDRESS] [tls]`, or `session NAME` to go on with one that there is.
    Session { name: String, listener: Option<String>, from: Option<SocketAddr>, tls: bool },
    /// `C: line`: the client sends it, with CR LF.
    Client(Vec<u8>),
    /// `S: line`: the server answers it.
    Server(String),
    /// `closed`, `dropped`, `reset`, `stalled`: how the server ends the session.
    Ended(&'static str),
    /// `rule PROVIDER/ID [named] [late]`: the rule that spoke last, or `rule none`.
    Rule { name: String, named: bool, late: bool },
    /// `why TEXT`: the evidence of the rule that spoke last has it.
    Why(String),
    /// `waited TIME`: the delay of the last verdict.
    Waited(Duration),
    /// `fate ADDRESS FATE`: what became of the last message.
    Fate { address: String, fate: String },
    /// `later KIND ADDRESS TIME`: what the sender is told of the last message, of whom, and how long after it; `later
    /// none`: it is told nothing.
    Later(Option<(String, String, Duration)>),
    /// `wait TIME`: the clock moves.
    Wait(Duration),
    /// `hang up`: the client closes the connection.
    HangUp,
    /// `stub ID JSON`: a stub is added.
    Stub { id: String, given: serde_json::Value },
    /// `set SCENARIO STATE [in LANE]`: a scenario is moved.
    Set { scenario: String, state: String, lane: LaneName },
    /// `state SCENARIO STATE [in LANE]`: a scenario is in that state.
    State { scenario: String, state: String, lane: LaneName },
}

impl Script {
    /// Parses a scenario. Lines before the first `session` are settings, in TOML; `#` begins a comment.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self { settings: String::new(), steps: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            let begins = ["session ", "set ", "stub "].iter().any(|word| line.starts_with(word));
            let begun = !script.steps.is_empty() || begins;
            if !begun {
                script.settings.push_str(line);
                script.settings.push('\n');
            } else if !line.trim().is_empty() && !line.starts_with('#') {
                let what = What::parse(line).ok_or_else(|| format!("line {}: cannot read {line:?}", number + 1))?;
                script.steps.push(Step { line: number + 1, what });
            }
        }
        Ok(script)
    }

    /// The settings, through the loader that the program uses.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        let mut file = tempfile::Builder::new().suffix(".toml").tempfile().map_err(|error| error.to_string())?;
        file.write_all(self.settings.as_bytes()).map_err(|error| error.to_string())?;
        let flags = Flags::default().config(Some(file.path().to_owned()));
        let nothing: [(OsString, OsString); 0] = [];
        Settings::load(&flags, nothing, Path::new("")).map_err(|problems| problems.to_string())
    }
}

impl What {
    fn parse(line: &str) -> Option<Self> {
        if let Some(text) = line.strip_prefix("C:") {
            return Some(Self::Client(text.strip_prefix(' ').unwrap_or(text).as_bytes().to_vec()));
        }
        if let Some(text) = line.strip_prefix("S:") {
            return Some(Self::Server(text.strip_prefix(' ').unwrap_or(text).to_owned()));
        }
        let (word, rest) = line.trim_end().split_once(' ').unwrap_or_else(|| (line.trim_end(), ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        Some(match (word, words.as_slice()) {
            ("session", [name, words @ ..]) => Self::session(name, words)?,
            ("closed", []) => Self::Ended("closed"),
            ("dropped", []) => Self::Ended("dropped"),
            ("reset", []) => Self::Ended("reset"),
            ("stalled", []) => Self::Ended("stalled"),
            ("rule", [name, flags @ ..]) => {
                Self::Rule { name: (*name).to_owned(), named: flags.contains(&"named"), late: flags.contains(&"late") }
            }
            ("why", _) => Self::Why(rest.to_owned()),
            ("waited", _) => Self::Waited(duration(rest)?),
            ("wait", _) => Self::Wait(duration(rest)?),
            ("fate", [address, fate @ ..]) => Self::Fate { address: (*address).to_owned(), fate: fate.join(" ") },
            ("later", ["none"]) => Self::Later(None),
            ("later", [kind, address, time @ ..]) => {
                Self::Later(Some(((*kind).to_owned(), (*address).to_owned(), duration(&time.join(" "))?)))
            }
            ("hang", ["up"]) => Self::HangUp,
            ("stub", [id, _, ..]) => {
                let given = serde_json::from_str(rest.strip_prefix(id)?).ok()?;
                Self::Stub { id: (*id).to_owned(), given }
            }
            ("set", [scenario, state, lane @ ..]) => {
                Self::Set { scenario: (*scenario).to_owned(), state: (*state).to_owned(), lane: lane_of(lane)? }
            }
            ("state", [scenario, state, lane @ ..]) => {
                Self::State { scenario: (*scenario).to_owned(), state: (*state).to_owned(), lane: lane_of(lane)? }
            }
            _ => return None,
        })
    }

    fn session(name: &str, words: &[&str]) -> Option<Self> {
        let name = name.to_owned();
        let (listener, mut words) = match words {
            [] => return Some(Self::Session { name, listener: None, from: None, tls: false }),
            [listener, words @ ..] => (Some((*listener).to_owned()), words),
        };
        let (mut from, mut tls) = (None, false);
        while let [word, rest @ ..] = words {
            words = match (*word, rest) {
                ("from", [address, rest @ ..]) => {
                    from = Some(SocketAddr::new(address.parse().ok()?, 40_000));
                    rest
                }
                ("tls", rest) => {
                    tls = true;
                    rest
                }
                _ => return None,
            };
        }
        Some(Self::Session { name, listener, from, tls })
    }
}

fn lane_of(words: &[&str]) -> Option<LaneName> {
    match words {
        [] => Some(LaneName::default()),
        ["in", lane] => LaneName::parse(lane).ok(),
        _ => None,
    }
}

fn duration(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}
