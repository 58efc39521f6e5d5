//! A message: what it says, what became of it, and what rules saw in it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::content::{Content, Few, MOST_HTML, html_part};
use super::frame::html;
use super::harmless::harmless;
use super::messages::folder;
use super::outcome::Outcome;
use super::shown;
use super::visitor::Visitor;
use crate::brought::within;
use crate::http::api::Api;
use crate::http::collections;
use crate::http::errors::ApiError;
use crate::http::extract::In;
use crate::http::messages::READ_IN_PLACE;
use crate::http::parameters::{Given, Holds, Parameter};
use crate::journal::record::{Message, Notification};
use crate::verdict::Fate;

/// Of each, so many are shown.
const MOST_RECIPIENTS: usize = 200;
const MOST_VERDICTS: usize = 100;
const MOST_TOLD: usize = 20;

const PART: Parameter = Parameter::once("part", Holds::Text, "1.2", "the number of an HTML part");

/// HTML of strangers is shown where it may do nothing: no script, no form, nowhere to go, nothing to load.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// A recipient, and what became of the message for it.
struct Recipient {
    index: usize,
    address: String,
    fate: Outcome,
    folder: Option<String>,
    is_delivered: bool,
    notify: Option<String>,
    orcpt: Option<String>,
}

/// What a rule said.
struct Said {
    outcome: Outcome,
    rule: String,
    path: String,
    stage: &'static str,
}

/// What the sender is told later.
struct Told {
    notification: Arc<Notification>,
    kind: Outcome,
    state: Outcome,
    due: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    v: Visitor,
    message: Arc<Message>,
    from: String,
    size: String,
    recipients: Few<Recipient>,
    said: Few<Said>,
    told: Few<Told>,
    content: Content,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, In(id): In<String>) -> Result<Response, ApiError> {
    let message = collections::find::<Message>(&api, &id).await?;
    let content = read(&api, &message, Content::of).await?;
    html(&MessagePage {
        from: shown::address(&message.from),
        size: shown::size(message.size),
        recipients: recipients(&message),
        said: said(&message),
        told: told(&api, &message).await?,
        v,
        content,
        message,
    })
}

/// An HTML part, by itself, for the frame in which it is shown.
pub(super) async fn part(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let number = Given::read(query.as_deref(), &[PART])?.get(PART.name).map(str::to_owned);
    let message = collections::find::<Message>(&api, &id).await?;
    let looked = move |raw: &[u8]| {
        let html = html_part(raw, number.as_deref())?;
        let shown = within(html.as_bytes(), MOST_HTML).len();
        Some(harmless(&html[..shown]))
    };
    let html = read(&api, &message, looked).await?;
    let html = html.ok_or_else(|| ApiError::not_found("there is no such HTML part"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_DNS_PREFETCH_CONTROL, "off"),
    ];
    Ok((headers, html).into_response())
}

/// What is to be seen in a message's bytes, which are read aside if they are many.
async fn read<T: Send + 'static>(
    api: &Api,
    message: &Message,
    look: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let content = collections::content(api, message).await?;
    match content.memory().filter(|bytes| bytes.len() <= READ_IN_PLACE) {
        Some(bytes) => Ok(look(bytes)),
        None => api.aside(move || Ok(look(&content.read_all()?))).await,
    }
}

fn recipients(message: &Message) -> Few<Recipient> {
    let recipients = message.deliveries.iter().enumerate().map(|(index, delivery)| Recipient {
        index,
        address: shown::address(&delivery.recipient),
        fate: Outcome::of_fate(&delivery.fate),
        folder: folder(&delivery.fate),
        is_delivered: !matches!(delivery.fate, Fate::Discarded | Fate::Bounced),
        notify: delivery.parameters.notify.clone(),
        orcpt: delivery.parameters.orcpt.clone(),
    });
    Few::of(recipients, MOST_RECIPIENTS)
}

fn said(message: &Message) -> Few<Said> {
    let said = message.verdicts.iter().map(|said| Said {
        outcome: Outcome::of(said.verdict),
        rule: format!("{}/{}", said.provider, said.rule),
        path: super::rule_path(&said.provider, &said.rule),
        stage: said.stage.name(),
    });
    Few::of(said, MOST_VERDICTS)
}

async fn told(api: &Api, message: &Message) -> Result<Few<Told>, ApiError> {
    let mut told = Few { shown: Vec::new(), more: message.notifications.len().saturating_sub(MOST_TOLD) };
    for id in message.notifications.iter().take(MOST_TOLD) {
        // One that was deleted is told to nobody.
        if let Some(notification) = api.journal().find::<Notification>(*id).await? {
            told.shown.push(Told {
                kind: Outcome::of_notification(notification.kind),
                state: Outcome::of_state(notification.is_due(api.clocks().now(&notification.lane))),
                due: shown::moment(notification.due),
                notification,
            });
        }
    }
    Ok(told)
}
