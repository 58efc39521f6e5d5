//! What `mockmx::reproduce` finds in the bounces of `tests/bounces/`, and in what is hostile.

use std::fmt::Write as _;
use std::path::Path;

use mockmx::policy::{Policy, Stub};
use mockmx::reproduce::{Failure, Found, Match, Plan, PlanError, Sure, find};
use mockmx::settings::{Flags, Settings};
use mockmx::stage::Stage;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(name)).unwrap()
}

/// A line for each failure: recipient, stage with how sure it is, and the reply.
fn told(found: &Found) -> String {
    let mut out = String::new();
    for failure in &found.failures {
        let staged = failure.staged();
        let stage = staged.map_or_else(|| "-".to_owned(), |staged| format!("{} {}", staged.stage, staged.sure));
        let reply = failure.reply.as_ref().map_or_else(|| "-".to_owned(), |heard| heard.reply.to_string());
        let recipient = failure.recipient.as_deref().unwrap_or("-");
        let remote = failure.remote.as_deref().unwrap_or("-");
        writeln!(out, "{recipient} | {stage} | {remote} | {reply}").unwrap();
    }
    out
}

const POSTFIX: &str = "user@example.com | rcpt said | mx.example.com | 550 5.1.1 The email account that you tried to \
    reach does not exist. / 5.1.1 Please check it. / 5.1.1 Learn more at https://example.com/help\n\
    full@example.com | message said | mx.example.com | 552 5.2.2 <full@example.com>: Mailbox full\n";

