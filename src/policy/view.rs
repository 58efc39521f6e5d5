//! Packs as people look at them: for tables, explanations and the documentation.

use crate::policy::explanation::{Explanation, Occasion};
use crate::policy::period::Period;
use crate::policy::rule::{Outcome, Rule, manner};
use crate::policy::trigger::RuleName;
use crate::policy::{Pack, Policy};
use crate::smtp::Canned;
use crate::stage::Stage;

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderView {
    /// Its id: the pack's file name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The domains that it answers for.
    pub domains: Vec<String>,
    /// What it greets with, as the pack writes it.
    pub banner: String,
    /// Its rules, in the order in which they are asked.
    pub rules: Vec<RuleView>,
    /// What it says of texts that are no reply of its rules, in the order of the pack.
    pub explanations: Vec<ExplanationView>,
}

/// What a pack says of a text that is no reply of its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplanationView {
    /// Its id within the provider.
    pub id: String,
    /// The texts, as the pack writes them; `xxx` and placeholders stand for what varies.
    pub texts: Vec<String>,
    /// When they are met.
    pub occasion: Occasion,
    /// 原因.
    pub reason_zh: Option<String>,
    /// The reason in English.
    pub reason_en: Option<String>,
    /// 解决建议.
    pub remedy_zh: Option<String>,
    /// The remedy in English.
    pub remedy_en: Option<String>,
    /// The document that says so.
    pub source: Option<String>,
    /// What is ours in it, and not the document's.
    pub note: Option<String>,
    /// The pack's file.
    pub file: String,
    /// The line where it begins.
    pub line: usize,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleView {
    /// Its id within the provider.
    pub id: String,
    /// Where it is asked.
    pub stage: Stage,
    /// What it does, in a word or two: `refuse`, `drop`.
    pub action: &'static str,
    /// The reply, as the pack writes it; of a bounce what stands in it.
    pub reply: Option<String>,
    /// What the sender is told after the 250, and when.
    pub later: Option<String>,
    /// How the reply is brought and how the connection fares, where that is out of the ordinary.
    pub manner: Option<String>,
    /// No whole reply comes, or the connection breaks behind it.
    pub breaks: bool,
    /// The days on which the provider answers so.
    pub period: Period,
    /// It fires only when it is named.
    pub trigger_only: bool,
    /// The recipient's address that makes it fire.
    pub trigger: String,
    /// 原因.
    pub reason_zh: Option<String>,
    /// The reason in English.
    pub reason_en: Option<String>,
    /// 解决建议.
    pub remedy_zh: Option<String>,
    /// The remedy in English.
    pub remedy_en: Option<String>,
    /// The document that says so.
    pub source: Option<String>,
    /// What is ours in it, and not the document's.
    pub note: Option<String>,
    /// The pack's file.
    pub file: String,
    /// The line where it begins.
    pub line: usize,
}

impl RuleView {
    /// What a client says at the rule's own stage to make it fire: `MAIL FROM:<rule@263.mockmx.test>`. At stage connect
    /// nothing was said yet, and commands and faults come at any time, so there it is the recipient, later.
    #[must_use]
    pub fn trigger_command(&self) -> String {
        let (id, host) = self.trigger.split_once('@').unwrap_or((&self.id, ""));
        match self.stage {
            Stage::Helo => format!("EHLO {id}.{host}"),
            Stage::Auth => format!("AUTH as {}", self.trigger_login()),
            Stage::Mail => format!("MAIL FROM:<{}>", self.trigger),
            Stage::Connect | Stage::Rcpt | Stage::Data | Stage::Message | Stage::Command | Stage::Fault => {
                format!("RCPT TO:<{}>", self.trigger)
            }
        }
    }

    /// The login that names the rule.
    #[must_use]
    pub fn trigger_login(&self) -> String {
        let host = self.trigger.split_once('@').map_or("", |(_, host)| host);
        format!("{}@{}", self.id, host.split('.').next().unwrap_or_default())
    }
}

impl Policy {
    /// All providers, by id.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderView> {
        self.packs.iter().map(|provider| provider_view(&provider.pack)).collect()
    }

    /// The ids of all providers, in their order.
    pub fn provider_ids(&self) -> impl Iterator<Item = &str> + Clone {
        self.packs.iter().map(|provider| provider.pack.id.as_str())
    }

    /// The provider of that id.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<ProviderView> {
        Some(provider_view(&self.packs[self.index(id)?].pack))
    }

    /// A provider's rule.
    #[must_use]
    pub fn rule_of(&self, provider: &str, rule: &str) -> Option<RuleView> {
        let pack = &self.packs[self.index(provider)?].pack;
        Some(rule_view(pack.rule(rule)?, &pack.id))
    }
}

fn provider_view(pack: &Pack) -> ProviderView {
    ProviderView {
        id: pack.id.clone(),
        name: pack.name.clone(),
        domains: pack.domains.clone(),
        banner: pack.persona.template(Canned::Banner).map(ToString::to_string).unwrap_or_default(),
        rules: pack.rules.iter().map(|rule| rule_view(rule, &pack.id)).collect(),
        explanations: pack.explanations.iter().map(explanation_view).collect(),
    }
}

fn explanation_view(explanation: &Explanation) -> ExplanationView {
    let Explanation { id, texts, occasion, words, file, line } = explanation.clone();
    ExplanationView {
        id,
        texts,
        occasion,
        reason_zh: words.reason_zh,
        reason_en: words.reason_en,
        remedy_zh: words.remedy_zh,
        remedy_en: words.remedy_en,
        source: words.source,
        note: words.note,
        file,
        line,
    }
}

fn rule_view(rule: &Rule, provider: &str) -> RuleView {
    let words = rule.words.clone();
    RuleView {
        id: rule.reference.id.clone(),
        stage: rule.stage,
        action: rule.does.outcome.describe(),
        reply: match &rule.does.outcome {
            Outcome::Refuse { reply, .. } if rule.does.manner.raw.is_none() => Some(reply.to_string()),
            Outcome::Bounce(bounce) => bounce.reply(),
            _ => None,
        },
        later: match &rule.does.outcome {
            Outcome::Bounce(bounce) => Some(bounce.describe()),
            _ => None,
        },
        manner: manner::describe(&rule.does.manner),
        breaks: manner::breaks(&rule.does.manner),
        period: rule.period,
        trigger_only: rule.trigger_only,
        trigger: RuleName { provider: provider.to_owned(), rule: rule.reference.id.clone() }.address(),
        reason_zh: words.reason_zh,
        reason_en: words.reason_en,
        remedy_zh: words.remedy_zh,
        remedy_en: words.remedy_en,
        source: words.source,
        note: words.note,
        file: rule.reference.file.clone(),
        line: rule.reference.line,
    }
}
