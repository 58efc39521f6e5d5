//! How senders behaved.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::api::Api;
use super::errors::ApiError;
use super::json::json;
use super::parameters::{Given, Holds, LANE, Parameter};
use super::query::{SINCE, UNTIL};
use crate::clock::Time;
use crate::journal::Journal;
use crate::journal::query::{Filter, Query};
use crate::journal::record::{Message, Record, Session, Verdict};
use crate::report::Report;

/// The latest records that are looked at: all of them are in memory at once, headers included, and what is made of each
/// line of a transcript is several times as large.
const MOST_SESSIONS: usize = 2_000;
const MOST_TRANSCRIPTS: u64 = 16 * 1024 * 1024;
const MOST_VERDICTS: usize = 10_000;
const MOST_MESSAGES: usize = 10_000;

const SENDER: Parameter =
    Parameter::once("sender", Holds::Text, "example.org", "only the senders of this domain, or of this address");

/// What can be asked for.
pub(crate) const PARAMETERS: [Parameter; 4] = [LANE, SENDER, SINCE, UNTIL];

/// How the senders under test behaved towards each refusal: a line for each check, of each sender.
#[utoipa::path(
    get, path = "/api/v1/senders/report", operation_id = "getSenderReport", tag = "senders",
    responses((status = 200, description = "this", body = Report))
)]
pub(crate) async fn senders(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let given = Given::read(query.as_deref(), &PARAMETERS)?;
    let (lane, since, until) = (given.lane()?, given.time(SINCE.name)?, given.time(UNTIL.name)?);
    let sender = given.get(SENDER.name).map(str::to_owned);
    // Whoever has not come back by now has not come back.
    let now = lane.as_ref().map_or_else(|| Some(Arc::clone(api.lanes().default_lane())), |lane| api.lanes().find(lane));
    let end = until.or_else(|| now.map(|lane| lane.clock.now()));
    let journal = api.journal();
    // What a session says may be in a lane that the session has left since, so only sessions are chosen by it.
    let lane = lane.map(String::from);
    let listed = latest::<Session>(journal, Filter::within(lane, since, until), MOST_SESSIONS + 1).await?;
    let most = listed.iter().take(MOST_SESSIONS).cloned().collect();
    let mut sessions = journal.whole(most, MOST_TRANSCRIPTS).await?;
    let complete = sessions.len() == listed.len();
    drop(listed);
    sessions.reverse();
    let mut verdicts = latest::<Verdict>(journal, since_then(since), MOST_VERDICTS).await?;
    let mut messages = latest::<Message>(journal, since_then(since), MOST_MESSAGES).await?;
    // In the order of time.
    verdicts.reverse();
    messages.reverse();
    let look = move || {
        let mut report = Report::until(end, &sessions, &verdicts, &messages);
        report.complete = complete;
        sender.iter().for_each(|sender| report.retain(sender));
        Ok(report)
    };
    json(&api.aside(look).await?)
}

fn since_then(since: Option<Time>) -> Filter {
    Filter::within(None, since, None)
}

/// The latest records, newest first.
async fn latest<R: Record>(journal: &Journal, filter: Filter, limit: usize) -> Result<Vec<Arc<R>>, ApiError> {
    Ok(journal.page::<R>(&Query { filter, before: None, limit }).await?)
}
