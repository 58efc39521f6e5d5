//! Plays a scenario: what the server's driver does, without its sockets.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mockmx::clock::{Clock, Time};
use mockmx::facts::{Facts, SessionId, Tls, TlsMode, loopback};
use mockmx::identity::identify_by_zones;
use mockmx::lane;
use mockmx::message::{Bounds, MessageFacts};
use mockmx::policy::{Policy, Stub};
use mockmx::server::judge::judge;
use mockmx::settings::Settings;
use mockmx::smtp::{Session, Step};
use mockmx::stage::Stage;
use mockmx::store::Lanes;
use mockmx::verdict::{Fate, Finding, Verdict};

use super::script::{self, Script, What};

/// 2008-02-01, the date of 263's work instruction.
const START: Time = Time::from_unix_seconds(1_201_824_000);

/// The state of a scenario that is being played.
pub(crate) struct Player {
    settings: Settings,
    policy: Policy,
    lanes: Lanes,
    sessions: HashMap<String, Open>,
    connections: u64,
    current: String,
    last: Verdict,
    fates: Vec<(String, Fate)>,
    /// What the sender of the last message is told: the kind, of whom, and when.
    later: Vec<(String, String, Duration)>,
    /// The rules that fired by their real trigger.
    pub(crate) real: BTreeSet<String>,
    /// The rules that were named.
    pub(crate) named: BTreeSet<String>,
}

/// A session, and what the server said that was not looked at yet.
struct Open {
    session: Session,
    content: Vec<u8>,
    said: Vec<u8>,
    ended: Option<&'static str>,
}

impl Player {
    pub(crate) fn new(script: &Script) -> Result<Self, String> {
        let settings = script.settings()?;
        let policy = Policy::load(&settings).map_err(|problems| problems.to_string())?;
        Ok(Self {
            settings,
            policy,
            lanes: Lanes::new(Clock::standing(START)),
            sessions: HashMap::new(),
            connections: 0,
            current: String::new(),
            last: Verdict::accept(),
            fates: Vec::new(),
            later: Vec::new(),
            real: BTreeSet::new(),
            named: BTreeSet::new(),
        })
    }

