//! From a bounce to what makes it happen again: who was refused, with which reply, at which stage.
//!
//! [`find()`] takes that out of whatever somebody brings; [`Plan`] makes of one failure the stubs or the pack that answer
//! so. Strangers write bounces: what is looked at is bounded, and what is only guessed is called a guess. Pure.
//!
//! `find` chooses what is read how: `report` reads delivery reports (RFC 3464), `prose` texts, in which `span` says how
//! far a reply goes, `log` lines of logs, `reply` replies as bounces fold them; `merge` puts together what several say of
//! one failure. `stage` says where in a session a reply came, `transcript` where sendmail's own words say it, `plan` builds,
//! `case` chooses, `told` is all of it as JSON; `returned` is the mail that failed, which `letter` sends again.

mod case;
mod find;
mod letter;
mod log;
mod merge;
mod plan;
mod prose;
mod reply;
mod report;
mod returned;
mod space;
mod span;
mod stage;
mod told;
mod transcript;

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::stage::Stage;

pub use case::{Case, STAGES, Wanted};
pub use find::find;
pub use letter::{Comparison, Letter, LetterError};
pub use plan::{Match, Plan, PlanError};
pub use reply::{Doubt, Heard};
pub use returned::{Extent, Returned};
pub use told::Told;

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

impl Failure {
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
