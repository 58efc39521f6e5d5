//! From a bounce to what makes it happen again: who was refused, with which reply, at which stage.
//!
//! [`find`] takes that out of whatever somebody brings; [`Plan`] makes of one failure the stubs or the pack that answer
//! so. Strangers write bounces: what is looked at is bounded, and what is only guessed is called a guess. Pure.
//!
//! `report` reads delivery reports (RFC 3464), `prose` texts, `log` lines of logs, `reply` replies as bounces fold
//! them, `stage` says where in a session one came, `transcript` where sendmail's own words say it, `plan` builds,
//! `case` chooses, `told` is all of it as JSON; `returned` is the mail that failed, which `letter` sends again.

mod case;
mod letter;
mod log;
mod plan;
mod prose;
mod reply;
mod report;
mod returned;
mod space;
mod stage;
mod told;
mod transcript;

use std::borrow::Cow;
use std::fmt;

use mail_parser::Message;
use serde::Serialize;
use utoipa::ToSchema;

use crate::brought::{carried, is_bounce, is_html, is_marked, mails, shown, unmarked, unquoted, within};
use crate::message::guess;
use crate::stage::Stage;

pub use case::{Case, STAGES, Wanted};
pub use letter::{Comparison, Letter, LetterError};
pub use plan::{Match, Plan, PlanError};
pub use reply::{Doubt, Heard};
pub use returned::{Extent, Returned};
pub use told::Told;

/// How much is looked at, in bytes.
const LONGEST: usize = 1 << 20;

/// The most failures of one input.
const MOST: usize = 100;

/// The longest address, name or field that is kept, in characters.
const LONGEST_WORD: usize = 320;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Who was refused or delayed, each recipient and reply once.
    pub failures: Vec<Failure>,
    /// There was more than is looked at.
    pub cut: bool,
}

/// One recipient's failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Who, as the last server calls it.
    pub recipient: Option<String>,
    /// What the sender called it, where that is another.
    pub original_recipient: Option<String>,
    /// What a server said.
    pub reply: Option<Heard>,
    /// Where in the session.
    pub stage: Option<Staged>,
    /// The server that said it.
    pub remote: Option<String>,
    /// The status code (RFC 3463), as `5.1.1`.
    pub status: Option<String>,
    /// The mail that failed, as far as it was returned.
    pub original: Option<Original>,
    /// What was read.
    pub how: How,
}

/// A stage, and why it is taken to be that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// The stage.
    pub stage: Stage,
    /// How sure that is.
    pub sure: Sure,
    /// What says so.
    pub by: String,
}

/// How sure something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = HowSure)]
#[serde(rename_all = "kebab-case")]
pub enum Sure {
    /// Nothing says so, but it is often so.
    Guess,
    /// A text says so that is written for people.
    Likely,
    /// The bounce says so.
    Said,
}

/// What a failure was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReadFrom)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A delivery report (RFC 3464).
    Report,
    /// The fields of a delivery report, which stand somewhere in a text.
    Fields,
    /// A line of a log.
    Log,
    /// A text for people.
    #[default]
    Text,
}

/// The mail that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OriginalMail)]
pub struct Original {
    /// Its envelope's sender, as far as the bounce says.
    pub sender: Option<String>,
    /// The address in From.
    pub from: Option<String>,
    /// The addresses in To, twenty at most.
    pub to: Vec<String>,
    /// Its subject as a person reads it.
    pub subject: Option<String>,
    /// Its Message-ID.
    pub message_id: Option<String>,
    /// Its bytes.
    #[serde(skip)]
    pub returned: Option<Returned>,
}

/// For people.
impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Report => "the delivery report",
            Self::Fields => "fields of a delivery report in the text",
            Self::Log => "a line of a log",
            Self::Text => "the text of the bounce",
        })
    }
}

/// For people.
impl fmt::Display for Sure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guess => "a guess",
            Self::Likely => "likely",
            Self::Said => "said",
        })
    }
}

