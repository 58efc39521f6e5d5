//! Delivery status notifications (RFC 3464).

use std::fmt::Write as _;

use super::field::{self, Fields};
use super::mime::{self, Part};
use super::{Form, Kind, Language, Notification, Placeholder, Source, returned};
use crate::clock::Time;

/// Characters of a value in a subject or text.
const MOST: usize = 300;

/// Characters of what an out-of-office reply says.
const MOST_TEXT: usize = 4_000;

/// The notification of a delivery to these recipients.
pub(super) fn delivery(source: &Source<'_>, form: &Form, told: Vec<usize>) -> Notification {
    let (host, utf8) = (source.host(), form.standard && source.is_utf8(&told));
    let from = address(&form.from, &host);
    let to = source.message().from.clone();
    let words = Wording { source, form, host: &host };
    let text = words.text(&told);
    let returns = returned::returns(source, form);
    let mut header = words.header(&from, &form.name, &to, &told, utf8);
    // RFC 3834 §5: an answer to a message that no person wrote.
    header.ours("Auto-Submitted", "auto-replied");
    let raw = if form.standard {
        let status = status(source, &told, &host, utf8);
        let kind = if utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
        let mut parts = vec![Part::text(&text, form.charset), Part::of(kind, "Delivery report", status.into())];
        parts.extend(returned::part(source, returns, utf8));
        mime::report(header, "delivery-status", &parts)
    } else {
        plain(header, &text, form, returned::bytes(source, returns))
    };
    let kind = source.event.kind.name();
    // RFC 3461 §6.1: its own sender is null, so that nothing answers it.
    Notification { from: String::new(), to, raw, kind, recipients: told, smtputf8: utf8 }
}

/// A message of text alone, the original behind it; without MIME where the text needs none, as qmail writes.
fn plain(mut header: Fields, text: &str, form: &Form, original: &[u8]) -> Vec<u8> {
    let text = mime::lines(text, form.charset.widest());
    if !text.is_ascii() {
        header.ours("MIME-Version", "1.0");
        header.ours("Content-Type", &format!("text/plain; charset={}", form.charset.label()));
        header.ours("Content-Transfer-Encoding", "8bit");
    }
    header.next_block();
    let mut raw = header.0.into_bytes();
    raw.extend_from_slice(&form.charset.encode(&text));
    if !original.is_empty() {
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(original);
    }
    raw
}

/// `message/delivery-status`: the fields of the message, then of each recipient (RFC 3464 §2).
fn status(source: &Source<'_>, told: &[usize], host: &str, utf8: bool) -> Vec<u8> {
    let (event, message) = (source.event, source.message());
    let mut fields = Fields::default();
    fields.ours("Reporting-MTA", &format!("dns; {host}"));
    if let Some(envid) = &message.parameters.envid {
        fields.add_seen("Original-Envelope-Id", &field::reported("", envid, utf8));
    }
    if let Some(helo) = message.helo.as_ref().and_then(|helo| field::domain(&helo.name)) {
        fields.ours("Received-From-MTA", &format!("dns; {helo}"));
    }
    fields.ours("Arrival-Date", &message.received.rfc5322());
    for &index in told {
        fields.next_block();
        if let Some((kind, address)) = source.original_recipient(index) {
            fields.add("Original-Recipient", &field::typed(kind, address, utf8));
        }
        fields.add("Final-Recipient", &field::typed("rfc822", source.recipient(index), utf8));
        fields.ours("Action", event.kind.name());
        fields.ours("Status", &code(event.kind));
        if let Some(remote) = event.remote.and_then(field::domain) {
            fields.ours("Remote-MTA", &format!("dns; {remote}"));
        }
        let diagnostic = field::said(event.kind.diagnostic(), 900);
        if !diagnostic.is_empty() {
            // What no server said is of a type of ours (RFC 3464 §2.1.2).
            let kind = if diagnostic.starts_with(|c: char| c.is_ascii_digit()) { "smtp;" } else { "x-local;" };
            fields.add("Diagnostic-Code", &field::reported(kind, &diagnostic, utf8));
        }
        fields.ours("Last-Attempt-Date", &event.now.rfc5322());
        if let Some(until) = retry_until(event.kind) {
            fields.ours("Will-Retry-Until", &until.rfc5322());
        }
    }
    fields.0.into_bytes()
}

fn retry_until(kind: &Kind) -> Option<Time> {
    if let Kind::Delayed { will_retry_until, .. } = kind { *will_retry_until } else { None }
}

