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
    found: Vec<OfSource>,
}

/// What was found in one of what was brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproductionSource)]
struct OfSource {
    /// What it was.
    source: String,
    /// There was more than is looked at.
    cut: bool,
    /// The failures that were wanted.
    failures: Vec<OfFailure>,
}

/// Who was refused or delayed, how, and what makes it happen again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedFailure)]
struct OfFailure {
    /// Its number among all that was found, from 1.
    number: usize,
    /// Who, as the last server calls it.
    recipient: Option<String>,
    /// What the sender called it, where that is another.
    original_recipient: Option<String>,
    /// What a server said.
    reply: Option<OfReply>,
    /// Where in the session.
    stage: Option<OfStage>,
    /// The server that said it.
    remote: Option<String>,
    /// The status code (RFC 3463).
    status: Option<String>,
    /// The mail that failed, as far as it was returned.
    original: Option<Original>,
    /// What was read.
    how: How,
    /// How sure it is that the reply is the recipient's.
    sure: Sure,
    /// The rule of a pack that says so, if that is very likely.
    rule: Option<OfRule>,
    /// The stubs that make it happen again, as `POST /api/v1/stubs` takes them.
    #[schema(value_type = Option<Vec<Object>>)]
    stubs: Option<Vec<Value>>,
    /// Why there are none.
    error: Option<String>,
}

/// A reply.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedReply)]
struct OfReply {
    /// Its code.
    code: u16,
    /// Its lines without code.
    lines: Vec<String>,
    /// It as it goes over the wire.
    wire: Option<String>,
    /// Why it may not be what was said, byte for byte.
    doubts: Vec<Doubt>,
}

/// A stage, and why it is taken to be that.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedStage)]
struct OfStage {
    /// The stage.
    name: Stage,
    /// How sure that is.
    sure: Sure,
    /// What says so.
    by: String,
}

/// A rule or a text of a pack.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedRule)]
struct OfRule {
    /// The provider.
    provider: String,
    /// Its id.
    id: String,
    /// How certain it is that the reply is its own, in percent.
    certainty: u8,
    /// How they are alike.
    how: &'static str,
    /// Why it refuses.
    reason: Words,
    /// What to do about it.
    remedy: Words,
}

/// A text in two languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReproducedWords)]
struct Words {
    /// In Chinese.
    zh: Option<String>,
    /// In English.
    en: Option<String>,
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
