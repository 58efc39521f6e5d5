//! What senders are told later, from SMTP to the outbox.

use std::collections::BTreeMap;

use encoding_rs::GB18030;
use serde_json::{Value, json};

use super::events::Events;
use super::http::Answer;
use super::{Asked, text};
use crate::notifications::as_python_reads;

const SLOW: &str = r#"{"stage": "message", "when": {"recipient": "slow@"}, "bounce": [
    {"kind": "delayed", "reply": "452 4.2.2 <{recipient}> is full", "after": "4h"},
    {"kind": "failed", "after": "20h"}]}"#;

/// What is in the outbox, the first to be due first, each as `kind to state`.
fn outbox(asked: &Asked, query: &str) -> Vec<String> {
    let mut items = asked.items(&format!("outbox{query}"));
    items.sort_by_key(|item| text(item, "/due").to_owned());
    let shown = |item: &Value| format!("{} {} {}", text(item, "/kind"), text(item, "/to"), text(item, "/state"));
    items.iter().map(shown).collect()
}

fn advance(asked: &Asked, time: &str, lane: &str) {
    let body = json!({ "advance": time, "lane": lane }).to_string();
    asked.post_json("clock", &body).expect(200);
}

/// What stands in a session's transcript.
fn transcript(asked: &Asked) -> String {
    let id = text(&asked.items("sessions").remove(0), "/id").to_owned();
    String::from_utf8(asked.get(&format!("sessions/{id}/transcript")).expect(200).body).unwrap()
}

#[test]
fn what_is_delayed_fails_when_the_clock_says_so() {
    let asked = Asked::start(&["--provider", "neutral"]);
    asked.post_json("stubs", SLOW).expect(201);
    let mut events = Events::open(&asked, "?kind=notification", None);
    asked.deliver("a@client.test", "slow@example.com", b"Subject: one\r\n\r\n");
    assert_eq!(outbox(&asked, ""), ["delayed a@client.test waiting", "failed a@client.test waiting"]);
    let message = asked.items("messages").remove(0);
    assert_eq!(message["deliveries"][0]["fate"], "bounced");
    let ids: Vec<_> = asked.items("outbox").iter().map(|item| item["id"].clone()).collect();
    assert_eq!(message["notifications"].as_array().unwrap().iter().rev().cloned().collect::<Vec<_>>(), ids);
    assert_eq!(asked.items("verdicts?verdict=bounce").len(), 1);

    let mut waiting = asked.request("GET", "outbox?state=due&kind=delayed&wait=60s").open();
    let problem = asked.get("outbox?state=due&wait=0s").problem(408);
    assert_eq!(problem["near"][0]["misses"], json!([{"filter": "state", "wanted": "due", "found": ["waiting"]}]));
    advance(&asked, "4h", "default");
    assert_eq!(outbox(&asked, "?state=due"), ["delayed a@client.test due"], "at once");
    let waited = Answer::read(&mut waiting).expect(200).json();
    let delayed = &waited["items"][0];
    let told = events.next();
    assert_eq!(
        (told.kind.as_str(), &told.data["id"], &told.data["state"]),
        ("notification", &delayed["id"], &json!("due"))
    );
    let raw = asked.get(&format!("outbox/{}/raw", text(delayed, "/id"))).expect(200);
    assert_eq!(raw.header("content-type"), Some("message/rfc822"));
    let raw = String::from_utf8(raw.body).unwrap();
    for line in ["Action: delayed", "Status: 4.2.2", "Diagnostic-Code: smtp; 452 4.2.2 <slow@example.com> is full"] {
        assert!(raw.contains(line), "{line}: {raw}");
    }
    // It says until when it is tried, and that is when it fails.
    let failed = asked.items("outbox?kind=failed").remove(0);
    assert!(raw.contains("Will-Retry-Until: "), "{raw}");
    advance(&asked, "20h", "default");
    assert_eq!(outbox(&asked, "?state=waiting").len(), 0);
    assert_eq!(events.next().data["id"], failed["id"]);
    let failed = asked.json(&format!("outbox/{}", text(&failed, "/id")));
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("due"), &json!([])));
    assert_eq!(failed["recipients"], json!(["slow@example.com"]));
}

