//! `mockmx providers`: which providers there are, and the rules of one.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
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
        Ok((_, policy)) => policy,
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
    let widths: [usize; 4] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].width()).max().unwrap_or(0));
    for line in &lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(widths) {
            // A Chinese character is two columns wide.
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
    writeln!(out, "{}  ({})", rule.id, rule.stage)?;
    let lines = [
        ("reply", Some(rule.reply.as_str())),
        ("trigger", Some(rule.trigger.as_str())),
        ("reason", rule.reason_en.as_deref()),
        ("", rule.reason_zh.as_deref()),
        ("remedy", rule.remedy_en.as_deref()),
        ("", rule.remedy_zh.as_deref()),
        ("source", rule.source.as_deref()),
    ];
    for (label, text) in lines {
        if let Some(text) = text {
            writeln!(out, "  {label:<8} {text}")?;
        }
    }
    writeln!(out, "  {:<8} {}:{}", "file", rule.file, rule.line)
}
