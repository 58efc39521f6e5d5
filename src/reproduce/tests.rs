//! The bounces of `tests/bounces/`, and what is hostile.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::policy::{Policy, Stub};
use crate::settings::{Flags, Settings};

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(name)).unwrap()
}

/// A line for each failure: recipient, stage with how sure it is, and the reply.
fn told(found: &Found) -> String {
    let mut out = String::new();
    for failure in &found.failures {
        let staged = failure.staged();
        let stage = staged.map_or("-".to_owned(), |staged| format!("{} {}", staged.stage, staged.sure));
        let reply = failure.reply.as_ref().map_or("-".to_owned(), |heard| heard.reply.to_string());
        let recipient = failure.recipient.as_deref().unwrap_or("-");
        let remote = failure.remote.as_deref().unwrap_or("-");
        writeln!(out, "{recipient} | {stage} | {remote} | {reply}").unwrap();
    }
    out
}

const POSTFIX: &str = "user@example.com | rcpt said | mx.example.com | 550 5.1.1 The email account that you tried to reach \
    does not exist. / 5.1.1 Please check it. / 5.1.1 Learn more at https://example.com/help\n\
    full@example.com | message said | mx.example.com | 552 5.2.2 <full@example.com>: Mailbox full\n";

const SAMPLES: [(&str, &str); 21] = [
    ("postfix.eml", POSTFIX),
    ("nested.eml", POSTFIX),
    (
        "exim.eml",
        "user@example.com | message said | mx.example.com [192.0.2.1] | 554 5.7.1 Message refused by policy. / 5.7.1 See \
         https://example.com/policy\n",
    ),
    ("sendmail.eml", "user@example.com | rcpt said | mx.example.com | 550 5.1.1 <user@example.com>... User unknown\n"),
    (
        "qmail.eml",
        "user@example.com | rcpt said | 192.0.2.1 | 553 sorry, that domain isn't in my list of allowed rcpthosts \
         (#5.7.1)\n",
    ),
    ("domino.eml", "user@example.com | message a guess | - | 554 5.7.1 <user@example.com>: Relay access denied\n"),
    (
        "exchange.eml",
        "user@example.com | rcpt a guess | mx.example.com | 550 5.1.10 <user@example.com>: It's not known here\n",
    ),
    ("263.eml", "user@example.com | message said | mx.example.com [192.0.2.1] | 598  mail rejected by keyword\n"),
    (
        "netease.eml",
        "user@example.com | rcpt said | mx.example.com [192.0.2.1] | 550 5.1.1 用户不存在 User not found\n",
    ),
    ("qq.eml", "user@example.com | message said | mx.example.com [192.0.2.1] | 550 Mail content denied.\n"),
    ("aliyun.eml", "user@example.com | rcpt a guess | - | 554 RCPT (user@example.com) dosn't exist\n"),
    (
        "gmail.eml",
        "user@example.com | rcpt a guess | mx.example.com. (192.0.2.1, the server for the domain example.com.) | 550 5.1.1 \
         <user@example.com>: Recipient address rejected: User unknown in local recipient table\n",
    ),
    (
        "outlook.eml",
        "user@example.com | message a guess | mx.example.com | 554 5.7.1 Service unavailable; Client host [192.0.2.9] \
         blocked using bl.example\n",
    ),
    ("yahoo.eml", "user@example.com | rcpt a guess | - | 550 5.1.1 <user@example.com>: Recipient address rejected\n"),
    ("utf8.eml", "用户@example.com | message a guess | - | 553 5.6.7 address not permitted\n"),
    (
        "postfix.log",
        "user@example.com | rcpt said | mx.example.com [192.0.2.1] | 550 5.1.1 <user@example.com>: User unknown\n",
    ),
    ("exim.log", "user@example.com | rcpt said | mx.example.com [192.0.2.1] | 550 5.1.1 No such user / 5.1.1 Sorry\n"),
    (
        "sendmail.log",
        "user@example.com | rcpt a guess | mx.example.com [192.0.2.1] | 550 5.1.1 <user@example.com>... User unknown\n",
    ),
    ("qmail.log", "user@example.com | message said | 192.0.2.1 | 554 spam refused\n"),
    ("exchange.log", "user@example.com | rcpt said | - | 550 5.1.1 User unknown\n"),
    ("README.md", ""),
];

