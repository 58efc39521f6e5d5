//! A session: what was said, and why it was answered so.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::frame::html;
use super::outcome::Outcome;
use super::retry::{Retry, retries};
use super::shown;
use super::visitor::Visitor;
use crate::clock::Time;
use crate::escape::Escaped;
use crate::evidence::Clue;
use crate::http::api::Api;
use crate::http::collections;
use crate::http::errors::ApiError;
use crate::http::extract::In;
use crate::journal::record::{Line, Session, Speaker, Verdict};
use crate::policy::RuleView;

/// Lines and verdicts that are shown; the API has all of them.
const MOST_LINES: usize = 2_000;
const MOST_VERDICTS: usize = 50;

/// A pause that is worth a word.
const PAUSE: u64 = 1_000;

/// A line of the conversation.
struct Said {
    by: Speaker,
    text: String,
    /// How the line is meant: the class of its colour.
    class: &'static str,
    /// Milliseconds since the line before.
    since: u64,
    time: String,
    /// The place of the verdict that it tells, from 1.
    why: Option<usize>,
}

/// Why something was answered so.
struct Why {
    verdict: Arc<Verdict>,
    outcome: Outcome,
    rule: Option<RuleView>,
    path: String,
    reply: Option<String>,
    retries: Vec<Retry>,
    /// A stub of it can be made.
    can_be_stub: bool,
}

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    v: Visitor,
    session: Arc<Session>,
    outcome: Outcome,
    lines: Vec<Said>,
    left_out: u64,
    whys: Vec<Why>,
    more_whys: usize,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, In(id): In<String>) -> Result<Response, ApiError> {
    let session = collections::find::<Session>(&api, &id).await?;
    let verdicts = verdicts(&api, &session).await?;
    let more_whys = session.verdicts.len().saturating_sub(MOST_VERDICTS);
    let generation = api.generation();
    let lines = lines(&session, &verdicts);
    let shown = session.transcript.lines.len().min(MOST_LINES);
    let left_out = session.transcript.left_out + (session.transcript.lines.len() - shown) as u64;
    let whys = verdicts.into_iter().map(|verdict| {
        let rule = generation.policy.rule_of(&verdict.provider, &verdict.rule);
        Why {
            outcome: Outcome::of(verdict.verdict),
            path: super::rule_path(&verdict.provider, &verdict.rule),
            reply: verdict.reply.as_ref().map(|reply| shown::lines(reply)),
            retries: retries(&api, &v, &session, &verdict, rule.as_ref()),
            can_be_stub: super::stubs::of(&verdict).is_some(),
            rule,
            verdict,
        }
    });
    let whys = whys.collect();
    html(&SessionPage { outcome: Outcome::of_session(&session), v, session, lines, left_out, whys, more_whys })
}

/// What rules said in it, as far as that is shown and still there.
async fn verdicts(api: &Api, session: &Session) -> Result<Vec<Arc<Verdict>>, ApiError> {
    let mut verdicts = Vec::new();
    for said in session.verdicts.iter().take(MOST_VERDICTS) {
        verdicts.extend(api.journal().find(said.id).await?);
    }
    Ok(verdicts)
}

fn lines(session: &Session, verdicts: &[Arc<Verdict>]) -> Vec<Said> {
    let mut before: Option<Time> = None;
    let mut next = 0;
    let lines = session.transcript.lines.iter().take(MOST_LINES).map(|line| {
        let since = before.map_or(0, |before| line.at.since(before).as_millis().try_into().unwrap_or(u64::MAX));
        before = Some(line.at);
        // Verdicts come in the order of the lines that tell them.
        let told = verdicts.iter().enumerate().skip(next).find(|(_, verdict)| tells(line, verdict));
        let why = told.map(|(place, _)| place + 1);
        next = why.unwrap_or(next);
        Said {
            by: line.by,
            text: Escaped(&line.text).to_string(),
            class: class(line),
            since,
            time: shown::day_time(line.at),
            why,
        }
    });
    lines.collect()
}

/// Whether a line is the first one of a verdict's reply.
fn tells(line: &Line, verdict: &Verdict) -> bool {
    let first = verdict.reply.as_deref().and_then(|reply| reply.split('\n').next());
    line.by == Speaker::Server && line.at >= verdict.at && first.is_some_and(|first| same_reply(&line.text, first))
}

/// Whether two lines of a reply are the same, but for what says that more lines follow (RFC 5321 §4.2.1).
fn same_reply(line: &str, reply: &str) -> bool {
    let parts = |text: &'_ str| Some((text.get(..3)?.to_owned(), text.get(4..).unwrap_or_default().to_owned()));
    line == reply || parts(line).is_some_and(|line| Some(line) == parts(reply))
}

fn class(line: &Line) -> &'static str {
    match (line.by, line.text.as_bytes().first()) {
        (Speaker::Server, Some(b'4' | b'5')) => "bad",
        (Speaker::Server, _) => "good",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_found_again_with_its_hyphen() {
        assert!(same_reply("550 no", "550 no"));
        assert!(same_reply("550-no", "550 no"));
        assert!(same_reply("598  mail rejected by keyword", "598  mail rejected by keyword"));
        assert!(!same_reply("550 no", "550 yes"));
        assert!(!same_reply("", "550 no"));
    }
}