#[test]
fn the_null_sender_and_who_does_not_ask_are_told_nothing() {
    let asked = Asked::start(&["--provider", "neutral"]);
    asked.post_json("stubs", r#"{"stage": "message", "bounce": "550 5.1.1 no such user"}"#).expect(201);
    asked.deliver("", "b@example.com", b"Subject: x\r\n\r\n");
    assert!(transcript(&asked).contains("(no failed about b@example.com: the message has the null sender)"));
    assert_eq!(text(&asked.items("messages").remove(0), "/deliveries/0/fate"), "bounced");
    let say = |to: &str| {
        asked.smtp(
            format!(
                "EHLO c.test\r\nMAIL FROM:<a@c.test> RET=HDRS ENVID=job+207\r\nRCPT TO:{to}\r\nDATA\r\n\
                 Subject: x\r\n\r\nbody of it\r\n.\r\nQUIT\r\n"
            )
            .as_bytes(),
        );
    };
    say("<b@example.com> NOTIFY=NEVER");
    assert!(transcript(&asked).contains("no recipient's NOTIFY asks for it"));
    assert!(asked.items("outbox").is_empty());
    say("<b@example.com> NOTIFY=FAILURE ORCPT=rfc822;first+40example.com");
    let failed = asked.items("outbox").remove(0);
    let raw = asked.get(&format!("outbox/{}/raw", text(&failed, "/id"))).expect(200).body;
    let raw = String::from_utf8(raw).unwrap();
    for line in ["Original-Envelope-Id: job 7", "Original-Recipient: rfc822; first@example.com", "text/rfc822-headers"]
    {
        assert!(raw.contains(line), "{line}: {raw}");
    }
    assert!(!raw.contains("body of it"), "RET=HDRS: {raw}");
    assert_eq!((text(&failed, "/from"), text(&failed, "/to")), ("", "a@c.test"));
}

#[test]
fn who_asks_for_success_is_told_of_it() {
    let asked = Asked::start(&["--provider", "neutral"]);
    asked.smtp(
        b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@example.com> NOTIFY=SUCCESS\r\nRCPT TO:<c@example.com>\r\n\
          RCPT TO:<d@example.com> NOTIFY=SUCCESS,DELAY\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n",
    );
    let told = asked.items("outbox");
    assert_eq!(told.len(), 1, "one for all to whom it was delivered");
    assert_eq!((text(&told[0], "/kind"), &told[0]["rule"]), ("delivered", &Value::Null));
    assert_eq!(told[0]["recipients"], json!(["b@example.com", "d@example.com"]));
    assert_eq!(text(&told[0], "/state"), "due");
}

#[test]
fn who_is_away_tells_a_sender_once_in_a_while() {
    let asked = Asked::start(&["--provider", "neutral"]);
    let away = r#"{"stage": "message", "bounce": {"kind": "out-of-office", "text": "away", "every": "48h"}}"#;
    asked.post_json("stubs", away).expect(201);
    let deliver = |from: &str| {
        asked.deliver(from, "b@example.com", b"To: b@example.com\r\nSubject: x\r\n\r\n");
        asked.items("outbox").len()
    };
    // Who is told nothing for another reason is not counted.
    asked.deliver("a@c.test", "b@example.com", b"To: b@example.com\r\nPrecedence: list\r\n\r\n");
    assert!(transcript(&asked).contains("sent by a program or a list"));
    assert_eq!((deliver("a@c.test"), deliver("a@c.test"), deliver("b@c.test")), (1, 1, 2));
    let held = asked.items("state");
    assert_eq!(text(&held[0], "/key"), "answer:b@example.com:a@c.test");
    advance(&asked, "47h", "default");
    assert_eq!(deliver("a@c.test"), 2);
    assert!(transcript(&asked).contains("(no out-of-office about b@example.com: a@c.test was told already"));
    advance(&asked, "1h", "default");
    assert_eq!(deliver("a@c.test"), 3);
    assert_eq!(asked.items("messages?verdict=bounce")[0]["deliveries"][0]["fate"], "inbox");
}

#[test]
fn lanes_have_outboxes_and_clocks_of_their_own() {
    let asked = Asked::start(&["--provider", "neutral"]);
    for lane in ["one", "two"] {
        let stub = SLOW.replacen('{', &format!("{{\"lane\": \"{lane}\", "), 1);
        asked.post_json("stubs", &stub).expect(201);
        asked.deliver("a@client.test", &format!("slow@{lane}.lane.mockmx.test"), b"Subject: x\r\n\r\n");
    }
    advance(&asked, "5h", "two");
    assert_eq!(outbox(&asked, "?lane=one&state=due").len(), 0);
    assert_eq!(outbox(&asked, "?lane=two&state=due").len(), 1);
    let id = text(&asked.items("stubs?lane=one").remove(0), "/id").to_owned();
    let filters = "?to=@client.test&from=%3C%3E&recipient=slow@&subject=x&header=Auto-Submitted:";
    assert_eq!(outbox(&asked, &format!("{filters}&rule=stub/{id}")).len(), 2);
    assert_eq!(asked.request("DELETE", "outbox?lane=one&kind=failed").send().expect(200).json(), json!({"deleted": 1}));
    let reset = asked.request("POST", "reset?lane=two").send().expect(200).json();
    assert_eq!(reset["notifications"], 2);
    assert_eq!(outbox(&asked, ""), ["delayed a@client.test waiting"]);
    let problem = asked.get("outbox?login=x").problem(400);
    assert_eq!(text(&problem, "/detail"), "a notification has no login");
    assert_eq!(text(&asked.get("messages?kind=failed").problem(400), "/help"), "ask for the outbox");
}

#[test]
fn a_tracker_without_room_is_told_of_to_who_never_wrote_to_it() {
    let asked = Asked::start(&[]);
    asked.deliver("a@client.test", "tracking-target-full@263.mockmx.test", b"Subject: x\r\n\r\n");
    let told = asked.items("outbox?rule=263/tracking-target-full").remove(0);
    assert_eq!((&told["recipients"], &told["state"]), (&json!(["tracker@263.net"]), &json!("waiting")));
    let raw = asked.get(&format!("outbox/{}/raw", text(&told, "/id"))).expect(200).body;
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.contains("From: ") && raw.contains("postmaster@263.net"), "{raw}");
    assert!(raw.contains("Final-Recipient: rfc822; tracker@263.net\r\nAction: failed"), "{raw}");
    assert_eq!(asked.items("messages").remove(0)["deliveries"][0]["fate"], "inbox");
}

