//! A session as bytes: how it is set, then what happens. Readable, so that transcripts are seeds.

use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use mockmx::accounts::Accounts;
use mockmx::facts::{Facts, Role, TlsMode};
use mockmx::reply::Reply;
use mockmx::smtp::{Canned, Extensions, Limits, Persona, Service};
use mockmx::template::ReplyTemplate;
use mockmx::verdict::{Action, Verdict};

use crate::play::{Play, Say, facts};
use crate::split::pieces;

/// Begins what is no byte of the client's: the next one says what happens. Both are the client's if it says nothing.
pub const MARK: u8 = 0xFE;

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing; but a handshake that is due is done here.
    Pause,
    TimedOut,
    ShutDown,
    Fail,
    TooMany,
}

impl Event {
    const fn named(byte: u8) -> Option<Self> {
        match byte {
            b'|' => Some(Self::Pause),
            b't' => Some(Self::TimedOut),
            b's' => Some(Self::ShutDown),
            b'f' => Some(Self::Fail),
            b'm' => Some(Self::TooMany),
            _ => None,
        }
    }
}

/// A whole session.
#[derive(Debug)]
pub struct Scene {
    role: Role,
    tls: TlsMode,
    persona: u8,
    limits: u8,
    /// The sizes of the pieces in which its bytes come, besides all at once and one by one.
    pub sizes: [u8; 2],
    verdicts: Vec<Say>,
    /// Bytes of the client, and what happens after them.
    pub turns: Vec<(Vec<u8>, Event)>,
}

impl<'a> Arbitrary<'a> for Scene {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let set = u8::arbitrary(u)?;
        let (persona, limits, sizes) = (u8::arbitrary(u)?, u8::arbitrary(u)?, <[u8; 2]>::arbitrary(u)?);
        let count = u8::arbitrary(u)? % 16;
        let verdicts = (0..count).map(|_| u8::arbitrary(u).map(say)).collect::<Result<_>>()?;
        let mut turns = vec![(Vec::new(), Event::Pause)];
        let mut bytes = u.bytes(u.len())?.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let event = bytes.peek().copied().filter(|_| byte == MARK).and_then(Event::named);
            let (said, then) = turns.last_mut().expect("there is always one");
            if let Some(event) = event {
                bytes.next();
                *then = event;
                turns.push((Vec::new(), Event::Pause));
            } else {
                said.push(byte);
            }
        }
        let role = if set & 1 == 0 { Role::Mx } else { Role::Submission };
        let tls = [TlsMode::None, TlsMode::StartTls, TlsMode::Implicit, TlsMode::StartTls][usize::from(set >> 1 & 3)];
        Ok(Self { role, tls, persona, limits, sizes, verdicts, turns })
    }
}

/// A verdict, mostly that everything is well.
fn say(byte: u8) -> Say {
    let reply = match byte >> 4 {
        0 => Reply::new(550, "5.7.1 no"),
        1 => Reply::new(450, "a\r\n250 b"),
        2 => Reply::with_lines(554, vec!["one".to_owned(), String::new(), "三\u{85}".to_owned()]),
        3 => Reply::with_lines(421, Vec::new()),
        4 => Reply::new(598, "\0\u{202e}\u{2028}x"),
        _ => Reply::new(535, "x".repeat(usize::from(byte) * 8)),
    };
    let action = match byte & 0xF {
        0 => Action::Refuse(reply),
        1 => Action::RefuseAndClose(reply),
        2 => Action::Drop,
        3 => Action::Reset,
        4 => Action::Stall,
        5 => return Say::Fail,
        _ => Action::Accept,
    };
    Say::Verdict(Verdict::of(action))
}

impl Scene {
    fn service(&self) -> Service {
        let mut persona = Persona::neutral("mx.example");
        let mut words = |canned, text: &str| persona.set(canned, ReplyTemplate::parse(text).expect("it is one"));
        if self.persona & 1 != 0 {
            words(Canned::StartTls, "454 not now");
        }
        if self.persona & 2 != 0 {
            words(Canned::Mail, "250 {sender} of {helo}\nand {sender-domain}");
            words(Canned::Rcpt, "250 {recipient} at {recipient-domain}");
            words(Canned::AuthFailed, "535 {login}");
        }
        if self.persona & 4 != 0 {
            words(Canned::Ehlo, "250 {host}\nSIZE 5\nSTARTTLS\nAUTH=LOGIN\n{helo}");
        }
        if self.persona & 8 != 0 {
            persona.extensions = Extensions::none();
        }
        let limits = match self.limits {
            0 => Limits::default(),
            bits => Limits {
                command_line: 16 << (bits & 3),
                text_line: 8 << (bits >> 2 & 3),
                message: 8 << (bits >> 4 & 3),
                recipients: usize::from(bits >> 6),
                errors: u32::from(bits & 7),
                failed_logins: u32::from(bits >> 3 & 3),
            },
        };
        let passwords = [("a@example.com".to_owned(), "secret".to_owned())].into();
        let accounts = Arc::new(Accounts { any: self.persona & 16 != 0, passwords });
        Service { persona: Arc::new(persona), limits, accounts, auth_without_tls: self.persona & 32 != 0 }
    }

    /// Plays it, its bytes in pieces of these sizes.
    #[must_use]
    pub fn play(&self, sizes: &[u8]) -> Play<'_> {
        let (service, facts): (Service, Facts) = (self.service(), facts(self.role, self.tls));
        let most = service.limits.recipients;
        let mut play = Play::new(service, facts, &self.verdicts);
        for (said, then) in &self.turns {
            for piece in pieces(said, sizes) {
                play.send(piece);
                assert!(play.session.facts().envelope.recipients.len() <= most, "too many recipients are taken");
            }
            play.shake_hands();
            match then {
                Event::Pause => continue,
                Event::TimedOut => play.session.timed_out(),
                Event::ShutDown => play.session.shut_down(),
                Event::Fail => play.session.fail(),
                Event::TooMany => play.session.too_many_connections(),
            }
            play.go();
        }
        play
    }

    /// The most replies that there may be: one for each line and each thing that happens, the banner, and one to text
    /// that is too much.
    #[must_use]
    pub fn most_replies(&self) -> usize {
        let lines = |(said, _): &(Vec<u8>, Event)| said.iter().filter(|byte| **byte == b'\n').count();
        2 + self.turns.len() + self.turns.iter().map(lines).sum::<usize>()
    }
}