    pub(crate) fn play(&mut self, step: &script::Step) -> Result<(), String> {
        match &step.what {
            What::Session { name, listener: None, .. } if self.sessions.contains_key(name) => {
                self.everything_was_looked_at()?;
                self.current.clone_from(name);
            }
            What::Session { listener: None, .. } => return Err("there is no such session".to_owned()),
            What::Session { name, listener: Some(listener), from, tls } => {
                self.everything_was_looked_at()?;
                self.connect(name, listener, from.unwrap_or_else(loopback), *tls)?;
            }
            What::Client(line) => {
                if !self.open()?.said.is_empty() {
                    self.everything_was_looked_at()?;
                }
                let mut bytes = line.clone();
                bytes.extend_from_slice(b"\r\n");
                self.open()?.session.receive(&bytes);
                self.run()?;
            }
            What::Server(wanted) => {
                let said = &mut self.open()?.said;
                let end = said.windows(2).position(|pair| pair == b"\r\n");
                let line = end.map(|end| said.drain(..end + 2).take(end).collect::<Vec<u8>>());
                let line = line.map(|line| String::from_utf8_lossy(&line).into_owned());
                if !line.as_deref().is_some_and(|line| same(line, wanted)) {
                    let why = self.last.findings.last().map(|finding| {
                        format!(
                            ", by {} {:?}",
                            finding.rule,
                            finding.evidence.iter().map(ToString::to_string).collect::<Vec<_>>()
                        )
                    });
                    return Err(format!("expected {wanted:?}, found {line:?}{}", why.unwrap_or_default()));
                }
            }
            What::Ended(wanted) => {
                let ended = self.open()?.ended;
                if ended != Some(wanted) {
                    return Err(format!("expected that it is {wanted}, found {ended:?}"));
                }
            }
            What::Rule { name, named, late } => self.rule(name, *named, *late)?,
            What::Why(wanted) => {
                let evidence: Vec<_> = self.last.findings.iter().flat_map(|finding| &finding.evidence).collect();
                if !evidence.iter().any(|text| text.text.contains(wanted)) {
                    return Err(format!("expected {wanted:?} among {evidence:?}"));
                }
            }
            What::Waited(wanted) if self.last.delay == *wanted => {}
            What::Waited(_) => return Err(format!("found a delay of {:?}", self.last.delay)),
            What::Fate { address, fate } => {
                let found = self.fates.iter().find(|(to, _)| to == address).map(|(_, fate)| describe(fate));
                if found.as_ref() != Some(fate) {
                    return Err(format!("expected the fate {fate:?} for {address}, found {found:?}"));
                }
            }
            What::Later(wanted) => {
                let is = wanted.as_ref().map_or(self.later.is_empty(), |wanted| self.later.contains(wanted));
                if !is {
                    return Err(format!("found {:?}", self.later));
                }
            }
            What::Wait(time) => self.lanes.all().iter().for_each(|lane| lane.clock.advance(*time)),
            What::Stub { id, given } => {
                let stub = Stub::read(id, given.clone(), &self.policy).map_err(|problems| problems.to_string())?;
                self.lanes.get(&stub.lane).add_stub(stub)?;
            }
            What::Set { scenario, state, lane } => self.lanes.get(lane).store.set_scenario(scenario, state),
            What::State { scenario, state, lane } => {
                let found = self.lanes.get(lane).store.scenario(scenario);
                if found != *state {
                    return Err(format!("the scenario is in state {found:?}"));
                }
            }
            What::HangUp => {
                let open = self.sessions.remove(&self.current).ok_or("there is no session")?;
                self.lanes.all().iter().for_each(|lane| lane.store.leave(open.session.facts().session));
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<(), String> {
        self.everything_was_looked_at()
    }

    /// Whatever the server says is part of the scenario.
    fn everything_was_looked_at(&self) -> Result<(), String> {
        match self.sessions.get(&self.current) {
            Some(open) if !open.said.is_empty() => {
                Err(format!("the server also said {:?}", String::from_utf8_lossy(&open.said)))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self) -> Result<&mut Open, String> {
        self.sessions.get_mut(&self.current).ok_or_else(|| "there is no session".to_owned())
    }

    fn connect(&mut self, name: &str, listener: &str, from: std::net::SocketAddr, tls: bool) -> Result<(), String> {
        let settings = self.settings.listeners.iter().find(|known| known.name == listener);
        let settings = settings.ok_or_else(|| format!("there is no listener {listener}"))?;
        let listener = Arc::new(settings.facts());
        let service = self.policy.service(&self.settings, &listener);
        let implicit = listener.tls == TlsMode::Implicit;
        self.connections += 1;
        let facts = Facts::new(SessionId(self.connections), listener, from, self.lanes.default_lane().clock.now());
        let mut session = Session::new(Arc::new(service), facts);
        if tls || implicit {
            session.tls_started(Tls { version: "TLSv1.3".to_owned(), cipher: "TLS13_AES_256_GCM_SHA384".to_owned() });
        }
        let open = Open { session, content: Vec::new(), said: Vec::new(), ended: None };
        if self.sessions.insert(name.to_owned(), open).is_some() {
            return Err(format!("there are two sessions {name}"));
        }
        name.clone_into(&mut self.current);
        self.run()
    }

    /// Steps until the session wants more input.
    fn run(&mut self) -> Result<(), String> {
        loop {
            let open = self.sessions.get_mut(&self.current).ok_or("there is no session")?;
            if open.ended.is_some() {
                return Err("the session is over".to_owned());
            }
            let step = open.session.step();
            match step {
                Step::Content => open.content.extend(open.session.take_content()),
                Step::Judge(stage) => {
                    let raw = std::mem::take(&mut open.content);
                    if stage == Stage::Message {
                        let message = MessageFacts::read(&raw, &Bounds::default());
                        open.session.facts_mut().message = Some(Arc::new(message));
                    }
                    let facts = open.session.facts_mut();
                    facts.lane = lane::of(facts);
                    let lane = self.lanes.get(&facts.lane);
                    identify(&self.policy, &lane.stubs(), stage, facts, &raw);
                    let verdict = judge(&self.policy, &lane, stage, open.session.facts(), lane.clock.now());
                    if stage == Stage::Message {
                        let recipients = &open.session.facts().envelope.recipients;
                        let fates = verdict.fates.iter().cloned().chain(std::iter::repeat(Fate::Inbox));
                        self.fates = recipients.iter().map(ToString::to_string).zip(fates).collect();
                        let later = verdict.later.iter().map(|later| {
                            let of = later.about.clone().unwrap_or_else(|| recipients[later.recipient].to_string());
                            (later.kind.name().to_owned(), of, later.after)
                        });
                        self.later = later.collect();
                    }
                    open.session.resolve(&verdict);
                    self.note(verdict);
                }
                _ => {
                    open.said.append(open.session.output());
                    open.ended = match step {
                        Step::Close => Some("closed"),
                        Step::Drop => Some("dropped"),
                        Step::Reset => Some("reset"),
                        Step::Stall => Some("stalled"),
                        _ => None,
                    };
                    return Ok(());
                }
            }
        }
    }

    fn note(&mut self, verdict: Verdict) {
        for Finding { rule, triggered, .. } in &verdict.findings {
            let met = if *triggered { &mut self.named } else { &mut self.real };
            met.insert(rule.to_string());
        }
        self.last = verdict;
    }

    fn rule(&self, name: &str, named: bool, late: bool) -> Result<(), String> {
        let found = self.last.findings.last();
        let is = match found {
            None => name == "none",
            Some(finding) => finding.rule.to_string() == name && (finding.triggered, finding.late) == (named, late),
        };
        if is { Ok(()) } else { Err(format!("expected the rule {name}, found {found:?}")) }
    }
}

/// Finds out what rules want to know of the sender, from zones.
fn identify(policy: &Policy, stubs: &[Arc<Stub>], stage: Stage, facts: &mut Facts, raw: &[u8]) {
    let needs = policy.identifies(stage, facts, stubs);
    if !needs.is_nothing() {
        let raw = (stage == Stage::Message).then_some(raw);
        let host = policy.persona(&facts.listener).host.clone();
        facts.identity = Some(Arc::new(identify_by_zones(policy.zones(), &needs, facts, &host, raw)));
    }
}

/// Whether the server said what was wanted. `QUEUE` stands for a queue id, `ANY` for any line.
fn same(line: &str, wanted: &str) -> bool {
    if wanted == "ANY" {
        return true;
    }
    match wanted.strip_suffix("QUEUE") {
        Some(wanted) => {
            line.strip_prefix(wanted).is_some_and(|id| id.len() == 11 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        }
        None => line == wanted,
    }
}

fn describe(fate: &Fate) -> String {
    match fate {
        Fate::Inbox => "inbox".to_owned(),
        Fate::Folder(name) => format!("folder {name}"),
        Fate::Discarded => "discarded".to_owned(),
        Fate::Replaced(_) => "replaced".to_owned(),
        Fate::Bounced => "bounced".to_owned(),
    }
}
