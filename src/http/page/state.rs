//! What a lane remembers, when each of it is free, and the lane's clock.

use askama::Template;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::frame::{back_to, html};
use super::shown::countdown;
use super::visitor::{Visitor, plain};
use crate::clock::Time;
use crate::http::api::Api;
use crate::http::clock::{shown, turn};
use crate::http::errors::ApiError;
use crate::http::extract::{Form, MOST_FORM, form};
use crate::http::parameters::{Given, LANE};
use crate::http::state::{forget, let_go};
use crate::lane::LaneName;
use crate::store::{Holding, HoldingKind};

/// Holdings, scenarios and lanes that are shown; the API has all of them.
const MOST: usize = 500;

/// By how much a clock is moved: as the form says it, and in words.
const MOVES: [(&str, &str, &str); 3] =
    [("1m", "+1 min", "+1 分钟"), ("20m", "+20 min", "+20 分钟"), ("24h", "+1 day", "+1 天")];

/// Something that is remembered.
struct Held {
    holding: Holding,
    /// What it is: the class, and words.
    kind: (&'static str, &'static str, &'static str),
    /// Milliseconds until it is free, and the same to be read.
    left: Option<(u128, String)>,
    /// Its key as a form can carry it. Strangers chose it, and a form changes line ends and more.
    key: String,
}

impl Held {
    fn of(holding: Holding, now: Time) -> Self {
        let left = holding.free.map(|free| free.since(now));
        Self {
            kind: kind(holding.kind),
            left: left.map(|left| (left.as_millis(), countdown(left))),
            key: URL_SAFE_NO_PAD.encode(&holding.key),
            holding,
        }
    }
}

#[derive(Template)]
#[template(path = "state.html")]
struct StatePage {
    v: Visitor,
    lane: String,
    lanes: Vec<String>,
    more_lanes: usize,
    now: Time,
    is_frozen: bool,
    held: Vec<Held>,
    more_held: usize,
    scenarios: Vec<(String, String)>,
    more_scenarios: usize,
    stubs: usize,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let name = Given::read(Some(&plain(query.as_deref())), &[LANE])?.lane()?.unwrap_or_default();
    let clock = shown(&api, &name);
    let lane = api.lanes().find(&name);
    let mut held = lane.as_ref().map(|lane| lane.store.holdings(clock.now)).unwrap_or_default();
    // What keeps mail away comes first; keys are in their order already.
    held.sort_by_key(|holding| holding.kind as u8);
    let mut scenarios = lane.as_ref().map(|lane| lane.store.scenarios()).unwrap_or_default();
    let (more_held, more_scenarios) = (held.len().saturating_sub(MOST), scenarios.len().saturating_sub(MOST));
    held.truncate(MOST);
    scenarios.truncate(MOST);
    let (lanes, more_lanes) = lanes(&api, &name);
    let page = StatePage {
        v,
        lane: name.to_string(),
        lanes,
        more_lanes,
        now: clock.now,
        is_frozen: clock.frozen,
        held: held.into_iter().map(|holding| Held::of(holding, clock.now)).collect(),
        more_held,
        scenarios,
        more_scenarios,
        stubs: lane.map_or(0, |lane| lane.stubs().len()),
    };
    html(&page)
}

/// The lanes to choose from, with the one that is shown, and how many more there are.
fn lanes(api: &Api, shown: &LaneName) -> (Vec<String>, usize) {
    let all = api.lanes().all();
    let mut lanes: Vec<_> = all.iter().take(MOST).map(|lane| lane.name.to_string()).collect();
    if !lanes.iter().any(|lane| lane == shown.as_str()) {
        lanes.push(shown.to_string());
    }
    (lanes, all.len().saturating_sub(MOST))
}

/// Lets go of one holding. One that is free by now, or was released by somebody else, is as well.
pub(super) async fn release(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_FORM).await?;
    let lane = lane(&form)?;
    let key = URL_SAFE_NO_PAD.decode(form.wanted("key")?).ok().and_then(|key| String::from_utf8(key).ok());
    let key = key.ok_or_else(|| ApiError::bad_request("that is the key of nothing"))?;
    let_go(&api, &lane, &key);
    Ok(back(&lane))
}

/// Moves a lane's clock, stops it, or lets it run.
pub(super) async fn move_clock(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_FORM).await?;
    let lane = lane(&form)?;
    let freeze = match form.get("freeze") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| ApiError::bad_request("`freeze` is neither `true` nor `false`"))?),
    };
    turn(&api, &lane, form.get("advance"), freeze)?;
    Ok(back(&lane))
}

/// Forgets all of a lane, its records included.
pub(super) async fn reset(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let form = form(&headers, body, MOST_FORM).await?;
    let lane = lane(&form)?;
    forget(&api, &lane).await?;
    Ok(back(&lane))
}

fn lane(form: &Form) -> Result<LaneName, ApiError> {
    LaneName::parse(form.wanted("lane")?).map_err(ApiError::bad_request)
}

/// Back to the page of that lane, whose name has nothing that a query would read otherwise.
fn back(lane: &LaneName) -> Response {
    back_to(&if lane.is_default() { "/state".to_owned() } else { format!("/state?lane={lane}") })
}

/// What is remembered: the class of its colour, and words.
const fn kind(kind: HoldingKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        HoldingKind::Prison => ("bad", "prison", "封禁"),
        HoldingKind::Greylist => ("broken", "greylist", "灰名单"),
        HoldingKind::Rate => ("moved", "rate", "频率"),
        HoldingKind::Concurrency => ("moved", "sessions at once", "并发会话"),
        HoldingKind::Mailbox => ("good", "mailbox", "邮箱"),
        HoldingKind::Answer => ("open", "told it is away", "已自动回复"),
    }
}
