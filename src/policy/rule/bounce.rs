//! What the sender is told after the 250.
//!
//! ```toml
//! bounce = "550 5.1.1 <{recipient}>: User unknown"       # the message failed: the sender is told so at once
//! bounce = { kind = "failed", reply = "550 User unknown", status = "5.1.1", after = "5m", remote = "mx.example.net" }
//! bounce = { kind = "out-of-office", text = "我在休假。", after = "30s", every = "168h" }
//! bounce = [                                             # one after the other; `after` counts from the one before
//!     { kind = "delayed", reply = "452 4.2.2 Mailbox full", after = "4h" },
//!     { kind = "failed", after = "20h" },                # what is said again need not be written again
//! ]
//! ```

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::document::{Node, Table, Value, items, note, text};
use crate::facts::Facts;
use crate::policy::parse;
use crate::policy::rule::{Delay, Reading, Rule};
use crate::template::{ReplyTemplate, Template};
use crate::verdict::{Fate, Later, NotificationKind, Why};

/// The most that one message brings about for one recipient.
const MOST: usize = 10;

/// The longest that is drawn between two.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How often somebody who is away tells the same sender, if nothing is said: as vacation(1) does.
const EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const KINDS: [(&str, NotificationKind); 7] = {
    let mut kinds = [("", NotificationKind::Failed); 7];
    let mut place = 0;
    while place < kinds.len() {
        kinds[place] = (NotificationKind::ALL[place].name(), NotificationKind::ALL[place]);
        place += 1;
    }
    kinds
};

/// What the sender is told, one after the other. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounce(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    kind: NotificationKind,
    reply: Option<ReplyTemplate>,
    status: String,
    text: Option<Template>,
    remote: Option<String>,
    about: About,
    after: Delay,
    retry_for: Option<Duration>,
    every: Duration,
}

/// Whom it happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    Recipient,
    /// Whoever gets a copy of the recipient's mail.
    Tracker,
    Address(String),
}

/// Who speaks, and of whom.
pub(crate) struct Speaker<'s> {
    pub(crate) provider: &'s str,
    pub(crate) host: &'s str,
    pub(crate) rule: &'s Rule,
    /// The facts; their candidate is whoever is spoken of.
    pub(crate) facts: &'s mut Facts,
    /// The place of the recipient among those that were accepted.
    pub(crate) recipient: usize,
    pub(crate) tracker: Option<&'s Address>,
    /// The rule was named, so nothing of it is counted.
    pub(crate) named: bool,
}

impl Bounce {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        if let Value::Text(_) = &node.value {
            let reply = note(node, ReplyTemplate::parse(text(node, reading.problems)?), reading.problems)?;
            check_reply(NotificationKind::Failed, &reply, node, reading);
            return Some(Self(vec![Step { reply: Some(reply), ..Step::plain(NotificationKind::Failed) }]));
        }
        let given = items(node);
        if given.is_empty() || given.len() > MOST {
            reading.problem(&node.place, format!("a bounce tells 1 to {MOST} things, one after the other"));
            return None;
        }
        let mut steps: Vec<Step> = Vec::new();
        // What is wrong with a step is said of it alone, not of those that say the same again.
        let mut sound = true;
        for node in given {
            let known = reading.problems.0.len();
            steps.push(Step::read(node, steps.last(), sound, reading));
            sound &= reading.problems.0.len() == known;
        }
        Some(Self(steps))
    }

    /// What becomes of the message for the recipient, where that is decided.
    pub(crate) fn fate(&self) -> Option<Fate> {
        let own = self.0.iter().rfind(|step| step.about == About::Recipient && step.kind.is_of_delivery())?;
        matches!(own.kind, NotificationKind::Failed | NotificationKind::Delayed).then_some(Fate::Bounced)
    }

    /// What the sender is told.
    pub(crate) fn later(&self, speaker: &mut Speaker<'_>) -> Vec<Later> {
        let words = &speaker.rule.words;
        let why = |text: &Option<String>| text.clone().unwrap_or_default();
        let why = Arc::new(Why {
            reason_zh: why(&words.reason_zh),
            reason_en: why(&words.reason_en),
            remedy_zh: why(&words.remedy_zh),
            remedy_en: why(&words.remedy_en),
        });
        let mut after = Duration::ZERO;
        let mut told = Vec::with_capacity(self.0.len());
        for (place, step) in self.0.iter().enumerate() {
            let drawn = format!("{} {place}", speaker.rule.reference.id);
            after = after.saturating_add(step.after.up_to(LONGEST, &drawn, speaker.facts));
            told.push(step.later(speaker, after, &why));
        }
        // What is delayed is tried until it is given up, if that is known.
        let failed = told.iter().find(|later| later.kind == NotificationKind::Failed).map(|later| later.after);
        for later in told.iter_mut().filter(|later| later.kind == NotificationKind::Delayed) {
            later.given_up_after = later.given_up_after.or(failed);
        }
        told
    }

    /// The first reply that stands in it, as the pack writes it.
    pub(crate) fn reply(&self) -> Option<String> {
        self.0.iter().find_map(|step| step.reply.as_ref()).map(ToString::to_string)
    }

    /// What the sender is told and when, in a line.
    pub(crate) fn describe(&self) -> String {
        let mut line = String::new();
        for step in &self.0 {
            let then = if line.is_empty() { "" } else { ", then " };
            // Writing into a string does not fail.
            let _ = write!(line, "{then}{} {}", step.kind.name(), step.after.describe());
            match &step.about {
                About::Recipient => {}
                About::Tracker => line.push_str(", about who tracks the recipient"),
                About::Address(address) => drop(write!(line, ", about {address}")),
            }
        }
        line
    }
}

