//! What happens, as it happens: server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json as object;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::api::{Api, Closing};
use super::collections::Shown;
use super::errors::ApiError;
use super::json;
use super::parameters::{Given, Holds, LANE, Parameter};
use super::query::kinds;
use crate::journal::Entry;
use crate::journal::record::Kind;
use crate::journal::watch::Event;

/// How often a client that hears nothing is told that mockmx is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The header by which a client says what it has seen.
const LAST_EVENT_ID: &str = "last-event-id";

/// What can be asked for.
pub(crate) const PARAMETERS: [Parameter; 2] = [LANE, KIND];

const KIND: Parameter =
    Parameter::many("kind", Holds::OneOf(names), "message", "a kind of event; all if none is given");

fn names() -> Vec<&'static str> {
    Kind::ALL.map(Kind::name).into()
}

/// What happens, as it happens: events `session` (it began, or ended), `verdict`, `message`, `notification` (it
/// became due) and `attempt` (to pass one on), whose data are the
/// records as lists show them. Ids count up; with `Last-Event-ID` what was missed comes first, behind an event `gap` if
/// some of it is gone. Ends when mockmx stops.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "getEvents", tag = "events",
    params(("Last-Event-ID" = Option<u64>, Header, description = "the last event that was seen")),
    responses((status = 200, description = "events", body = String, content_type = "text/event-stream"))
)]
pub(crate) async fn events(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Extension(closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    let given = Given::read(query.as_deref(), &PARAMETERS)?;
    let seen = headers.get(LAST_EVENT_ID).map(|seen| {
        let number = seen.to_str().ok().and_then(|seen| seen.parse().ok());
        number.ok_or_else(|| ApiError::parameter("Last-Event-ID", "`Last-Event-ID` is no number of an event"))
    });
    let (lane, kinds) = (given.lane()?.map(|lane| lane.to_string()), kinds(&given, KIND.name)?);
    let heard = Heard::new(api, closing, seen.transpose()?, lane, kinds);
    let events = stream::unfold(heard, |mut heard| async {
        let event = heard.next().await?;
        Some((Ok::<_, Infallible>(event), heard))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// How far a client has heard.
struct Heard {
    api: Api,
    closing: Closing,
    lane: Option<String>,
    kinds: Vec<Kind>,
    /// The last event that it heard of.
    last: u64,
    /// It was told so by a process that ran before this one.
    stale: bool,
    missed: VecDeque<Event>,
    coming: Receiver<Event>,
}

impl Heard {
    fn new(api: Api, closing: Closing, seen: Option<u64>, lane: Option<String>, kinds: Vec<Kind>) -> Self {
        let watch = api.journal().watch();
        let latest = watch.number();
        let last = seen.unwrap_or(latest);
        let stale = last > latest;
        let (missed, coming) = watch.since(Some(if stale { 0 } else { last }));
        Self { api, closing, lane, kinds, last, stale, missed: missed.into(), coming }
    }

    /// The next event that is to be told.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(gap) = self.gap() {
                return Some(gap);
            }
            if let Some(event) = self.missed.pop_front() {
                self.last = event.number;
                if self.wants(&event.entry) {
                    return Some(shown(&self.api, &event));
                }
                continue;
            }
            tokio::select! {
                () = self.closing.closed() => return None,
                event = self.coming.recv() => match event {
                    Ok(event) if event.number > self.last => self.missed.push_back(event),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        let (missed, coming) = self.api.journal().watch().since(Some(self.last));
                        (self.missed, self.coming) = (missed.into(), coming);
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Events that are gone between the last and the next one.
    fn gap(&mut self) -> Option<sse::Event> {
        let (after, next) = (self.last, self.missed.front().map(|event| event.number));
        if self.stale {
            self.stale = false;
            self.last = 0;
        } else if next? == after + 1 {
            return None;
        }
        self.last = next.map_or(0, |next| next - 1);
        Some(sse::Event::default().event("gap").data(object!({ "after": after, "next": next }).to_string()))
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.lane.as_deref().is_none_or(|lane| lane == entry.lane()) && self.kinds.contains(&entry.kind())
    }
}

fn shown(api: &Api, event: &Event) -> sse::Event {
    let text = match &event.entry {
        Entry::Session(session) => session.shown(api, false).and_then(|shown| json::text(&shown)),
        Entry::Verdict(verdict) => verdict.shown(api, false).and_then(|shown| json::text(&shown)),
        Entry::Message(message) => message.shown(api, false).and_then(|shown| json::text(&shown)),
        Entry::Notification(notification) => notification.shown(api, false).and_then(|shown| json::text(&shown)),
        Entry::Attempt(attempt) => json::text(attempt.as_ref()),
    };
    // A record that cannot be shown is our own fault, and no reason to keep the others back.
    let data = text.unwrap_or_default();
    sse::Event::default().id(event.number.to_string()).event(event.entry.kind().name()).data(data)
}
