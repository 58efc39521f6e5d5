//! Drives one session: bytes in, steps, verdicts, replies out.
//!
//! The driver decides nothing about the protocol and nothing about mail. It reads, asks the session for its next step,
//! does what the step says, and writes all replies in one go when no full line is left. What it adds is time: every
//! wait has an end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Phase;
use super::deadline::{Progress, deadline};
use super::endpoint::{Endpoint, Seat};
use super::farewell::Farewell;
use super::judge;
use super::log::{self, Ended};
use super::record::Recording;
use super::spool::Spool;
use super::stream::{Stream, Wire, read, swallow};
use super::tls_fault;
use crate::clock::io_now;
use crate::facts::{Facts, TlsFault, TlsMode};
use crate::lane;
use crate::smtp::{Session, Step};
use crate::stage::Stage;
use crate::verdict::{End, Verdict};

/// Replies are written when there are more bytes of them, even if another full line is left.
const MOST_OUTPUT: usize = 32 * 1024;

/// How long a session has to tell its client 421 once the drain is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// Serves one connection to its end.
pub(crate) async fn serve<S: Wire>(
    wire: S,
    peer: SocketAddr,
    endpoint: Arc<Endpoint>,
    mut phase: watch::Receiver<Phase>,
    seat: Seat,
) {
    let mut cut = phase.clone();
    let whole = async {
        endpoint.world.journal.room().await;
        let mut connection = Connection::new(wire, peer, endpoint, &mut phase);
        let ended = connection.run().await;
        let farewell = Farewell::after(&ended);
        // The session is over and told of; only its socket is left.
        let stream = connection.leave(ended);
        farewell.say(stream).await;
    };
    tokio::select! {
        () = whole => {}
        // A connection that is dropped says by itself that it was cut.
        () = async {
            let _ = cut.wait_for(|phase| *phase == Phase::Closing).await;
            sleep_until(io_now() + LAST_WORDS).await;
        } => {}
    }
    drop(seat);
}

/// One connection and its session.
pub(super) struct Connection<'a, S: Wire> {
    pub(super) stream: Stream<S>,
    pub(super) session: Session,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) spool: Spool,
    pub(super) recording: Recording,
    pub(super) phase: &'a mut watch::Receiver<Phase>,
    /// After so many more bytes of the message the connection ends so.
    pub(super) breaks_at: Option<(u64, End)>,
    began: Instant,
    last_reply: Instant,
    text: Option<Text>,
    bytes: u64,
    ending: Option<Ended>,
}

/// How a message comes in.
struct Text {
    began: Instant,
    latest: Instant,
    bytes: u64,
}

impl<'a, S: Wire> Connection<'a, S> {
    pub(super) fn new(
        wire: S,
        peer: SocketAddr,
        endpoint: Arc<Endpoint>,
        phase: &'a mut watch::Receiver<Phase>,
    ) -> Self {
        let world = &endpoint.world;
        let lane = world.lanes.get(&endpoint.listener.lane.clone().unwrap_or_default());
        let facts = Facts::new(world.next_session(), Arc::clone(&endpoint.listener), peer, lane.clock.now());
        let recording = Recording::begin(&endpoint, &facts, lane);
        let session = Session::new(Arc::clone(&endpoint.service), facts);
        let now = io_now();
        Self {
            stream: Stream::Plain(wire),
            session,
            endpoint,
            spool: Spool::default(),
            recording,
            phase,
            breaks_at: None,
            began: now,
            last_reply: now,
            text: None,
            bytes: 0,
            ending: None,
        }
    }

    async fn run(&mut self) -> Ended {
        if self.endpoint.listener.tls == TlsMode::Implicit
            && let Err(ended) = Box::pin(self.handshake()).await
        {
            return ended;
        }
        loop {
            if let Err(ended) = self.advance().await {
                return ended;
            }
        }
    }

    /// Does one step.
    pub(super) async fn advance(&mut self) -> Result<(), Ended> {
        let done = self.take_step().await;
        self.recording.lines(self.session.take_transcript());
        done
    }

