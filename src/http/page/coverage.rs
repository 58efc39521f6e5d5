//! Which rules this run has met, and which a sender was never shown.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::frame::html;
use super::rules::{Chip, Fired};
use super::visitor::{Visitor, plain};
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::parameters::{Given, Holds, Parameter};
use crate::http::providers::provider;
use crate::policy::ProviderView;

const PROVIDER: Parameter = Parameter::once("provider", Holds::Text, "263", "the provider");

/// A provider's rules.
struct Covered {
    id: String,
    name: String,
    /// Rules that never fired, in the pack's order.
    never: Vec<Chip>,
    /// Those that did, the most frequent first.
    met: Vec<Chip>,
}

impl Covered {
    fn of(provider: &ProviderView, fired: &Fired) -> Self {
        let chips = provider.rules.iter().map(|rule| Chip::of(&provider.id, rule, fired));
        let (never, mut met): (Vec<_>, Vec<_>) = chips.partition(|chip| chip.fired == 0);
        met.sort_by_key(|chip| std::cmp::Reverse(chip.fired));
        Self { id: provider.id.clone(), name: provider.name.clone(), never, met }
    }

    fn all(&self) -> usize {
        self.never.len() + self.met.len()
    }
}

#[derive(Template)]
#[template(path = "coverage.html")]
struct Coverage {
    v: Visitor,
    /// Ids and names, to choose from.
    providers: Vec<(String, String)>,
    /// The one that was chosen.
    chosen: String,
    covered: Vec<Covered>,
    met: usize,
    all: usize,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let given = Given::read(Some(&plain(query.as_deref())), &[PROVIDER])?;
    let chosen = given.get(PROVIDER.name).unwrap_or_default().to_owned();
    let providers = api.generation().policy.providers();
    let names = providers.iter().map(|provider| (provider.id.clone(), provider.name.clone())).collect();
    let shown = if chosen.is_empty() { providers } else { vec![provider(&api, &chosen)?] };
    let fired = Fired::so_far(&api);
    let covered: Vec<_> = shown.iter().map(|provider| Covered::of(provider, &fired)).collect();
    let met = covered.iter().map(|provider| provider.met.len()).sum();
    let all = covered.iter().map(Covered::all).sum();
    html(&Coverage { v, providers: names, chosen, covered, met, all })
}
