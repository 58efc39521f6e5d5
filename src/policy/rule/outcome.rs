//! What a rule does when it fires.
//!
//! ```toml
//! reply = "554 <{sender}>: Sender address rejected: Access denied"   # a refusal; `close = true` ends the session
//! then = "drop"          # or "reset", "stall", "discard", "accept"
//! folder = "unknown"     # filed there
//! replace = "virus-notice"
//! bounce = "550 5.1.1 User unknown"     # and the sender is told so later (see `bounce`)
//! delay = "5s"           # before any of them, or alone: wait, and go on with the next rule (see `delay`)
//! ```

use crate::document::{Table, text};
use crate::policy::ask;
use crate::policy::parse;
use crate::policy::rule::charset::Charset;
use crate::policy::rule::{Bounce, Delay, Reading, manner};
use crate::stage::Stage;
use crate::template::ReplyTemplate;
use crate::verdict::{End, Fate, Manner, Replacement};

/// What a rule does when it is used, after a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turned {
    pub(crate) outcome: Outcome,
    pub(crate) delay: Delay,
    pub(crate) manner: Manner,
    /// In which the reply goes out, if not in UTF-8.
    pub(crate) charset: Option<Charset>,
}

impl Turned {
    /// Reads `delay` and the keys of the outcome.
    pub(crate) fn read(table: &mut Table<'_>, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let delay = table.node("delay").and_then(|node| Delay::read(node, reading.problems)).unwrap_or_default();
        let outcome = Outcome::read(table, delay.is_some(), reading);
        let end = match &outcome {
            Some(Outcome::Drop) => Some(End::Drop),
            Some(Outcome::Reset) => Some(End::Reset),
            Some(Outcome::Stall) => Some(End::Stall),
            _ => None,
        };
        let charset = table.converted("charset", reading.problems, Charset::named);
        let mut manner = manner::read(table, end, reading);
        if let Some(raw) = &mut manner.raw {
            charset.inspect(|charset| *raw = charset.encode(&String::from_utf8_lossy(raw)));
        } else if charset.is_some() && !matches!(outcome, Some(Outcome::Refuse { .. })) {
            let text = "`charset` goes with `reply` or `raw`";
            reading.problem(table.place(), text);
        }
        // What ends the connection later lets this stage pass.
        let outcome = if manner.end.is_some() { outcome.map(|_| Outcome::Accept) } else { outcome };
        Some(Self { outcome: outcome?, delay, manner, charset })
    }

    /// Whether no rule behind it is asked.
    pub(crate) const fn is_last(&self) -> bool {
        self.outcome.is_last()
    }

    /// What is not asked any more behind it.
    pub(crate) fn end(&self) -> ask::End {
        match self.outcome {
            Outcome::Continue => ask::End::Nothing,
            Outcome::Fate(_) | Outcome::Bounce(_) if self.outcome.fate().is_none() => ask::End::Nothing,
            Outcome::Fate(_) | Outcome::Bounce(_) => ask::End::Recipient,
            _ => ask::End::Everything,
        }
    }
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Take it, and ask no further rule.
    Accept,
    /// Say 250, and tell the sender something later.
    Bounce(Bounce),
    /// Nothing but the delay.
    Continue,
    Drop,
    /// Say 250, and do this for the recipient.
    Fate(Fate),
    Refuse {
        reply: ReplyTemplate,
        close: bool,
    },
    Reset,
    Stall,
}

