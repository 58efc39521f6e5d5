//! Whom somebody who is away has told so.

use std::time::Duration;

use super::holding::{Holding, HoldingKind};
use super::until::Until;
use crate::clock::Time;

/// By recipient and sender, until when the sender is not told again (RFC 3834 §2).
#[derive(Debug, Default)]
pub(super) struct Answers(Until);

impl Answers {
    /// Notes that the sender is told now; says until when it is not, if it was told before.
    pub(super) fn tell(&mut self, recipient: &str, sender: &str, every: Duration, now: Time) -> Result<(), Time> {
        let (recipient, sender) = (recipient.to_lowercase(), sender.to_lowercase());
        if let Some(until) = self.0.still(recipient.clone(), sender.clone(), now) {
            return Err(*until);
        }
        self.0.set(recipient, sender, now.after(every), now);
        Ok(())
    }

    /// Who was told.
    pub(super) fn holdings(&self, now: Time) -> Vec<Holding> {
        self.0.holdings(HoldingKind::Answer, now)
    }

    /// Forgets that the sender was told. Says whether it was.
    pub(super) fn release(&mut self, recipient: &str, sender: &str) -> bool {
        self.0.release(recipient, sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MOST_KEYS;

    #[test]
    fn a_sender_is_told_once_in_a_while() {
        let mut answers = Answers::default();
        let (day, start) = (Duration::from_secs(86_400), Time::from_unix_seconds(0));
        let mut tell = |sender: &str, now| answers.tell("me@b.example", sender, day, now);
        assert_eq!(tell("a@b.example", start), Ok(()));
        assert_eq!(tell("A@b.example", start.after(day / 2)), Err(start.after(day)));
        assert_eq!(tell("other@b.example", start.after(day / 2)), Ok(()));
        assert_eq!(tell("a@b.example", start.after(day)), Ok(()));
        assert!(answers.release("me@b.example", "a@b.example") && !answers.release("me@b.example", "a@b.example"));
    }

    #[test]
    fn a_flood_of_senders_stays_within_bounds() {
        let mut answers = Answers::default();
        for sender in 0..MOST_KEYS as u64 + 10 {
            let now = Time::from_unix_seconds(sender / 1_000);
            answers.tell("me@b.example", &sender.to_string(), Duration::from_secs(86_400), now).unwrap();
        }
        assert!(answers.0.len() <= MOST_KEYS);
    }
}
