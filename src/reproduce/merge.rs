//! Several parts of a bounce speak of one failure, and each may say what the others do not.

use super::{Extent, Failure, Found, Heard, MOST, Original, Returned};

impl Found {
    pub(super) fn add_all(&mut self, failures: Vec<Failure>) {
        failures.into_iter().for_each(|failure| self.add(failure));
    }

    /// Adds a failure, or what it says of one that is known.
    fn add(&mut self, failure: Failure) {
        self.enrich(failure, false);
    }

    /// Takes over from `more` what a known failure of the recipient lacks; adds it if it is new and that is wanted.
    pub(super) fn enrich(&mut self, more: Failure, only_known: bool) {
        let alone = self.failures.len() == 1;
        let known = self.failures.iter().position(|known| {
            let same = known.is_of(&more) || (only_known && alone && more.recipient.is_none());
            same && known.could_say(&more)
        });
        match known {
            Some(known) => self.failures[known].take(more),
            None if only_known => {}
            None if self.failures.len() < MOST => self.failures.push(more),
            None => self.cut = true,
        }
    }
}

impl Original {
    pub(super) fn with(self, returned: Option<Returned>) -> Self {
        Self { returned, ..self }
    }
}

impl Failure {
    /// What it was read from does not say its charset.
    pub(super) fn guessed(&mut self) {
        self.reply.iter_mut().for_each(Heard::guessed);
    }

    /// Of what was brought the end is missing, and so it may be of the mail that failed.
    pub(super) fn cut(&mut self) {
        let returned = self.original.as_mut().and_then(|original| original.returned.as_mut());
        if let Some(returned) = returned.filter(|returned| returned.extent == Extent::Whole) {
            returned.extent = Extent::Cut;
        }
    }

    /// What was brought was quoted or written in another charset, and so the mail that failed is not as it was.
    pub(super) fn changed(&mut self) {
        self.original.iter_mut().for_each(|original| original.returned = None);
    }

    pub(super) fn is_of(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, two: &Option<String>| match (one, two) {
            (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
            (None, None) => true,
            _ => false,
        };
        same(&self.recipient, &other.recipient)
            || (self.original_recipient.is_some() && same(&self.original_recipient, &other.recipient))
    }

    /// Whether both may speak of one reply.
    pub(super) fn could_say(&self, other: &Self) -> bool {
        match (&self.reply, &other.reply) {
            (Some(one), Some(two)) => one.reply.code() == two.reply.code(),
            _ => true,
        }
    }

    pub(super) fn take(&mut self, more: Self) {
        if self.stage.as_ref().map(|staged| staged.sure) < more.stage.as_ref().map(|staged| staged.sure) {
            self.stage = more.stage;
        }
        self.reply = match (self.reply.take(), more.reply) {
            (Some(mut known), Some(mut reply)) => {
                if reply.is_truer_than(&known) {
                    std::mem::swap(&mut known, &mut reply);
                }
                known.confirm(&reply);
                known.widen(&reply);
                Some(known)
            }
            (known, reply) => known.or(reply),
        };
        self.remote = self.remote.take().or(more.remote);
        self.status = self.status.take().or(more.status);
    }
}
