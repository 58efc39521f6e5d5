//! `mockmx providers`: which providers there are, and the rules of one.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use mockmx::escape::Escaped;
use mockmx::policy::{ProviderView, RuleView};
use mockmx::stage::Stage;
use unicode_width::UnicodeWidthStr;

use super::args::PackArgs;
use super::load::{load, report};

#[derive(Debug, Args)]
pub(super) struct ProvidersArgs {
    /// List the rules of this provider
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    packs: PackArgs,
}

pub(super) fn run(args: &ProvidersArgs) -> anyhow::Result<ExitCode> {
    let policy = match load(&args.packs.flags()) {
        Ok(generation) => generation.policy,
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let providers = policy.providers();
    let mut out = anstream::stdout().lock();
    let Some(id) = &args.id else {
        table(&providers, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    };
    match providers.iter().find(|provider| provider.id == *id) {
        Some(provider) => rules(provider, &mut out)?,
        None => {
            let known: Vec<_> = providers.iter().map(|provider| provider.id.as_str()).collect();
            anyhow::bail!("there is no provider `{}`; there are {}", id.escape_debug(), known.join(", "));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line a provider.
fn table(providers: &[ProviderView], out: &mut impl Write) -> io::Result<()> {
    let mut lines = vec![["ID", "NAME", "RULES", "DOMAINS"].map(str::to_owned)];
    lines.extend(providers.iter().map(|it| [it.id.clone(), it.name.clone(), stages(it), it.domains.join(", ")]));
    // Columns of the terminal: a Chinese character takes two.
    let widths: [usize; 4] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].width()).max().unwrap_or(0));
    for line in &lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// How many rules there are at each stage: `12: mail 3, rcpt 9`.
fn stages(provider: &ProviderView) -> String {
    let counts: Vec<_> = Stage::ALL
        .into_iter()
        .map(|stage| (stage, provider.rules.iter().filter(|rule| rule.stage == stage).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(stage, count)| format!("{stage} {count}"))
        .collect();
    match counts.as_slice() {
        [] => "0".to_owned(),
        counts => format!("{}: {}", provider.rules.len(), counts.join(", ")),
    }
}

/// A paragraph a rule.
fn rules(provider: &ProviderView, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}  {}", provider.id, provider.name)?;
    for domain in &provider.domains {
        writeln!(out, "  {domain}")?;
    }
    for rule in &provider.rules {
        writeln!(out)?;
        one_rule(rule, out)?;
    }
    Ok(())
}

fn one_rule(rule: &RuleView, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}  (at {}: {})", rule.id, rule.stage, rule.action)?;
    let only = if rule.trigger_only { " (it fires in no other way)" } else { "" };
    let trigger = format!("{}{only}", rule.trigger);
    let dates = (!rule.period.is_always()).then(|| rule.period.to_string());
    let file = format!("{}:{}", rule.file, rule.line);
    let lines = [
        (if rule.later.is_some() { "bounce" } else { "reply" }, rule.reply.as_deref()),
        ("later", rule.later.as_deref()),
        ("manner", rule.manner.as_deref()),
        ("dates", dates.as_deref()),
        ("trigger", Some(trigger.as_str())),
        ("reason", rule.reason_en.as_deref()),
        ("原因", rule.reason_zh.as_deref()),
        ("remedy", rule.remedy_en.as_deref()),
        ("建议", rule.remedy_zh.as_deref()),
        ("source", rule.source.as_deref()),
        ("note", rule.note.as_deref()),
        ("file", Some(file.as_str())),
    ];
    for (label, text) in lines {
        if let Some(text) = text {
            // A Chinese character is two columns wide.
            writeln!(out, "  {label}{}{}", " ".repeat(9_usize.saturating_sub(label.width())), Escaped(text))?;
        }
    }
    Ok(())
}
