//! Where in a session a reply came.

use std::sync::LazyLock;

use regex::Regex;

use super::{Staged, Sure};
use crate::reply::Reply;
use crate::stage::Stage;

/// What Postfix writes of a server that does not let it begin.
const REFUSED: &str = "refused to talk to me";

/// What servers write around the reply, and what it means. Where several fit, the one that begins last counts.
const PHRASES: [(&str, Stage, Sure); 29] = [
    // Postfix
    (r"in reply to (?:the )?end of DATA", Stage::Message, Sure::Said),
    (r"in reply to (?:the )?BDAT", Stage::Message, Sure::Said),
    (r"in reply to (?:the )?RCPT TO", Stage::Rcpt, Sure::Said),
    (r"in reply to (?:the )?MAIL FROM", Stage::Mail, Sure::Said),
    (r"in reply to (?:the )?DATA", Stage::Data, Sure::Said),
    (r"in reply to (?:the )?(?:EHLO|HELO)", Stage::Helo, Sure::Said),
    (r"in reply to (?:the )?AUTH", Stage::Auth, Sure::Said),
    (REFUSED, Stage::Connect, Sure::Said),
    // Exim
    (r"after (?:sending )?end of data", Stage::Message, Sure::Said),
    (r"after (?:pipelined )?(?:sending )?RCPT TO", Stage::Rcpt, Sure::Said),
    (r"after (?:pipelined )?(?:sending )?MAIL FROM", Stage::Mail, Sure::Said),
    (r"after (?:pipelined )?(?:sending )?DATA\b", Stage::Data, Sure::Said),
    (r"after (?:EHLO|HELO)\b", Stage::Helo, Sure::Said),
    (r"after initial connection", Stage::Connect, Sure::Said),
    // qmail
    (r"does not like recipient", Stage::Rcpt, Sure::Said),
    (r"but sender was rejected", Stage::Mail, Sure::Said),
    (r"failed on DATA command", Stage::Data, Sure::Said),
    (r"failed after I sent the message", Stage::Message, Sure::Said),
    (r"but my name was rejected", Stage::Helo, Sure::Said),
    (r"but greeting failed", Stage::Connect, Sure::Said),
    // Coremail, as NetEase and 263 run it
    (r"SMTP error, (?:RCPT TO|RCPT)\b", Stage::Rcpt, Sure::Said),
    (r"SMTP error, (?:MAIL FROM|MAIL)\b", Stage::Mail, Sure::Said),
    (r"SMTP error, DATA\b", Stage::Data, Sure::Said),
    (r"SMTP error, DOT\b", Stage::Message, Sure::Said),
    // sendmail, which says DATA also of what is said after the final dot
    (r">>> ?RCPT", Stage::Rcpt, Sure::Said),
    (r">>> ?MAIL", Stage::Mail, Sure::Said),
    (r">>> ?DATA", Stage::Message, Sure::Guess),
    // Yahoo
    (r"\[RCPT_TO\]", Stage::Rcpt, Sure::Said),
    (r"\[MAIL_FROM\]", Stage::Mail, Sure::Said),
];

static PATTERNS: LazyLock<Vec<(Regex, Stage, Sure)>> = LazyLock::new(|| {
    // Texts are wrapped anywhere.
    let pattern =
        |phrase: &str| Regex::new(&format!("(?i){}", phrase.replace(' ', r"\s+").replace(r"\s+?", " ?"))).ok();
    PHRASES.iter().filter_map(|(phrase, stage, sure)| Some((pattern(phrase)?, *stage, *sure))).collect()
});

/// The stage that the text around a reply says.
pub(super) fn said(around: &str) -> Option<Staged> {
    let last = |(pattern, stage, sure): &(Regex, Stage, Sure)| {
        let found = pattern.find_iter(around).last()?;
        Some((found.start(), *stage, *sure, found.as_str()))
    };
    let (_, stage, sure, by) = PATTERNS.iter().filter_map(last).max_by_key(|(at, ..)| *at)?;
    let by = by.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Staged { stage, sure, by: format!("\"{by}\"") })
}

