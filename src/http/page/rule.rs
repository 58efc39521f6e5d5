//! A rule: what it does, why, what to do about it, and how to meet it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::frame::html;
use super::outcome::Outcome;
use super::retry::{Retry, by_name};
use super::rules::{Fired, rule};
use super::visitor::Visitor;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::extract::In;
use crate::http::providers::provider;
use crate::policy::{Period, RuleView};

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    v: Visitor,
    provider: String,
    provider_name: String,
    rule: RuleView,
    outcome: Outcome,
    fired: u64,
    retries: Vec<Retry>,
}

impl RulePage {
    /// The days on which it is in force, in the visitor's language.
    fn dates(&self) -> String {
        let Period { since, until } = self.rule.period;
        let since = since.map(|day| format!("{} {day}", self.v.t("since", "自")));
        let until = until.map(|day| format!("{} {day}", self.v.t("until", "至")));
        [since, until].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }
}

pub(super) async fn page(
    State(api): State<Api>,
    v: Visitor,
    In((id, rule_id)): In<(String, String)>,
) -> Result<Response, ApiError> {
    let provider = provider(&api, &id)?;
    let rule = rule(&provider, &rule_id)?.clone();
    let page = RulePage {
        outcome: Outcome::of_rule(&rule),
        fired: Fired::so_far(&api).of(&provider.id, &rule.id),
        retries: by_name(&api, &v, &rule),
        v,
        provider: provider.id,
        provider_name: provider.name,
        rule,
    };
    html(&page)
}
