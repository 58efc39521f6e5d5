//! Sessions as transcripts: `C: ` is what the client sends, `S: ` is what it must get.

use std::sync::Arc;

use super::{Limits, Persona, Service, Session, Step};
use crate::accounts::Accounts;
use crate::clock::Time;
use crate::facts::{Facts, Listener, Role, SessionId, Tls, TlsMode, loopback};
use crate::stage::Stage;
use crate::verdict::{Action, Verdict};

mod authentication;
mod chunking;
mod commands;
mod limits;
mod order;
mod streams;
mod verdicts;

/// The facts of a session on an MX listener.
pub(super) fn facts() -> Facts {
    facts_on(Role::Mx, TlsMode::None)
}

fn facts_on(role: Role, tls: TlsMode) -> Facts {
    let listener = Listener::plain("smtp", role, tls);
    Facts::new(SessionId(7), listener.into(), loopback(), Time::default())
}

fn service() -> Service {
    let passwords = [("a@example.com".to_owned(), "secret".to_owned())].into();
    Service {
        persona: Arc::new(Persona::neutral("mx.example")),
        limits: Limits { errors: 3, failed_logins: 2, recipients: 2, ..Limits::default() },
        accounts: Arc::new(Accounts { any: false, passwords }),
        auth_without_tls: false,
    }
}

fn tls() -> Tls {
    Tls { version: "TLSv1.3".to_owned(), cipher: "TLS13_AES_256_GCM_SHA384".to_owned() }
}

/// A session, a policy, and what came of them.
struct Play {
    session: Session,
    policy: fn(Stage, &Facts) -> Action,
    /// All that went out.
    output: Vec<u8>,
    /// The text since the last stage `data`.
    content: Vec<u8>,
    /// The text of each message that got as far as stage `message`.
    messages: Vec<Vec<u8>>,
    /// The stages judged, but for that of every command.
    stages: Vec<Stage>,
    /// The latest step that is not taken by the play itself.
    step: Step,
}

impl Play {
    fn new(service: Service, facts: Facts) -> Self {
        Self::with(service, facts, |_, _| Action::Accept)
    }

    fn with(service: Service, facts: Facts, policy: fn(Stage, &Facts) -> Action) -> Self {
        let session = Session::new(service.into(), facts);
        let mut play = Self {
            session,
            policy,
            output: Vec::new(),
            content: Vec::new(),
            messages: Vec::new(),
            stages: Vec::new(),
            step: Step::Read,
        };
        play.go();
        play
    }

    /// A play on an MX listener that is past the banner and past `lines`, which must be accepted.
    fn past(lines: &str) -> Self {
        Self::new(service(), facts()).and_past(lines)
    }

    fn and_past(mut self, lines: &str) -> Self {
        self.output.clear();
        for line in lines.lines() {
            let reply = self.send(format!("{line}\r\n").as_bytes());
            assert!(reply.starts_with(['2', '3']), "{line}: {reply}");
        }
        self
    }

    fn go(&mut self) {
        loop {
            self.step = self.session.step();
            match self.step {
                Step::Content => {
                    let content = self.session.take_content();
                    assert!(!content.is_empty());
                    self.content.extend(content);
                }
                Step::Judge(stage) => {
                    if stage != Stage::Command {
                        self.stages.push(stage);
                    }
                    match stage {
                        Stage::Data => self.content.clear(),
                        Stage::Message => self.messages.push(std::mem::take(&mut self.content)),
                        _ => {}
                    }
                    let action = (self.policy)(stage, self.session.facts());
                    self.session.resolve(&Verdict::of(action));
                }
                _ => break,
            }
        }
        self.output.append(self.session.output());
    }

    /// Sends bytes and returns what is answered.
    fn send(&mut self, bytes: &[u8]) -> String {
        let before = self.output.len();
        self.session.receive(bytes);
        self.go();
        String::from_utf8(self.output[before..].to_vec()).unwrap()
    }

    /// Checks a transcript. Lines that follow each other go out in one write.
    #[track_caller]
    fn talk(&mut self, transcript: &str) {
        let lines: Vec<&str> = transcript.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
        for turn in lines.chunk_by(|a, b| a.starts_with("C:") || b.starts_with("S:")) {
            let (said, expected): (Vec<&str>, Vec<&str>) = turn.iter().partition(|line| line.starts_with("C:"));
            let said: String = said.iter().map(|line| format!("{}\r\n", line[2..].trim_start_matches(' '))).collect();
            let answer = self.send(said.as_bytes());
            let answer: Vec<String> = answer.lines().map(|line| format!("S: {line}")).collect();
            assert_eq!(answer, expected, "after {said:?}");
        }
    }
}
