//! Providers, and each one's rules as a map from the banner to the mailbox.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::frame::html;
use super::rules::{Chip, Fired};
use super::visitor::Visitor;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::extract::In;
use crate::http::providers::provider;
use crate::policy::{ProviderView, RuleView};
use crate::stage::Stage;

/// Rules under mockmx's own name: id, and what each says.
const OWN: [(&str, &str, &str); 4] = [
    (
        "unknown-rule",
        "The session names a rule that there is not, as nonesuch@263.mockmx.test does. The reply is 550.",
        "会话按名称触发的规则不存在，例如 nonesuch@263.mockmx.test。回复为 550。",
    ),
    (
        "habit",
        "The session has an address that other test servers taught testers, as bounce+550+no@any.example, and gets what it asks for. The setting habits = false ends that.",
        "会话用了其他测试服务器的特殊地址，例如 bounce+550+no@any.example，照其要求回复。设置 habits = false 可关闭。",
    ),
    (
        "journal",
        "The message cannot be kept, so it is not taken: 451. The evidence says why, and so does /readyz.",
        "邮件无法存入日志，因此不接收：451。依据一栏和 /readyz 说明原因。",
    ),
    (
        "spool",
        "The message cannot be read in, for the disk is full or broken: 451. The evidence says why.",
        "磁盘已满或出错，邮件无法读入：451。依据一栏说明原因。",
    ),
];

/// A provider in short.
struct Short {
    provider: ProviderView,
    met: usize,
}

#[derive(Template)]
#[template(path = "providers.html")]
struct Providers {
    v: Visitor,
    providers: Vec<Short>,
    own: Vec<(&'static str, &'static str, &'static str, u64)>,
}

pub(super) async fn list(State(api): State<Api>, v: Visitor) -> Result<Response, ApiError> {
    let fired = Fired::so_far(&api);
    let providers = api.generation().policy.providers().into_iter();
    let providers = providers.map(|provider| Short { met: fired.met(&provider), provider }).collect();
    let own = OWN.map(|(id, en, zh)| (id, en, zh, fired.of("mockmx", id))).into();
    html(&Providers { v, providers, own })
}

/// A part of the way that a message takes.
struct Part {
    /// The name of its place on the page.
    id: &'static str,
    en: &'static str,
    zh: &'static str,
    rules: Vec<Chip>,
}

/// The parts of a message's way in their order, and those of which nobody knows when.
const PARTS: [(&str, &str, &str); 9] = [
    ("connect", "Connection", "连接"),
    ("helo", "EHLO", "EHLO"),
    ("auth", "AUTH", "AUTH"),
    ("mail", "MAIL FROM", "MAIL FROM"),
    ("rcpt", "RCPT TO", "RCPT TO"),
    ("data", "DATA", "DATA"),
    ("message", "Message", "邮件内容"),
    ("mailbox", "Mailbox", "邮箱"),
    ("later", "Later", "稍后"),
];
const ANY_TIME: [(&str, &str, &str); 2] = [("command", "Any command", "任何命令"), ("fault", "Faults", "命令出错")];

#[derive(Template)]
#[template(path = "provider.html")]
struct ProviderPage {
    v: Visitor,
    provider: ProviderView,
    met: usize,
    parts: Vec<Part>,
    any_time: Vec<Part>,
}

pub(super) async fn page(State(api): State<Api>, v: Visitor, In(id): In<String>) -> Result<Response, ApiError> {
    let provider = provider(&api, &id)?;
    let fired = Fired::so_far(&api);
    let parts = |of: &[(&'static str, &'static str, &'static str)]| {
        let part = |&(id, en, zh): &_| {
            let rules = provider.rules.iter().filter(|rule| place(rule) == id);
            Part { id, en, zh, rules: rules.map(|rule| Chip::of(&provider.id, rule, &fired)).collect() }
        };
        of.iter().map(part).collect()
    };
    let (parts, any_time) = (parts(&PARTS), parts(&ANY_TIME));
    html(&ProviderPage { v, met: fired.met(&provider), provider, parts, any_time })
}

/// The part of the way at which a rule stands. What becomes of an accepted message comes behind its 250, and what the
/// sender is told of it behind that.
fn place(rule: &RuleView) -> &'static str {
    match (rule.stage, rule.action) {
        _ if rule.later.is_some() => "later",
        (Stage::Message, "file" | "discard" | "replace") => "mailbox",
        (stage, _) => stage.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{built_in, rule};
    use super::*;

    #[test]
    fn every_rule_has_its_place_on_the_way() {
        let providers = built_in();
        let known: Vec<_> = PARTS.iter().chain(&ANY_TIME).map(|(id, ..)| *id).collect();
        for provider in &providers {
            for rule in &provider.rules {
                assert!(known.contains(&place(rule)), "{}/{}", provider.id, rule.id);
            }
        }
        let place_of = |provider: &str, id: &str| {
            let provider = providers.iter().find(|known| known.id == provider).unwrap();
            place(rule(provider, id).unwrap())
        };
        assert_eq!(place_of("263", "keyword"), "message");
        assert_eq!(place_of("263", "spam-unknown"), "mailbox");
        assert_eq!(place_of("263", "tracking-target-full"), "later");
        assert_eq!(place_of("263", "sender-in-prison"), "mail");
    }
}
