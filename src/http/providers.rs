//! Providers, their rules, and what they mean.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::errors::ApiError;
use super::extract::In;
use super::json::json;
use super::parameters::Given;
use super::query::or_near;
use crate::policy::{ExplanationView, ProviderView, RuleView};
use crate::stage::Stage;

/// All providers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Providers {
    /// By their ids.
    items: Vec<Provider>,
}

/// A provider in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Provider {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The domains that it answers for.
    domains: Vec<String>,
    /// How many rules it has.
    rules: usize,
}

/// A provider with its rules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderInFull {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The domains that it answers for.
    domains: Vec<String>,
    /// Its rules, in the order in which they are asked.
    rules: Vec<Rule>,
    /// What it says of texts that are no reply of its rules.
    explanations: Vec<Explanation>,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rule {
    /// Its id within the provider.
    id: String,
    /// Where it is asked.
    stage: Stage,
    /// What it does, in a word or two.
    action: &'static str,
    /// The reply, as the pack writes it; of a bounce what stands in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// What the sender is told after the 250, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    later: Option<String>,
    /// How the reply is brought and how the connection fares, where that is out of the ordinary.
    #[serde(skip_serializing_if = "Option::is_none")]
    manner: Option<String>,
    /// It fires only when it is named.
    trigger_only: bool,
    /// The recipient's address that makes it fire.
    trigger: String,
    /// What a client says at the rule's own stage to make it fire.
    trigger_command: String,
    #[serde(flatten)]
    words: Words,
    /// The pack's file.
    file: String,
    /// The line where it begins.
    line: usize,
}

/// What a pack says of a text that is no reply of its rules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// Its id within the provider.
    id: String,
    /// The texts; `xxx` and placeholders stand for what varies.
    texts: Vec<String>,
    /// When they are met: a stage, `network`, `dns`, `after-accept` or `client`.
    occasion: &'static str,
    #[serde(flatten)]
    words: Words,
    /// The pack's file.
    file: String,
    /// The line where it begins.
    line: usize,
}

/// What documents say.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Words {
    /// Why it happens.
    reason: Languages,
    /// What to do about it.
    remedy: Languages,
    /// The document that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// What is ours in it, and not the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A text in the languages in which it is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Languages {
    /// In Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    zh: Option<String>,
    /// In English.
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<String>,
}

/// The providers.
#[utoipa::path(
    get, path = "/api/v1/providers", operation_id = "listProviders", tag = "providers",
    responses((status = 200, description = "they", body = Providers))
)]
pub(crate) async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let views = api.generation().policy.providers().into_iter();
    let items = views.map(|ProviderView { id, name, domains, rules, .. }| {
        let rules = rules.len();
        Provider { id, name, domains, rules }
    });
    json(&Providers { items: items.collect() })
}

/// A provider: every rule with its reason and remedy, and how to make it fire.
#[utoipa::path(
    get, path = "/api/v1/providers/{id}", operation_id = "getProvider", tag = "providers",
    params(("id" = String, Path, description = "its id", example = "263")),
    responses((status = 200, description = "it", body = ProviderInFull))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    In(id): In<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    let ProviderView { id, name, domains, banner: _, rules, explanations } = provider(&api, &id)?;
    let rules = rules.into_iter().map(rule).collect();
    let explanations = explanations.into_iter().map(explanation).collect();
    json(&ProviderInFull { id, name, domains, rules, explanations })
}

/// The provider of that id.
pub(crate) fn provider(api: &Api, id: &str) -> Result<ProviderView, ApiError> {
    let generation = api.generation();
    generation.policy.provider(id).ok_or_else(|| {
        let known = generation.policy.provider_ids();
        ApiError::not_found(format!("there is no provider `{id}`")).help(or_near(id, known))
    })
}

fn rule(view: RuleView) -> Rule {
    let trigger_command = view.trigger_command();
    Rule {
        id: view.id,
        stage: view.stage,
        action: view.action,
        reply: view.reply,
        later: view.later,
        manner: view.manner,
        trigger_only: view.trigger_only,
        trigger: view.trigger,
        trigger_command,
        words: Words {
            reason: Languages { zh: view.reason_zh, en: view.reason_en },
            remedy: Languages { zh: view.remedy_zh, en: view.remedy_en },
            source: view.source,
            note: view.note,
        },
        file: view.file,
        line: view.line,
    }
}

fn explanation(view: ExplanationView) -> Explanation {
    Explanation {
        id: view.id,
        texts: view.texts,
        occasion: view.occasion.name(),
        words: Words {
            reason: Languages { zh: view.reason_zh, en: view.reason_en },
            remedy: Languages { zh: view.remedy_zh, en: view.remedy_en },
            source: view.source,
            note: view.note,
        },
        file: view.file,
        line: view.line,
    }
}
