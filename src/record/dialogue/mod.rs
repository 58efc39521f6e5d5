//! One session between a client and the server, without I/O: which bytes are passed on, and what each reply answers.
//!
//! Commands are passed on line by line, texts of messages byte by byte. STARTTLS and BDAT are not, and EHLO does not offer
//! them: behind TLS nothing could be read, and behind BDAT stand bytes that are no lines. What AUTH says is passed on and
//! remembered only to find it in replies.

mod heard;

use std::collections::VecDeque;
use std::net::IpAddr;

use super::replies::{Faulty, Replies};
use super::secrets::Secrets;
use super::{Asked, Exchange};
use crate::address::Address;
use crate::clock::Time;
use crate::facts::ReversePath;
use crate::smtp::{Canned, Command, Decoder, Extensions, Holds, Input, Line, Passwords, is_http, is_mechanism};

/// Bytes of a command line, and of a line that answers a challenge (RFC 4954 §4).
const COMMAND: usize = 4 << 10;
const RESPONSE: usize = 16 << 10;

/// Commands that are under way at once; more are not read.
const MOST_PENDING: usize = 64;

/// Bytes of a client that are not yet looked at; more are not read.
const MOST_INPUT: usize = 64 << 10;

/// Recipients of a message that are remembered.
const MOST_RECIPIENTS: usize = 1_000;

/// Replies of a session that answer nothing. A server may say 421 so (RFC 5321 §3.8), and one that takes a bare LF for a
/// line end answers what stands in a text.
const MOST_UNASKED: usize = 100;

/// Bytes of the beginning of a message in which its subject is looked for.
const HEAD: usize = 16 << 10;

/// Words of EHLO that are not passed on.
const WITHHELD: [&str; 4] = ["STARTTLS", "CHUNKING", "BINARYMIME", "XEXCH50"];

/// What is said to what is not passed on.
const NO_STARTTLS: &str = "502 5.5.1 Error: STARTTLS is not passed on\r\n";
const NO_BDAT: &str = "502 5.5.1 Error: BDAT is not passed on\r\n";

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server answered.
    Heard(Exchange),
    /// It repeated what must not be written down.
    Confidential(Asked),
    /// It closed the connection behind the latest reply.
    Closed,
    /// What EHLO offers, and what was taken out.
    Offered(Extensions, Vec<String>),
}

/// How a server went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It closed the connection.
    Closed,
    /// It reset it.
    Reset,
    /// It does not answer.
    Silent,
}

/// A session. Its buffers may hold a password.
pub(crate) struct Dialogue {
    session: u64,
    ip: IpAddr,
    input: Input,
    replies: Replies,
    mode: Mode,
    pending: VecDeque<Pending>,
    /// Bytes for the server, for the driver to take.
    pub(crate) to_server: Vec<u8>,
    /// Bytes for the client, for the driver to take.
    pub(crate) to_client: Vec<u8>,
    /// What happened, for the driver to take.
    pub(crate) events: Vec<Event>,
    helo: Option<String>,
    offered: Option<Extensions>,
    /// The SIZE that is offered.
    most: Option<u64>,
    secrets: Secrets,
    passwords: Passwords,
    login: Option<String>,
    sender: Option<ReversePath>,
    announced: u64,
    recipients: Vec<Address>,
    text: Option<Text>,
    /// How many replies answered nothing.
    unasked: usize,
    /// The latest reply said goodbye: 421, or what QUIT was answered with.
    leaving: bool,
}

/// What the client's next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Commands,
    /// Not looked at before the reply has come.
    Waiting,
    /// The answer to a challenge.
    Response,
    Text,
    /// Of no interest.
    Over,
}

/// The text of a message as far as it matters.
struct Text {
    decoder: Decoder,
    head: Vec<u8>,
    size: u64,
}

/// What a reply is waited for.
enum Pending {
    /// From the server.
    Server(Said),
    /// From here, in its turn; and whether the session ends with it.
    Own(&'static str, bool),
}

/// A command as far as it matters.
enum Said {
    Connect,
    Helo { extended: bool, name: String },
    Auth,
    Mail { sender: ReversePath, size: u64 },
    Rcpt(Address),
    Data,
    Message,
    Verb(&'static str, Canned),
    Fault(Canned),
}

impl Dialogue {
    /// A session with a server that has just been connected to. `ip` is the address that it sees.
    pub(crate) fn new(session: u64, ip: IpAddr) -> Self {
        Self {
            session,
            ip,
            input: Input::default(),
            replies: Replies::default(),
            mode: Mode::Commands,
            pending: VecDeque::from([Pending::Server(Said::Connect)]),
            to_server: Vec::new(),
            to_client: Vec::new(),
            events: Vec::new(),
            helo: None,
            offered: None,
            most: None,
            secrets: Secrets::default(),
            passwords: Passwords::default(),
            login: None,
            sender: None,
            announced: 0,
            recipients: Vec::new(),
            text: None,
            unasked: 0,
            leaving: false,
        }
    }

    /// Whether the client is to be read. Else it could fill the memory.
    pub(crate) fn wants_input(&self) -> bool {
        self.mode != Mode::Over && self.pending.len() < MOST_PENDING && self.input.rest().len() < MOST_INPUT
    }

    /// Whether the text of a message is coming.
    pub(crate) fn reads_text(&self) -> bool {
        self.mode == Mode::Text
    }

    /// Whether the server owes a reply, though not one to a message whose text is still coming.
    pub(crate) fn waits(&self) -> bool {
        self.mode != Mode::Text && !self.pending.is_empty()
    }

    /// Whether it is the reply to a message, which may take longer.
    pub(crate) fn waits_for_message(&self) -> bool {
        matches!(self.pending.front(), Some(Pending::Server(Said::Message)))
    }