    async fn take_step(&mut self) -> Result<(), Ended> {
        match self.session.step() {
            Step::Read => {
                self.flush().await?;
                self.read().await
            }
            Step::Content => {
                let content = self.session.take_content();
                let beyond = self.endpoint.world.spool_share(self.endpoint.limits().spool_beyond);
                self.spool.write(&content, beyond).await;
                self.break_in_text(content.len()).await
            }
            Step::Judge(Stage::Message) => Box::pin(self.judge_message()).await,
            Step::Judge(stage) => self.judge(stage).await,
            Step::StartTls => {
                self.flush().await?;
                Box::pin(self.handshake()).await
            }
            end @ (Step::Close | Step::Drop | Step::Reset | Step::Stall) => {
                // What was said before goes out, also to a client that has pipelined what ends it.
                self.flush().await?;
                Err(match end {
                    Step::Drop => Ended::Dropped,
                    Step::Reset => Ended::Reset,
                    Step::Stall => self.stall().await,
                    _ => self.ending.take().unwrap_or(Ended::Closed),
                })
            }
        }
    }

    async fn judge(&mut self, stage: Stage) -> Result<(), Ended> {
        if stage == Stage::Data {
            // Nothing may be left of a message that was given up half-way.
            self.spool.clear();
            self.text = None;
            self.breaks_at = None;
        }
        self.enter_lane();
        let needs = self.needs(stage);
        if !needs.is_nothing() {
            Box::pin(self.identify(needs)).await;
        }
        let verdict = self.ask(stage);
        self.wait(verdict.delay + self.guess_delay(stage)).await?;
        self.resolve(&verdict).await?;
        self.flush_if_large().await
    }

    /// Who guesses passwords is answered later each time.
    fn guess_delay(&self, stage: Stage) -> Duration {
        let facts = self.session.facts();
        let is_wrong = stage == Stage::Auth && facts.attempt.as_ref().is_some_and(|attempt| !attempt.valid);
        if is_wrong { self.endpoint.limits().guess_delay * facts.counts.failed_logins } else { Duration::ZERO }
    }

    /// Asks the policy, in the lane that the session has gone over to.
    pub(super) fn ask(&mut self, stage: Stage) -> Verdict {
        // What the client said goes ahead of what is said of it.
        self.recording.lines(self.session.take_transcript());
        let (facts, lane) = (self.session.facts(), self.recording.lane());
        let now = lane.clock.now();
        let timer = self.endpoint.world.metrics.judging(stage);
        let verdict = judge::judge(&self.endpoint.generation.policy, lane, stage, facts, now);
        timer.observe_duration();
        log::verdict(facts, &verdict);
        self.recording.verdict(stage, facts, &verdict, now);
        verdict
    }

    /// Goes over to the lane that the session names by now.
    pub(super) fn enter_lane(&mut self) {
        let facts = self.session.facts_mut();
        facts.lane = lane::of(facts);
        self.recording.enter(facts, &self.endpoint.world.lanes);
    }

