//! What a sender does after a refusal: whether, when and for whom it tries again.

use std::collections::{BTreeSet, HashSet};
use std::iter;
use std::time::Duration;

use super::{Seen, Sight, count, span};
use crate::report::attempt::{Attempt, Waits};
use crate::report::dialogue::Answer;
use crate::report::transaction::{Outcome, Transaction};

/// Who tries again sooner does not wait at all.
const AT_ONCE: Duration = Duration::from_secs(60);

/// What RFC 5321 §4.5.4.1 asks for as a rule.
const AS_A_RULE: Duration = Duration::from_secs(30 * 60);

/// RFC 5321 §4.5.4.1 sees two attempts in the first hour; who made no second one by then has given up.
const FIRST_HOUR: Duration = Duration::from_secs(60 * 60);

/// Retries of one message that are looked at.
const MOST_RETRIES: usize = 100;

/// Waits shown.
const MOST_WAITS: usize = 8;

pub(super) fn retries(sight: &Sight<'_>) -> Seen {
    let attempts = &sight.attempts;
    let counts = |attempt: &Attempt<'_>| {
        // Recipients beyond the limit may follow at once.
        matches!(attempt.outcome, Outcome::Transient | Outcome::Unanswered) && !attempt.is_beyond_limit
    };
    let all = attempts.waits(counts);
    let sessions = || attempts.all.iter().filter(|attempt| counts(attempt)).map(|attempt| attempt.session);
    let longest = all.iter().max_by_key(|waits| waits.waits.len());
    let Some(longest) = longest else { return Seen::nothing("nothing was refused with 4xx") };
    let too_soon: Vec<_> = all.iter().filter(|waits| waits.waits.iter().any(|wait| *wait < AT_ONCE)).collect();
    if let Some(worst) = too_soon.iter().min_by_key(|waits| waits.waits.iter().min()) {
        let shortest = worst.waits.iter().min().copied().unwrap_or_default();
        let text = format!(
            "{} tried again {} after `{}`, {}; within a minute is hammering, and 30 min is the rule",
            attempts.envelope(worst.first),
            span(shortest),
            attempts.all[worst.first].reply,
            back_off(&worst.waits),
        );
        return Seen::bad(text, sessions());
    }
    let left = |waits: &&Waits| waits.is_open && waits.waits.is_empty();
    let given_up = all.iter().filter(left).max_by_key(|waits| sight.since(waits.last));
    if let Some(given_up) = given_up {
        let (attempt, waited) = (&attempts.all[given_up.last], sight.since(given_up.last));
        let (envelope, reply, waited_for) = (attempts.envelope(given_up.last), attempt.reply, span(waited));
        if waited >= FIRST_HOUR {
            return Seen::bad(format!("{envelope} not tried again within {waited_for} of `{reply}`"), sessions());
        }
        if longest.waits.is_empty() {
            let text = format!(
                "{envelope} not tried again after `{reply}`, but only {waited_for} are on record: look again later"
            );
            return Seen::not_yet(text, sessions());
        }
    }
    let soon = if longest.waits.iter().any(|wait| *wait < AS_A_RULE) { "; 30 min is the rule" } else { "" };
    let text = format!(
        "{} tried again after `{}`, {}{soon}",
        attempts.envelope(longest.first),
        attempts.all[longest.first].reply,
        back_off(&longest.waits)
    );
    Seen::good(text, sessions())
}

/// The waits, and whether they grow.
fn back_off(waits: &[Duration]) -> String {
    let mut shown: Vec<_> = waits.iter().take(MOST_WAITS).map(|wait| span(*wait)).collect();
    if waits.len() > MOST_WAITS {
        shown.push("…".to_owned());
    }
    let trend = match (waits.first(), waits.last()) {
        (Some(first), Some(last)) if waits.len() > 1 => {
            let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
            // A fifth, or a second, is no change: nobody's timer is that exact.
            match () {
                () if last > first * 1.2 + 1.0 => ": the wait grows",
                () if last + 1.0 < first * 0.8 => ": the wait shrinks",
                () => ": the wait stays the same",
            }
        }
        _ => "",
    };
    format!("after waits of {}{trend}", shown.join(", "))
}

