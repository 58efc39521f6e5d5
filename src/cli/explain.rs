//! `mockmx explain`: what a refusal means, and how to make it happen here.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use mockmx::escape::Escaped;
use mockmx::explain::{Explainer, Match, Subject, statements};
use mockmx::policy::ProviderView;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::args::PolicyArgs;
use super::load::{load, report};

/// How much of standard input is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// How much of a text is shown back, in characters.
const LONGEST_SHOWN: usize = 300;

/// How many findings of one text are shown without `--all`.
const MOST: usize = 5;

/// With less certainty, in percent, it is found by its meaning alone.
const SURE_OF_TEXT: u8 = 49;

/// What `mockmx explain --help` says besides the flags.
pub(super) const NOTES: &str = "\
TEXT is a reply, a part of it, a line of a log, a code of a mail program, a rule's name, or what happened, in words of
your own. From standard input it may also be a whole bounce. Exit code 1 if nobody knows it.

  mockmx explain 'sender in prison'
  mockmx explain 0x800CCC0F
  mockmx explain 对方邮箱已满
  mockmx explain < bounce.eml";

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// What somebody was told; `-`, or nothing where something is piped in: standard input
    #[arg(value_name = "TEXT")]
    text: Vec<OsString>,
    /// Explain by this provider's pack alone
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Show also what is less likely
    #[arg(long)]
    all: bool,
    /// Print JSON, a line for each text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    packs: PolicyArgs,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let texts = match args.text.as_slice() {
        [] if io::stdin().is_terminal() => {
            writeln!(anstream::stderr(), "error: there is no text to explain; see `mockmx explain --help`")?;
            return Ok(ExitCode::from(2));
        }
        [] => from_input()?,
        [dash] if dash == "-" => from_input()?,
        // On a terminal of GBK they are no UTF-8.
        words => statements(words.join(OsStr::new(" ")).as_encoded_bytes()),
    };
    let policy = match load(&args.packs.flags()) {
        Ok(generation) => generation.policy,
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut providers = policy.providers();
    if let Some(id) = &args.provider {
        let known: Vec<_> = providers.iter().map(|provider| provider.id.clone()).collect();
        providers.retain(|provider| provider.id == *id);
        if providers.is_empty() {
            anyhow::bail!("there is no provider `{}`; there are {}", id.escape_debug(), known.join(", "));
        }
    }
    let explainer = Explainer::new(&providers);
    let mut out = anstream::stdout().lock();
    let mut unknown = Vec::new();
    let several = texts.len() > 1;
    for text in &texts {
        let found = explainer.explain(text);
        let shown = if args.all { found.len() } else { likely(&found) };
        if args.json {
            let found: Vec<_> = found[..shown].iter().map(as_json).collect();
            writeln!(out, "{}", json!({ "text": text, "found": found }))?;
        } else if shown > 0 {
            if several {
                writeln!(out, "== {}\n", shown_of(text))?;
            }
            print(&found, shown, &mut out)?;
        }
        if found.is_empty() {
            unknown.push(text);
        }
    }
    if unknown.len() < texts.len() {
        return Ok(ExitCode::SUCCESS);
    }
    if !args.json {
        say_unknown(&unknown, &providers)?;
        if let [name] = args.text.as_slice()
            && Path::new(name).is_file()
        {
            let name = shown_of(&name.to_string_lossy());
            writeln!(anstream::stderr(), "There is a file of that name; `mockmx explain < {name}` reads it.")?;
        }
    }
    Ok(ExitCode::FAILURE)
}

fn from_input() -> io::Result<Vec<String>> {
    let mut brought = Vec::new();
    io::stdin().take(LONGEST).read_to_end(&mut brought)?;
    Ok(statements(&brought))
}

/// How many of what was found are worth showing: all that are as sure as the first, or nearly so.
fn likely(found: &[Match<'_>]) -> usize {
    let best = found.first().map_or(0, |first| first.certainty);
    let near = match best {
        // Whoever is sure needs no guesses beside it.
        95.. => 5,
        SURE_OF_TEXT.. => 15,
        // Where there are only guesses, none is much better than another.
        _ => best,
    };
    found.iter().take_while(|found| found.certainty + near >= best).count().min(MOST)
}

fn say_unknown(texts: &[&String], providers: &[ProviderView]) -> io::Result<()> {
    let mut out = anstream::stderr().lock();
    match texts {
        [] => writeln!(out, "there is no text to explain")?,
        [text] => writeln!(out, "not known: {}", shown_of(text))?,
        texts => {
            writeln!(out, "not known:")?;
            for text in texts {
                writeln!(out, "  {}", shown_of(text))?;
            }
        }
    }
    let (rules, texts) = providers
        .iter()
        .fold((0, 0), |(rules, texts), provider| (rules + provider.rules.len(), texts + provider.explanations.len()));
    writeln!(
        out,
        "No reply of {rules} rules and none of {texts} other texts of {} providers is like it.",
        providers.len()
    )
}

/// A text as it is shown back: it may be a megabyte.
fn shown_of(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        None => Escaped(text).to_string(),
        Some((end, _)) => format!("{}… ({} bytes)", Escaped(&text[..end]), text.len()),
    }
}

