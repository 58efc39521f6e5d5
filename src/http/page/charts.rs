//! How much was judged lately, and how long it took.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::bars::{self, HEIGHT, STEP, Series, Stack};
use super::frame::html;
use super::shown;
use super::visitor::Visitor;
use crate::clock::Time;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::metrics::Spread;
use crate::stage::Stage;

/// How long judging took at a stage.
struct Judged {
    stage: Stage,
    spread: Spread,
}

impl Judged {
    fn p50(&self) -> String {
        bars::time(self.spread.p50)
    }

    fn p99(&self) -> String {
        bars::time(self.spread.p99)
    }

    /// Where the bars of the two end, in percent.
    fn ends(&self) -> (u64, u64) {
        (bars::place(self.spread.p50), bars::place(self.spread.p99))
    }
}

#[derive(Template)]
#[template(path = "charts.html")]
struct Charts {
    v: Visitor,
    stack: Stack,
    /// When each minute began.
    began: Vec<Time>,
    judged: Vec<Judged>,
}

impl Charts {
    fn name<'a>(&'a self, series: &'a Series) -> &'a str {
        series.name.as_deref().unwrap_or_else(|| self.v.t("all others", "其他"))
    }

    /// The hour and minute, by UTC.
    fn hour(&self, minute: &usize) -> String {
        self.began.get(*minute).map(|began| shown::day_time(*began)[..5].to_owned()).unwrap_or_default()
    }

    /// The minutes that have a word below them.
    fn marks(&self) -> Vec<String> {
        let last = self.began.len().saturating_sub(1);
        [0, last / 3, last * 2 / 3, last].map(|minute| self.hour(&minute)).into()
    }

    fn total(&self) -> u64 {
        self.stack.series.iter().map(|series| series.total).sum()
    }

    /// The minutes in which there was something, the newest first.
    fn busy(&self) -> Vec<(String, &[u64])> {
        let minutes = self.stack.counts.iter().enumerate().rev();
        let busy = minutes.filter(|(_, counts)| counts.iter().any(|count| *count > 0));
        busy.map(|(minute, counts)| (self.hour(&minute), counts.as_slice())).collect()
    }
}

pub(super) async fn page(State(api): State<Api>, v: Visitor) -> Result<Response, ApiError> {
    let minutes = api.metrics().latest_minutes();
    let stack = Stack::of(&minutes);
    let began = minutes.iter().map(|minute| minute.began).collect();
    let judged = api.metrics().judged().into_iter().map(|(stage, spread)| Judged { stage, spread }).collect();
    html(&Charts { v, stack, began, judged })
}