    /// Waits as long as a verdict says, less if mockmx is to stop. Replies to earlier commands go out before.
    pub(super) async fn wait(&mut self, delay: Duration) -> Result<(), Ended> {
        if delay.is_zero() {
            return Ok(());
        }
        self.flush().await?;
        let Self { stream, session, phase, bytes, .. } = self;
        let until = io_now() + delay;
        // Reading shows that the client has gone. One that has pipelined more has only closed its own side.
        let mut open = true;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => return Ok(()),
                came = read(stream, |bytes| session.receive(bytes)), if open && session.wants_input() => match came {
                    Ok(0) if session.has_input() => open = false,
                    Ok(0) => return Err(Ended::ByClient),
                    Ok(count) => *bytes += count as u64,
                    Err(error) => return Err(lost(error)),
                },
            }
        }
    }

    /// Reads once, or ends the session if mockmx is to stop or the client takes too long.
    async fn read(&mut self) -> Result<(), Ended> {
        let phase = *self.phase.borrow_and_update();
        if phase == Phase::Closing || phase != Phase::Serving && !self.session.in_transaction() {
            return self.shut_down();
        }
        let deadline = self.deadline();
        let Self { stream, session, phase, .. } = self;
        let came = tokio::select! {
            biased;
            came = read(stream, |bytes| session.receive(bytes)) => Some(came),
            // The next call looks at what is to be done about it.
            Ok(()) = phase.changed() => return Ok(()),
            () = sleep_until(deadline) => None,
        };
        match came {
            Some(Ok(0)) => Err(Ended::ByClient),
            Some(Ok(count)) => {
                self.bytes += count as u64;
                if let Some(text) = &mut self.text {
                    text.bytes += count as u64;
                    text.latest = io_now();
                }
                Ok(())
            }
            Some(Err(error)) => Err(lost(error)),
            None => {
                self.session.timed_out();
                self.ending = Some(Ended::TimedOut);
                Ok(())
            }
        }
    }

    /// The message has come; the next one begins anew.
    pub(super) fn end_text(&mut self) {
        self.text = None;
    }

    fn shut_down(&mut self) -> Result<(), Ended> {
        if self.ending.is_some() {
            // The session was told before and must have closed.
            return Err(Ended::ShutDown);
        }
        self.session.shut_down();
        self.ending = Some(Ended::ShutDown);
        Ok(())
    }

    fn deadline(&mut self) -> Instant {
        let progress = if self.session.reading_content() {
            let now = io_now();
            let Text { began, latest, bytes } = *self.text.get_or_insert(Text { began: now, latest: now, bytes: 0 });
            Progress::Text { began, latest, bytes }
        } else {
            Progress::Line { since: self.last_reply }
        };
        deadline(self.endpoint.limits(), progress)
    }

    /// Writes all replies.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        let output = std::mem::take(self.session.output());
        if output.is_empty() {
            return Ok(());
        }
        let Self { stream, endpoint, .. } = self;
        let write = async {
            stream.write_all(&output).await?;
            stream.flush().await
        };
        match timeout(endpoint.limits().idle, write).await {
            Ok(Ok(())) => {
                self.replied();
                Ok(())
            }
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => Err(Ended::NotReading),
        }
    }

    /// All that was to be said has been: the client's time begins.
    pub(super) fn replied(&mut self) {
        self.last_reply = io_now();
    }

    async fn flush_if_large(&mut self) -> Result<(), Ended> {
        if self.session.output().len() > MOST_OUTPUT { self.flush().await } else { Ok(()) }
    }

    async fn handshake(&mut self) -> Result<(), Ended> {
        let Self { stream, endpoint, .. } = self;
        let Some(acceptor) = &endpoint.tls else {
            return Err(Ended::Handshake(io::Error::other("the listener has no certificate")));
        };
        let limit = endpoint.limits().idle.min(HANDSHAKE);
        if let Some(fault @ (TlsFault::TooOld | TlsFault::Broken)) = endpoint.tls_fault
            && let Some(wire) = stream.wire_mut()
        {
            let refused = timeout(limit, tls_fault::refuse(fault, wire)).await;
            return Err(Ended::Handshake(refused.unwrap_or_else(|_| io::ErrorKind::TimedOut.into())));
        }
        let tls = match timeout(limit, stream.start_tls(acceptor)).await {
            Ok(outcome) => outcome.map_err(Ended::Handshake)?,
            Err(_) => return Err(Ended::Handshake(io::ErrorKind::TimedOut.into())),
        };
        self.recording.lines(self.session.take_transcript());
        self.recording.note(format!("({} with {})", tls.version, tls.cipher));
        self.session.tls_started(tls);
        self.last_reply = io_now();
        Ok(())
    }

    /// Says nothing more, until the client goes or has waited long enough.
    pub(super) async fn stall(&mut self) -> Ended {
        let Self { stream, endpoint, phase, .. } = self;
        tokio::select! {
            () = swallow(stream) => Ended::Stalled,
            () = sleep_until(io_now() + endpoint.limits().idle) => Ended::Stalled,
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => Ended::ShutDown,
        }
    }

    /// Ends the session; its socket is left.
    fn leave(mut self, ended: Ended) -> Stream<S> {
        self.ending = Some(ended);
        std::mem::replace(&mut self.stream, Stream::Gone)
    }
}

/// Whatever ends a session, a panic included: it no longer counts, and one line tells of it.
impl<S: Wire> Drop for Connection<'_, S> {
    fn drop(&mut self) {
        let transcript = self.session.take_transcript();
        let facts = self.session.facts();
        let ended = match self.ending.take() {
            _ if std::thread::panicking() => Ended::Panicked,
            Some(ended) => ended,
            None => Ended::Cut,
        };
        log::session(facts, &ended, self.bytes, io_now().duration_since(self.began));
        self.recording.lines(transcript);
        self.recording.end(facts, &ended, self.bytes);
    }
}

/// An error of the connection. Many clients close TLS without saying so, which is no error of anybody's.
fn lost(error: io::Error) -> Ended {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ended::ByClient } else { Ended::Broken(error) }
}
