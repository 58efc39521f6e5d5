//! Messages that were accepted.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::filter::{Choices, Wanted};
use super::frame::html;
use super::outcome::Outcome;
use super::shown;
use super::visitor::Visitor;
use crate::escape::Escaped;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::journal::record::{Done, Id, Kind, Message};
use crate::verdict::Fate;

const PATH: &str = "/messages";

/// What rules do to a message that is accepted.
const DONE: [Done; 4] = [Done::File, Done::Discard, Done::Replace, Done::Bounce];

/// A message in a line.
struct Row {
    id: Id,
    at: String,
    time: String,
    from: String,
    to: String,
    more: usize,
    subject: String,
    size: String,
    fate: Outcome,
    folder: Option<String>,
    lane: String,
}

impl Row {
    fn of(message: &Message) -> Self {
        let fates = || message.deliveries.iter().map(|delivery| &delivery.fate);
        // Where recipients differ, what happened to one says more than that nothing did to another.
        let fate = fates().find(|fate| **fate != Fate::Inbox).or_else(|| fates().next()).unwrap_or(&Fate::Inbox);
        Self {
            id: message.id,
            at: message.received.to_string(),
            time: shown::day_time(message.received),
            from: shown::address(&message.from),
            to: message.deliveries.first().map(|to| shown::address(&to.recipient)).unwrap_or_default(),
            more: message.deliveries.len().saturating_sub(1),
            subject: Escaped(&message.subject).to_string(),
            size: shown::size(message.size),
            fate: Outcome::of_fate(fate),
            folder: folder(fate),
            lane: message.lane.clone(),
        }
    }
}

/// The folder's name.
pub(super) fn folder(fate: &Fate) -> Option<String> {
    if let Fate::Folder(name) = fate { Some(Escaped(name).to_string()) } else { None }
}

#[derive(Template)]
#[template(path = "messages.html")]
struct Messages {
    v: Visitor,
    wanted: Wanted,
    choices: Choices,
    rows: Vec<Row>,
    done: [(&'static str, Outcome); 4],
    older: Option<String>,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let wanted = Wanted::read(&api, query.as_deref(), Kind::Message)?;
    let (messages, older) = wanted.page::<Message>(&api, PATH).await?;
    html(&Messages {
        rows: messages.iter().map(|message| Row::of(message)).collect(),
        choices: Choices::of(&api),
        done: DONE.map(|done| (done.name(), Outcome::of(done))),
        older,
        wanted,
        v,
    })
}