impl Outcome {
    /// Reads the keys of a rule that say what it does; exactly one of them must be there, or a delay alone.
    fn read(table: &mut Table<'_>, delays: bool, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let close = table.boolean("close", reading.problems).unwrap_or_default();
        let reply = table.node("reply");
        let then = table.node("then");
        let folder = table.node("folder");
        let replace = table.node("replace");
        let raw = table.node("raw");
        let bounce = table.node("bounce");
        let place = table.place();
        let found: Vec<_> = [reply, then, folder, replace, raw, bounce].into_iter().flatten().collect();
        if let [_, second, ..] = found[..] {
            reading
                .problem(&second.place, "a rule has one of `reply`, `then`, `folder`, `replace`, `bounce` and `raw`");
            return None;
        }
        if close && reply.is_none() && raw.is_none() {
            reading.problem(place, "`close` goes with `reply`; to close without a reply, write `then = \"drop\"`");
        }
        let outcome = if reply.is_some() {
            let reply = table.converted("reply", reading.problems, ReplyTemplate::parse)?;
            Self::refusal(reply, close, reading, table)?
        } else if then.is_some() {
            let names = [
                ("accept", &Self::Accept),
                ("discard", &Self::Fate(Fate::Discarded)),
                ("drop", &Self::Drop),
                ("reset", &Self::Reset),
                ("stall", &Self::Stall),
            ];
            table.converted("then", reading.problems, |name| parse::one_of(name, &names))?.clone()
        } else if folder.is_some() {
            let name = table.text("folder", reading.problems)?;
            Self::Fate(if name.eq_ignore_ascii_case("inbox") { Fate::Inbox } else { Fate::Folder(name.to_owned()) })
        } else if replace.is_some() {
            let names = [("virus-notice", Replacement::VirusNotice)];
            let replacement = table.converted("replace", reading.problems, |name| parse::one_of(name, &names))?;
            Self::Fate(Fate::Replaced(replacement))
        } else if let Some(node) = bounce {
            Self::Bounce(Bounce::read(node, reading)?)
        } else if let Some(node) = raw {
            // The session goes on as after a reply of the class that it begins with.
            let raw = text(node, reading.problems)?;
            if raw.starts_with(['2', '3']) {
                Self::Accept
            } else {
                Self::Refuse { reply: ReplyTemplate::parse("550 raw").ok()?, close }
            }
        } else if delays {
            Self::Continue
        } else {
            reading.problem(
                place,
                "the rule does nothing: it needs `reply`, `then`, `folder`, `replace`, `bounce`, `raw` or `delay`",
            );
            return None;
        };
        if outcome.is_of_recipient() && reading.stage != Stage::Message {
            let text = "a message can be filed, discarded, replaced or bounced at stage message, not at stage";
            reading.problem(place, format!("{text} {}", reading.stage));
        }
        Some(outcome)
    }

    fn refusal(
        reply: ReplyTemplate,
        close: bool,
        reading: &mut Reading<'_, '_>,
        table: &mut Table<'_>,
    ) -> Option<Self> {
        let place = &table.node("reply")?.place;
        if reply.code() < 400 {
            reading.problem(place, format!("a refusal has a code from 400 to 599, not {}", reply.code()));
        }
        for placeholder in reply.placeholders() {
            if !placeholder.known_at(reading.stage) {
                let text = format!("{{{}}} is not known at stage {}", placeholder.name(), reading.stage);
                reading.problem(place, text);
            }
        }
        Some(Self::Refuse { reply, close })
    }

    /// Whether no rule behind it is asked.
    pub(crate) const fn is_last(&self) -> bool {
        !matches!(self, Self::Continue)
    }

    /// Whether it says what comes of an accepted message, for one recipient.
    pub(crate) const fn is_of_recipient(&self) -> bool {
        matches!(self, Self::Fate(_) | Self::Bounce(_))
    }

    /// What becomes of the message for the recipient, where it decides that. A bounce may leave it where it is.
    pub(crate) fn fate(&self) -> Option<Fate> {
        match self {
            Self::Fate(fate) => Some(fate.clone()),
            Self::Bounce(bounce) => bounce.fate(),
            _ => None,
        }
    }

    /// The action in one word or as the reply, for tables.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Bounce(_) | Self::Fate(Fate::Bounced) => "bounce",
            Self::Continue => "delay",
            Self::Drop => "drop",
            Self::Fate(Fate::Discarded) => "discard",
            Self::Fate(Fate::Folder(_) | Fate::Inbox) => "file",
            Self::Fate(Fate::Replaced(_)) => "replace",
            Self::Refuse { close: false, .. } => "refuse",
            Self::Refuse { close: true, .. } => "refuse and close",
            Self::Reset => "reset",
            Self::Stall => "stall",
        }
    }
}
