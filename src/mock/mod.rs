//! mockmx inside a Rust test: a server of its own for each test, on free ports, without global state.
//!
//! ```no_run
//! use mockmx::mock::{MockMx, message, when};
//!
//! # async fn test(send: impl AsyncFn(std::net::SocketAddr)) {
//! let mx = MockMx::start().provider("263").await;
//! mx.stub(when().recipient("a@example.com").times(2).reply("450 4.2.0 try later"));
//! mx.expect(message().to("a@example.com"), 1);
//! send(mx.smtp()).await;
//! let message = mx.wait_for_message(message().to("a@example.com")).await;
//! assert_eq!(message.record.subject, "Hello");
//! # }   // what was expected is verified when `mx` is dropped
//! ```
//!
//! As in any assertion, what goes wrong here panics, with a report of what came instead. The server runs on the tokio
//! runtime that starts it.

mod expect;
mod stub;

use std::ffi::OsString;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub use self::expect::{Received, Sent, Times, Wanted, message, notification, session, verdict};
pub use self::stub::{StubHandle, When, when};
use crate::clock::{Clock, io_now};
use crate::journal::Journal;
use crate::journal::query::Query;
use crate::journal::record::{Id, Message, Notification, Record, Session, Verdict};
use crate::lane::LaneName;
use crate::policy::Stub;
use crate::problem::Problems;
use crate::server::{Generation, Reload, Server};
use crate::settings::{Flags, Settings};
use crate::store::{Lane, Lanes};
use expect::Expectation;

/// How long is waited for something, if nothing else is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mockmx that runs until it is dropped.
pub struct MockMx {
    addresses: Vec<(String, SocketAddr)>,
    authority: String,
    generation: Arc<Generation>,
    lanes: Arc<Lanes>,
    journal: Arc<Journal>,
    expectations: Mutex<Vec<Expectation>>,
    patience: Duration,
    // Completes the server's shutdown when it is dropped.
    _stop: oneshot::Sender<()>,
    _reloads: mpsc::Sender<Reload>,
}

impl MockMx {
    /// What starts one, when it is awaited. It speaks as `neutral`, which accepts everything, until it is told otherwise.
    pub fn start() -> Start {
        Start { provider: Some("neutral".to_owned()), settings: String::new(), patience: PATIENCE, clock: None }
    }

    /// Where mail is taken from anybody, as at an MX.
    #[must_use]
    pub fn smtp(&self) -> SocketAddr {
        self.address("smtp")
    }

    /// Where submissions are taken, with STARTTLS.
    #[must_use]
    pub fn submission(&self) -> SocketAddr {
        self.address("submission")
    }

    /// Where submissions are taken, with TLS from the first byte.
    #[must_use]
    pub fn smtps(&self) -> SocketAddr {
        self.address("smtps")
    }

