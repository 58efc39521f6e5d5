//! How what was found is shown.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use mockmx::escape::Escaped;
use mockmx::explain::{Explainer, Match};
use mockmx::reproduce::{Failure, Found, Sure};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::Case;

/// With less certainty, in percent, a rule is not named: it would be a claim.
const CERTAIN: u8 = 85;

/// The rule or text of a pack that the reply is.
fn known<'a>(failure: &Failure, explainer: &Explainer<'a>) -> Option<Match<'a>> {
    let reply = &failure.reply.as_ref()?.reply;
    let text = format!("{} {}", reply.code(), reply.lines().join(" "));
    explainer.explain(&text).into_iter().next().filter(|found| found.certainty >= CERTAIN)
}

/// Prints one failure.
pub(super) fn case(case: &Case<'_>, explainer: &Explainer<'_>, out: &mut impl Write) -> io::Result<()> {
    let failure = case.failure;
    let bold = Style::new().bold();
    let who = failure.recipient.as_deref().unwrap_or("a recipient that is not named");
    writeln!(out, "{bold}{}. {}{bold:#}", case.number, Escaped(who))?;
    for (label, text, sure) in lines(case, explainer) {
        let style = match sure {
            Sure::Guess => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            _ => Style::new(),
        };
        let pad = " ".repeat(11_usize.saturating_sub(label.width()));
        writeln!(out, "   {label}{pad}{style}{}{style:#}", Escaped(&text))?;
    }
    writeln!(out)
}

fn lines(case: &Case<'_>, explainer: &Explainer<'_>) -> Vec<(&'static str, String, Sure)> {
    let failure = case.failure;
    let mut lines = Vec::new();
    let mut say = |label, text: Option<String>, sure| lines.extend(text.map(|text| (label, text, sure)));
    say("sent to", failure.original_recipient.clone(), Sure::Said);
    match &failure.reply {
        None => say("reply", Some("unknown: no server's reply is found".to_owned()), Sure::Guess),
        Some(heard) => {
            for line in wire(failure).into_iter().flat_map(|wire| wire.lines().map(str::to_owned).collect::<Vec<_>>()) {
                say("reply", Some(line), Sure::Said);
            }
            for doubt in &heard.doubts {
                say("but", Some(doubt.to_string()), Sure::Guess);
            }
        }
    }
    if let Some(staged) = failure.staged() {
        say("stage", Some(format!("{} ({}: {})", staged.stage, staged.sure, staged.by)), staged.sure);
    }
    say("server", failure.remote.clone(), Sure::Said);
    say("status", failure.status.clone(), Sure::Said);
    let sure = failure.sure();
    say("read from", Some(format!("{} ({sure})", failure.how)), sure);
    if let Some(original) = &failure.original {
        say("sender", original.sender.clone().or_else(|| original.from.clone()), Sure::Said);
        say("subject", original.subject.clone(), Sure::Said);
        say("message", original.message_id.clone(), Sure::Said);
    }
    if let Some(found) = known(failure, explainer) {
        let rule = format!("{}/{} ({} %: {})", found.provider.id, found.subject.id(), found.certainty, found.how);
        say("rule", Some(rule), Sure::Said);
        for (label, words) in ["原因", "解决建议", "reason", "remedy"].into_iter().zip(found.subject.words()) {
            say(label, words.map(str::to_owned), Sure::Said);
        }
    } else if failure.reply.is_some() {
        say("rule", Some("no pack has such a reply".to_owned()), Sure::Said);
    }
    match &case.plan {
        Ok(plan) => {
            let when = plan.when.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ");
            let when = if when.is_empty() { "every mail".to_owned() } else { format!("where {when}") };
            say("mockmx", Some(format!("would say so at stage {}, {when}", plan.staged.stage)), Sure::Said);
        }
        Err(error) => say("mockmx", Some(format!("cannot reproduce it: {error}")), Sure::Guess),
    }
    lines
}

/// The reply as it goes over the wire.
fn wire(failure: &Failure) -> Option<String> {
    let mut bytes = Vec::new();
    failure.reply.as_ref()?.reply.write_to(&mut bytes);
    String::from_utf8(bytes).ok()
}

/// All that was brought, as one value.
pub(super) fn as_json(brought: &[(String, Found)], cases: &[Case<'_>], explainer: &Explainer<'_>) -> Value {
    let sources = brought.iter().map(|(name, found)| {
        let own = cases.iter().filter(|case| std::ptr::eq(case.found, found));
        json!({
            "source": name,
            "cut": found.cut,
            "failures": own.map(|case| failure(case, explainer)).collect::<Vec<_>>(),
        })
    });
    json!({ "found": sources.collect::<Vec<_>>() })
}

fn failure(case: &Case<'_>, explainer: &Explainer<'_>) -> Value {
    let failure = case.failure;
    let reply = failure.reply.as_ref().map(|heard| {
        json!({
            "code": heard.reply.code(),
            "lines": heard.reply.lines(),
            "wire": wire(failure),
            "doubts": heard.doubts,
        })
    });
    let stage = failure.staged().map(|staged| json!({"name": staged.stage, "sure": staged.sure, "by": staged.by}));
    let rule = known(failure, explainer).map(|found| {
        let [reason_zh, remedy_zh, reason_en, remedy_en] = found.subject.words();
        json!({
            "provider": found.provider.id,
            "id": found.subject.id(),
            "certainty": found.certainty,
            "how": found.how.name(),
            "reason": {"zh": reason_zh, "en": reason_en},
            "remedy": {"zh": remedy_zh, "en": remedy_en},
        })
    });
    let (stubs, error) = match &case.plan {
        Ok(plan) => (Some(plan.stubs()), None),
        Err(error) => (None, Some(error)),
    };
    json!({
        "number": case.number,
        "recipient": failure.recipient,
        "original_recipient": failure.original_recipient,
        "reply": reply,
        "stage": stage,
        "remote": failure.remote,
        "status": failure.status,
        "original": failure.original,
        "how": failure.how,
        "sure": failure.sure(),
        "rule": rule,
        "stubs": stubs,
        "error": error,
    })
}
