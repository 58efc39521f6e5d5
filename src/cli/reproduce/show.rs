//! How what was found is shown.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use mockmx::escape::Escaped;
use mockmx::explain::Explainer;
use mockmx::reproduce::{Case, Sure};
use unicode_width::UnicodeWidthStr;

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
            for line in failure.wire().unwrap_or_default().lines() {
                say("reply", Some(line.to_owned()), Sure::Said);
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
    if let Some(found) = failure.rule(explainer) {
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
