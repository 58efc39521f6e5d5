//! Lines of the logs of Postfix, Exim, sendmail, qmail and Exchange.

use std::sync::LazyLock;

use regex::Regex;

use super::{Failure, How, MOST, Staged, Sure, prose, reply, stage, word};
use crate::stage::Stage;

/// The most lines that are looked at.
const MOST_LINES: usize = 20_000;

/// The longest line that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// A line that says that a delivery failed, and who its recipient is.
static LINES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Postfix
        r"\bto=<([^>]+)>.*\bstatus=(?:bounced|deferred|undeliverable)\b",
        // Exim
        r"(?:^| )(?:\*\*|==) (\S+@\S+?):? .*\b(?:R=|T=|H=|defer)",
        // sendmail
        r"\bto=<?([^>,\s]+)>?,.*\b(?:reply|stat)=",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});
/// A line that says what became of a delivery.
static DELIVERY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)\bto=<?[^>,\s]+>?,.*\b(?:stat|status)=").ok());
static QMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"delivery ([0-9]+): (?:failure|deferral): (\S+)").ok());
static QMAIL_START: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"starting delivery ([0-9]+): msg [0-9]+ to remote (\S+)").ok());
/// A line of Exchange's protocol log: the direction and what was said.
static EXCHANGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#",([<>]),"?([^"]*?)"?,[^,]*$"#).ok());

/// The failures of which lines of a log tell; none if it is no log.
pub(super) fn read(text: &str) -> Vec<Failure> {
    let lines = || text.lines().take(MOST_LINES).filter(|line| line.len() <= LONGEST);
    let mut found: Vec<Failure> = lines().filter_map(line).take(MOST).collect();
    if found.is_empty() {
        found = qmail(lines());
    }
    if found.is_empty() {
        found = exchange(lines());
    }
    found
}

/// Whether it is a log, if only of deliveries that did not fail.
pub(super) fn is_log(text: &str) -> bool {
    DELIVERY.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

fn line(line: &str) -> Option<Failure> {
    let captures = LINES.iter().find_map(|pattern| pattern.captures(line))?;
    let to = captures.get(1)?;
    // What stands before says nothing of the reply, and a colon there is one of the time.
    let rest = &line[to.end()..];
    // sendmail writes so of every delivery.
    if ["stat=Sent", "stat=sent", "dsn=2.", "stat=queued"].iter().any(|good| rest.contains(good)) {
        return None;
    }
    // What Postfix says stands in parentheses.
    let (fields, rest) = rest.split_once("status=").unwrap_or(("", rest));
    let rest = rest.split_once(" (").filter(|_| !fields.is_empty()).map_or(rest, |(_, said)| {
        let said = said.trim_end();
        said.strip_suffix(')').unwrap_or(said)
    });
    let fields = format!("{fields} {rest}");
    let said = rest.split_once("reply=").map_or(rest, |(_, said)| said);
    let (reply, around) = match reply::read(said) {
        // sendmail's `reply=550 no, stat=User unknown`.
        Some(_) => (reply::read(said.split(", stat=").next().unwrap_or(said)), String::new()),
        None => prose::reply_within(&exim_newlines(rest)),
    };
    Some(Failure {
        recipient: word(to.as_str()),
        stage: stage::said(&around),
        remote: prose::remote(&fields),
        status: fields.split_once("dsn=").and_then(|(_, code)| word(code.split([',', ' ']).next()?)),
        reply,
        how: How::Log,
        ..Failure::default()
    })
}

/// Exim writes the line breaks of a reply as `\n`.
fn exim_newlines(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn qmail<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<Failure> {
    let (mut found, mut started): (Vec<Failure>, Vec<(&str, &str)>) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some(start) = QMAIL_START.as_ref().and_then(|pattern| pattern.captures(line))
            && let (Some(number), Some(to)) = (start.get(1), start.get(2))
        {
            started.push((number.as_str(), to.as_str()));
        }
        let Some(end) = QMAIL.as_ref().and_then(|pattern| pattern.captures(line)) else { continue };
        let (Some(number), Some(said)) = (end.get(1), end.get(2)) else { continue };
        let to = started.iter().rev().find(|(known, _)| *known == number.as_str());
        let text = said.as_str().replace('/', "\n").replace('_', " ");
        let (reply, around) = prose::reply_within(&text);
        found.push(Failure {
            recipient: to.and_then(|(_, to)| word(to)),
            stage: stage::said(&around),
            remote: prose::remote(&text),
            reply,
            how: How::Log,
            ..Failure::default()
        });
        if found.len() == MOST {
            break;
        }
    }
    found
}

/// A protocol log has both sides, so it says the stage by itself.
fn exchange<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<Failure> {
    let (mut found, mut stage, mut recipients, mut command) =
        (Vec::new(), Stage::Connect, Vec::<String>::new(), String::new());
    for line in lines {
        let Some(said) = EXCHANGE.as_ref().and_then(|pattern| pattern.captures(line)) else { continue };
        let (direction, text) = (&said[1], said[2].trim());
        if direction == ">" {
            let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            stage = match verb.as_str() {
                "EHLO" | "HELO" => Stage::Helo,
                "AUTH" => Stage::Auth,
                "MAIL" => Stage::Mail,
                "RCPT" => Stage::Rcpt,
                "DATA" => Stage::Data,
                "BDAT" => Stage::Message,
                _ => continue,
            };
            if stage == Stage::Mail {
                recipients.clear();
            }
            let address = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
            if stage == Stage::Rcpt && recipients.len() < MOST {
                recipients.extend(address.and_then(word));
            }
            command = text.chars().take(80).filter(|c| !c.is_control()).collect();
        } else if text.starts_with("354") {
            stage = Stage::Message;
        } else if let Some(heard) = reply::read(text) {
            let staged = Staged { stage, sure: Sure::Said, by: format!("the line before: {command}") };
            found.push(Failure {
                recipient: recipients.last().cloned(),
                stage: Some(staged),
                reply: Some(heard),
                how: How::Log,
                ..Failure::default()
            });
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}
