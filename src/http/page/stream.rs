//! New sessions for the list, as server-sent events of finished rows.
//!
//! However many sessions there are, a browser gets a few rows a few times a second: the newest, and how many more there
//! were.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template as _;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use indexmap::IndexMap;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::filter::Wanted;
use super::live::{Row, Rows};
use super::visitor::Visitor;
use crate::clock::io_now;
use crate::http::api::{Api, Closing};
use crate::http::errors::ApiError;
use crate::journal::Entry;
use crate::journal::query::Filter;
use crate::journal::record::{Id, Kind, Session};
use crate::journal::watch::Event;

/// How long rows are gathered before they are sent.
const GATHERED: Duration = Duration::from_millis(250);

/// Rows of one event.
const MOST_ROWS: usize = 30;

/// Sessions that are remembered to be shown; more are only counted.
const MOST_GATHERED: usize = 300;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events `rows`, with the rows of sessions that began, went on or ended, newest first, as HTML; and `more`, with how many
/// there were besides.
pub(super) async fn rows(
    State(api): State<Api>,
    v: Visitor,
    RawQuery(query): RawQuery,
    Extension(closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    let Wanted { filter, .. } = Wanted::read(&api, query.as_deref(), Kind::Session)?;
    let seat = api.watch_live()?;
    let (_, coming) = api.journal().watch().since(None);
    let gathering = Gathering { api, v, filter, coming, closing, _seat: seat, sessions: IndexMap::new(), more: 0 };
    let events = stream::unfold(gathering, |mut gathering| async {
        let events = gathering.next().await?;
        Some((stream::iter(events.into_iter().map(Ok::<_, Infallible>)), gathering))
    });
    Ok(Sse::new(events.flatten()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

struct Gathering {
    api: Api,
    v: Visitor,
    filter: Filter,
    coming: Receiver<Event>,
    closing: Closing,
    _seat: OwnedSemaphorePermit,
    /// The sessions of which something is to be shown, as far as they are known, in the order in which they were heard of.
    sessions: IndexMap<Id, Option<Arc<Session>>>,
    more: usize,
}

impl Gathering {
    /// What is to be shown next.
    async fn next(&mut self) -> Option<Vec<sse::Event>> {
        let mut end: Option<Instant> = None;
        loop {
            let elapsed = async {
                match end {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.closing.closed() => return None,
                () = elapsed => {
                    end = None;
                    let told = self.told();
                    if !told.is_empty() {
                        return Some(told);
                    }
                },
                event = self.coming.recv() => {
                    match event {
                        Ok(event) => self.hear(event.entry),
                        Err(RecvError::Lagged(missed)) => self.more += usize::try_from(missed).unwrap_or(usize::MAX),
                        Err(RecvError::Closed) => return None,
                    }
                    end = end.or_else(|| Some(io_now() + GATHERED));
                }
            }
        }
    }

    fn hear(&mut self, entry: Entry) {
        let (id, session) = match entry {
            Entry::Session(session) => (session.id, Some(session)),
            Entry::Verdict(verdict) => (verdict.session, None),
            Entry::Message(message) => (message.session, None),
            Entry::Notification(_) | Entry::Attempt(_) => return,
        };
        // Where it was heard of last counts: those that are cut off are the oldest.
        self.sessions.shift_remove(&id);
        self.sessions.insert(id, session);
        if self.sessions.len() > MOST_GATHERED {
            self.sessions.shift_remove_index(0);
            self.more += 1;
        }
    }

    /// The events that tell what was gathered, if any of it is wanted.
    fn told(&mut self) -> Vec<sse::Event> {
        let mut rows = Vec::new();
        let gathered = std::mem::take(&mut self.sessions);
        let mut more = std::mem::take(&mut self.more);
        for (id, session) in gathered.into_iter().rev() {
            if rows.len() == MOST_ROWS {
                more += 1;
                continue;
            }
            let session = match session {
                Some(session) => session,
                // Only those that are open, which are at hand: one that has ended is told of by itself.
                None => match self.api.journal().open_session(id) {
                    Some(session) => session,
                    None => continue,
                },
            };
            if self.filter.matches(session.as_ref()) {
                rows.push(Row::of(&session));
            }
        }
        let mut events = Vec::new();
        if !rows.is_empty() {
            // A template that cannot be filled in is our own fault, and no reason to end.
            let text = Rows { v: self.v.clone(), rows }.render().unwrap_or_default();
            events.push(sse::Event::default().event("rows").data(text));
        }
        if more > 0 {
            events.push(sse::Event::default().event("more").data(more.to_string()));
        }
        events
    }
}
