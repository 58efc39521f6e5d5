//! What was found, as the JSON that the command prints and the API answers with.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Case, Doubt, Failure, Found, How, Original, Sure};
use crate::explain::{self, Explainer};
use crate::stage::Stage;

/// What was found in all that was brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reproduction)]
pub struct Told {
    /// What was found in each.
    pub(crate) found: Vec<OfSource>,
}

/// What was found in one of what was brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproductionSource)]
pub(crate) struct OfSource {
    /// What it was.
    pub(crate) source: String,
    /// There was more than is looked at.
    pub(crate) cut: bool,
    /// The failures that were wanted.
    pub(crate) failures: Vec<OfFailure>,
}

/// Who was refused or delayed, how, and what makes it happen again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedFailure)]
pub(crate) struct OfFailure {
    /// Its number among all that was found, from 1.
    pub(crate) number: usize,
    /// Who, as the last server calls it.
    pub(crate) recipient: Option<String>,
    /// What the sender called it, where that is another.
    pub(crate) original_recipient: Option<String>,
    /// What a server said.
    pub(crate) reply: Option<OfReply>,
    /// Where in the session.
    pub(crate) stage: Option<OfStage>,
    /// The server that said it.
    pub(crate) remote: Option<String>,
    /// The status code (RFC 3463).
    pub(crate) status: Option<String>,
    /// The mail that failed, as far as it was returned.
    pub(crate) original: Option<Original>,
    /// What was read.
    pub(crate) how: How,
    /// How sure it is that the reply is the recipient's.
    pub(crate) sure: Sure,
    /// The rule of a pack that says so, if that is very likely.
    pub(crate) rule: Option<OfRule>,
    /// The stubs that make it happen again, as `POST /api/v1/stubs` takes them.
    #[schema(value_type = Option<Vec<Object>>)]
    pub(crate) stubs: Option<Vec<Value>>,
    /// Why there are none.
    pub(crate) error: Option<String>,
}

/// A reply.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedReply)]
pub(crate) struct OfReply {
    /// Its code.
    pub(crate) code: u16,
    /// Its lines without code.
    pub(crate) lines: Vec<String>,
    /// It as it goes over the wire.
    pub(crate) wire: Option<String>,
    /// Why it may not be what was said, byte for byte.
    pub(crate) doubts: Vec<Doubt>,
}

/// A stage, and why it is taken to be that.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedStage)]
pub(crate) struct OfStage {
    /// The stage.
    pub(crate) name: Stage,
    /// How sure that is.
    pub(crate) sure: Sure,
    /// What says so.
    pub(crate) by: String,
}

/// A rule or a text of a pack.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedRule)]
pub(crate) struct OfRule {
    /// The provider.
    pub(crate) provider: String,
    /// Its id.
    pub(crate) id: String,
    /// How certain it is that the reply is its own, in percent.
    pub(crate) certainty: u8,
    /// How they are alike.
    pub(crate) how: &'static str,
    /// Why it refuses.
    pub(crate) reason: Words,
    /// What to do about it.
    pub(crate) remedy: Words,
}

/// A text in two languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedWords)]
pub(crate) struct Words {
    /// In Chinese.
    pub(crate) zh: Option<String>,
    /// In English.
    pub(crate) en: Option<String>,
}

impl Told {
    /// All that was brought, by name, with the cases of it that are wanted.
    #[must_use]
    pub fn new<'a>(
        brought: impl IntoIterator<Item = (&'a str, &'a Found)>,
        cases: &[Case<'_>],
        explainer: &Explainer<'_>,
    ) -> Self {
        let source = |(source, (name, found)): (usize, (&str, &Found))| OfSource {
            source: name.to_owned(),
            cut: found.cut,
            failures: cases
                .iter()
                .filter(|case| case.source == source)
                .map(|case| OfFailure::new(case, explainer))
                .collect(),
        };
        Self { found: brought.into_iter().enumerate().map(source).collect() }
    }
}

impl OfFailure {
    fn new(case: &Case<'_>, explainer: &Explainer<'_>) -> Self {
        let failure = case.failure;
        let (stubs, error) = match &case.plan {
            Ok(plan) => (Some(plan.stubs()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let staged = failure.staged();
        Self {
            number: case.number,
            recipient: failure.recipient.clone(),
            original_recipient: failure.original_recipient.clone(),
            reply: OfReply::of(failure),
            stage: staged.map(|staged| OfStage { name: staged.stage, sure: staged.sure, by: staged.by }),
            remote: failure.remote.clone(),
            status: failure.status.clone(),
            original: failure.original.clone(),
            how: failure.how,
            sure: failure.sure(),
            rule: failure.rule(explainer).map(|found| OfRule::of(&found)),
            stubs,
            error,
        }
    }
}

impl OfReply {
    fn of(failure: &Failure) -> Option<Self> {
        let heard = failure.reply.as_ref()?;
        Some(Self {
            code: heard.reply.code(),
            lines: heard.reply.lines().to_vec(),
            wire: failure.wire(),
            doubts: heard.doubts.clone(),
        })
    }
}

impl OfRule {
    fn of(found: &explain::Match<'_>) -> Self {
        let [reason_zh, remedy_zh, reason_en, remedy_en] = found.subject.words().map(|words| words.map(str::to_owned));
        Self {
            provider: found.provider.id.clone(),
            id: found.subject.id().to_owned(),
            certainty: found.certainty,
            how: found.how.name(),
            reason: Words { zh: reason_zh, en: reason_en },
            remedy: Words { zh: remedy_zh, en: remedy_en },
        }
    }
}
