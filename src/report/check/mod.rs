//! What is looked at.

mod delivery;
mod dialogue;
mod refusal;
mod session;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempt::Attempts;
use super::dialogue::Dialogue;
use super::group::once;
use super::transaction::Transaction;
use super::{Conduct, SenderLine};
use crate::clock::Time;
use crate::journal::record::{Id, Message, Verdict};

/// Sessions that a line names.
const MOST_SESSIONS: usize = 20;

/// All that is known of one sender, in the order of time.
pub(super) struct Sight<'a> {
    pub(super) dialogues: Vec<&'a Dialogue<'a>>,
    pub(super) transactions: &'a [Transaction<'a>],
    pub(super) attempts: Attempts<'a>,
    pub(super) verdicts: Vec<&'a Verdict>,
    pub(super) messages: Vec<&'a Message>,
    /// Where the records end.
    pub(super) until: Time,
}

/// What a check saw.
struct Seen {
    conduct: Conduct,
    text: String,
    sessions: Vec<Id>,
}

impl Seen {
    fn good(text: impl Into<String>, sessions: impl IntoIterator<Item = Id>) -> Self {
        Self { conduct: Conduct::Good, text: text.into(), sessions: once(sessions, MOST_SESSIONS) }
    }

    fn bad(text: impl Into<String>, sessions: impl IntoIterator<Item = Id>) -> Self {
        Self { conduct: Conduct::Bad, text: text.into(), sessions: once(sessions, MOST_SESSIONS) }
    }

    /// It came to it, but what is to follow is not there yet.
    fn not_yet(text: impl Into<String>, sessions: impl IntoIterator<Item = Id>) -> Self {
        Self { conduct: Conduct::NotSeen, text: text.into(), sessions: once(sessions, MOST_SESSIONS) }
    }

    fn nothing(text: &str) -> Self {
        Self { conduct: Conduct::NotSeen, text: text.to_owned(), sessions: Vec::new() }
    }
}

/// Writes each check once: variant, name, section, how to provoke it, and where it is looked at.
macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident $name:tt $rfc:literal $look:path, $provoke:literal;)*) => {
        /// What is looked at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum SenderCheck {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl SenderCheck {
            /// All of them, in the order in which a report has them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, as the JSON has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The section that asks it of a sender.
            #[must_use]
            pub const fn rfc(self) -> &'static str {
                match self { $(Self::$variant => $rfc,)* }
            }

            /// How to make mockmx provoke it.
            #[must_use]
            pub const fn provoke(self) -> &'static str {
                match self { $(Self::$variant => $provoke,)* }
            }

            fn look(self, sight: &Sight<'_>) -> Seen {
                match self { $(Self::$variant => $look(sight),)* }
            }
        }
    };
}

checks! {
    /// Tries again after 4xx, and not at once.
    Retries "retries-after-4xx" "RFC 5321 §4.5.4.1" refusal::retries,
        "send to name-service-error@263.mockmx.test (450 at RCPT) or dt-spm-451@netease.mockmx.test (451 after the message)";
    /// Does not try again after 5xx.
    Stops "stops-after-5xx" "RFC 5321 §4.2.1" refusal::stops,
        "send to user-unknown@263.mockmx.test (550 at RCPT) or keyword@263.mockmx.test (598 after the message)";
    /// After a mixture, tries again only for those that were refused.
    OnlyFailed "retries-only-the-refused" "RFC 5321 §4.5.4.1" refusal::only_failed,
        "send one message to user@263.net and to name-service-error@263.mockmx.test";
    /// Delivers a message to a recipient once.
    Once "delivers-once" "RFC 5321 §4.5.3.2.6" delivery::once,
        "send a message with a Message-ID; for a lost reply, to a pack's rule of stage message with then = \"drop\"";
    /// Sends to those that were too many in another transaction.
    RecipientLimit "recipient-limit" "RFC 5321 §4.5.3.1.10" refusal::recipient_limit,
        "set limits.recipients = 2, and send a message to three recipients";
    /// Sends nothing larger than EHLO allows.
    Size "size-limit" "RFC 1870 §4" delivery::size,
        "set limits.message = \"10 KiB\", and send a message of 20 KiB by EHLO";
    /// Waits for the answers that must be waited for.
    Pipelining "pipelining" "RFC 2920 §3.1" dialogue::pipelining,
        "send any message";
    /// Keeps its credentials to itself when TLS is not to be had.
    StartTls "starttls-refused" "RFC 3207 §4" dialogue::start_tls,
        "set providers.263.replies.starttls = \"454 TLS not available\", and send to the submission listener";
    /// Ends sessions with QUIT.
    Quit "quit" "RFC 5321 §4.1.1.10" session::quit,
        "send any message";
    /// Ends a transaction that was refused before it begins another.
    AfterRefusal "after-refusal" "RFC 5321 §4.1.4" dialogue::after_refusal,
        "send to user-unknown@263.mockmx.test, and then another message in the same session";
    /// Waits outside of a prison until its time is over.
    Prison "prison" "RFC 5321 §4.5.4.1" session::prison,
        "send 61 messages within a minute from one sender to user@263.net";
    /// Greets with its own name or address.
    Greeting "ehlo-name" "RFC 5321 §4.1.1.1" session::greeting,
        "send any message";
    /// Sends notifications from the null path.
    NullSender "null-sender" "RFC 3464 §2" delivery::null_sender,
        "have the sender bounce a message back to an address that mockmx takes";
    /// Ends lines with CR LF.
    LineEndings "line-endings" "RFC 5321 §2.3.8" dialogue::line_endings,
        "send any message";
}

/// A line for each check.
pub(super) fn lines(sight: &Sight<'_>) -> Vec<SenderLine> {
    let line = |&check: &SenderCheck| {
        let Seen { conduct, text, sessions } = check.look(sight);
        let provoke = (conduct == Conduct::NotSeen && sessions.is_empty()).then(|| check.provoke().to_owned());
        SenderLine { check, conduct, text, rfc: check.rfc().to_owned(), sessions, provoke }
    };
    SenderCheck::ALL.iter().map(line).collect()
}

/// How long, for people.
fn span(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// `1 session`, `2 sessions`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
