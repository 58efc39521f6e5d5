//! What comes from a provider's user: out-of-office replies, read receipts, abuse reports.

use super::field::{self, Fields};
use super::mime::{self, Part};
use super::report::{Wording, address};
use super::{Charset, Form, Kind, Notification, Returns, Source, permit, returned};

/// Characters of the `References` that are carried on.
const MOST_REFERENCES: usize = 800;

/// An out-of-office reply (RFC 3834).
pub(super) fn out_of_office(source: &Source<'_>, form: &Form, recipient: usize) -> Notification {
    let (host, utf8) = (source.host(), source.is_utf8(&[recipient]));
    let words = Wording { source, form, host: &host };
    // RFC 3834 §4: it goes to the return path, whatever From and Reply-To say.
    let to = source.message().from.clone();
    let mut header = words.header(source.recipient(recipient), "", &to, &[recipient], utf8);
    header.ours("Auto-Submitted", "auto-replied");
    answers(source, &mut header);
    header.ours("MIME-Version", "1.0");
    let mut raw = header.0.into_bytes();
    Part::text(&words.text(&[recipient]), form.charset).append_to(&mut raw);
    told(source, to, raw, recipient, utf8)
}

/// A read receipt (RFC 8098), of a person who read the message and let the receipt be sent.
pub(super) fn read_receipt(source: &Source<'_>, form: &Form, recipient: usize) -> Notification {
    let (host, utf8) = (source.host(), source.is_utf8(&[recipient]));
    let words = Wording { source, form, host: &host };
    let to = permit::receipt_address(source).unwrap_or_default();
    let mut header = words.header(source.recipient(recipient), "", &to, &[recipient], utf8);
    header.ours("Auto-Submitted", "auto-replied");
    answers(source, &mut header);
    let mut fields = Fields::default();
    fields.ours("Reporting-UA", &host);
    if let Some((kind, address)) = source.original_recipient(recipient) {
        fields.add("Original-Recipient", &field::typed(kind, address, utf8));
    }
    fields.add("Final-Recipient", &field::typed("rfc822", source.recipient(recipient), utf8));
    if let Some(id) = ids(source, "message-id").pop() {
        fields.ours("Original-Message-ID", &id);
    }
    // RFC 8098 §3.2.6: a person opened it and agreed.
    fields.ours("Disposition", "manual-action/MDN-sent-manually; displayed");
    let kind = if utf8 { "message/global-disposition-notification" } else { "message/disposition-notification" };
    let mut parts = vec![
        Part::text(&words.text(&[recipient]), form.charset),
        Part::of(kind, "Disposition notification", fields.0.into_bytes().into()),
    ];
    let returns = if form.returns == Returns::Nothing { Returns::Nothing } else { Returns::Headers };
    parts.extend(returned::part(source, returns, utf8));
    let raw = mime::report(header, "disposition-notification", &parts);
    told(source, to, raw, recipient, utf8)
}

/// An abuse report (RFC 5965) of the provider's, to the sender of the envelope, who takes the place of the address that
/// a sender would have registered for a feedback loop.
pub(super) fn abuse_report(source: &Source<'_>, form: &Form, recipient: usize) -> Notification {
    let (host, message) = (source.host(), source.message());
    let words = Wording { source, form, host: &host };
    let (from, to) = (address(&form.abuse, &host), message.from.clone());
    // RFC 5965 knows no UTF-8: addresses that are not ASCII are left out of its fields.
    let utf8 = source.is_utf8(&[recipient]);
    let mut header = words.header(&from, "", &to, &[recipient], utf8);
    // RFC 3834 §5: it has a sender, and so this alone keeps programs from answering it.
    header.ours("Auto-Submitted", "auto-generated");
    let mut fields = Fields::default();
    fields.ours("Feedback-Type", "abuse");
    fields.ours("User-Agent", "mockmx");
    fields.ours("Version", "1");
    if let Some(envid) = message.parameters.envid.as_deref().filter(|envid| envid.is_ascii()) {
        fields.add_seen("Original-Envelope-Id", &field::plain(envid));
    }
    let path = |name, address: &str, fields: &mut Fields| {
        if field::is_mailbox(address, false) {
            fields.add(name, &field::mailbox("", address, Charset::Utf8, false));
        }
    };
    path("Original-Mail-From", &message.from, &mut fields);
    path("Original-Rcpt-To", source.recipient(recipient), &mut fields);
    fields.ours("Arrival-Date", &message.received.rfc5322());
    fields.ours("Reporting-MTA", &format!("dns; {host}"));
    fields.ours("Source-IP", &message.peer.ip().to_canonical().to_string());
    // RFC 5965 §2: the third part must be there.
    let returns = match returned::returns(source, form) {
        _ if source.event.original.raw.len() <= form.return_most && form.returns == Returns::Full => Returns::Full,
        Returns::Nothing => Returns::Headers,
        returns => returns,
    };
    let mut parts = vec![
        Part::text(&words.text(&[recipient]), form.charset),
        Part::of("message/feedback-report", "Abuse report", fields.0.into_bytes().into()),
    ];
    parts.extend(returned::part(source, returns, utf8));
    let raw = mime::report(header, "feedback-report", &parts);
    Notification { from, ..told(source, to, raw, recipient, utf8) }
}

/// A notification with the null path for its sender: nobody answers it (RFC 3834 §3, RFC 8098 §3).
fn told(source: &Source<'_>, to: String, raw: Vec<u8>, recipient: usize, smtputf8: bool) -> Notification {
    let kind: &Kind = source.event.kind;
    Notification { from: String::new(), to, raw, kind: kind.name(), recipients: vec![recipient], smtputf8 }
}

/// Says which message is answered (RFC 3834 §3.1, RFC 5322 §3.6.4).
fn answers(source: &Source<'_>, header: &mut Fields) {
    let Some(id) = ids(source, "message-id").pop() else { return };
    header.ours("In-Reply-To", &id);
    let mut before = ids(source, "references");
    before.push(id);
    // The latest are kept.
    let mut length = 0;
    let kept = before.iter().rev().take_while(|id| {
        length += id.len() + 1;
        length <= MOST_REFERENCES
    });
    let skipped = before.len() - kept.count();
    header.add("References", &field::Words(before.split_off(skipped)));
}

/// The message ids of a field, as far as they can be written again.
fn ids(source: &Source<'_>, name: &str) -> Vec<String> {
    let value = source.header(name).unwrap_or_default();
    let inner = value.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
    let proper = |id: &str| !id.is_empty() && id.len() < 250 && id.bytes().all(|b| b.is_ascii_graphic());
    inner.filter(|(id, _)| proper(id)).map(|(id, _)| format!("<{id}>")).collect()
}