impl Step {
    fn plain(kind: NotificationKind) -> Self {
        Self {
            kind,
            reply: None,
            status: String::new(),
            text: None,
            remote: None,
            about: About::Recipient,
            after: Delay::None,
            retry_for: None,
            every: EVERY,
        }
    }

    /// A step, as far as it can be read. `sound` is whether those ahead of it could.
    fn read(node: &Node, before: Option<&Self>, sound: bool, reading: &mut Reading<'_, '_>) -> Self {
        let mut table = Table::of(node, reading.problems);
        let kind = table.required("kind", reading.problems);
        let kind =
            kind.and_then(|node| note(node, parse::one_of(text(node, reading.problems)?, &KINDS), reading.problems));
        // Of a kind that is none, it is not known what goes with it.
        let has = |key| kind.map(|kind| has(kind, key));
        let mut step = Self::plain(kind.unwrap_or(NotificationKind::Failed));
        step.after = table.node("after").and_then(|node| Delay::read(node, reading.problems)).unwrap_or_default();
        for key in ["reply", "status", "remote", "retry-for", "text", "every"] {
            if let Some(node) = table.node(key).filter(|_| has(key) == Some(false)) {
                reading.problem(&node.place, format!("`{key}` does not go with kind {}", step.kind.name()));
            }
        }
        if let Some(node) = table.node("reply") {
            let reply = text(node, reading.problems).map(ReplyTemplate::parse);
            step.reply = reply.and_then(|reply| note(node, reply, reading.problems));
            step.reply.iter().filter(|_| kind.is_some()).for_each(|reply| check_reply(step.kind, reply, node, reading));
        } else if has("reply") == Some(true) {
            step.reply = before.and_then(|before| before.reply.clone());
            if step.reply.is_none() && sound {
                reading.problem(&node.place, format!("what is {} has a `reply`: what a server said", step.kind.name()));
            }
        }
        if let Some(node) = table.node("status").filter(|_| kind.is_some()) {
            let class = if step.kind == NotificationKind::Failed { '5' } else { '4' };
            let given = text(node, reading.problems).map(|given| status(given, class));
            step.status = given.and_then(|given| note(node, given, reading.problems)).unwrap_or_default();
        }
        step.text = table.converted("text", reading.problems, Template::parse);
        if table.node("text").is_none() && has("text") == Some(true) {
            reading.problem(&node.place, "who is out of office says so in `text`");
        }
        step.remote = table.text("remote", reading.problems).map(str::to_owned);
        step.about = about(&mut table, reading).or_else(|| Some(before?.about.clone())).unwrap_or(About::Recipient);
        step.retry_for = parse::duration_at(&mut table, "retry-for", reading.problems);
        step.every = parse::duration_at(&mut table, "every", reading.problems).unwrap_or(EVERY);
        table.finish(reading.problems);
        step
    }

    fn later(&self, speaker: &mut Speaker<'_>, after: Duration, why: &Arc<Why>) -> Later {
        let host = speaker.host;
        let about = match &self.about {
            About::Recipient => None,
            About::Address(address) => Some(address.clone()),
            About::Tracker => Some(speaker.tracker.map_or_else(|| format!("tracker@{host}"), ToString::to_string)),
        };
        let of = about.as_deref().and_then(Address::parse);
        speaker.facts.envelope.candidate =
            of.or_else(|| speaker.facts.envelope.recipients.get(speaker.recipient).cloned());
        let facts = &*speaker.facts;
        let diagnostic = self.reply.as_ref().map(|reply| reply.render(facts, host));
        Later {
            rule: Some(Arc::clone(&speaker.rule.reference)),
            about,
            after,
            status: self.status.clone(),
            diagnostic: diagnostic
                .map_or_else(String::new, |reply| format!("{} {}", reply.code(), reply.lines().join(" "))),
            text: self.text.as_ref().map(|text| text.render(facts, host)).unwrap_or_default(),
            remote: self.remote.clone(),
            given_up_after: self.retry_for,
            every: (self.kind == NotificationKind::OutOfOffice && !speaker.named).then_some(self.every),
            why: Arc::clone(why),
            ..Later::of(self.kind, speaker.provider, host, speaker.recipient)
        }
    }
}

/// Whether a key says something of a kind.
fn has(kind: NotificationKind, key: &str) -> bool {
    match key {
        "reply" | "status" => matches!(kind, NotificationKind::Failed | NotificationKind::Delayed),
        "retry-for" => kind == NotificationKind::Delayed,
        "text" | "every" => kind == NotificationKind::OutOfOffice,
        _ => kind.is_of_delivery(),
    }
}

fn check_reply(kind: NotificationKind, reply: &ReplyTemplate, node: &Node, reading: &mut Reading<'_, '_>) {
    let most = if kind == NotificationKind::Delayed { 499 } else { 599 };
    if !(400..=most).contains(&reply.code()) {
        let text = format!("what is {} was told a code from 400 to {most}, not {}", kind.name(), reply.code());
        reading.problem(&node.place, text);
    }
}

fn status(text: &str, class: char) -> Result<String, String> {
    let parts: Vec<_> = text.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let right = parts.len() == 3 && parts[0] == class.to_string() && parts.iter().all(digits);
    if right {
        Ok(text.to_owned())
    } else {
        Err(format!("expected a status code as \"{class}.1.1\", found \"{text}\""))
    }
}

fn about(table: &mut Table<'_>, reading: &mut Reading<'_, '_>) -> Option<About> {
    let node = table.node("recipient")?;
    match text(node, reading.problems)? {
        "tracker" => Some(About::Tracker),
        address if Address::parse(address).is_some() => Some(About::Address(address.to_owned())),
        other => {
            let text = format!("expected \"tracker\" or an address as \"name@example.com\", found \"{other}\"");
            reading.problem(&node.place, text);
            None
        }
    }
}