/// Postfix writes of a greeting and of EHLO that it was not talked to. A greeting of 5xx is a passing failure to it.
pub(super) fn refined(staged: Staged, reply: &Reply, status: Option<&str>) -> Staged {
    let is_lasting = reply.code() >= 500 && status.is_some_and(|status| status.starts_with('5'));
    if !is_lasting || !staged.by.contains(REFUSED) {
        return staged;
    }
    Staged { stage: Stage::Helo, sure: Sure::Likely, by: format!("{} for good, which a greeting is not", staged.by) }
}

/// The stage at which such a reply mostly comes.
pub(super) fn guessed(reply: &Reply, status: Option<&str>) -> Staged {
    let detail = reply.lines().first().and_then(|line| line.split_whitespace().next());
    let is_code = |word: &str| word.starts_with(['4', '5']) && word.matches('.').count() == 2;
    let code = detail.filter(|word| is_code(word)).or(status).unwrap_or_default().to_owned();
    let (stage, by) = match code.get(1..4) {
        Some(".1." | ".2.") => (Stage::Rcpt, format!("{code} speaks of an address or a mailbox")),
        Some(".6.") => (Stage::Message, format!("{code} speaks of the content")),
        Some(".7.") if reply.code() == 554 => (Stage::Message, format!("{} {code} is mostly of content", reply.code())),
        _ => (Stage::Rcpt, "nothing says where it came, and most refusals come there".to_owned()),
    };
    Staged { stage, sure: Sure::Guess, by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_is_a_pattern() {
        assert_eq!(PATTERNS.len(), PHRASES.len());
        for (text, stage) in [
            ("said: x (in reply to\n    end of DATA command)", Stage::Message),
            ("in reply to end of DATA, (in reply to RCPT TO command)", Stage::Rcpt),
            ("after pipelined MAIL FROM:<>:", Stage::Mail),
            ("192.0.2.1 failed after I sent the message.", Stage::Message),
            (">>> RCPT To:<a@b>", Stage::Rcpt),
        ] {
            let staged = said(text).unwrap();
            assert_eq!((staged.stage, staged.sure), (stage, Sure::Said), "{text}");
        }
        assert_eq!(said(">>> DATA").unwrap().sure, Sure::Guess);
        assert_eq!(said("nothing of that"), None);
    }

    #[test]
    fn postfix_tells_ehlo_from_the_greeting_by_the_status() {
        for (reply, status, stage, sure) in [
            ("554 x", Some("4.0.0"), Stage::Connect, Sure::Said),
            ("554 x", Some("5.0.0"), Stage::Helo, Sure::Likely),
            ("421 x", Some("5.0.0"), Stage::Connect, Sure::Said),
            ("554 x", None, Stage::Connect, Sure::Said),
        ] {
            let reply = Reply::parse(reply).unwrap();
            let staged = refined(said("host a[192.0.2.1] refused to talk\n    to me: ").unwrap(), &reply, status);
            assert_eq!((staged.stage, staged.sure), (stage, sure), "{reply} {status:?}");
        }
        let other = refined(said("in reply to RCPT TO").unwrap(), &Reply::parse("550 x").unwrap(), Some("5.0.0"));
        assert_eq!(other.stage, Stage::Rcpt);
    }

    #[test]
    fn a_guess_is_called_one() {
        for (text, status, stage) in [
            ("550 5.1.1 x", None, Stage::Rcpt),
            ("554 x", Some("5.6.0"), Stage::Message),
            ("554 5.7.1 x", None, Stage::Message),
            ("554 x", None, Stage::Rcpt),
            ("554 好好", None, Stage::Rcpt),
        ] {
            let staged = guessed(&Reply::parse(text).unwrap(), status);
            assert_eq!((staged.stage, staged.sure), (stage, Sure::Guess), "{text}");
        }
    }
}