/// Finds the failures in a mail, a mailbox file, a text or lines of a log; in its first megabyte.
#[must_use]
pub fn find(brought: &[u8]) -> Found {
    let cut = brought.len() > LONGEST;
    let is_marked = is_marked(brought);
    let mut brought = unmarked(within(brought, LONGEST));
    // Whoever passes a bounce on as a text may have quoted it. Where its charset must be guessed it stays as it is.
    if let Ok(text) = std::str::from_utf8(&brought)
        && let Cow::Owned(text) = unquoted(text)
    {
        brought = text.into_bytes().into();
    }
    let mut found = Found { cut, ..Found::default() };
    let (mails, is_more) = mails(&brought);
    found.cut |= is_more;
    for (at, mail) in mails.iter().enumerate() {
        let from = found.failures.len();
        of_mail(mail, &mut found);
        if cut && at + 1 == mails.len() {
            found.failures[from..].iter_mut().for_each(Failure::cut);
        }
    }
    if found.failures.is_empty() {
        of_text(&brought, mails.is_empty(), &mut found);
        if !is_marked {
            found.failures.iter_mut().for_each(Failure::guessed);
        }
        if cut {
            found.failures.iter_mut().for_each(Failure::cut);
        }
    }
    if let Cow::Owned(_) = brought {
        found.failures.iter_mut().for_each(Failure::changed);
    }
    found
}

/// The failures of a log, of the fields of a report, or, if it `is_text` and no mail, of a text.
fn of_text(brought: &[u8], is_text: bool, found: &mut Found) {
    let text = guess(brought);
    let text = if is_html(&text) { shown(&text).into() } else { text };
    let (lines, is_more) = log::read(&text);
    found.cut |= is_more;
    found.add_all(lines);
    if found.failures.is_empty() {
        found.add_all(report::scan(&text));
        // They do not say the stage, but what stands beside them may.
        let beside = if found.failures.is_empty() { Vec::new() } else { prose::read(&text, &[], true) };
        beside.into_iter().for_each(|failure| found.enrich(failure, true));
    }
    if found.failures.is_empty() && is_text && !log::is_log(&text) {
        found.add_all(prose::read(&text, &[], false));
    }
    let original = prose::original(&text).map(|original| original.with(returned::behind_mark(brought)));
    found.failures.iter_mut().for_each(|failure| failure.original.clone_from(&original));
}

/// The failures of a mail, or of the first bounce in it: of its reports, which are made surer by its text; else of that.
fn of_mail(mail: &Message<'_>, found: &mut Found) {
    let mut all = vec![mail];
    carried(mail, 0, &mut all);
    let read = |mail: &Message<'_>| {
        let (text, is_guessed) = prose::text_of(mail);
        let (told, mut own) = (report::read(mail), prose::of_mail(mail, &text));
        if is_guessed {
            own.iter_mut().for_each(Failure::guessed);
        }
        (told, own, text)
    };
    // Who passes a bounce on may write about it, too; and the mail that failed may be one about other failures.
    let is_read = |mail: &&Message<'_>| {
        let (told, own, _) = read(mail);
        !told.is_empty() || (is_bounce(mail) && !own.is_empty())
    };
    let mail = all.into_iter().find(is_read).unwrap_or(mail);
    let (mut told, mut own, text) = read(mail);
    let is_report = !told.is_empty();
    transcript::enrich(&text, if is_report { &mut told } else { &mut own });
    let returned =
        report::original(mail).or_else(|| prose::original(&text).map(|of| of.with(returned::behind_text(mail))));
    let original = with_sender(returned, mail);
    let mut both = Found { failures: told, ..Found::default() };
    own.into_iter().for_each(|failure| both.enrich(failure, is_report));
    both.failures.iter_mut().for_each(|failure| failure.original.clone_from(&original));
    found.add_all(both.failures);
}