pub(super) fn stops(sight: &Sight<'_>) -> Seen {
    let attempts = &sight.attempts;
    let refused = |attempt: &Attempt<'_>| attempt.outcome == Outcome::Permanent && !attempt.is_beyond_limit;
    let places: Vec<_> = (0..attempts.all.len()).filter(|&place| refused(&attempts.all[place])).collect();
    let again: Vec<_> = places.iter().filter_map(|&place| Some((place, attempts.next(place)?))).collect();
    if let Some(&(place, next)) = again.first() {
        let (attempt, next) = (&attempts.all[place], &attempts.all[next]);
        let text = format!(
            "{} tried again {} after `{}`; {} in all",
            attempts.envelope(place),
            span(next.at.since(attempt.answered)),
            attempt.reply,
            count(again.len(), "such attempt"),
        );
        let sessions = again.iter().flat_map(|&(place, next)| [place, next]);
        return Seen::bad(text, sessions.map(|place| attempts.all[place].session));
    }
    let Some(&first) = places.first() else { return Seen::nothing("nothing was refused with 5xx") };
    let text = format!(
        "{} not tried again after `{}`; {} in all",
        attempts.envelope(first),
        attempts.all[first].reply,
        count(places.len(), "refusal"),
    );
    Seen::good(text, places.iter().map(|&place| attempts.all[place].session))
}

pub(super) fn only_failed(sight: &Sight<'_>) -> Seen {
    let attempts = &sight.attempts;
    let mut mixed = Vec::new();
    let mut retried = BTreeSet::new();
    let mut delivered = (usize::MAX, HashSet::new());
    for (place, attempt) in attempts.all.iter().enumerate().filter(|(_, of)| of.outcome == Outcome::Transient) {
        let transaction = &sight.transactions[attempt.transaction];
        if delivered.0 != attempt.transaction {
            delivered = (attempt.transaction, accepted(transaction));
        }
        if delivered.1.is_empty() {
            continue;
        }
        mixed.push(attempt.session);
        let later = iter::successors(attempts.next(place), |&place| attempts.next(place));
        for later in later.take(MOST_RETRIES).map(|later| attempts.all[later].transaction) {
            retried.insert(later);
            let later = &sight.transactions[later];
            let mut named = later.recipients.iter().map(|recipient| &recipient.mailbox);
            if let Some(twice) = named.find(|mailbox| delivered.1.contains(mailbox.key.as_str())) {
                let text = format!(
                    "sent again to <{}>, which had been accepted, together with those that were refused: it gets the \
                     message twice",
                    twice.shown
                );
                return Seen::bad(text, [transaction.session.id, later.session.id]);
            }
        }
    }
    match (mixed.is_empty(), retried.is_empty()) {
        (true, _) => {
            Seen::nothing("no message was accepted for some of its recipients and refused with 4xx for others")
        }
        (false, true) => {
            Seen::not_yet("accepted for some and refused with 4xx for others, and not tried again yet", mixed)
        }
        (false, false) => {
            let text = format!("only those that were refused were tried again, {}", count(retried.len(), "time"));
            let retried = retried.into_iter().map(|place| sight.transactions[place].session.id);
            Seen::good(text, mixed.into_iter().chain(retried))
        }
    }
}

/// Those for whom it was accepted.
fn accepted<'t>(transaction: &'t Transaction<'_>) -> HashSet<&'t str> {
    let places = 0..transaction.recipients.len();
    let places = places.filter(|&place| transaction.outcome(Some(place)).0 == Outcome::Accepted);
    places.map(|place| transaction.recipients[place].mailbox.key.as_str()).collect()
}

pub(super) fn recipient_limit(sight: &Sight<'_>) -> Seen {
    let attempts = &sight.attempts;
    let beyond: Vec<_> = (0..attempts.all.len()).filter(|&place| attempts.all[place].is_beyond_limit).collect();
    let Some(&first) = beyond.first() else { return Seen::nothing("no message had too many recipients") };
    let sessions = || beyond.iter().map(|&place| attempts.all[place].session);
    let left: Vec<_> = beyond.iter().copied().filter(|&place| attempts.next(place).is_none()).collect();
    if let Some(&place) = left.first() {
        let waited = sight.since(place);
        let text = format!(
            "{} of {} beyond the limit not sent to within {} of `{}`",
            left.len(),
            count(beyond.len(), "recipient"),
            span(waited),
            attempts.all[place].reply,
        );
        return if waited >= FIRST_HOUR { Seen::bad(text, sessions()) } else { Seen::not_yet(text, sessions()) };
    }
    let unsent = sight.transactions.iter().find(|transaction| {
        let taken = |answer: &Answer<'_>| answer.is_positive();
        let answers = || transaction.recipients.iter().filter_map(|recipient| recipient.answer);
        answers().any(Answer::is_recipient_limit) && answers().any(taken) && transaction.text.is_none()
    });
    if let Some(unsent) = unsent {
        let text = "gave the message up for those that were accepted when the limit was told";
        return Seen::bad(text, [unsent.session.id]);
    }
    let text = format!(
        "{} beyond the limit sent to in another transaction after `{}`",
        count(beyond.len(), "recipient"),
        attempts.all[first].reply
    );
    Seen::good(text, sessions())
}

impl Sight<'_> {
    /// How much of the records comes after the answer to an attempt.
    fn since(&self, place: usize) -> Duration {
        self.until.since(self.attempts.all[place].answered)
    }
}
