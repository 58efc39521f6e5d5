//! The page: what came, what was refused and why, for people with a browser.
//!
//! Each page is whole without JavaScript; a script of ours adds what is live, and htmx spares reloads. A browser asks
//! for nothing but what is compiled in here, and runs nothing but the two scripts in `assets/`. `visitor` says who looks
//! and in which language, `frame` what all pages have in common, and each other file one page.

mod assets;
mod bars;
mod charts;
mod content;
mod coverage;
mod door;
mod filter;
mod frame;
mod harmless;
mod live;
mod message;
mod messages;
mod notification;
mod outbox;
mod outcome;
mod providers;
mod reproduce;
mod retry;
mod rule;
mod rules;
mod session;
mod shown;
mod state;
mod stream;
mod stubs;
mod visitor;

use axum::Router;
use axum::routing::{get, post};

pub(super) use self::assets::is_asset;
pub(super) use self::door::{LOGIN, token};
pub(super) use self::frame::dressed;
use super::api::Api;

/// The pages that every page leads to.
const PAGES: [(&str, &str, &str); 9] = [
    ("/", "Sessions", "会话"),
    ("/messages", "Messages", "邮件"),
    ("/providers", "Providers", "服务商"),
    ("/coverage", "Coverage", "覆盖率"),
    ("/state", "State", "状态"),
    ("/outbox", "Outbox", "待发通知"),
    ("/stubs", "Stubs", "桩规则"),
    ("/charts", "Charts", "图表"),
    ("/reproduce", "Reproduce", "复现退信"),
];

/// The colours that one can choose: name, sign, words.
const THEMES: [(&str, &str, &str, &str); 3] = [
    ("auto", "◐", "as the browser likes it", "跟随浏览器"),
    ("light", "☀", "light", "浅色"),
    ("dark", "☾", "dark", "深色"),
];

/// Where a rule's page is. Stubs and mockmx itself have none but the list of stubs, and the documentation.
fn rule_path(provider: &str, rule: &str) -> String {
    match provider {
        crate::policy::STUB_PROVIDER => format!("/stubs#{rule}"),
        "mockmx" => "/providers#mockmx".to_owned(),
        _ => format!("/providers/{provider}/{rule}"),
    }
}

/// A count's part of its limit, in percent.
fn percent(count: &u64, limit: &u64) -> u64 {
    count.saturating_mul(100).checked_div(*limit).unwrap_or(100).min(100)
}

/// The pages.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(live::page))
        .route("/live", get(stream::rows))
        .route("/sessions/{id}", get(session::page))
        .route("/providers", get(providers::list))
        .route("/providers/{id}", get(providers::page))
        .route("/providers/{id}/{rule}", get(rule::page))
        .route("/coverage", get(coverage::page))
        .route("/state", get(state::page))
        .route("/state/release", post(state::release))
        .route("/state/clock", post(state::move_clock))
        .route("/state/reset", post(state::reset))
        .route("/charts", get(charts::page))
        .route("/messages", get(messages::page))
        .route("/messages/{id}", get(message::page))
        .route("/messages/{id}/html", get(message::part))
        .route("/outbox", get(outbox::page))
        .route("/outbox/{id}", get(notification::page))
        .route("/stubs", get(stubs::page))
        .route("/stubs/of-verdict", post(stubs::of_verdict))
        .route("/stubs/remove", post(stubs::remove))
        .route("/stubs/add", post(stubs::add))
        .route("/reproduce", get(reproduce::page).post(reproduce::found))
        .route(LOGIN, get(door::page).post(door::enter))
        .route("/assets/{name}", get(assets::asset))
}
