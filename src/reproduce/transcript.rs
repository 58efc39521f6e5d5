//! The transcript of a session that sendmail puts into its bounces: what it said behind `>>>`, what it heard behind
//! `<<<`, and between them what it made of that.
//!
//! Of a pipeline it writes only the last command, DATA, so that answers to RCPT stand below that, too.

use super::{Failure, How, Staged, Sure, reply};
use crate::stage::Stage;

/// The most lines that are looked at, and the most replies.
const MOST_LINES: usize = 2_000;
const MOST: usize = 200;

/// What a server said.
struct Spoken {
    reply: reply::Heard,
    /// Its code and its first line, without white space.
    first: String,
    /// The stage of the last command that is written; none if that has no stage.
    after: Option<Stage>,
    /// Whether another answer came before the next command.
    is_followed: bool,
    /// What sendmail wrote behind it.
    remark: String,
}

/// Takes over what a transcript says of failures that are known.
pub(super) fn enrich(text: &str, failures: &mut [Failure]) {
    let spoken = read(text);
    let is_alone = failures.len() == 1;
    for failure in failures {
        // A report has the first line of a reply.
        let known = failure.reply.as_ref().map(first);
        let all = || spoken.iter().filter(|of| known.as_ref().is_none_or(|known| of.first == *known));
        let own = all().find(|of| of.names(failure));
        let of = own.or_else(|| all().next().filter(|_| is_alone || failure.reply.is_some()));
        let Some((of, staged)) = of.and_then(|of| Some((of, of.staged(failure)?))) else { continue };
        failure.stage = Some(staged);
        failure.reply = Some(of.reply.clone());
    }
}

impl Spoken {
    /// Whether sendmail goes on about that recipient, as `550 5.1.1 user@example.com... User unknown`.
    fn names(&self, failure: &Failure) -> bool {
        failure.recipient.as_ref().is_some_and(|recipient| self.remark.contains(&format!("{recipient}... ")))
    }

    fn staged(&self, failure: &Failure) -> Option<Staged> {
        let staged = |stage, sure, by: &str| Some(Staged { stage, sure, by: by.to_owned() });
        match self.after? {
            Stage::Data if self.is_followed => staged(Stage::Rcpt, Sure::Said, "the answer to DATA comes behind it"),
            Stage::Data if self.remark.starts_with('5') && self.names(failure) => {
                staged(Stage::Rcpt, Sure::Said, "the recipient alone is refused")
            }
            // sendmail keeps the answer to the message, not that to DATA, for the report; of 421 it keeps none.
            Stage::Data if failure.how == How::Report && failure.reply.is_none() && self.reply.reply.code() != 421 => {
                staged(Stage::Data, Sure::Likely, "\">>> DATA\", and no reply in the report")
            }
            Stage::Data => staged(Stage::Message, Sure::Guess, "\">>> DATA\""),
            Stage::Connect => staged(Stage::Connect, Sure::Said, "nothing was said before it"),
            stage => staged(stage, Sure::Said, "the command above it"),
        }
    }
}

fn read(text: &str) -> Vec<Spoken> {
    let mut spoken: Vec<Spoken> = Vec::new();
    let mut lines = text.lines().take(MOST_LINES).peekable();
    // What stands outside of a session is not of one.
    let (mut is_session, mut after) = (false, None);
    while let Some(line) = lines.next() {
        if line.starts_with("... while talking to ") {
            (is_session, after) = (true, Some(Stage::Connect));
        } else if let Some(said) = line.strip_prefix(">>> ").filter(|_| is_session) {
            after = stage_of(said);
        } else if let Some(heard) = line.strip_prefix("<<< ").filter(|_| is_session) {
            let mut all = heard.to_owned();
            let mut last = heard;
            while last.get(3..4) == Some("-")
                && let Some(next) = lines.next_if(|next| next.starts_with("<<< "))
            {
                last = &next[4..];
                all.push('\n');
                all.push_str(last);
            }
            let Some(reply) = reply::read(&all).filter(|_| spoken.len() < MOST) else { continue };
            if let Some(before) = spoken.last_mut().filter(|before| before.after == after) {
                before.is_followed = true;
            }
            spoken.push(Spoken { first: first(&reply), reply, after, is_followed: false, remark: String::new() });
        } else if line.is_empty() {
            is_session = false;
        } else if let Some(before) = spoken.last_mut().filter(|before| is_session && before.remark.is_empty()) {
            line.clone_into(&mut before.remark);
        }
    }
    spoken
}

