//! Sessions as they happen.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::filter::{Choices, Wanted};
use super::frame::html;
use super::outcome::{Outcome, spoke};
use super::retry::place;
use super::shown;
use super::visitor::Visitor;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::query::DONE;
use crate::journal::record::{Id, Kind, Session};

/// A session in a line.
pub(super) struct Row {
    pub(super) id: Id,
    at: String,
    time: String,
    peer: String,
    provider: String,
    lane: String,
    from: String,
    to: String,
    more: usize,
    outcome: Outcome,
    /// The rule that said so, and where it is.
    rule: Option<(String, String)>,
}

impl Row {
    pub(super) fn of(session: &Session) -> Self {
        let spoke = spoke(session).or_else(|| session.verdicts.last());
        Self {
            id: session.id,
            at: session.started.to_string(),
            time: shown::day_time(session.started),
            peer: session.peer.to_string(),
            provider: spoke.map_or(&session.provider, |said| &said.provider).clone(),
            lane: session.lane.clone(),
            from: session.senders.last().map(|from| shown::address(from)).unwrap_or_default(),
            to: session.recipients.last().map(|to| shown::address(to)).unwrap_or_default(),
            more: session.recipients.len().saturating_sub(1),
            outcome: Outcome::of_session(session),
            rule: spoke.map(|said| (said.rule.clone(), super::rule_path(&said.provider, &said.rule))),
        }
    }
}

#[derive(Template)]
#[template(path = "rows.html")]
pub(super) struct Rows {
    pub(super) v: Visitor,
    pub(super) rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live {
    v: Visitor,
    wanted: Wanted,
    choices: Choices,
    rows: Vec<Row>,
    verdicts: Vec<(&'static str, Outcome)>,
    older: Option<String>,
    /// Where to send a first mail.
    smtp: String,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let wanted = Wanted::read(&api, query.as_deref(), Kind::Session)?;
    let (sessions, older) = wanted.page::<Session>(&api, "/").await?;
    let smtp = api.generation().settings.listeners.first().and_then(|first| api.address(&first.name));
    html(&Live {
        rows: sessions.iter().map(|session| Row::of(session)).collect(),
        choices: Choices::of(&api),
        verdicts: DONE.map(|done| (done.name(), Outcome::of(done))).into(),
        older,
        smtp: smtp.map_or_else(String::new, |address| place(&v, address)),
        wanted,
        v,
    })
}
