//! What senders are told later, and when.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::filter::{Choices, Wanted};
use super::frame::html;
use super::outcome::Outcome;
use super::shown;
use super::visitor::Visitor;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::journal::query::state;
use crate::journal::record::{Id, Kind, Notification};
use crate::lane::LaneName;
use crate::verdict::NotificationKind;

const PATH: &str = "/outbox";

/// When something is due, by the clock of its lane.
pub(super) struct Due {
    pub(super) at: String,
    pub(super) moment: String,
    pub(super) state: Outcome,
    /// Milliseconds until then, if it waits, and the same for people.
    pub(super) left: Option<(u128, String)>,
    /// That clock stands still.
    pub(super) is_frozen: bool,
}

impl Due {
    pub(super) fn of(api: &Api, notification: &Notification) -> Self {
        let lane = LaneName::parse(&notification.lane).ok().and_then(|lane| api.lanes().find(&lane));
        // A lane that nobody has named yet shows what the default one shows.
        let clock = &lane.as_ref().unwrap_or_else(|| api.lanes().default_lane()).clock;
        let now = clock.now();
        let left = notification.due.since(now);
        let is_due = notification.is_due(now);
        Self {
            at: notification.due.to_string(),
            moment: shown::moment(notification.due),
            state: Outcome::of_state(is_due),
            left: (!is_due).then(|| (left.as_millis(), shown::countdown(left))),
            is_frozen: clock.is_frozen(),
        }
    }
}

/// The rule that says so, and where it is.
pub(super) fn rule(notification: &Notification) -> Option<(String, String)> {
    let (provider, rule) = notification.rule.as_deref()?.split_once('/')?;
    Some((format!("{provider}/{rule}"), super::rule_path(provider, rule)))
}

/// A notification in a line.
struct Row {
    id: Id,
    kind: Outcome,
    due: Due,
    to: String,
    about: String,
    more: usize,
    rule: Option<(String, String)>,
    lane: String,
}

impl Row {
    fn of(api: &Api, notification: &Notification) -> Self {
        Self {
            id: notification.id,
            kind: Outcome::of_notification(notification.kind),
            due: Due::of(api, notification),
            to: shown::address(&notification.to),
            about: notification.recipients.first().map(|about| shown::address(about)).unwrap_or_default(),
            more: notification.recipients.len().saturating_sub(1),
            rule: rule(notification),
            lane: notification.lane.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct Outbox {
    v: Visitor,
    wanted: Wanted,
    choices: Choices,
    rows: Vec<Row>,
    kinds: [(&'static str, Outcome); 7],
    states: [(&'static str, Outcome); 2],
    older: Option<String>,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let wanted = Wanted::read(&api, query.as_deref(), Kind::Notification)?;
    let (notifications, older) = wanted.page::<Notification>(&api, PATH).await?;
    html(&Outbox {
        rows: notifications.iter().map(|notification| Row::of(&api, notification)).collect(),
        choices: Choices::of(&api),
        kinds: NotificationKind::ALL.map(|kind| (kind.name(), Outcome::of_notification(kind))),
        states: [false, true].map(|is_due| (state(is_due), Outcome::of_state(is_due))),
        older,
        wanted,
        v,
    })
}
