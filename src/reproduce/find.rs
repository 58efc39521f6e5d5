//! What is brought, and which part of it is read how.

use std::borrow::Cow;

use mail_parser::Message;

use super::{Failure, Found, Original, log, prose, report, returned, transcript, word};
use crate::brought::{carried, is_bounce, is_html, is_marked, mails, shown, unmarked, unquoted, within};
use crate::message::guess;

/// How much is looked at, in bytes.
const LONGEST: usize = 1 << 20;

/// Finds the failures in a mail, a mailbox file, a text or lines of a log; in its first megabyte.
#[must_use]
pub fn find(brought: &[u8]) -> Found {
    let cut = brought.len() > LONGEST;
    let is_marked = is_marked(brought);
    let mut brought = unmarked(within(brought, LONGEST));
    // Whoever passes a bounce on as a text may have quoted it. Where its charset must be guessed it stays as it is.
    if let Ok(text) = std::str::from_utf8(&brought)
        && let Cow::Owned(text) = unquoted(text)
    {
        brought = text.into_bytes().into();
    }
    let mut found = Found { cut, ..Found::default() };
    let (mails, is_more) = mails(&brought);
    found.cut |= is_more;
    for (at, mail) in mails.iter().enumerate() {
        let from = found.failures.len();
        of_mail(mail, &mut found);
        if cut && at + 1 == mails.len() {
            found.failures[from..].iter_mut().for_each(Failure::cut);
        }
    }
    if found.failures.is_empty() {
        of_text(&brought, mails.is_empty(), &mut found);
        if !is_marked {
            found.failures.iter_mut().for_each(Failure::guessed);
        }
        if cut {
            found.failures.iter_mut().for_each(Failure::cut);
        }
    }
    if let Cow::Owned(_) = brought {
        found.failures.iter_mut().for_each(Failure::changed);
    }
    found
}

/// The failures of a log, of the fields of a report, or, if it `is_text` and no mail, of a text.
fn of_text(brought: &[u8], is_text: bool, found: &mut Found) {
    let text = guess(brought);
    let text = if is_html(&text) { shown(&text).into() } else { text };
    let (lines, is_more) = log::read(&text);
    found.cut |= is_more;
    found.add_all(lines);
    if found.failures.is_empty() {
        found.add_all(report::scan(&text));
        // They do not say the stage, but what stands beside them may.
        let beside = if found.failures.is_empty() { Vec::new() } else { prose::read(&text, &[], true) };
        beside.into_iter().for_each(|failure| found.enrich(failure, true));
    }
    if found.failures.is_empty() && is_text && !log::is_log(&text) {
        found.add_all(prose::read(&text, &[], false));
    }
    let original = prose::original(&text).map(|original| original.with(returned::behind_mark(brought)));
    found.failures.iter_mut().for_each(|failure| failure.original.clone_from(&original));
}

/// The failures of a mail, or of the first bounce in it: of its reports, which are made surer by its text; else of that.
fn of_mail(mail: &Message<'_>, found: &mut Found) {
    let mut all = vec![mail];
    carried(mail, 0, &mut all);
    let read = |mail: &Message<'_>| {
        let (text, is_guessed) = prose::text_of(mail);
        let (told, mut own) = (report::read(mail), prose::of_mail(mail, &text));
        if is_guessed {
            own.iter_mut().for_each(Failure::guessed);
        }
        (told, own, text)
    };
    // Who passes a bounce on may write about it, too; and the mail that failed may be one about other failures.
    let first = all
        .into_iter()
        .map(|mail| (mail, read(mail)))
        .find(|(mail, (told, own, _))| !told.is_empty() || (is_bounce(mail) && !own.is_empty()));
    let (mail, (mut told, mut own, text)) = first.unwrap_or_else(|| (mail, read(mail)));
    let is_report = !told.is_empty();
    transcript::enrich(&text, if is_report { &mut told } else { &mut own });
    let returned =
        report::original(mail).or_else(|| prose::original(&text).map(|of| of.with(returned::behind_text(mail))));
    let original = with_sender(returned, mail);
    let mut both = Found { failures: told, ..Found::default() };
    own.into_iter().for_each(|failure| both.enrich(failure, is_report));
    both.failures.iter_mut().for_each(|failure| failure.original.clone_from(&original));
    found.add_all(both.failures);
}

/// The mail that failed, with its sender: a bounce says it, or else goes there.
fn with_sender(original: Option<Original>, bounce: &Message<'_>) -> Option<Original> {
    let to = bounce.to().and_then(|to| to.first()).and_then(|to| to.address()).filter(|_| is_bounce(bounce));
    let told = report::sender(bounce);
    let sender = told.or_else(|| original.as_ref()?.sender.clone()).or_else(|| word(to?));
    match original {
        Some(original) => Some(Original { sender, ..original }),
        None => sender.map(|sender| Original { sender: Some(sender), ..Original::default() }),
    }
}