    /// Where a listener of the settings listens; `dns` is the name server, if there is `dns.listen`.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn address(&self, listener: &str) -> SocketAddr {
        let found = self.addresses.iter().find(|(name, _)| name == listener);
        found.map_or_else(|| panic!("there is no listener `{listener}`"), |(_, address)| *address)
    }

    /// The CA of the server's certificate, in PEM, for clients to trust.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The default lane's clock, to be advanced: prisons, rates and greylists follow it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.lanes.default_lane().clock
    }

    /// A lane, with its clock and what it remembers.
    ///
    /// # Panics
    /// If no lane can have that name.
    #[must_use]
    pub fn lane(&self, name: &str) -> Arc<Lane> {
        let name = LaneName::parse(name).unwrap_or_else(|error| panic!("{error}"));
        self.lanes.claim(&name)
    }

    /// Adds a stub: a rule ahead of the provider's own. If it is expected to be used, that is verified at the end.
    ///
    /// # Panics
    /// If it is no stub.
    pub fn stub(&self, when: When) -> StubHandle {
        let (given, expected) = when.build();
        let handle = self.stub_json(given.clone());
        if let Some(times) = expected {
            let expectation = Expectation::of_stub(handle.clone(), &given, times);
            self.expectations().push(expectation);
        }
        handle
    }

    /// Adds a stub in the words of the API.
    ///
    /// # Panics
    /// If it is no stub.
    pub fn stub_json(&self, given: serde_json::Value) -> StubHandle {
        let id = Id::new().to_string();
        let stub =
            Stub::read(&id, given, &self.generation.policy).unwrap_or_else(|problems| panic!("no stub:\n{problems}"));
        let lane = self.lanes.claim(&stub.lane);
        let stub = lane.add_stub(stub).unwrap_or_else(|error| panic!("{error}"));
        StubHandle::new(stub, lane)
    }

    /// Expects that so many records like this come; verified when this is dropped, or by [`verify`](Self::verify).
    pub fn expect<R: Record>(&self, wanted: Wanted<R>, times: impl Into<Times>) {
        self.expectations().push(Expectation::of_records(wanted, times.into()));
    }

    /// Waits for a message like this.
    ///
    /// # Panics
    /// If none comes in time; says what came instead.
    pub async fn wait_for_message(&self, wanted: Wanted<Message>) -> Received {
        let record = self.wait_for(wanted).await;
        let raw = self.raw(record.id).await;
        Received { record, raw }
    }

    /// Waits for what a sender is told to be due, by the clock of its lane.
    ///
    /// # Panics
    /// If nothing like this is due in time; says what is there instead.
    pub async fn wait_for_notification(&self, wanted: Wanted<Notification>) -> Sent {
        let record = self.wait_for(wanted.due(self.lanes.clocks())).await;
        let raw = self.raw(record.id).await;
        Sent { record, raw }
    }

    async fn raw(&self, id: Id) -> Vec<u8> {
        let content = self.journal.content(id).await.ok().flatten().unwrap_or_default();
        content.read_all().unwrap_or_else(|error| panic!("cannot read it: {error}"))
    }

    /// Waits for a record like this, and returns the newest.
    ///
    /// # Panics
    /// If none comes in time; says what came instead.
    pub async fn wait_for<R: Record>(&self, wanted: Wanted<R>) -> Arc<R> {
        let query = Query { filter: wanted.filter().clone(), before: None, limit: 1 };
        let waited = self.journal.wait::<R>(&query, 1, io_now() + self.patience).await;
        let found = waited.unwrap_or_else(|error| panic!("{error}")).found.into_iter().next();
        found.unwrap_or_else(|| panic!("{}", expect::missing(&self.journal, &wanted, self.patience)))
    }

    /// All messages, newest first.
    pub async fn messages(&self) -> Vec<Arc<Message>> {
        self.all().await
    }

    /// All that senders are told later, of the newest message first; what waits and what is due.
    pub async fn outbox(&self) -> Vec<Arc<Notification>> {
        self.all().await
    }

    /// All verdicts, newest first.
    pub async fn verdicts(&self) -> Vec<Arc<Verdict>> {
        self.all().await
    }

    /// All sessions, newest first, with their transcripts.
    pub async fn sessions(&self) -> Vec<Arc<Session>> {
        self.all().await
    }

    async fn all<R: Record>(&self) -> Vec<Arc<R>> {
        let query = Query { limit: usize::MAX, ..Query::default() };
        self.journal.page(&query).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Verifies now what is expected, and expects it no longer.
    ///
    /// # Panics
    /// If something is missing or too much; says what came instead.
    pub fn verify(&self) {
        let failures = self.failures();
        assert!(failures.is_empty(), "{failures}");
    }

    fn failures(&self) -> String {
        let expectations = std::mem::take(&mut *self.expectations());
        let failures = expectations.iter().filter_map(|expectation| expectation.failure(&self.journal));
        failures.collect::<Vec<_>>().join("\n")
    }

    fn expectations(&self) -> std::sync::MutexGuard<'_, Vec<Expectation>> {
        self.expectations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MockMx {
    fn drop(&mut self) {
        // A test that has failed already has its own report.
        if !std::thread::panicking() {
            self.verify();
        }
    }
}

impl fmt::Debug for MockMx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockMx").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// What a [`MockMx`] starts with.
#[derive(Debug)]
#[must_use = "nothing is started until this is awaited"]
pub struct Start {
    provider: Option<String>,
    settings: String,
    patience: Duration,
    clock: Option<Clock>,
}

impl Start {
    /// Speaks as this provider, whoever the recipient is.
    pub fn provider(mut self, id: &str) -> Self {
        self.provider = Some(id.to_owned());
        self
    }

    /// Lets the recipient's domain choose the provider, as `mockmx serve` does.
    pub fn every_provider(mut self) -> Self {
        self.provider = None;
        self
    }

    /// Adds settings, as they stand in `mockmx.toml`: tables and listeners behind single keys.
    pub fn settings(mut self, toml: &str) -> Self {
        self.settings.push_str(toml);
        self.settings.push('\n');
        self
    }

    /// Runs by this clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How long is waited for what is to come.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn load(&self) -> Result<Generation, Problems> {
        let mut file = tempfile::Builder::new().prefix("mockmx-").suffix(".toml").tempfile();
        let written = file.as_mut().map_err(|error| error.to_string()).and_then(|file| {
            file.write_all(self.settings.as_bytes()).map_err(|error| error.to_string())?;
            Ok(file.path().to_owned())
        });
        let path = written.unwrap_or_else(|error| panic!("cannot write the settings: {error}"));
        let free = ["127.0.0.1:0"];
        let flags = Flags::default().config(Some(path)).set("--provider", &self.provider);
        let flags = flags.set("--smtp", free).set("--submission", free).set("--smtps", free).set("--http", ["off"]);
        // What happens to be set around a test has no say in it.
        let nothing: [(OsString, OsString); 0] = [];
        let settings = Settings::load(&flags, nothing, Path::new(""))?;
        Generation::load(settings)
    }

    fn run(&self) -> MockMx {
        let generation = Arc::new(self.load().unwrap_or_else(|problems| panic!("wrong settings:\n{problems}")));
        let lanes = Arc::new(Lanes::new(self.clock.clone().unwrap_or_else(Clock::system)));
        let journal = Arc::new(Journal::default());
        let server = Server::bind(Arc::clone(&generation), Arc::clone(&lanes), Arc::clone(&journal));
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let (addresses, authority) = (server.addresses(), server.authority().to_owned());
        let (stop, stopped) = oneshot::channel::<()>();
        let (reloads, wanted) = mpsc::channel(1);
        tokio::spawn(server.serve(async { drop(stopped.await) }, wanted));
        let (expectations, patience) = (Mutex::default(), self.patience);
        MockMx {
            addresses,
            authority,
            generation,
            lanes,
            journal,
            expectations,
            patience,
            _stop: stop,
            _reloads: reloads,
        }
    }
}

impl IntoFuture for Start {
    type Output = MockMx;
    type IntoFuture = Pin<Box<dyn Future<Output = MockMx> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run() })
    }
}
