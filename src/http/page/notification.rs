//! A notification: what it says, why, and how it was passed on.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::content::Few;
use super::frame::html;
use super::outbox::{Due, rule};
use super::outcome::Outcome;
use super::shown::{self, Beginning};
use super::visitor::Visitor;
use crate::http::api::Api;
use crate::http::collections;
use crate::http::errors::ApiError;
use crate::http::extract::In;
use crate::http::outbox;
use crate::journal::record::{Attempt, Notification};
use crate::message::{Bounds, MessageFacts, Outline, header_section};

/// Of each, so many are shown.
const MOST_RECIPIENTS: usize = 100;
const MOST_ATTEMPTS: usize = 100;
const MOST_FIELDS: usize = 500;

/// Bytes of its text, and of it as it is, that are shown.
const MOST_TEXT: usize = 128 * 1024;
const MOST_RAW: usize = 256 * 1024;

/// Bytes of its report that are read.
const MOST_REPORT: usize = 128 * 1024;

/// What parts for programs are called (RFC 3464, RFC 6533, RFC 8098, RFC 5965).
const REPORTS: [&str; 5] = [
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/global-disposition-notification",
    "message/feedback-report",
];

/// What a notification says.
struct Content {
    text: Option<Beginning>,
    /// The part for programs: its type, and its fields in groups.
    report: Option<Report>,
    raw: Beginning,
}

struct Report {
    media: String,
    groups: Vec<Vec<(String, String)>>,
}

impl Content {
    fn of(raw: &[u8]) -> Self {
        let (_, texts) = MessageFacts::read_with_texts(raw, &Bounds::default());
        let text = texts.iter().find(|text| !text.html).map(|text| Beginning::of_text(&text.text, MOST_TEXT));
        let part = Outline::read(raw, &Bounds::default());
        let part = part.into_iter().find(|part| part.level == 1 && REPORTS.contains(&part.media.as_str()));
        let report = part.map(|part| {
            let groups = groups(&part.decoded(raw, MOST_REPORT));
            Report { media: part.media, groups }
        });
        Self { text, report, raw: Beginning::of_raw(raw, MOST_RAW) }
    }
}

/// Fields in groups, between which there are empty lines.
fn groups(report: &[u8]) -> Vec<Vec<(String, String)>> {
    let (mut rest, mut left, mut groups) = (report.trim_ascii(), MOST_FIELDS, Vec::new());
    while !rest.is_empty() && left > 0 {
        let section = header_section(rest);
        // What is no field belongs to no group, and nothing is told of what follows.
        let fields = MessageFacts::read_header(section, &Bounds::default()).headers;
        if fields.is_empty() {
            break;
        }
        let shown = fields.iter().take(left).map(|field| (shown::lines(&field.name), shown::lines(field.value.trim())));
        let group: Vec<_> = shown.collect();
        left -= group.len();
        groups.push(group);
        rest = rest[section.len()..].trim_ascii_start();
    }
    groups
}

/// A try to pass it on.
struct Tried {
    attempt: Arc<Attempt>,
    outcome: Outcome,
    moment: String,
    host: String,
    reply: String,
}

#[derive(Template)]
#[template(path = "notification.html")]
struct NotificationPage {
    v: Visitor,
    notification: Arc<Notification>,
    kind: Outcome,
    due: Due,
    from: String,
    to: String,
    size: String,
    recipients: Few<String>,
    rule: Option<(String, String)>,
    content: Content,
    tried: Few<Tried>,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, In(id): In<String>) -> Result<Response, ApiError> {
    let notification = collections::find::<Notification>(&api, &id).await?;
    let content = collections::content(&api, notification.as_ref()).await?;
    let content = api.aside(move || Ok(Content::of(&content.read_all()?))).await?;
    let tried = outbox::attempts(&api, &notification).await?;
    html(&NotificationPage {
        kind: Outcome::of_notification(notification.kind),
        due: Due::of(&api, &notification),
        from: shown::address(&notification.from),
        to: shown::address(&notification.to),
        size: shown::size(notification.size),
        recipients: Few::of(notification.recipients.iter().map(|about| shown::address(about)), MOST_RECIPIENTS),
        rule: rule(&notification),
        tried: Few::of(tried.into_iter().map(self::tried), MOST_ATTEMPTS),
        v,
        content,
        notification,
    })
}

fn tried(attempt: Arc<Attempt>) -> Tried {
    Tried {
        outcome: Outcome::of_attempt(attempt.outcome),
        moment: shown::moment(attempt.at),
        host: shown::lines(&attempt.host),
        reply: shown::lines(&attempt.reply),
        attempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_groups_of_fields() {
        let raw = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n\
            --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\n\
            Final-Recipient: rfc822; a@b.test\r\nDiagnostic-Code: smtp;\r\n =?UTF-8?B?5Y+R56Wo?=<\x1b>\r\n--b--\r\n";
        let Content { text, report, .. } = Content::of(raw);
        assert_eq!(text.unwrap().text, "Sorry.");
        let Report { media, groups } = report.unwrap();
        assert_eq!(media, "message/delivery-status");
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let first = vec![field("Reporting-MTA", "dns; mx.test")];
        let second =
            vec![field("Final-Recipient", "rfc822; a@b.test"), field("Diagnostic-Code", "smtp; 发票<\\u{1b}>")];
        assert_eq!(groups, [first, second]);
    }
}
