//! Sessions as they happen.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::frame::html;
use super::outcome::Outcome;
use super::visitor::{LANG, THEME, Visitor};
use crate::escape::Escaped;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::parameters::{Given, Holds, Parameter};
use crate::http::query::DONE;
use crate::journal::query::{Field, Filter, Query};
use crate::journal::record::{Done, Id, Session};
use crate::lane::LaneName;

/// Sessions on a page.
const MOST: usize = 50;

const BEFORE: &str = "before";

/// The fields of the filter. A form sends those that are empty, too.
const FIELDS: [(&str, Option<Field>); 5] = [
    ("lane", None),
    ("provider", Some(Field::Provider)),
    ("rule", Some(Field::Rule)),
    ("verdict", Some(Field::Verdict)),
    ("text", Some(Field::Text)),
];

/// What the list is to have.
#[derive(Debug)]
pub(super) struct Wanted {
    given: Given,
    pub(super) filter: Filter,
}

impl Wanted {
    pub(super) fn read(query: Option<&str>) -> Result<Self, ApiError> {
        let names = FIELDS.map(|(name, _)| name).into_iter().chain([BEFORE, LANG, THEME]);
        let known: Vec<_> = names.map(|name| Parameter::once(name, Holds::Text, "", "")).collect();
        let given = Given::read(query, &known)?;
        let lane = said(&given, "lane").map(LaneName::parse).transpose();
        let lane = lane.map_err(|error| ApiError::parameter("lane", error))?.map(|lane| lane.to_string());
        let mut filter = Filter::within(lane, None, None);
        for (name, field) in FIELDS {
            if let (Some(field), Some(text)) = (field, said(&given, name)) {
                filter = filter.and(field, text).map_err(|error| ApiError::parameter(name, error))?;
            }
        }
        Ok(Self { given, filter })
    }

    fn said(&self, name: &str) -> &str {
        said(&self.given, name).unwrap_or_default()
    }

    /// The page of what is older than a session.
    fn older(&self, last: Id) -> String {
        format!("/?{}", self.given.rewritten(&[LANG, THEME], BEFORE, &last.to_string()))
    }
}

/// What a field says, if anything.
fn said<'g>(given: &'g Given, name: &str) -> Option<&'g str> {
    given.get(name).map(str::trim).filter(|text| !text.is_empty())
}

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
    pub(super) fn of(v: &Visitor, session: &Session) -> Self {
        let spoke = session.verdicts.iter().rev().find(|said| said.verdict != Done::Accept);
        let spoke = spoke.or_else(|| session.verdicts.last());
        Self {
            id: session.id,
            at: session.started.to_string(),
            time: v.clock(&session.started),
            peer: session.peer.to_string(),
            provider: spoke.map_or(&session.provider, |said| &said.provider).clone(),
            lane: session.lane.clone(),
            from: address(session.senders.last()),
            to: address(session.recipients.last()),
            more: session.recipients.len().saturating_sub(1),
            outcome: Outcome::of_session(session),
            rule: spoke.map(|said| (said.rule.clone(), super::rule_path(&said.provider, &said.rule))),
        }
    }
}

/// An address as it can be shown; the null path as `<>`.
fn address(address: Option<&String>) -> String {
    match address.map(String::as_str) {
        None => String::new(),
        Some("") => "<>".to_owned(),
        Some(address) => Escaped(address).to_string(),
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
    rows: Vec<Row>,
    lane: String,
    provider: String,
    rule: String,
    verdict: String,
    text: String,
    lanes: Vec<String>,
    providers: Vec<String>,
    verdicts: Vec<(&'static str, Outcome)>,
    /// Whether the newest are shown, and new ones come.
    is_live: bool,
    older: Option<String>,
    is_filtered: bool,
    /// Where to send a first mail.
    smtp: String,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let wanted = Wanted::read(query.as_deref())?;
    let before = said(&wanted.given, BEFORE)
        .map(|text| Id::parse(text).ok_or_else(|| ApiError::parameter(BEFORE, "this is no session's id")));
    let before = before.transpose()?;
    let query = Query { filter: wanted.filter.clone(), before, limit: MOST + 1 };
    let mut sessions: Vec<Arc<Session>> = api.journal().page(&query).await?;
    let more = sessions.len() > MOST;
    sessions.truncate(MOST);
    let older = sessions.last().filter(|_| more).map(|last| wanted.older(last.id));
    let generation = api.generation();
    let page = Live {
        rows: sessions.iter().map(|session| Row::of(&v, session)).collect(),
        lane: wanted.said("lane").to_owned(),
        provider: wanted.said("provider").to_owned(),
        rule: wanted.said("rule").to_owned(),
        verdict: wanted.said("verdict").to_owned(),
        text: wanted.said("text").to_owned(),
        lanes: api.lanes().all().iter().take(200).map(|lane| lane.name.to_string()).collect(),
        providers: generation.policy.providers().into_iter().map(|provider| provider.id).collect(),
        verdicts: DONE.map(|done| (done.name(), Outcome::of(done))).into(),
        is_live: before.is_none(),
        older,
        is_filtered: !wanted.filter.is_empty(),
        smtp: generation
            .settings
            .listeners
            .first()
            .and_then(|first| Some(api.address(&first.name)?.to_string()))
            .unwrap_or_default(),
        v,
    };
    html(&page)
}