const SAMPLES: [(&str, &str); 21] = [
    ("postfix.eml", POSTFIX),
    ("nested.eml", POSTFIX),
    (
        "exim.eml",
        "user@example.com | message said | mx.example.com [192.0.2.1] | 554 5.7.1 Message refused by policy. / 5.7.1 \
         See https://example.com/policy\n",
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
        "user@example.com | rcpt a guess | mx.example.com [192.0.2.1] | 550 5.1.1 <user@example.com>: Recipient \
         address rejected: User unknown in local recipient table\n",
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
    assert_eq!(told(&found), POSTFIX);
    assert_eq!(found.failures[1].original.as_ref().unwrap().subject.as_deref(), Some("Invoice 42"));
}

#[test]
fn the_mail_that_failed_is_known() {
    for name in ["postfix.eml", "nested.eml", "exim.eml", "sendmail.eml", "qmail.eml", "exchange.eml", "yahoo.eml"] {
        let original = find(&sample(name)).failures[0].original.clone().unwrap_or_default();
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
                let plan = Plan::new(failure, wanted, None).unwrap();
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
    let both = Plan::new(full, &[Match::Sender, Match::Subject], None).unwrap();
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
    let early = Plan::new(user, &[Match::Subject], None).unwrap_err();
    assert_eq!(early.to_string(), "the subject is not known at stage rcpt; it is from stage message on");
    let mail = Plan::new(user, &[], Some(Stage::Mail)).unwrap();
    assert_eq!(mail.when.keys().collect::<Vec<_>>(), ["sender"]);
    assert!(Plan::new(user, &[], Some(Stage::Connect)).unwrap().when.is_empty());
    assert_eq!(Plan::new(&Failure::default(), &[], None), Err(PlanError::NoReply));
}

#[test]
fn who_passes_a_bounce_on_may_speak_of_it() {
    let nested = String::from_utf8(sample("nested.eml")).unwrap();
    let found = find(nested.replace("Please help.", "Error: 550 what is that?").as_bytes());
    assert_eq!(told(&found), POSTFIX);
}

#[test]
fn each_bounce_of_a_mailbox_file_has_its_own_mail() {
    let text = |name| String::from_utf8(sample(name)).unwrap();
    let second = text("exim.eml").replace("Invoice 42", "Invoice 43").replace("user@", "other@");
    let found = find(format!("From a Thu Nov 26\n{}\n\nFrom b Thu Nov 26\n{second}", text("qmail.eml")).as_bytes());
    let subject = |failure: &Failure| failure.original.clone().and_then(|original| original.subject).unwrap();
    assert_eq!(found.failures.iter().map(subject).collect::<Vec<_>>(), ["Invoice 42", "Invoice 43"], "{found:?}");
}

/// A text as Postfix wraps it: at most 79 characters, four spaces before all lines but the first.
fn wrapped(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if column > 0 && column + 1 + word.len() > 79 {
            out.push_str("\n    ");
            column = 4;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

#[test]
fn what_postfix_makes_of_a_refusal_is_taken_back() {
    let policy = policy();
    let providers = policy.providers();
    let replies =
        providers.iter().flat_map(|of| of.rules.iter().filter_map(|rule| Some((rule.stage, rule.reply.as_ref()?))));
    let phrases =
        [(Stage::Mail, "MAIL FROM"), (Stage::Rcpt, "RCPT TO"), (Stage::Data, "DATA"), (Stage::Message, "end of DATA")];
    let mut count = 0;
    for (stage, reply) in replies {
        let Some((_, phrase)) = phrases.iter().find(|(known, _)| *known == stage) else { continue };
        let code = &reply[..3];
        // Postfix puts the lines one behind the other, each with its code.
        let text = reply[4..].replace(['{', '}'], "");
        let lines: Vec<_> = text.split('\n').collect();
        let (last, first) = lines.split_last().unwrap();
        let wire: String =
            first.iter().map(|line| format!("{code}-{line}\r\n")).chain([format!("{code} {last}\r\n")]).collect();
        let one = wire.trim_end().replace("\r\n", " ");
        let said =
            format!("<user@example.com>: host mx.example.com[192.0.2.1] said: {one} (in reply to {phrase} command)");
        let bounce = format!(
            "From: MAILER-DAEMON@mx.example.net\nTo: sender@example.org\nSubject: Undelivered\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nThis is the \
             mail system.\n\n{}\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n\
             Final-Recipient: rfc822; user@example.com\nAction: failed\nStatus: 5.0.0\n{}\n\n--b--\n",
            wrapped(&said),
            wrapped(&format!("Diagnostic-Code: smtp; {one}")),
        );
        let found = find(bounce.as_bytes());
        let [failure] = &found.failures[..] else { panic!("{reply}: {found:?}\n{bounce}") };
        let staged = failure.staged().unwrap();
        assert_eq!((staged.stage, staged.sure), (stage, Sure::Said), "{reply}: {found:?}");
        let mut heard = Vec::new();
        failure.reply.as_ref().unwrap().reply.write_to(&mut heard);
        // Two spaces are one behind Postfix's wrapping.
        let plain = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(plain(std::str::from_utf8(&heard).unwrap()), plain(&wire), "{bounce}");
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[test]
fn what_is_hostile_makes_neither_a_placeholder_nor_toml() {
    let found =
        find(b"to=<\"x@example.com>, dsn=5.0.0, status=bounced (host a[192.0.2.1] said: 550 {sender} \"\"\" \\ # )");
    let plan = Plan::new(&found.failures[0], &[Match::All], None).unwrap();
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
        "mx sendmail[1]: X: to=<a@example.com>, delay=1, dsn=2.0.0, stat=Sent (Ok: 550 bytes)",
        "x == a@example.com and so on",
        "Final-Recipient: rfc822; a@example.com\nAction: delivered\nDiagnostic-Code: smtp; 250 ok\n",
    ] {
        assert_eq!(told(&find(text.as_bytes())), "", "{text}");
    }
}

#[test]
fn a_reason_in_parentheses_and_a_wrapped_reply_end_where_they_end() {
    for (text, reply) in [
        ("<a@example.com>\n    (reason: 550 5.1.1 (no) user)\n", "550 5.1.1 (no) user"),
        (
            "<a@example.com>: host mx[192.0.2.1] said: 550 5.1.1\n    no (in reply\n    to RCPT TO command)",
            "550 5.1.1 no",
        ),
        ("a@example.com\n  The server said '550 it's gone'\n", "550 it's gone"),
        ("a@example.com: #< #5.1.1 smtp;550 5.1.1 gone> #SMTP#", "550 5.1.1 gone"),
    ] {
        let found = find(text.as_bytes());
        assert_eq!(found.failures[0].reply.as_ref().unwrap().reply.to_string(), reply, "{found:?}");
        assert_eq!(found.failures[0].recipient.as_deref(), Some("a@example.com"), "{found:?}");
    }
}

#[test]
fn an_address_that_a_stranger_wrote_is_a_pattern_or_unknown() {
    let failure = |recipient: &str| Failure {
        recipient: Some(recipient.to_owned()),
        reply: find(b"<b@example.com>: 550 no").failures.remove(0).reply,
        ..Failure::default()
    };
    let when = |recipient: &str| Plan::new(&failure(recipient), &[Match::Recipient], None);
    assert_eq!(when("\"a\"@Example.com").unwrap().when["recipient"], "a@example.com");
    for recipient in ["a@.example.com", "@example.com", "a b@example.com", "\"a@b\"@example.com"] {
        assert_eq!(when(recipient), Err(PlanError::Unknown("recipient")), "{recipient}");
    }
    let domain = Plan::new(&failure("a@[192.0.2.1]"), &[Match::Domain], None);
    assert_eq!(domain, Err(PlanError::Unknown("domain")));
}

#[test]
fn much_is_bounded() {
    let many = "<a@example.com>: host mx[192.0.2.1] said: 550 no\n\n".repeat(30_000);
    assert!(find(many.as_bytes()).cut);
    let lines: String = (0..9_000).fold(String::new(), |mut all, number| {
        writeln!(all, "to=<{number}@example.com>, status=bounced (host mx[192.0.2.1] said: 550 no)").unwrap();
        all
    });
    assert_eq!(find(lines.as_bytes()).failures.len(), 100);
    // Let go of one within the other, it would overflow the stack.
    let deep = "From: a@b\n".to_owned() + "Content-Type: message/rfc822\n\n".repeat(34_000).as_str();
    assert!(find(deep.as_bytes()).failures.is_empty());
    assert_eq!(mockmx::explain::statements(deep.as_bytes()).len(), 1);
}
