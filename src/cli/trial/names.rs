//! Which rules are meant by their names.

use anyhow::Context;
use mockmx::escape::Escaped;
use mockmx::policy::{ProviderView, RuleView};

/// A rule and its provider.
pub(super) type Named<'a> = (&'a ProviderView, &'a RuleView);

/// Every rule of the providers named, or of all.
pub(super) fn of_providers<'a>(providers: &'a [ProviderView], names: &[String]) -> anyhow::Result<Vec<Named<'a>>> {
    if let Some(name) = names.iter().find(|name| !providers.iter().any(|provider| provider.id == **name)) {
        if name.contains('/') {
            anyhow::bail!("with --all go providers; `mockmx try {}` tries one rule", Escaped(name));
        }
        let known: Vec<_> = providers.iter().map(|provider| provider.id.as_str()).collect();
        anyhow::bail!("there is no provider `{}`; there are {}", Escaped(name), known.join(", "));
    }
    let chosen = providers.iter().filter(|provider| names.is_empty() || names.contains(&provider.id));
    Ok(chosen.flat_map(|provider| provider.rules.iter().map(move |rule| (provider, rule))).collect())
}

/// The rules of those names.
pub(super) fn of_names<'a>(providers: &'a [ProviderView], names: &[String]) -> anyhow::Result<Vec<Named<'a>>> {
    let find = |name: &String| {
        let (of, id) = name.split_once('/').unwrap_or((name, ""));
        let provider = providers.iter().find(|provider| provider.id == of);
        let rule = provider.and_then(|provider| Some((provider, provider.rules.iter().find(|rule| rule.id == id)?)));
        rule.with_context(|| match provider {
            Some(_) if id.is_empty() => format!("`{of}` is a provider; `mockmx try --all {of}` tries all its rules"),
            _ => {
                let help = match nearest(providers, name) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`mockmx providers ID` lists a provider's rules".to_owned(),
                };
                format!("there is no rule `{}`; {help}", Escaped(name))
            }
        })
    };
    names.iter().map(find).collect()
}

/// The rule whose name is nearest, if it is near at all. A name without a provider may be of any.
fn nearest(providers: &[ProviderView], name: &str) -> Option<String> {
    if name.len() > 100 {
        return None;
    }
    let name = name.to_lowercase();
    let rules = providers.iter().flat_map(|provider| {
        provider.rules.iter().map(|rule| (format!("{}/{}", provider.id, rule.id), rule.id.as_str()))
    });
    let far = |(whole, id): &(String, &str)| strsim::osa_distance(if name.contains('/') { whole } else { id }, &name);
    let near = rules.min_by_key(far)?;
    (far(&near) <= name.chars().count() / 3).then_some(near.0)
}