/// The status code (RFC 3463), of the class that the kind has: as given, else the diagnostic's, else one that says nothing
/// else.
pub(super) fn code(kind: &Kind) -> String {
    let (class, given) = match kind {
        Kind::Failed { status, .. } => ('5', status.as_str()),
        Kind::Delayed { status, .. } => ('4', status.as_str()),
        _ => return "2.0.0".to_owned(),
    };
    let is_code = |text: &str| {
        let parts: Vec<_> = text.split('.').collect();
        let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && parts[0].len() == 1 && text.starts_with(class) && parts.iter().all(digits)
    };
    let said = kind.diagnostic().split([' ', '-', '#', '(', ')']).take(5);
    let found = [given].into_iter().chain(said).find(|text| is_code(text));
    found.map_or_else(|| format!("{class}.0.0"), str::to_owned)
}

/// An address of the form, on this host.
pub(super) fn address(template: &super::Template, host: &str) -> String {
    template.line(|_| host.to_owned())
}

/// A form's words, filled in.
pub(super) struct Wording<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) form: &'a Form,
    pub(super) host: &'a str,
}

impl Wording<'_> {
    /// The text in each of the form's languages, one after the other.
    pub(super) fn text(&self, told: &[usize]) -> String {
        let Some(words) = self.form.words.get(self.source.event.kind.name()) else { return String::new() };
        let texts = self.form.languages.iter().filter_map(|&language| {
            let text = words.text(language)?;
            Some(text.render(told, |placeholder, recipient| self.value(placeholder, recipient, language)))
        });
        let mut texts: Vec<_> = texts.map(|text| text.trim_end().to_owned()).collect();
        // What a person says is the same in both.
        texts.dedup();
        texts.join("\n\n")
    }

    /// The fields that all kinds have.
    pub(super) fn header(&self, from: &str, name: &str, to: &str, told: &[usize], utf8: bool) -> Fields {
        let (event, charset) = (self.source.event, self.form.charset);
        let language = self.form.languages.first().copied().unwrap_or(Language::En);
        let subject = self
            .form
            .words
            .get(event.kind.name())
            .map(|words| words.subject.line(|placeholder| self.value(placeholder, told[0], language)));
        let mut header = Fields::default();
        header.add("From", &field::mailbox(name, from, charset, utf8));
        header.add("To", &field::mailbox("", to, charset, utf8));
        header.add("Subject", &field::text(subject.as_deref().unwrap_or_default(), charset));
        header.ours("Date", &event.now.rfc5322());
        header.ours("Message-ID", &format!("<{}@{}>", self.mark(told), self.host));
        header
    }

    /// What tells this notification from all others.
    fn mark(&self, told: &[usize]) -> String {
        let event = self.source.event;
        let recipients: Vec<_> = told.iter().map(|&index| self.source.recipient(index)).collect();
        let message = event.original.message;
        let what = format!("{:?} {} {:?} {recipients:?}", event.kind, message.queue_id, message.received);
        let mut mark = String::new();
        // Writing into a string does not fail.
        let _ = write!(mark, "{:x}.{:08x}", event.now.unix_nanos(), rawzip::crc32(what.as_bytes()));
        if self.source.place > 0 {
            let _ = write!(mark, ".{}", self.source.place);
        }
        mark
    }

    fn value(&self, placeholder: Placeholder, recipient: usize, language: Language) -> String {
        let (event, message) = (self.source.event, self.source.message());
        let reason = event.reason;
        let value = match (placeholder, language) {
            (Placeholder::Diagnostic, _) => return field::said(event.kind.diagnostic(), MOST),
            (Placeholder::Host, _) => self.host,
            (Placeholder::QueueId, _) => &message.queue_id,
            (Placeholder::Reason, Language::Zh) => reason.reason_zh,
            (Placeholder::Reason, Language::En) => reason.reason_en,
            (Placeholder::Remedy, Language::Zh) => reason.remedy_zh,
            (Placeholder::Remedy, Language::En) => reason.remedy_en,
            (Placeholder::Recipient, _) => self.source.recipient(recipient),
            (Placeholder::Sender, _) => &message.from,
            (Placeholder::Subject, _) => &message.subject,
            (Placeholder::Status, _) => &code(event.kind),
            (Placeholder::Time, _) => &message.received.rfc5322(),
            (Placeholder::RetryUntil, _) => &retry_until(event.kind).map(Time::rfc5322).unwrap_or_default(),
            (Placeholder::Text, _) => {
                let Kind::OutOfOffice { text } = event.kind else { return String::new() };
                let lines = text.lines().map(|line| field::clean(line, MOST)).collect::<Vec<_>>().join("\n");
                return lines.chars().take(MOST_TEXT).collect();
            }
        };
        field::clean(value, MOST)
    }
}
