//! Lines of the logs of Postfix, Exim, sendmail, OpenSMTPD, qmail and Exchange.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Failure, How, MOST, Staged, Sure, prose, reply, stage, word};
use crate::stage::Stage;

/// The most lines that are looked at.
const MOST_LINES: usize = 20_000;

/// The longest line that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The most sessions of a protocol log that are followed at once.
const MOST_SESSIONS: usize = 1_000;

/// A line that says that a delivery failed, and who its recipient is.
static LINES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Postfix
        r"\bto=<([^>]+)>.*\bstatus=(?:bounced|deferred|undeliverable)\b",
        // Exim
        r"(?:^| )(?:\*\*|==) (\S+@\S+?):? .*\b(?:R=|T=|H=|defer)",
        // OpenSMTPD
        r#"\bto=<([^>]+)> rcpt=.*\bresult="(?:PermFail|TempFail)""#,
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

/// The failures of which lines of a log tell, whichever servers wrote it, and whether it has more than are looked at;
/// none if it is no log.
pub(super) fn read(text: &str) -> (Vec<Failure>, bool) {
    let lines = || text.lines().take(MOST_LINES).filter(|line| line.len() <= LONGEST);
    let mut found: Vec<Failure> = lines().filter_map(line).take(MOST + 1).collect();
    found.extend(qmail(lines()));
    found.extend(exchange(lines()));
    let is_more = found.len() > MOST || text.lines().nth(MOST_LINES).is_some() && !found.is_empty();
    found.truncate(MOST);
    (found, is_more)
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
    let rest = opensmtpd(rest).unwrap_or(rest);
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

/// What OpenSMTPD says at the end of its line.
fn opensmtpd(rest: &str) -> Option<&str> {
    rest.split_once("\" stat=\"")?.1.trim_end().strip_suffix('"')
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
        if found.len() > MOST {
            break;
        }
    }
    found
}

/// How far a session of a protocol log has come.
struct Dialogue {
    stage: Stage,
    recipients: Vec<String>,
    command: String,
}

/// A protocol log has both sides, so it says the stage by itself. Its sessions are mixed; the third field says which.
fn exchange<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<Failure> {
    let (mut found, mut sessions): (Vec<Failure>, HashMap<&str, Dialogue>) = (Vec::new(), HashMap::new());
    for line in lines {
        let Some(said) = EXCHANGE.as_ref().and_then(|pattern| pattern.captures(line)) else { continue };
        let id = line.split(',').nth(2).unwrap_or_default();
        if sessions.len() == MOST_SESSIONS && !sessions.contains_key(id) {
            sessions.clear();
        }
        let session = sessions.entry(id).or_insert_with(Dialogue::new);
        let text = said[2].trim();
        if &said[1] == ">" {
            session.say(text);
        } else {
            found.extend(session.hear(text));
        }
        if found.len() > MOST {
            break;
        }
    }
    found
}

impl Dialogue {
    fn new() -> Self {
        Self { stage: Stage::Connect, recipients: Vec::new(), command: String::new() }
    }

    fn say(&mut self, text: &str) {
        let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        self.stage = match verb.as_str() {
            "EHLO" | "HELO" => Stage::Helo,
            "AUTH" => Stage::Auth,
            "MAIL" => Stage::Mail,
            "RCPT" => Stage::Rcpt,
            "DATA" => Stage::Data,
            "BDAT" => Stage::Message,
            _ => return,
        };
        if self.stage == Stage::Mail {
            self.recipients.clear();
        }
        let address = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
        if self.stage == Stage::Rcpt && self.recipients.len() < MOST {
            self.recipients.extend(address.and_then(word));
        }
        self.command = text.chars().take(80).filter(|c| !c.is_control()).collect();
    }

    fn hear(&mut self, text: &str) -> Option<Failure> {
        if text.starts_with("354") {
            self.stage = Stage::Message;
            return None;
        }
        let heard = reply::read(text)?;
        let by = format!("the line before: {}", self.command);
        Some(Failure {
            recipient: self.recipients.last().cloned(),
            stage: Some(Staged { stage: self.stage, sure: Sure::Said, by }),
            reply: Some(heard),
            how: How::Log,
            ..Failure::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opensmtpd_says_at_the_end_of_its_line_what_it_heard() {
        let of = |result: &str, stat: &str| {
            read(&format!(
                "7e mta delivery evpid=1 from=<s@example.org> to=<a@example.com> rcpt=<-> source=\"192.0.2.9\" \
                 relay=\"192.0.2.1 (mx.example.com)\" delay=0s result=\"{result}\" stat=\"{stat}\""
            ))
            .0
        };
        for result in ["PermFail", "TempFail"] {
            let found = of(result, "598  no \"x\"");
            assert_eq!(found[0].recipient.as_deref(), Some("a@example.com"));
            assert_eq!(found[0].reply.as_ref().unwrap().reply.to_string(), "598  no \"x\"");
        }
        assert_eq!(of("TempFail", "Network error on destination MXs")[0].reply, None);
        assert_eq!(of("Ok", "250 2.0.0 Ok: 550"), []);
    }
}