    /// Whether no more is to be passed on.
    pub(crate) fn is_over(&self) -> bool {
        self.mode == Mode::Over
    }

    /// Takes in what the client sent.
    pub(crate) fn client(&mut self, bytes: &[u8]) {
        self.input.push(bytes);
        self.advance();
    }

    /// Takes in what the server sent.
    pub(crate) fn server(&mut self, bytes: &[u8], now: Time) -> Result<(), Faulty> {
        self.replies.push(bytes);
        while let Some(reply) = self.replies.next()? {
            if self.unasked == MOST_UNASKED {
                return Err(Faulty::Unasked);
            }
            self.heard(reply, now);
            self.advance();
        }
        Ok(())
    }

    /// Passes on what the client has said, as far as possible.
    fn advance(&mut self) {
        loop {
            while let Some(Pending::Own(reply, ends)) = self.pending.front() {
                self.to_client.extend_from_slice(reply.as_bytes());
                if *ends {
                    self.mode = Mode::Over;
                }
                self.pending.pop_front();
            }
            let went_on = match self.mode {
                Mode::Waiting | Mode::Over => false,
                Mode::Text => self.pass_text(),
                Mode::Response => self.response(),
                Mode::Commands => self.pending.len() < MOST_PENDING && self.command(),
            };
            if !went_on {
                return;
            }
        }
    }

    fn pass_text(&mut self) -> bool {
        let Some(text) = &mut self.text else { return false };
        let mut decoded = Vec::new();
        let come = text.decoder.decode(self.input.rest(), &mut decoded);
        text.size += decoded.len() as u64;
        let room = HEAD.saturating_sub(text.head.len()).min(decoded.len());
        text.head.extend_from_slice(&decoded[..room]);
        self.to_server.extend_from_slice(&self.input.rest()[..come.used]);
        self.input.consume(come.used);
        if come.finished {
            self.mode = Mode::Commands;
        }
        come.finished
    }

    fn response(&mut self) -> bool {
        match self.input.line(RESPONSE) {
            None => return false,
            Some(Line::TooLong) => self.own("500 5.5.6 Error: authentication response too long\r\n", true),
            Some(Line::Whole(line)) => {
                self.secrets.response(&line);
                self.pass(&line);
                self.mode = Mode::Waiting;
                self.pending.push_back(Pending::Server(Said::Auth));
            }
        }
        true
    }

    fn command(&mut self) -> bool {
        if self.input.at_line_start() && is_http(self.input.rest()) {
            // A web page must not be able to send mail.
            self.mode = Mode::Over;
            return false;
        }
        match self.input.line(COMMAND) {
            None => return false,
            Some(Line::TooLong) => {
                self.passwords.too_long();
                self.own("500 5.5.2 Error: line too long\r\n", false);
            }
            Some(Line::Whole(line)) => self.line(&line),
        }
        true
    }

    fn line(&mut self, line: &[u8]) {
        let holds = self.passwords.look(line);
        // What is no mechanism may be the response itself.
        let mut is_plain = false;
        let said = match Command::parse(line, self.offered.unwrap_or_else(Extensions::all)) {
            Ok(Command::Helo { extended, name }) => Said::Helo { extended, name: name.to_owned() },
            Ok(Command::Mail { sender, parameters }) => {
                Said::Mail { sender, size: parameters.size.unwrap_or_default() }
            }
            Ok(Command::Rcpt { recipient, .. }) => Said::Rcpt(recipient),
            Ok(Command::Data) => Said::Data,
            Ok(Command::Bdat { .. }) => return self.own(NO_BDAT, true),
            Ok(Command::StartTls) => return self.own(NO_STARTTLS, false),
            Ok(Command::Auth { mechanism, initial }) => {
                is_plain = is_mechanism(mechanism);
                self.secrets.begin(mechanism, initial);
                Said::Auth
            }
            Ok(Command::Rset) => Said::Verb("RSET", Canned::Rset),
            Ok(Command::Noop) => Said::Verb("NOOP", Canned::Noop),
            Ok(Command::Quit) => Said::Verb("QUIT", Canned::Quit),
            Ok(Command::Vrfy) => Said::Verb("VRFY", Canned::Vrfy),
            Ok(Command::Expn) => Said::Verb("EXPN", Canned::Expn),
            Ok(Command::Help) => Said::Verb("HELP", Canned::Help),
            // Offered or not, the bytes behind it are no lines.
            Err(_) if verb_is(line, b"BDAT") => return self.own(NO_BDAT, true),
            // A server may be more generous than this, and TLS would begin.
            Err(_) if verb_is(line, b"STARTTLS") => {
                return self.own(NO_STARTTLS, false);
            }
            Err(_) if verb_is(line, b"AUTH") => Said::Auth,
            Err(wrong) => Said::Fault(wrong),
        };
        if holds != Holds::Nothing && !is_plain {
            self.secrets.suspect(line);
        }
        let waits =
            matches!(said, Said::Helo { .. } | Said::Auth | Said::Data | Said::Verb("QUIT", _) | Said::Fault(_));
        self.pass(line);
        self.pending.push_back(Pending::Server(said));
        if waits {
            // What comes next hangs on the reply; a client may not send it before (RFC 2920 §3.1).
            self.mode = Mode::Waiting;
        }
    }

    fn pass(&mut self, line: &[u8]) {
        self.to_server.extend_from_slice(line);
        self.to_server.extend_from_slice(b"\r\n");
    }

    fn own(&mut self, reply: &'static str, ends: bool) {
        self.pending.push_back(Pending::Own(reply, ends));
        if ends {
            self.mode = Mode::Waiting;
        }
    }
}

/// Whether a line has that verb.
fn verb_is(line: &[u8], verb: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    word.eq_ignore_ascii_case(verb)
}
