//! Rules that were added while mockmx runs, and one made of what was just seen.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::frame::{back_to, html};
use super::shown;
use super::visitor::Visitor;
use crate::brought::within;
use crate::http::MOST_BODY;
use crate::http::api::Api;
use crate::http::collections;
use crate::http::errors::ApiError;
use crate::http::extract::{MOST_FORM, form};
use crate::http::stubs::{put, read};
use crate::journal::record::{Done, Verdict};
use crate::policy::Stub;
use crate::reply::Reply;
use crate::stage::Stage;
use crate::store::Lane;

/// Stubs that are shown, and bytes of each.
const MOST: usize = 500;
const MOST_GIVEN: usize = 8 * 1024;

struct Shown {
    id: String,
    lane: String,
    stage: Stage,
    uses: u32,
    given: String,
    /// The beginning alone is shown.
    is_cut: bool,
}

impl Shown {
    fn of(stub: &Stub, lane: &Lane) -> Self {
        let (given, is_cut) = beginning(&stub.given);
        Self {
            id: stub.id.clone(),
            lane: lane.name.to_string(),
            stage: stub.stage(),
            uses: lane.store.uses(&stub.id),
            given,
            is_cut,
        }
    }
}

/// A stub as it was given, and whether that is only the beginning of it. No more is written than is shown.
fn beginning(given: &Value) -> (String, bool) {
    let mut text = vec![0; MOST_GIVEN + 1];
    let mut room = text.as_mut_slice();
    // One that does not fit fills it, which is all that can go wrong.
    let _ = serde_json::to_writer_pretty(&mut room, given);
    let left = room.len();
    text.truncate(MOST_GIVEN + 1 - left);
    (shown::lines(&String::from_utf8_lossy(within(&text, MOST_GIVEN))), text.len() > MOST_GIVEN)
}

#[derive(Template)]
#[template(path = "stubs.html")]
struct Stubs {
    v: Visitor,
    stubs: Vec<Shown>,
    more: usize,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor) -> Result<Response, ApiError> {
    let (mut stubs, mut more) = (Vec::new(), 0);
    for lane in api.lanes().all() {
        let all = lane.stubs();
        let shown = all.len().min(MOST - stubs.len());
        stubs.extend(all[..shown].iter().map(|stub| Shown::of(stub, &lane)));
        more += all.len() - shown;
    }
    html(&Stubs { v, stubs, more })
}

/// Makes a stub of a verdict: whoever comes with the same recipient, or before RCPT the same sender, is answered so again.
pub(super) async fn of_verdict(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_FORM).await?;
    let verdict = collections::find::<Verdict>(&api, form.wanted("verdict")?).await?;
    let none = || ApiError::bad_request("what this rule did is nothing that a stub can do again");
    put_in(&api, of(&verdict).ok_or_else(none)?).await
}

/// Adds the stubs of a form.
pub(super) async fn add(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_BODY).await?;
    let given = serde_json::from_str(form.wanted("stubs")?);
    let given = given.map_err(|error| ApiError::bad_request(format!("these are no stubs: {error}")))?;
    put_in(&api, given).await
}

/// Adds stubs, and leads to the last of them.
async fn put_in(api: &Api, given: Value) -> Result<Response, ApiError> {
    let stubs = read(api, given, None).await?;
    let added = put(api, stubs)?;
    Ok(back_to(&added.last().map_or_else(|| "/stubs".to_owned(), |stub| format!("/stubs#{}", stub.id()))))
}

pub(super) async fn remove(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_FORM).await?;
    let id = form.wanted("id")?;
    for lane in api.lanes().all() {
        lane.remove_stubs(|stub| stub.id == id);
    }
    Ok(back_to("/stubs"))
}

/// The stub that does what a verdict did, if that can be.
pub(super) fn of(verdict: &Verdict) -> Option<Value> {
    let mut stub = match verdict.verdict {
        Done::Refuse => json!({"reply": reply(verdict)?}),
        Done::RefuseAndClose => json!({"reply": reply(verdict)?, "close": true}),
        Done::Drop | Done::Reset | Done::Stall | Done::Accept | Done::Discard => {
            json!({"then": verdict.verdict.name()})
        }
        Done::File | Done::Replace | Done::Bounce => return None,
    };
    stub["stage"] = verdict.stage.name().into();
    stub["lane"] = verdict.lane.clone().into();
    let when = when(verdict)?;
    if !when.is_empty() {
        stub["when"] = when.into();
    }
    Some(stub)
}

/// The reply as a stub writes it.
fn reply(verdict: &Verdict) -> Option<String> {
    Some(Reply::parse(verdict.reply.as_ref()?).ok()?.template())
}

/// What the next session must have in common with this one.
fn when(verdict: &Verdict) -> Option<Map<String, Value>> {
    let knows_recipient = matches!(verdict.stage, Stage::Rcpt | Stage::Data | Stage::Message);
    let mut when = Map::new();
    if knows_recipient {
        when.insert("recipient".to_owned(), verdict.to.first()?.clone().into());
    } else if verdict.stage == Stage::Mail {
        when.insert("sender".to_owned(), verdict.from.clone()?.into());
    }
    Some(when)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_stub_is_cut_and_says_so() {
        assert_eq!(beginning(&json!({"a": "\u{202e}"})), ("{\n  \"a\": \"\\u{202e}\"\n}".to_owned(), false));
        let (given, is_cut) = beginning(&json!({"a": "发".repeat(100_000)}));
        assert!(is_cut && given.len() <= MOST_GIVEN && given.ends_with('发'), "{}", given.len());
    }
}
