//! How a sender speaks SMTP.

use super::{Seen, Sight, count};
use crate::journal::record::Id;
use crate::report::dialogue::{Answer, Dialogue, Exchange, Verb};

pub(super) fn pipelining(sight: &Sight<'_>) -> Seen {
    let mut pipelined = 0;
    let mut spoken = false;
    for dialogue in &sight.dialogues {
        if dialogue.greeting.as_ref().is_some_and(|greeting| greeting.ahead) {
            return Seen::bad("spoke before the banner", [dialogue.session.id]);
        }
        for exchange in &dialogue.exchanges {
            spoken = true;
            if !exchange.answer.as_ref().is_some_and(|answer| answer.ahead) {
                continue;
            }
            if let Some(wrong) = misplaced(dialogue, exchange) {
                return Seen::bad(wrong, [dialogue.session.id]);
            }
            pipelined += 1;
        }
    }
    let sessions = || sight.dialogues.iter().map(|dialogue| dialogue.session.id);
    match (spoken, pipelined) {
        (false, _) => Seen::nothing("nothing was said"),
        (true, 0) => Seen::good("every answer was waited for", sessions()),
        (true, number) => Seen::good(format!("{} sent ahead, where that may be", count(number, "command")), sessions()),
    }
}

/// What is wrong with sending more before the answer to this.
fn misplaced(dialogue: &Dialogue<'_>, exchange: &Exchange<'_>) -> Option<String> {
    let verb = || exchange.line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match exchange.verb {
        Verb::Mail | Verb::Rcpt | Verb::Rset | Verb::Text | Verb::Bdat => {
            let offered = dialogue.offered(exchange, "PIPELINING").is_some();
            (!offered).then(|| "sent more before an answer, without having been offered PIPELINING".to_owned())
        }
        // The line before was too long, or was no command: what it is cannot be told.
        Verb::Other => None,
        Verb::Response => Some("sent more before the answer to its login".to_owned()),
        Verb::StartTls => Some("sent more in clear behind STARTTLS".to_owned()),
        _ => Some(format!("sent more before the answer to {}", verb())),
    }
}

pub(super) fn start_tls(sight: &Sight<'_>) -> Seen {
    let mut refused = Vec::new();
    let (mut in_clear, mut gave_up) = (0, 0);
    for dialogue in &sight.dialogues {
        let place = dialogue.exchanges.iter().position(|said| said.verb == Verb::StartTls && said.is_refused());
        let Some(place) = place else { continue };
        refused.push(dialogue.session.id);
        let then = &dialogue.exchanges[place + 1..];
        if then.iter().any(|said| said.verb == Verb::Auth && !said.tls) {
            return Seen::bad("logged in in clear after STARTTLS was refused", [dialogue.session.id]);
        }
        let sent = then.iter().any(|said| said.verb == Verb::Mail && !said.tls);
        *(if sent { &mut in_clear } else { &mut gave_up }) += 1;
    }
    if refused.is_empty() {
        return Seen::nothing("STARTTLS was not refused");
    }
    // Somebody who is refused TLS may come back and try without it.
    let later = sight.dialogues.iter().filter(|dialogue| dialogue.session.id > refused[0]);
    let mut later = later.filter(|dialogue| dialogue.exchanges.iter().any(|said| said.verb == Verb::Auth && !said.tls));
    if let Some(later) = later.next() {
        let text = "logged in in clear in a later session, after STARTTLS was refused";
        return Seen::bad(text, [refused[0], later.session.id]);
    }
    let text = format!(
        "no login in clear after STARTTLS was refused; {in_clear} of {} went on in clear, {gave_up} sent nothing",
        count(refused.len(), "session")
    );
    Seen::good(text, refused)
}

pub(super) fn after_refusal(sight: &Sight<'_>) -> Seen {
    let mut well = Vec::new();
    for dialogue in &sight.dialogues {
        match Refused::walk(dialogue) {
            Refused::Never => {}
            Refused::Well => well.push(dialogue.session.id),
            Refused::Badly(how) => return Seen::bad(how, [dialogue.session.id]),
        }
    }
    match well.len() {
        0 => Seen::nothing("nothing was refused before the end of a session"),
        number => {
            let text = format!("{} went on as they may after a refusal", count(number, "session"));
            Seen::good(text, well)
        }
    }
}

/// How a session went on after refusals.
enum Refused {
    Never,
    Well,
    Badly(String),
}

impl Refused {
    fn walk(dialogue: &Dialogue<'_>) -> Self {
        let mut found = Self::Never;
        // The last refusal of this transaction, and whether the client had it when it said the next thing.
        let mut refusal: Option<&Answer<'_>> = None;
        let mut read = true;
        let mut taken = 0;
        for exchange in &dialogue.exchanges {
            if let Some(reply) = refusal.filter(|_| read) {
                let wrong = match exchange.verb {
                    Verb::Mail | Verb::Rcpt | Verb::Data if exchange.code() == 503 => true,
                    Verb::Data => taken == 0,
                    _ => false,
                };
                if wrong {
                    let verb = exchange.line.split_ascii_whitespace().next().unwrap_or_default();
                    return Self::Badly(format!(
                        "said {verb} after `{}`, where `{}` is the answer",
                        reply.text(),
                        exchange.answer.as_ref().map_or("nothing", |answer| answer.text())
                    ));
                }
                found = Self::Well;
            }
            match exchange.verb {
                Verb::Mail | Verb::Ehlo | Verb::Helo | Verb::Rset if exchange.is_accepted() => {
                    (refusal, taken) = (None, 0);
                }
                // The transaction is over, whatever the answer.
                _ if exchange.ends_message() => (refusal, taken) = (None, 0),
                Verb::Rcpt if exchange.is_accepted() => taken += 1,
                _ => {}
            }
            let answer = exchange.answer.as_ref();
            read = answer.is_some_and(|answer| !answer.ahead);
            if matches!(exchange.verb, Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Text | Verb::Bdat)
                && let Some(answer) = answer.filter(|answer| !answer.is_positive() && !answer.is_about_the_dialogue())
            {
                refusal = Some(answer);
            }
        }
        found
    }
}

pub(super) fn line_endings(sight: &Sight<'_>) -> Seen {
    let said = |dialogue: &&&Dialogue<'_>| !dialogue.exchanges.is_empty();
    let sessions: Vec<Id> = sight.dialogues.iter().filter(said).map(|dialogue| dialogue.session.id).collect();
    for dialogue in &sight.dialogues {
        if let Some(bare) = dialogue.exchanges.iter().find(|exchange| exchange.bare_lf) {
            let what = if bare.verb == Verb::Text { "a message" } else { "a command" };
            return Seen::bad(format!("sent {what} with a bare LF, without the CR before it"), [dialogue.session.id]);
        }
    }
    match sessions.len() {
        0 => Seen::nothing("nothing was said"),
        _ => Seen::good("every line ended with CR LF", sessions),
    }
}
