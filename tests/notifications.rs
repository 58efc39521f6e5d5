//! Notifications as others read them: Python's email, and flufl.bounce, by which Mailman tells whom a bounce speaks of.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use mockmx::clock::Time;
use mockmx::facts::{Helo, MailParameters, RcptParameters, Role};
use mockmx::journal::record::{Delivery, Id, Message};
use mockmx::notification::{Event, Forms, Kind, Original, Reason, write};
use mockmx::verdict::Fate;
use serde_json::{Value, json};

const RAW: &str = "From: <zhang@client.test>\r\nTo: <user@263.net>\r\nSubject: =?UTF-8?B?5Lya6K6u?=\r\n\
    Message-ID: <1@client.test>\r\nDisposition-Notification-To: <zhang@client.test>\r\n\r\nhello\r\n";

const RECEIVED: Time = Time::from_unix_seconds(1_201_852_800);

/// A message that asks for every report.
pub(crate) fn message() -> Message {
    let parameters = RcptParameters {
        notify: Some("SUCCESS,FAILURE,DELAY".to_owned()),
        orcpt: Some("rfc822;user@263.net".to_owned()),
    };
    Message {
        id: Id::new(),
        session: Id::new(),
        lane: "default".to_owned(),
        queue_id: "1A2B3C4D5E".to_owned(),
        received: RECEIVED,
        providers: vec!["263".to_owned()],
        listener: "smtp".to_owned(),
        role: Role::Mx,
        peer: "192.0.2.1:40312".parse().unwrap(),
        login: None,
        helo: Some(Helo { extended: true, name: "client.test".to_owned() }),
        tls: None,
        host: "263.net".to_owned(),
        from: "bounces@client.test".to_owned(),
        parameters: MailParameters { envid: Some("job 7".to_owned()), ..MailParameters::default() },
        deliveries: vec![Delivery { recipient: "user@263.net".to_owned(), parameters, fate: Fate::Inbox }],
        verdicts: Vec::new(),
        notifications: Vec::new(),
        size: 0,
        subject: "会议".to_owned(),
        headers: Vec::new(),
    }
}

fn kinds() -> [Kind; 7] {
    let (status, diagnostic) = ("4.2.2".to_owned(), "452 Mailbox exceed".to_owned());
    [
        Kind::Failed { status: "5.1.1".to_owned(), diagnostic: "550 User Unknown 用户不存在".to_owned() },
        Kind::Delayed { status, diagnostic, will_retry_until: Some(Time::from_unix_seconds(1_201_939_200)) },
        Kind::Relayed,
        Kind::Delivered,
        Kind::OutOfOffice { text: "我在休假。".to_owned() },
        Kind::ReadReceipt,
        Kind::AbuseReport,
    ]
}

/// What Python understands of each file `*.eml` of a folder.
pub(crate) fn as_python_reads(folder: &Path) -> Vec<Value> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut python = Command::new(tests.join("clients/venv/bin/python"));
    let output = python.arg(tests.join("notifications.py")).arg(folder).output();
    let output = output.expect("tests/clients/install installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes every provider's notification of every kind, and what Python understands of each, by provider and kind.
fn understood() -> BTreeMap<(String, String), Value> {
    let folder = tempfile::tempdir().unwrap();
    let (message, forms) = (message(), Forms::load(&[]).unwrap());
    let kinds = kinds();
    for ((provider, form), kind) in forms.iter().flat_map(|form| kinds.iter().map(move |kind| (form, kind))) {
        let reason = Reason { reason_zh: "用户不存在", reason_en: "no such user", ..Reason::default() };
        let event = Event {
            original: Original { message: &message, raw: RAW.as_bytes() },
            recipients: &[0],
            kind,
            reason,
            host: "mx01.263xmail.com",
            remote: None,
            now: RECEIVED,
        };
        let written = write(&event, form).unwrap();
        std::fs::write(folder.path().join(format!("{provider}.{}.eml", kind.name())), written.raw).unwrap();
    }
    let found = as_python_reads(folder.path()).into_iter().map(|found| {
        let (provider, kind) = found["file"].as_str().unwrap().trim_end_matches(".eml").split_once('.').unwrap();
        ((provider.to_owned(), kind.to_owned()), found.clone())
    });
    let found: BTreeMap<_, _> = found.collect();
    assert_eq!(found.len(), forms.iter().count() * Kind::NAMES.len());
    found
}

#[test]
fn python_and_flufl_bounce_understand_every_notification() {
    let user = json!(["user@263.net"]);
    for ((provider, kind), found) in understood() {
        let plain = provider == "xinnet";
        let shown = format!("{provider} {kind}: {found:#}");
        assert_eq!(found["defects"], json!([]), "{shown}");
        let (temporary, permanent) = match kind.as_str() {
            "failed" => (json!([]), user.clone()),
            "delayed" => (user.clone(), json!([])),
            _ => (json!([]), json!([])),
        };
        assert_eq!((&found["temporary"], &found["permanent"]), (&temporary, &permanent), "{shown}");
        let report = match kind.as_str() {
            "out-of-office" => None,
            "read-receipt" => Some("disposition-notification"),
            "abuse-report" => Some("feedback-report"),
            _ if plain => None,
            _ => Some("delivery-status"),
        };
        assert_eq!(found["report"].as_str(), report, "{shown}");
        assert_eq!(found["type"], if report.is_some() { "multipart/report" } else { "text/plain" }, "{shown}");
        let Some(report) = report else { continue };

        assert_eq!(found["parts"].as_array().unwrap().len(), 3, "{shown}");
        assert_eq!(found["parts"][1], format!("message/{report}"), "{shown}");
        let last = &found["blocks"].as_array().unwrap().last().unwrap();
        match report {
            "delivery-status" => {
                assert_eq!(found["blocks"][0]["reporting-mta"], "dns; mx01.263xmail.com", "{shown}");
                assert_eq!(found["blocks"][0]["original-envelope-id"], "job 7", "{shown}");
                assert_eq!(last["action"], kind, "{shown}");
                assert_eq!(last["final-recipient"], "rfc822; user@263.net", "{shown}");
            }
            "disposition-notification" => {
                assert_eq!(last["original-message-id"], "<1@client.test>", "{shown}");
                assert_eq!(last["disposition"], "manual-action/MDN-sent-manually; displayed", "{shown}");
            }
            _ => {
                assert_eq!(last["feedback-type"], "abuse", "{shown}");
                assert_eq!(last["source-ip"], "192.0.2.1", "{shown}");
            }
        }
        if provider == "263" && kind == "failed" {
            assert_eq!(
                (found["subject"].as_str(), found["from"].as_str()),
                (Some("退信通知: 会议"), Some("postmaster@263.net"))
            );
            assert_eq!(last["diagnostic-code"], "smtp; 550 User Unknown 用户不存在", "{shown}");
            assert!(found["text"].as_str().unwrap().contains("退信原因: 用户不存在"), "{shown}");
        }
    }
}
