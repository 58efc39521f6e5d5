//! Senders that were made up, line by line.

mod delivery;
mod dialogue;
mod grouping;
mod refusal;
mod session;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::address::Address;
use crate::facts::{Facts, Listener, ReversePath, Role, SessionId, TlsMode};
use crate::journal::record::{Line, Speaker};
use crate::message::{Header, MessageFacts};
use crate::stage::Stage;
use crate::verdict::{self, Action};

const START: Time = Time::from_unix_seconds(1_201_824_000);

fn at(seconds: u64) -> Time {
    START.after(Duration::from_secs(seconds))
}

/// What a sender did, as the journal would have it.
#[derive(Default)]
struct Records {
    sessions: Vec<Session>,
    verdicts: Vec<Verdict>,
    messages: Vec<Message>,
}

impl Records {
    /// A session that begins so many seconds after the start. `C:` and `S:` begin what client and server say, `S+:` what
    /// the server says where the client has already sent more, `C!:` what ends with a bare LF, and `*` what mockmx
    /// notes. The session is over, as `end` says.
    fn session(&mut self, seconds: u64, end: &str, script: &str) -> &mut Session {
        let facts = facts("a@example.org", &[], None);
        let mut session = Session::begun(&facts, "263");
        (session.started, session.ended) = (at(seconds), Some(at(seconds)));
        session.end = Some(end.to_owned());
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (mark, text) = line.split_once(' ').unwrap_or((line, ""));
            let by = match mark {
                "C:" | "C!:" => Speaker::Client,
                "S:" | "S+:" => Speaker::Server,
                "*" => Speaker::Mockmx,
                _ => panic!("{line:?}"),
            };
            let (ahead, bare_lf) = (mark == "S+:", mark == "C!:");
            session.transcript.push(Line { ahead, bare_lf, ..Line::new(at(seconds), by, text.to_owned()) });
        }
        self.sessions.push(session);
        self.sessions.last_mut().unwrap()
    }

    /// A whole session that sends one message, or tries to.
    fn sends(&mut self, seconds: u64, recipients: &[(&str, &str)], end: &str) -> &mut Session {
        let script = format!("{HELLO}{}{QUIT}", mail("a@example.org", recipients, end));
        self.session(seconds, "closed", &script)
    }

    /// The message that the latest session brought, with that Message-ID.
    fn accepted(&mut self, id: &str, recipients: &[&str]) -> &mut Self {
        let session = self.sessions.last().unwrap();
        let facts = facts("a@example.org", recipients, Some(&format!("Message-ID: {id}")));
        let host = ("263.net", vec!["263".to_owned()]);
        let verdict = verdict::Verdict::accept();
        let message = Message::accepted(session.id, &facts, &verdict, host, Vec::new(), 100, session.started);
        self.messages.push(message);
        self
    }

    /// A rule refused in the latest session.
    fn refused(&mut self, stage: Stage, evidence: &str, header: Option<&str>) -> &mut Self {
        let session = self.sessions.last().unwrap();
        let facts = facts("a@example.org", &["b@example.com"], header);
        let rule = Arc::new(verdict::RuleRef {
            provider: "263".to_owned(),
            id: "sender-in-prison".to_owned(),
            file: "263.toml".to_owned(),
            line: 1,
        });
        let finding = verdict::Finding {
            rule,
            stage,
            late: false,
            triggered: false,
            recipient: None,
            evidence: vec![evidence.into()],
        };
        let refusal = crate::reply::Reply::new(450, "sender in prison");
        let verdict = verdict::Verdict { findings: vec![finding], ..verdict::Verdict::of(Action::Refuse(refusal)) };
        self.verdicts.extend(Verdict::of(session.id, &facts, &verdict, session.started));
        self
    }

    fn report(&self) -> Report {
        Report::of(&self.sessions, &self.verdicts, &self.messages)
    }

    /// The line of that check, of the one sender there is.
    #[track_caller]
    fn line(&self, check: SenderCheck) -> SenderLine {
        let mut report = self.report();
        assert_eq!(report.senders.len(), 1, "{report:#?}");
        let sender = report.senders.remove(0);
        assert_eq!(sender.lines.iter().map(|line| line.check).collect::<Vec<_>>(), SenderCheck::ALL);
        sender.lines.into_iter().find(|line| line.check == check).unwrap()
    }

    #[track_caller]
    fn finds(&self, check: SenderCheck, conduct: Conduct, text: &str) {
        let line = self.line(check);
        assert_eq!((line.conduct, line.text.as_str()), (conduct, text));
        assert_eq!(line.provoke.is_some(), line.sessions.is_empty(), "{line:?}");
    }
}

const HELLO: &str =
    "S: 220 263.net ESMTP\nC: EHLO mail.example.org\nS: 250-263.net\nS: 250-PIPELINING\nS: 250 SIZE 1000\n";
const QUIT: &str = "C: QUIT\nS: 221 Bye\n";

/// A transaction. Without `end`, the reply to the text is lost.
fn mail(from: &str, recipients: &[(&str, &str)], end: &str) -> String {
    let mut script = format!("C: MAIL FROM:<{from}>\nS: 250 Ok\n");
    for (to, reply) in recipients {
        script += &format!("C: RCPT TO:<{to}>\nS: {reply}\n");
    }
    if recipients.iter().any(|(_, reply)| reply.starts_with('2')) {
        script += "C: DATA\nS: 354 go on\n* (100 bytes of text)\n";
        if !end.is_empty() {
            script += &format!("S: {end}\n");
        }
    }
    script
}

fn facts(from: &str, recipients: &[&str], header: Option<&str>) -> Facts {
    let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
    let peer = "192.0.2.1:40000".parse().unwrap();
    let mut facts = Facts::new(SessionId(7), Arc::new(listener), peer, START);
    facts.envelope.sender = Some(Address::parse(from).map_or(ReversePath::Null, ReversePath::Mailbox));
    facts.envelope.recipients = recipients.iter().map(|text| Address::parse(text).unwrap()).collect();
    if let Some(header) = header {
        let (name, value) = header.split_once(": ").unwrap();
        let headers = vec![Header { name: name.to_owned(), value: value.to_owned() }];
        facts.message = Some(MessageFacts { headers, subject: "lunch".to_owned(), ..MessageFacts::default() }.into());
    }
    facts
}