/// The mail that failed, with its sender: a bounce says it, or else goes there.
fn with_sender(original: Option<Original>, bounce: &Message<'_>) -> Option<Original> {
    let to = bounce.to().and_then(|to| to.first()).and_then(|to| to.address()).filter(|_| is_bounce(bounce));
    let told = report::sender(bounce);
    let sender = told.or_else(|| original.as_ref()?.sender.clone()).or_else(|| word(to?));
    match original {
        Some(original) => Some(Original { sender, ..original }),
        None => sender.map(|sender| Original { sender: Some(sender), ..Original::default() }),
    }
}

impl Found {
    fn add_all(&mut self, failures: Vec<Failure>) {
        failures.into_iter().for_each(|failure| self.add(failure));
    }

    /// Adds a failure, or what it says of one that is known.
    fn add(&mut self, failure: Failure) {
        self.enrich(failure, false);
    }

    /// Takes over from `more` what a known failure of the recipient lacks; adds it if it is new and that is wanted.
    fn enrich(&mut self, more: Failure, only_known: bool) {
        let alone = self.failures.len() == 1;
        let known = self.failures.iter().position(|known| {
            let same = known.is_of(&more) || (only_known && alone && more.recipient.is_none());
            same && known.could_say(&more)
        });
        match known {
            Some(known) => self.failures[known].take(more),
            None if only_known => {}
            None if self.failures.len() < MOST => self.failures.push(more),
            None => self.cut = true,
        }
    }
}

impl Original {
    fn with(self, returned: Option<Returned>) -> Self {
        Self { returned, ..self }
    }
}

impl Failure {
    /// What it was read from does not say its charset.
    fn guessed(&mut self) {
        self.reply.iter_mut().for_each(Heard::guessed);
    }

    /// Of what was brought the end is missing, and so it may be of the mail that failed.
    fn cut(&mut self) {
        let returned = self.original.as_mut().and_then(|original| original.returned.as_mut());
        if let Some(returned) = returned.filter(|returned| returned.extent == Extent::Whole) {
            returned.extent = Extent::Cut;
        }
    }

    /// What was brought was quoted or written in another charset, and so the mail that failed is not as it was.
    fn changed(&mut self) {
        self.original.iter_mut().for_each(|original| original.returned = None);
    }

    fn is_of(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, two: &Option<String>| match (one, two) {
            (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
            (None, None) => true,
            _ => false,
        };
        same(&self.recipient, &other.recipient)
            || (self.original_recipient.is_some() && same(&self.original_recipient, &other.recipient))
    }

    /// Whether both may speak of one reply.
    fn could_say(&self, other: &Self) -> bool {
        match (&self.reply, &other.reply) {
            (Some(one), Some(two)) => one.reply.code() == two.reply.code(),
            _ => true,
        }
    }

    fn take(&mut self, more: Self) {
        if self.stage.as_ref().map(|staged| staged.sure) < more.stage.as_ref().map(|staged| staged.sure) {
            self.stage = more.stage;
        }
        self.reply = match (self.reply.take(), more.reply) {
            (Some(mut known), Some(mut reply)) => {
                if reply.is_truer_than(&known) {
                    std::mem::swap(&mut known, &mut reply);
                }
                known.confirm(&reply);
                known.widen(&reply);
                Some(known)
            }
            (known, reply) => known.or(reply),
        };
        self.remote = self.remote.take().or(more.remote);
        self.status = self.status.take().or(more.status);
    }

    /// How sure it is that the reply is the recipient's.
    #[must_use]
    pub const fn sure(&self) -> Sure {
        match self.how {
            How::Report | How::Fields | How::Log => Sure::Said,
            How::Text => Sure::Likely,
        }
    }

    /// The stage that is said, or else one that is guessed; none without a reply.
    #[must_use]
    pub fn staged(&self) -> Option<Staged> {
        let reply = &self.reply.as_ref()?.reply;
        let status = self.status.as_deref();
        Some(match self.stage.clone() {
            Some(staged) => stage::refined(staged, reply, status),
            None => stage::guessed(reply, status),
        })
    }
}

/// A word of a stranger's, of a bounded length and without what is not seen.
fn word(text: &str) -> Option<String> {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(LONGEST_WORD).collect();
    (!text.is_empty()).then_some(text)
}
