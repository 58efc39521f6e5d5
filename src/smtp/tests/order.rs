//! The order of commands (RFC 5321 §4.1.4, RFC 3207 §4, RFC 4954 §4), against a small model of it.

use proptest::prelude::*;

use super::*;
use crate::reply::Reply;

/// A command, with what follows it if it is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Helo,
    Ehlo,
    /// Whether the policy refuses it.
    Mail(bool),
    /// The mailbox; the policy refuses number 0, and a message to number 1.
    Rcpt(u8),
    Data,
    /// Its bytes follow whatever is answered (RFC 3030 §2).
    Bdat {
        last: bool,
    },
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    StartTls,
    /// Whether the password is right.
    Auth(bool),
    Unknown,
    Malformed,
    Quit,
}

impl Said {
    fn wire(self) -> String {
        match self {
            Self::Helo => "HELO a\r\n".to_owned(),
            Self::Ehlo => "EHLO a\r\n".to_owned(),
            Self::Mail(refused) => format!("MAIL FROM:<{}@b.c>\r\n", if refused { "bad" } else { "a" }),
            Self::Rcpt(number) => format!("RCPT TO:<to{number}@b.c>\r\n"),
            Self::Data => "DATA\r\n".to_owned(),
            Self::Bdat { last } => format!("BDAT 6{}\r\n{CHUNK}", if last { " LAST" } else { "" }),
            Self::Rset => "RSET\r\n".to_owned(),
            Self::Noop => "NOOP\r\n".to_owned(),
            Self::Vrfy => "VRFY a\r\n".to_owned(),
            Self::Expn => "EXPN a\r\n".to_owned(),
            Self::Help => "HELP\r\n".to_owned(),
            Self::StartTls => "STARTTLS\r\n".to_owned(),
            Self::Auth(true) => "AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmV0\r\n".to_owned(),
            Self::Auth(false) => "AUTH PLAIN AGFAZXhhbXBsZS5jb20AZ3Vlc3M=\r\n".to_owned(),
            Self::Unknown => "FOO\r\n".to_owned(),
            Self::Malformed => "MAIL FROM:<\r\n".to_owned(),
            Self::Quit => "QUIT\r\n".to_owned(),
        }
    }
}

const CHUNK: &str = "QUIT\r\n";
const TEXT: &str = "Subject: x\r\n\r\nMAIL FROM:<>\r\n";

/// How far the session is.
#[derive(Clone, Debug, Default)]
struct Model {
    /// Whether the listener has STARTTLS and AUTH.
    submission: bool,
    greeted: bool,
    tls: bool,
    login: bool,
    mail: bool,
    recipients: Vec<u8>,
    chunks: Chunks,
    /// Chunks of the message under way.
    text: String,
    /// The messages that were complete.
    messages: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Chunks {
    #[default]
    None,
    Some,
    Refused,
}

/// Recipients of a message.
const MOST: usize = 2;

impl Model {
    fn forget(&mut self) {
        (self.mail, self.chunks) = (false, Chunks::None);
        self.recipients.clear();
        self.text.clear();
    }

    /// The class of the reply.
    fn answer(&mut self, said: Said) -> char {
        match said {
            Said::Helo | Said::Ehlo => {
                self.greeted = true;
                self.forget();
                '2'
            }
            Said::Mail(_) if !self.greeted || self.mail => '5',
            Said::Mail(refused) => {
                self.mail = !refused;
                if refused { '5' } else { '2' }
            }
            Said::Rcpt(_) if !self.mail || self.chunks != Chunks::None => '5',
            Said::Rcpt(_) if self.recipients.len() >= MOST => '4',
            Said::Rcpt(0) => '5',
            Said::Rcpt(number) => {
                if !self.recipients.contains(&number) {
                    self.recipients.push(number);
                }
                '2'
            }
            Said::Data if !self.mail || self.chunks != Chunks::None || self.recipients.is_empty() => '5',
            Said::Data => '3',
            Said::Bdat { .. } if !self.mail => '5',
            Said::Bdat { last: true } if self.recipients.is_empty() => {
                self.forget();
                '5'
            }
            Said::Bdat { .. } if self.recipients.is_empty() || self.chunks == Chunks::Refused => {
                self.chunks = Chunks::Refused;
                '5'
            }
            Said::Bdat { last } => {
                self.chunks = Chunks::Some;
                self.text += CHUNK;
                if last { self.complete() } else { '2' }
            }
            Said::StartTls if self.submission && !self.tls => {
                let messages = std::mem::take(&mut self.messages);
                *self = Self { submission: true, tls: true, messages, ..Self::default() };
                '2'
            }
            Said::Auth(right) if self.submission && self.greeted && !self.login && !self.mail => {
                self.login = right;
                if right { '2' } else { '5' }
            }
            Said::Rset => {
                self.forget();
                '2'
            }
            Said::Noop | Said::Vrfy | Said::Help | Said::Quit => '2',
            Said::Expn | Said::StartTls | Said::Auth(_) | Said::Unknown | Said::Malformed => '5',
        }
    }

