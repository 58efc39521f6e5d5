//! The order of commands (RFC 5321 §4.1.4), against a small model of it.

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
    Auth,
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
            Self::Bdat { last } => format!("BDAT 6{}\r\nQUIT\r\n", if last { " LAST" } else { "" }),
            Self::Rset => "RSET\r\n".to_owned(),
            Self::Noop => "NOOP\r\n".to_owned(),
            Self::Vrfy => "VRFY a\r\n".to_owned(),
            Self::Expn => "EXPN a\r\n".to_owned(),
            Self::Help => "HELP\r\n".to_owned(),
            Self::StartTls => "STARTTLS\r\n".to_owned(),
            Self::Auth => "AUTH PLAIN\r\n".to_owned(),
            Self::Unknown => "FOO\r\n".to_owned(),
            Self::Malformed => "MAIL FROM:<\r\n".to_owned(),
            Self::Quit => "QUIT\r\n".to_owned(),
        }
    }
}

/// How far the transaction is.
#[derive(Clone, Debug, Default)]
struct Model {
    greeted: bool,
    mail: bool,
    recipients: Vec<u8>,
    chunks: Chunks,
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
        *self = Self { greeted: self.greeted, ..Self::default() };
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
            Said::Bdat { last: true } => self.complete(),
            Said::Bdat { last: false } => {
                self.chunks = Chunks::Some;
                '2'
            }
            Said::Rset => {
                self.forget();
                '2'
            }
            Said::Noop | Said::Vrfy | Said::Help | Said::Quit => '2',
            Said::Expn | Said::StartTls | Said::Auth | Said::Unknown | Said::Malformed => '5',
        }
    }

    /// The class of the reply to a message.
    fn complete(&mut self) -> char {
        let refused = self.recipients.contains(&1);
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
        3 => prop::sample::select(vec![
            Said::Noop, Said::Vrfy, Said::Expn, Said::Help, Said::StartTls, Said::Auth, Said::Unknown, Said::Malformed, Said::Quit,
        ]),
    ]
}

/// The classes of the replies.
fn classes(output: &str) -> String {
    let last = |line: &&str| line.as_bytes()[3] == b' ';
    output.lines().filter(last).filter_map(|line| line.chars().next()).collect()
}

fn begun() -> Play {
    let limits = Limits { errors: u32::MAX, recipients: MOST, ..Limits::default() };
    let mut play = Play::with(Service { limits, ..service() }, facts(), policy);
    play.output.clear();
    play
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn commands_are_answered_in_their_order(commands in prop::collection::vec(said(), 1..40)) {
        let (mut play, mut model) = (begun(), Model::default());
        let (mut stream, mut wanted) = (String::new(), String::new());
        for said in commands {
            let mut answered = play.send(said.wire().as_bytes());
            let mut class = String::from(model.answer(said));
            stream += &said.wire();
            if class == "3" {
                let text = "Subject: x\r\n\r\nMAIL FROM:<>\r\n.\r\n";
                answered += &play.send(text.as_bytes());
                class.push(model.complete());
                stream += text;
            }
            prop_assert_eq!(&classes(&answered), &class, "{:?} in {:?}", said, &model);
            prop_assert_eq!(play.session.in_transaction(), model.mail);
            wanted += &class;
            if said == Said::Quit {
                prop_assert_eq!(play.step, Step::Close);
                break;
            }
            prop_assert_eq!(play.step, Step::Read);
        }
        // Pipelined, they are answered in the same way.
        let mut all_at_once = begun();
        prop_assert_eq!(&classes(&all_at_once.send(stream.as_bytes())), &wanted);
        prop_assert_eq!(&all_at_once.output, &play.output);
    }
}
