//! A rule in short, with how often it fired.

use std::collections::BTreeMap;

use super::outcome::Outcome;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::query::or_near;
use crate::policy::{ProviderView, RuleView};

/// How often rules had their say since mockmx was started.
pub(super) struct Fired(BTreeMap<String, BTreeMap<String, u64>>);

impl Fired {
    pub(super) fn so_far(api: &Api) -> Self {
        Self(api.metrics().fired())
    }

    pub(super) fn of(&self, provider: &str, rule: &str) -> u64 {
        self.0.get(provider).and_then(|rules| rules.get(rule)).copied().unwrap_or_default()
    }

    /// How many of a provider's rules had theirs.
    pub(super) fn met(&self, provider: &ProviderView) -> usize {
        provider.rules.iter().filter(|rule| self.of(&provider.id, &rule.id) > 0).count()
    }
}

/// A rule in a list.
pub(super) struct Chip {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) outcome: Outcome,
    /// The code of its reply, or of what the sender is told later.
    pub(super) code: String,
    /// The recipient's address that makes it fire.
    pub(super) trigger: String,
    /// It fires only when it is named.
    pub(super) by_name: bool,
    pub(super) fired: u64,
}

impl Chip {
    pub(super) fn of(provider: &str, rule: &RuleView, fired: &Fired) -> Self {
        Self {
            id: rule.id.clone(),
            path: super::rule_path(provider, &rule.id),
            outcome: Outcome::of_rule(rule),
            code: rule.reply.as_deref().map(code).unwrap_or_default(),
            trigger: rule.trigger.clone(),
            by_name: rule.trigger_only,
            fired: fired.of(provider, &rule.id),
        }
    }
}

/// The code that a reply begins with.
fn code(reply: &str) -> String {
    reply.get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit())).unwrap_or_default().to_owned()
}

/// The rule of that id.
pub(super) fn rule<'p>(provider: &'p ProviderView, id: &str) -> Result<&'p RuleView, ApiError> {
    provider.rules.iter().find(|rule| rule.id == id).ok_or_else(|| {
        let known = provider.rules.iter().map(|rule| rule.id.as_str());
        ApiError::not_found(format!("there is no rule `{}/{id}`", provider.id)).help(or_near(id, known))
    })
}

/// The providers that mockmx comes with.
#[cfg(test)]
pub(super) fn built_in() -> Vec<ProviderView> {
    use crate::settings::{Flags, Settings};
    let settings = Settings::load(&Flags::default(), [], std::path::Path::new("")).unwrap();
    crate::policy::Policy::load(&settings).unwrap().providers()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_three_digits() {
        for (reply, told) in
            [("598  mail rejected", "598"), ("550-one\n550 two", "550"), ("failed", ""), ("邮件", ""), ("5", "")]
        {
            assert_eq!(code(reply), told, "{reply}");
        }
    }
}
