//! Sends the mails that failed again, to one server, and shows what it says.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::styling::{AnsiColor, Style};
use mockmx::escape::Escaped;
use mockmx::relay::{Exchange, Hop, once};
use mockmx::reproduce::{Case, Comparison, Extent, Letter, LetterError};
use mockmx::stage::Stage;

/// A mail with the number of its failure, or why there is none.
pub(super) type Numbered = (usize, Result<Letter, LetterError>);

pub(super) fn letters(cases: &[Case<'_>]) -> Vec<Numbered> {
    cases.iter().map(|case| (case.number, Letter::new(case.failure))).collect()
}

/// Sends them one after the other. Fails if one was not sent, or met what the bounce does not let expect.
pub(super) fn run(hop: &Hop, letters: Vec<Numbered>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let expected = runtime.block_on(all(hop, letters))?;
    Ok(if expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends them, and says whether all went as the bounce lets expect.
pub(super) async fn all(hop: &Hop, letters: Vec<Numbered>) -> io::Result<bool> {
    let mut expected = true;
    for (number, letter) in letters {
        match letter {
            Ok(letter) => expected &= send(hop, number, &letter).await?,
            Err(error) => {
                expected = false;
                writeln!(anstream::stdout(), "{number}. is not sent again: {error}")?;
            }
        }
    }
    Ok(expected)
}

async fn send(hop: &Hop, number: usize, letter: &Letter) -> io::Result<bool> {
    let (outcome, heard) = once(hop, &letter.from, &letter.to, &letter.bytes, letter.smtputf8).await;
    let last = heard.last().map(|exchange| (exchange.stage, letter.compare(exchange.stage, &exchange.reply)));
    let fault = match &outcome.answer().said {
        mockmx::relay::Said::Fault(fault) => Some(fault.as_str()),
        mockmx::relay::Said::Reply(_) => None,
    };
    let mut out = anstream::stdout().lock();
    let bold = Style::new().bold();
    writeln!(out, "{bold}{number}. {}, again to {hop}{bold:#}", Escaped(&letter.to))?;
    match letter.extent {
        Extent::Whole => {}
        Extent::Cut => writeln!(out, "   its end is missing in the bounce, and in what is sent")?,
        Extent::Header => writeln!(out, "   the bounce has its header alone: it is sent without a body")?,
    }
    for exchange in &heard {
        show(exchange, &mut out)?;
    }
    let (text, is_expected) = match (fault, last) {
        (None, Some((stage, comparison))) => (told(stage, comparison), comparison.is_expected()),
        (fault, _) => (format!("not sent: {}", fault.unwrap_or("nothing was said")), false),
    };
    let colour = if is_expected { AnsiColor::Green } else { AnsiColor::Yellow };
    let style = Style::new().fg_color(Some(colour.into()));
    writeln!(out, "   {style}{}{style:#}\n", Escaped(&text))?;
    out.flush()?;
    Ok(is_expected)
}

fn told(stage: Stage, comparison: Comparison) -> String {
    match comparison {
        Comparison::Accepted => comparison.to_string(),
        _ => format!("{comparison} (here at stage {stage})"),
    }
}

/// Prints a command and what was said to it.
fn show(exchange: &Exchange, out: &mut impl Write) -> io::Result<()> {
    match exchange.command.as_str() {
        "" => {}
        "." => writeln!(out, "   > (the message)")?,
        command => writeln!(out, "   > {}", Escaped(command))?,
    }
    let mut wire = Vec::new();
    exchange.reply.write_to(&mut wire);
    for line in String::from_utf8_lossy(&wire).lines() {
        writeln!(out, "   < {}", Escaped(line))?;
    }
    Ok(())
}
