//! The state of a session, and the steps by which its driver moves it.
//!
//! What a command does is in `commands`, what a verdict does in `verdicts`; here is what is common to both.

use std::fmt;
use std::sync::Arc;

use crate::facts::{Envelope, Facts, Helo, RcptParameters, Tls};
use crate::reply::Reply;
use crate::stage::Stage;
use crate::verdict::{Action, Verdict};

use super::auth::{Exchange, RESPONSE_LENGTH};
use super::command::is_http;
use super::content::{Incoming, Outcome, Refusal};
use super::line::{Input, Line};
use super::persona::Canned;
use super::transcript::{Spoken, Transcript};
use super::{Service, Step};

mod commands;
mod verdicts;

/// Bytes not yet looked at or not yet taken, beyond which [`Session::wants_input`] says no.
const INPUT_LENGTH: usize = 64 << 10;

/// The server's side of an SMTP session.
///
/// The driver calls [`step`](Self::step) again and again and does what it says; when that is to read, it hands what it
/// has read to [`receive`](Self::receive). A stage's verdict goes to [`resolve`](Self::resolve). Replies gather in
/// [`output`](Self::output) until a step says to write them, so that a pipelined group is answered in one write.
///
/// Memory: a command line up to its limit, what is received at once, and the text since the last
/// [`take_content`](Self::take_content). An idle session holds no buffer.
pub struct Session {
    service: Arc<Service>,
    facts: Facts,
    input: Input,
    output: Vec<u8>,
    content: Vec<u8>,
    state: State,
    judged: Option<Judged>,
    chunks: Chunks,
    transcript: Transcript,
    /// No command line has come yet.
    fresh: bool,
}

/// What the next bytes are.
enum State {
    /// Not looked at before the connection is judged.
    Connect,
    /// Command lines.
    Commands,
    /// The answer to a challenge.
    Auth(Exchange),
    /// Text of a message.
    Text(Box<Incoming>),
    /// TLS.
    Handshake,
    /// Of no interest: the session is over in this way.
    Over(Step),
}

/// What waits for a verdict.
enum Judged {
    Connect,
    Command(Vec<u8>),
    /// With the session's own words for it.
    Fault(Canned),
    /// With the greeting before it.
    Helo(Option<Helo>),
    Auth,
    Mail,
    Rcpt(RcptParameters),
    Data,
    Chunk {
        size: u64,
        last: bool,
    },
    Message,
}

impl Judged {
    const fn stage(&self) -> Stage {
        match self {
            Self::Connect => Stage::Connect,
            Self::Command(_) => Stage::Command,
            Self::Fault(_) => Stage::Fault,
            Self::Helo(_) => Stage::Helo,
            Self::Auth => Stage::Auth,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data | Self::Chunk { .. } => Stage::Data,
            Self::Message => Stage::Message,
        }
    }
}

/// How far a message has come by BDAT.
#[derive(Clone, Copy)]
enum Chunks {
    /// None of it.
    None,
    /// So many bytes.
    Some(u64),
    /// A chunk was refused, and so will be all others until RSET (RFC 3030 §2).
    Refused,
}

impl Session {
    /// A session with a client that has just connected. Its first step asks for the verdict on the connection.
    #[must_use]
    pub fn new(service: Arc<Service>, facts: Facts) -> Self {
        Self {
            service,
            facts,
            input: Input::default(),
            output: Vec::new(),
            content: Vec::new(),
            state: State::Connect,
            judged: Some(Judged::Connect),
            chunks: Chunks::None,
            transcript: Transcript::default(),
            fresh: true,
        }
    }