/// The first `shown` of what was found.
fn print(found: &[Match<'_>], shown: usize, out: &mut impl Write) -> io::Result<()> {
    for found in &found[..shown] {
        one(found, out)?;
        writeln!(out)?;
    }
    match found.len() - shown {
        0 => Ok(()),
        left => writeln!(out, "{left} more may be meant, less likely; `--all` shows them"),
    }
}

fn one(found: &Match<'_>, out: &mut impl Write) -> io::Result<()> {
    let (provider, subject) = (found.provider, found.subject);
    let sure = match found.certainty {
        98.. => "certain",
        85.. => "very likely",
        70.. => "likely",
        SURE_OF_TEXT.. => "perhaps",
        _ => "a guess",
    };
    writeln!(out, "{}/{}  ({sure}, {} %: {})", provider.id, subject.id(), found.certainty, found.how)?;
    let provider_line = format!("{} ({})", provider.name, provider.id);
    let stage = subject.occasion().to_string();
    let mut lines: Vec<(&str, Option<String>)> = vec![("provider", Some(provider_line)), ("stage", Some(stage))];
    let place = match subject {
        Subject::Rule(rule) => {
            let reply = rule.reply.clone().unwrap_or_else(|| format!("none: {}", rule.action));
            lines.push((if rule.later.is_some() { "bounce" } else { "reply" }, Some(reply)));
            lines.push(("later", rule.later.clone()));
            lines.push(("manner", rule.manner.clone()));
            lines.push(("dates", (!rule.period.is_always()).then(|| rule.period.to_string())));
            (&rule.file, rule.line)
        }
        Subject::Explanation(of) => {
            lines.push(("text", Some(of.texts.join(" | "))));
            (&of.file, of.line)
        }
    };
    let words = subject.words().map(|words| words.map(str::to_owned));
    lines.extend(["原因", "解决建议", "reason", "remedy"].into_iter().zip(words));
    let (source, note) = match subject {
        Subject::Rule(rule) => (&rule.source, &rule.note),
        Subject::Explanation(of) => (&of.source, &of.note),
    };
    lines.push(("source", source.clone()));
    lines.push(("note", note.clone()));
    lines.push(("pack", Some(format!("{}:{}", place.0, place.1))));
    if let Subject::Rule(rule) = subject {
        lines.push(("here", Some(format!("{}, or `mockmx try {}/{}`", rule.trigger_command(), provider.id, rule.id))));
    }
    for (label, text) in lines {
        if let Some(text) = text {
            // A Chinese character is two columns wide.
            writeln!(out, "  {label}{}{}", " ".repeat(10_usize.saturating_sub(label.width())), Escaped(&text))?;
        }
    }
    Ok(())
}

fn as_json(found: &Match<'_>) -> Value {
    let (provider, subject) = (found.provider, found.subject);
    let mut value = json!({
        "provider": provider.id,
        "provider_name": provider.name,
        "id": subject.id(),
        "stage": subject.occasion().name(),
        "how": found.how.name(),
        "certainty": found.certainty,
    });
    let more = match subject {
        Subject::Rule(rule) => json!({
            "kind": "rule",
            "action": rule.action,
            "reply": rule.reply,
            "later": rule.later,
            "manner": rule.manner,
            "since": rule.period.since.map(|day| day.to_string()),
            "until": rule.period.until.map(|day| day.to_string()),
            "reason": { "zh": rule.reason_zh, "en": rule.reason_en },
            "remedy": { "zh": rule.remedy_zh, "en": rule.remedy_en },
            "source": rule.source,
            "note": rule.note,
            "file": rule.file,
            "line": rule.line,
            "trigger": rule.trigger,
        }),
        Subject::Explanation(of) => json!({
            "kind": "text",
            "texts": of.texts,
            "reason": { "zh": of.reason_zh, "en": of.reason_en },
            "remedy": { "zh": of.remedy_zh, "en": of.remedy_en },
            "source": of.source,
            "note": of.note,
            "file": of.file,
            "line": of.line,
        }),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

#[cfg(test)]
mod tests {
    use mockmx::explain::How;

    use super::*;

    #[test]
    fn guesses_are_not_shown_beside_what_is_sure() {
        let provider = ProviderView {
            id: "p".to_owned(),
            name: "P".to_owned(),
            domains: Vec::new(),
            banner: String::new(),
            rules: Vec::new(),
            explanations: Vec::new(),
        };
        let rule = mockmx::policy::RuleView {
            id: "r".to_owned(),
            stage: mockmx::stage::Stage::Rcpt,
            action: "refuse",
            reply: None,
            later: None,
            manner: None,
            breaks: false,
            period: mockmx::policy::Period::default(),
            trigger_only: false,
            trigger: String::new(),
            reason_zh: None,
            reason_en: None,
            remedy_zh: None,
            remedy_en: None,
            source: None,
            note: None,
            file: String::new(),
            line: 1,
        };
        let found = |certainties: &[u8]| {
            let found = |certainty: &u8| Match {
                provider: &provider,
                subject: Subject::Rule(&rule),
                how: How::Near,
                certainty: *certainty,
            };
            likely(&certainties.iter().map(found).collect::<Vec<_>>())
        };
        assert_eq!(found(&[]), 0);
        assert_eq!(found(&[100, 95, 88]), 2);
        assert_eq!(found(&[80, 70, 66, 50]), 3);
        assert_eq!(found(&[60; 9]), MOST);
        assert_eq!(found(&[45, 40, 22]), 3);
        assert_eq!(found(&[55, 45, 22]), 2);
    }
}