/// A message of GB18030, eight bits and a bare line feed, which asks for all that can be told.
fn original() -> Vec<u8> {
    let (body, ..) = GB18030.encode("您好，发票见附件。龘");
    let head = "From: <a@client.test>\r\nTo: <b@example.com>\r\nSubject: =?GB18030?B?t6LGsQ==?=\r\n\
        Message-ID: <1@client.test>\r\nDisposition-Notification-To: <a@client.test>\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=GB18030\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    [head.as_bytes(), &body, b"\r\nlone\nfeed \xff\r\n"].concat()
}

const KINDS: [(&str, &str); 7] = [
    ("failed", r#""reply": "550 5.1.1 用户不存在""#),
    ("delayed", r#""reply": "452 4.2.2 full", "retry-for": "5h""#),
    ("relayed", r#""remote": "mx.example.net""#),
    ("delivered", r#""recipient": "list@example.net""#),
    ("out-of-office", r#""text": "我在休假。""#),
    ("read-receipt", r#""after": "1m""#),
    ("abuse-report", r#""after": "1m""#),
];

/// Sends a message for each kind to a domain; returns what was sent, by kind.
fn provoked(asked: &Asked, domain: &str, notify: &str) -> BTreeMap<&'static str, Vec<u8>> {
    let mut sent = BTreeMap::new();
    for (kind, more) in KINDS {
        let when = format!(r#""when": {{"recipient": "{kind}@{domain}"}}"#);
        let stub = format!(r#"{{"stage": "message", {when}, "bounce": {{"kind": "{kind}", {more}}}}}"#);
        asked.post_json("stubs", &stub).expect(201);
        let to = format!("{kind}@{domain}");
        let script = format!("EHLO c.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<{to}>{notify}\r\nDATA\r\n");
        let text = original();
        let at = text.windows(13).position(|part| part == b"b@example.com").unwrap();
        let text = [&text[..at], to.as_bytes(), &text[at + 13..]].concat();
        asked.smtp(&[script.as_bytes(), &text, b".\r\nQUIT\r\n"].concat());
        sent.insert(kind, text);
    }
    advance(asked, "1m", "default");
    sent
}

#[test]
fn every_kind_comes_through_as_python_reads_it() {
    let (packs, neutral) = (Asked::start(&[]), Asked::start(&["--provider", "neutral"]));
    let folder = tempfile::tempdir().unwrap();
    for (asked, provider, domain, notify) in [
        (&neutral, "neutral", "example.com", " NOTIFY=SUCCESS,FAILURE,DELAY"),
        // These have no DSN to ask for reports of success with.
        (&packs, "263", "263.net", ""),
        (&packs, "netease", "163.com", ""),
        (&packs, "21cn", "21cn.com", ""),
    ] {
        let sent = provoked(asked, domain, notify);
        let mut told = asked.items(&format!("outbox?state=due&provider={provider}&limit=100"));
        // That it was delivered is told as well, by no rule.
        told.retain(|item| item["rule"].is_string());
        assert_eq!(told.len(), if notify.is_empty() { 5 } else { 7 }, "{told:#?}");
        for item in told {
            let (kind, id) = (text(&item, "/kind"), text(&item, "/id"));
            let raw = asked.get(&format!("outbox/{id}/raw")).expect(200).body;
            assert_eq!(raw.len() as u64, item["size"]);
            if kind == "failed" && provider != "21cn" {
                let whole = &sent[kind];
                assert!(raw.windows(whole.len()).any(|part| part == &whole[..]), "it returns it to the byte");
            }
            std::fs::write(folder.path().join(format!("{kind} {domain}.eml")), raw).unwrap();
        }
    }
    let all = as_python_reads(folder.path());
    assert_eq!(all.len(), 7 + 3 * 5);
    for found in all {
        let to = text(&found, "/file").trim_end_matches(".eml").replace(' ', "@");
        let kind = to.split('@').next().unwrap();
        let of = |wanted: &str| if kind == wanted { json!([to]) } else { json!([]) };
        assert_eq!(found["defects"], json!([]), "{found:#}");
        assert_eq!((&found["permanent"], &found["temporary"]), (&of("failed"), &of("delayed")), "{found:#}");
        let last = found["blocks"].as_array().and_then(|blocks| blocks.last()).unwrap_or(&Value::Null);
        match kind {
            "failed" => assert!(text(&found, "/text").contains("用户不存在"), "{found:#}"),
            "relayed" => assert_eq!(last["remote-mta"], "dns; mx.example.net", "{found:#}"),
            "delivered" => assert_eq!(last["final-recipient"], "rfc822; list@example.net", "{found:#}"),
            "out-of-office" => assert_eq!(text(&found, "/text").trim(), "我在休假。"),
            "read-receipt" => assert_eq!(found["report"], "disposition-notification"),
            "abuse-report" => assert_eq!(found["report"], "feedback-report"),
            _ => assert_eq!(last["action"], kind, "{found:#}"),
        }
    }
}