fn first(heard: &reply::Heard) -> String {
    let line = heard.reply.lines().first().map_or("", String::as_str);
    format!("{} {}", heard.reply.code(), line.split_whitespace().collect::<String>())
}

fn stage_of(command: &str) -> Option<Stage> {
    let verb = command.split([' ', ':']).next().unwrap_or_default();
    Some(match verb.to_ascii_uppercase().as_str() {
        "EHLO" | "HELO" => Stage::Helo,
        "AUTH" => Stage::Auth,
        "MAIL" => Stage::Mail,
        "RCPT" => Stage::Rcpt,
        "DATA" => Stage::Data,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stage and the reply of a recipient of whom a report has `known`.
    fn told(session: &str, known: Option<&str>) -> Option<(Stage, Sure, String)> {
        let failure = Failure {
            recipient: Some("a@example.com".to_owned()),
            reply: known.map(|known| reply::read(known).unwrap()),
            how: How::Report,
            ..Failure::default()
        };
        let mut failures = [failure];
        enrich(&format!("  ----- Transcript -----\n... while talking to mx.example.com.:\n{session}"), &mut failures);
        let [Failure { stage, reply, .. }] = failures;
        let stage = stage?;
        Some((stage.stage, stage.sure, reply?.reply.to_string()))
    }

    #[test]
    fn the_stage_is_that_of_the_command_or_of_the_pipeline() {
        for (session, known, stage, sure) in [
            ("<<< 554 no\n554 5.0.0 Service unavailable\n", Some("554 no"), Stage::Connect, Sure::Said),
            (">>> HELO a\n<<< 554 no\n", Some("554 no"), Stage::Helo, Sure::Said),
            (">>> MAIL From:<b@c> SIZE=3\n<<< 554 no\n", Some("554 no"), Stage::Mail, Sure::Said),
            (">>> DATA\n<<< 554 no\nx\n<<< 503 no recipients\n", Some("554 no"), Stage::Rcpt, Sure::Said),
            (
                ">>> DATA\n<<< 554 no\n550 5.1.1 a@example.com... User unknown\n",
                Some("554 no"),
                Stage::Rcpt,
                Sure::Said,
            ),
            (">>> DATA\n<<< 554 no\n554 5.0.0 Service unavailable\n", Some("554 no"), Stage::Message, Sure::Guess),
            (">>> DATA\n<<< 554 no\n554 5.0.0 Service unavailable\n", None, Stage::Data, Sure::Likely),
            (">>> DATA\n<<< 550 b\nb\n<<< 554 no\nc\n", Some("554 no"), Stage::Message, Sure::Guess),
        ] {
            assert_eq!(told(session, known), Some((stage, sure, "554 no".to_owned())), "{session}");
        }
        assert_eq!(told(">>> DATA\n<<< 421 no\n", None).unwrap().0, Stage::Message);
        for session in [">>> QUIT\n<<< 554 no\n", "\n<<< 554 no\n", "<<< 550 no\n"] {
            assert_eq!(told(session, Some("554 no")), None, "{session}");
        }
    }

    #[test]
    fn the_lines_that_a_report_has_not_are_there() {
        let session =
            ">>> RCPT To:<a@example.com>\n<<< 550-5.1.1  one\n<<< 550-5.1.1 two\n<<< 550 5.1.1 three\n550 x\n";
        let (.., reply) = told(session, Some("550-5.1.1 one")).unwrap();
        assert_eq!(reply, "550 5.1.1  one / 5.1.1 two / 5.1.1 three");
    }
}