    /// The class of the reply to a message.
    fn complete(&mut self) -> char {
        let refused = self.recipients.contains(&1);
        self.messages.push(std::mem::take(&mut self.text));
        self.forget();
        if refused { '5' } else { '2' }
    }
}

fn policy(stage: Stage, facts: &Facts) -> Action {
    let envelope = &facts.envelope;
    let refused = match stage {
        Stage::Mail => envelope.sender.as_ref().is_some_and(|sender| sender.to_string() == "bad@b.c"),
        Stage::Rcpt => envelope.candidate.as_ref().is_some_and(|to| to.local() == "to0"),
        Stage::Message => envelope.recipients.iter().any(|to| to.local() == "to1"),
        _ => false,
    };
    if refused { Action::Refuse(Reply::new(550, "no")) } else { Action::Accept }
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        2 => Just(Said::Helo),
        3 => Just(Said::Ehlo),
        6 => Just(Said::Mail(false)),
        1 => Just(Said::Mail(true)),
        8 => (0_u8..4).prop_map(Said::Rcpt),
        5 => Just(Said::Data),
        4 => any::<bool>().prop_map(|last| Said::Bdat { last }),
        2 => Just(Said::Rset),
        1 => Just(Said::StartTls),
        2 => any::<bool>().prop_map(Said::Auth),
        3 => prop::sample::select(vec![
            Said::Noop, Said::Vrfy, Said::Expn, Said::Help, Said::Unknown, Said::Malformed, Said::Quit,
        ]),
    ]
}

/// The classes of the replies.
fn classes(output: &str) -> String {
    let last = |line: &&str| line.as_bytes()[3] == b' ';
    output.lines().filter(last).filter_map(|line| line.chars().next()).collect()
}

fn begun(submission: bool) -> Play {
    let limits = Limits { errors: u32::MAX, failed_logins: u32::MAX, recipients: MOST, ..Limits::default() };
    let facts = if submission { facts_on(Role::Submission, TlsMode::StartTls) } else { facts() };
    let mut play = Play::with(Service { limits, ..service() }, facts, policy);
    play.output.clear();
    play
}

/// Sends it, and does the handshake that is due then.
fn send(play: &mut Play, wire: &str) -> String {
    let answered = play.send(wire.as_bytes());
    if play.step == Step::StartTls {
        play.session.tls_started(tls());
        play.go();
    }
    classes(&answered)
}

/// What the session knows is what the model has.
fn agree(play: &Play, model: &Model) -> Result<(), TestCaseError> {
    let facts = play.session.facts();
    prop_assert_eq!(play.session.in_transaction(), model.mail);
    let known = (facts.helo.is_some(), facts.tls.is_some(), facts.login.is_some());
    prop_assert_eq!(known, (model.greeted, model.tls, model.login));
    let recipients: Vec<_> = facts.envelope.recipients.iter().map(|to| to.local().to_owned()).collect();
    let wanted: Vec<_> = model.recipients.iter().map(|number| format!("to{number}")).collect();
    prop_assert_eq!(recipients, wanted);
    let messages: Vec<_> = play.messages.iter().map(|text| text.escape_ascii().to_string()).collect();
    let wanted: Vec<_> = model.messages.iter().map(|text| text.escape_default().to_string()).collect();
    prop_assert_eq!(messages, wanted);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn commands_are_answered_in_their_order(
        commands in prop::collection::vec(said(), 1..40),
        submission in any::<bool>(),
    ) {
        let (mut play, mut model) = (begun(submission), Model { submission, ..Model::default() });
        // What is said between handshakes.
        let (mut streams, mut wanted) = (vec![String::new()], String::new());
        for said in commands {
            let mut wire = said.wire();
            let mut answered = send(&mut play, &wire);
            let mut class = String::from(model.answer(said));
            if class == "3" {
                let text = format!("{TEXT}.\r\n");
                answered += &send(&mut play, &text);
                model.text = TEXT.to_owned();
                class.push(model.complete());
                wire += &text;
            }
            prop_assert_eq!(&answered, &class, "{:?} in {:?}", said, &model);
            agree(&play, &model)?;
            if let Some(stream) = streams.last_mut() {
                *stream += &wire;
            }
            if said == Said::StartTls && class == "2" {
                streams.push(String::new());
            }
            wanted += &class;
            if said == Said::Quit {
                prop_assert_eq!(play.step, Step::Close);
                break;
            }
            prop_assert_eq!(play.step, Step::Read);
        }
        // Pipelined, they are answered in the same way.
        let mut all_at_once = begun(submission);
        let answered: String = streams.iter().map(|stream| send(&mut all_at_once, stream)).collect();
        prop_assert_eq!(&answered, &wanted);
        prop_assert_eq!(&all_at_once.output, &play.output);
        prop_assert_eq!(&all_at_once.messages, &play.messages);
    }
}