    /// What is known of the session.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The facts, for the driver to add the message to before stage `message` is judged.
    pub const fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// Replies not yet written. The driver writes them and clears or takes the buffer.
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// The text of the message that came since the last call, without dots.
    #[must_use]
    pub fn take_content(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.content)
    }

    /// What was said since the last call, without the text of messages.
    #[must_use]
    pub fn take_transcript(&mut self) -> Vec<Spoken> {
        self.transcript.take()
    }

    /// Whether a mail transaction is under way: from MAIL, while it is judged, to the reply to the message.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.facts.envelope.sender.is_some()
    }

    /// Whether the text of a message is coming: between 354 or BDAT, and its end.
    #[must_use]
    pub const fn reading_content(&self) -> bool {
        matches!(self.state, State::Text(_))
    }

    /// Whether more bytes are welcome while a verdict is waited for. After [`Step::Read`] they always are; at other
    /// times a client could fill the memory by pipelining.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.input.rest().len() + self.content.len() < INPUT_LENGTH
    }

    /// Whether bytes have come that were not yet looked at.
    #[must_use]
    pub fn has_input(&self) -> bool {
        !self.input.rest().is_empty()
    }

    /// Takes in bytes that the client sent.
    pub fn receive(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Over(_)) {
            return;
        }
        // Text that comes while there is nothing before it is decoded where it stands, without a copy in between.
        let used = match &mut self.state {
            State::Text(text) if self.input.rest().is_empty() => {
                text.absorb(bytes, &self.service.limits, &mut self.content)
            }
            _ => 0,
        };
        if used < bytes.len() {
            self.input.push(&bytes[used..]);
        }
    }

    /// Goes on as far as possible, and says what is to be done.
    pub fn step(&mut self) -> Step {
        loop {
            if let State::Over(step) = self.state {
                return step;
            }
            if let Some(judged) = &self.judged {
                return Step::Judge(judged.stage());
            }
            match &mut self.state {
                State::Handshake => return Step::StartTls,
                State::Text(text) => {
                    let used = text.absorb(self.input.rest(), &self.service.limits, &mut self.content);
                    let finished = text.finished();
                    self.input.consume(used);
                    if !self.content.is_empty() {
                        return Step::Content;
                    }
                    if !finished {
                        return Step::Read;
                    }
                    self.text_finished();
                }
                _ => {
                    if !self.next_line() {
                        return Step::Read;
                    }
                }
            }
        }
    }

    /// Does what the verdict on the stage says that [`step`](Self::step) named. The wait that it orders is the
    /// driver's business, and so is everything that outlives the transaction: at stage `message`, the envelope and the
    /// message are forgotten here.
    pub fn resolve(&mut self, verdict: &Verdict) {
        let Some(judged) = self.judged.take() else { return };
        self.facts.fault = None;
        self.facts.command = None;
        match &verdict.action {
            Action::Accept => self.accepted(judged),
            Action::Refuse(reply) => self.refused(judged, reply),
            Action::RefuseAndClose(reply) => {
                match judged {
                    // The chunk that follows is not waited for.
                    Judged::Chunk { .. } => self.reply(reply),
                    judged => self.refused(judged, reply),
                }
                self.end(Step::Close);
            }
            Action::Drop => self.end(Step::Drop),
            Action::Reset => self.end(Step::Reset),
            Action::Stall => self.end(Step::Stall),
        }
    }

    /// TLS is in use. What the client pipelined behind STARTTLS is dropped, and what it said before is forgotten (RFC
    /// 3207 §4.2). With implicit TLS, the driver calls this ahead of the first step.
    pub fn tls_started(&mut self, tls: Tls) {
        self.facts.tls = Some(tls);
        self.facts.helo = None;
        self.facts.login = None;
        self.facts.login_lane = None;
        self.input.clear();
        self.forget_transaction();
        if matches!(self.state, State::Handshake) {
            self.state = State::Commands;
        }
    }

    /// The client took too long: 421, and the end.
    pub fn timed_out(&mut self) {
        self.close_with(Canned::Timeout);
    }

    /// mockmx is stopping: 421, and the end.
    pub fn shut_down(&mut self) {
        self.close_with(Canned::Shutdown);
    }

    /// One connection too many: 421 in place of the banner, and the end.
    pub fn too_many_connections(&mut self) {
        self.close_with(Canned::TooManyConnections);
    }

    /// Something failed on our side: 451 in place of the reply that is due. If a message is coming, that is the reply
    /// at its end, and what still comes of it is thrown away.
    pub fn fail(&mut self) {
        let reply = self.local_error();
        if let Some(judged) = self.judged.take() {
            self.refused(judged, &reply);
        } else if let State::Text(text) = &mut self.state {
            text.refuse(Refusal::Reply(reply), &mut self.content);
        } else if !matches!(self.state, State::Over(_)) {
            self.reply(&reply);
            self.end(Step::Close);
        }
    }

    /// Takes the next line and does what it says; false if it has not come yet.
    fn next_line(&mut self) -> bool {
        let commands = matches!(self.state, State::Commands);
        if commands && self.is_foreign() {
            self.end(Step::Drop);
            return true;
        }
        let command_line = self.service.limits.command_line;
        let limit = if commands { command_line } else { command_line.max(RESPONSE_LENGTH) };
        let Some(line) = self.input.line(limit) else { return false };
        self.fresh = false;
        match (&self.state, &line) {
            (_, Line::TooLong) => self.transcript.too_long(),
            (State::Auth(_), Line::Whole(line)) => self.transcript.response(line, self.input.bare_lf()),
            (_, Line::Whole(line)) => self.transcript.command(line, self.input.bare_lf()),
        }
        match (std::mem::replace(&mut self.state, State::Commands), line) {
            (State::Auth(exchange), Line::Whole(line)) => self.authenticate(exchange.respond(&line)),
            (State::Auth(_), Line::TooLong) => self.error(Canned::AuthTooLong),
            (_, line) => {
                self.facts.counts.commands = self.facts.counts.commands.saturating_add(1);
                match line {
                    Line::TooLong => self.error(Canned::LineTooLong),
                    Line::Whole(line) => {
                        self.facts.command = Some(super::command::verb(&line));
                        self.judged = Some(Judged::Command(line));
                    }
                }
            }
        }
        true
    }

    /// Whether the client speaks HTTP, or TLS where there is none.
    fn is_foreign(&self) -> bool {
        let rest = self.input.rest();
        // A handshake record of TLS (RFC 8446 §5.1).
        let tls = self.fresh && self.facts.tls.is_none() && rest.starts_with(&[0x16, 0x03]);
        self.input.at_line_start() && (tls || is_http(rest))
    }

    fn text_finished(&mut self) {
        let State::Text(text) = std::mem::replace(&mut self.state, State::Commands) else { return };
        let bare_lf = text.bare_lf();
        let outcome = text.outcome(&self.service.limits, |canned| self.say(canned));
        // How far a text that is too much was looked at hangs on how it came.
        if bare_lf && !matches!(outcome, Outcome::Overrun) {
            self.transcript.bare_text();
        }
        match outcome {
            Outcome::Complete => self.judged = Some(Judged::Message),
            Outcome::Chunk(size) => {
                self.chunks = Chunks::Some(size);
                self.answer(Canned::Chunk);
            }
            Outcome::Overrun => self.close_with(Canned::MessageTooBig),
            Outcome::Refused { refusal, chunk } => {
                match refusal {
                    Refusal::Error(canned) => return self.error(canned),
                    Refusal::Reply(reply) => self.reply(&reply),
                }
                if chunk {
                    self.chunks = Chunks::Refused;
                } else {
                    self.forget_transaction();
                }
            }
        }
    }

    fn say(&self, canned: Canned) -> Reply {
        self.service.persona.reply(canned, &self.facts)
    }

    fn reply(&mut self, reply: &Reply) {
        let start = self.output.len();
        reply.write_to(&mut self.output);
        self.transcript.reply(&String::from_utf8_lossy(&self.output[start..]), self.has_input());
    }

    fn answer(&mut self, canned: Canned) {
        let reply = self.say(canned);
        self.reply(&reply);
    }

    /// Answers a command that was unknown, malformed or out of order. One too many ends the session.
    fn error(&mut self, canned: Canned) {
        let errors = &mut self.facts.counts.errors;
        *errors = errors.saturating_add(1);
        if *errors > self.service.limits.errors {
            self.close_with(Canned::TooManyErrors);
        } else {
            self.facts.fault = Some(canned.name());
            self.judged = Some(Judged::Fault(canned));
        }
    }

    fn close_with(&mut self, canned: Canned) {
        if !matches!(self.state, State::Over(_)) {
            self.answer(canned);
            self.end(Step::Close);
        }
    }

    fn end(&mut self, step: Step) {
        self.judged = None;
        self.input.clear();
        self.content = Vec::new();
        self.state = State::Over(step);
    }

    fn forget_transaction(&mut self) {
        self.facts.envelope = Envelope::default();
        self.facts.message = None;
        self.chunks = Chunks::None;
    }
}

/// Names the session only: its buffers may hold a password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("session", &self.facts.session).finish_non_exhaustive()
    }
}