#[test]
fn every_sample_is_read() {
    let mut wrong = String::new();
    for (name, expected) in SAMPLES {
        let found = told(&find(&sample(name)));
        if found != expected {
            writeln!(wrong, "{name}\n  want {expected}  have {found}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_broken_boundary_loses_no_reply() {
    let found = find(&sample("postfix-broken-boundary.eml"));
    let replies: Vec<_> = found.failures.iter().map(|of| of.reply.as_ref().unwrap().reply.code()).collect();
    assert_eq!(replies, [550, 552], "{found:?}");
}

#[test]
fn the_mail_that_failed_is_known() {
    for name in ["postfix.eml", "nested.eml", "exim.eml", "sendmail.eml", "qmail.eml", "exchange.eml", "yahoo.eml"] {
        let original = find(&sample(name)).original.unwrap_or_default();
        assert_eq!(original.sender.as_deref(), Some("sender@example.org"), "{name}");
        assert_eq!(original.subject.as_deref(), Some("Invoice 42"), "{name}");
        assert_eq!(original.message_id.as_deref(), Some("m1@example.org"), "{name}");
    }
}

fn policy() -> Policy {
    Policy::load(&Settings::load(&Flags::default(), [], Path::new("")).unwrap()).unwrap()
}

#[test]
fn every_plan_is_a_stub_and_a_pack() {
    let policy = policy();
    for (name, _) in SAMPLES {
        let found = find(&sample(name));
        for failure in &found.failures {
            for wanted in [&[][..], &[Match::All], &[Match::Domain]] {
                let plan = Plan::new(failure, &found, wanted, None).unwrap();
                for stub in plan.stubs() {
                    Stub::read("x", stub, &policy).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
                }
                let pack = plan.pack("x", "about");
                Policy::check("x.toml", &pack).unwrap_or_else(|problems| panic!("{name}: {problems:?}\n{pack}"));
            }
        }
    }
}

#[test]
fn a_plan_is_as_narrow_as_is_asked() {
    let found = find(&sample("postfix.eml"));
    let [user, full] = &found.failures[..] else { panic!("{found:?}") };
    let both = Plan::new(full, &found, &[Match::Sender, Match::Subject], None).unwrap();
    assert_eq!(
        serde_json::Value::from(both.stubs()),
        serde_json::json!([
            {"stage": "mail", "priority": 1, "when": {"sender": "sender@example.org"}, "accept": true},
            {"stage": "rcpt", "priority": 1, "when": {"sender": "sender@example.org"}, "accept": true},
            {"stage": "data", "priority": 1, "when": {"sender": "sender@example.org"}, "accept": true},
            {"stage": "message", "priority": 1, "when": {"sender": "sender@example.org", "subject": "Invoice 42"},
             "reply": "552 5.2.2 <full@example.com>: Mailbox full"},
        ])
    );
    let early = Plan::new(user, &found, &[Match::Subject], None).unwrap_err();
    assert_eq!(early.to_string(), "the subject is not known at stage rcpt; it is from stage message on");
    let mail = Plan::new(user, &found, &[], Some(Stage::Mail)).unwrap();
    assert_eq!(mail.when.keys().collect::<Vec<_>>(), ["sender"]);
    assert!(Plan::new(user, &found, &[], Some(Stage::Connect)).unwrap().when.is_empty());
    assert_eq!(Plan::new(&Failure::default(), &found, &[], None), Err(PlanError::NoReply));
}

#[test]
fn what_is_hostile_makes_neither_a_placeholder_nor_toml() {
    let found =
        find(b"to=<\"x@example.com>, dsn=5.0.0, status=bounced (host a[192.0.2.1] said: 550 {sender} \"\"\" \\ # )");
    let plan = Plan::new(&found.failures[0], &found, &[Match::All], None).unwrap();
    let pack = plan.pack("x", "a\r\nb\u{85}c");
    Policy::check("x.toml", &pack).unwrap_or_else(|problems| panic!("{problems:?}\n{pack}"));
    assert!(pack.contains("{{sender}}"), "{pack}");
}

#[test]
fn nothing_is_found_where_nothing_failed() {
    for text in [
        "",
        "From: a@example.com\nSubject: Lunch\n\nAt 500 Main Street, 550 people came.\n",
        "Nov 25 mx postfix/smtp[1]: X: to=<a@example.com>, relay=mx, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
        "Final-Recipient: rfc822; a@example.com\nAction: delivered\nDiagnostic-Code: smtp; 250 ok\n",
    ] {
        assert_eq!(told(&find(text.as_bytes())), "", "{text}");
    }
}

#[test]
fn much_is_bounded() {
    let many = "<a@example.com>: host mx[192.0.2.1] said: 550 no\n\n".repeat(30_000);
    assert!(find(many.as_bytes()).cut);
    let lines: String = (0..9_000).fold(String::new(), |mut all, number| {
        writeln!(all, "to=<{number}@example.com>, status=bounced (host mx[192.0.2.1] said: 550 no)").unwrap();
        all
    });
    assert_eq!(find(lines.as_bytes()).failures.len(), MOST);
    let deep = "From: a@b\nContent-Type: message/rfc822\n\n".repeat(5_000);
    assert!(find(deep.as_bytes()).failures.is_empty());
}
