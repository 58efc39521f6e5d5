//! The failures that are wanted of what was found, each with what would make it happen again.

use super::{Failure, Found, Match, Plan, PlanError};
use crate::explain::{self, Explainer};
use crate::stage::Stage;

/// The stages at which a reply can be given to one mail.
pub const STAGES: [Stage; 6] = [Stage::Connect, Stage::Helo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Message];

/// With less certainty, in percent, a rule is not named: it would be a claim.
const CERTAIN: u8 = 85;

/// Which failures are wanted, and how they are to happen again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The failure of that number alone.
    pub only: Option<usize>,
    /// What a mail must have in common with the one that failed; see [`Plan::new`].
    pub matches: Vec<Match>,
    /// The stage, where it is known better.
    pub stage: Option<Stage>,
}

/// A failure, and what would make it happen again.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Its number among all that was found, from 1.
    pub number: usize,
    /// It.
    pub failure: &'a Failure,
    /// Of which of what was brought it is, from 0.
    pub(super) source: usize,
    /// What makes it happen again, or why nothing does.
    pub plan: Result<Plan, PlanError>,
}

impl Wanted {
    /// The failures of all that was found, as far as they are wanted.
    #[must_use]
    pub fn cases<'a>(&self, found: impl IntoIterator<Item = &'a Found>) -> Vec<Case<'a>> {
        let of = |(source, found): (usize, &'a Found)| found.failures.iter().map(move |failure| (source, failure));
        let all = found.into_iter().enumerate().flat_map(of).zip(1..);
        let wanted = all.filter(|(_, number)| self.only.is_none_or(|only| only == *number));
        let case = |((source, failure), number)| {
            let plan = Plan::new(failure, &self.matches, self.stage);
            Case { number, failure, source, plan }
        };
        wanted.map(case).collect()
    }
}

impl Failure {
    /// The rule or the text of a pack that the reply is, if that is very likely.
    #[must_use]
    pub fn rule<'a>(&self, explainer: &Explainer<'a>) -> Option<explain::Match<'a>> {
        let reply = &self.reply.as_ref()?.reply;
        let text = format!("{} {}", reply.code(), reply.lines().join(" "));
        explainer.explain(&text).into_iter().next().filter(|found| found.certainty >= CERTAIN)
    }

    /// The reply as it goes over the wire.
    #[must_use]
    pub fn wire(&self) -> Option<String> {
        let mut bytes = Vec::new();
        self.reply.as_ref()?.reply.write_to(&mut bytes);
        String::from_utf8(bytes).ok()
    }
}
