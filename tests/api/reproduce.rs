//! Bounces that are sent over HTTP.

use std::path::Path;

use serde_json::Value;

use super::{Answer, Asked, text};

const LOG: &str = "Nov 25 10:00:00 mx postfix/smtp[1]: A1: to=<%@example.com>, relay=mx.example.com[192.0.2.1]:25, \
    dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command))\n";

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(name)).unwrap()
}

fn reproduce(asked: &Asked, query: &str, media: &str, bounce: &[u8]) -> Answer {
    let request = asked.request("POST", &format!("reproduce{query}"));
    if media.is_empty() { request } else { request.header("Content-Type", media) }.body(bounce).send()
}

fn failures(value: &Value) -> &Vec<Value> {
    value["found"][0]["failures"].as_array().unwrap()
}

#[test]
fn what_a_bounce_says_is_answered_as_the_command_prints_it() {
    let asked = Asked::start(&[]);
    for media in ["message/rfc822", "text/plain", "application/octet-stream", "application/mbox", ""] {
        let told = reproduce(&asked, "", media, &sample("263.eml")).expect(200).json();
        let [failure] = &failures(&told)[..] else { panic!("{told:#}") };
        assert_eq!(text(failure, "/recipient"), "user@example.com");
        assert_eq!(text(failure, "/reply/wire"), "598  mail rejected by keyword\r\n");
        assert_eq!((text(failure, "/stage/name"), text(failure, "/stage/sure")), ("message", "said"));
        assert_eq!((text(failure, "/rule/provider"), text(failure, "/rule/id")), ("263", "keyword"));
        for words in ["/rule/reason/zh", "/rule/reason/en", "/rule/remedy/zh", "/rule/remedy/en"] {
            assert!(!text(failure, words).is_empty());
        }
        assert_eq!(told.get("added"), None);
    }
    assert_eq!(asked.items("stubs").len(), 0);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces/postfix.eml");
    let printed =
        crate::program::mockmx(asked.folder.path()).arg("reproduce").arg("--json").arg(file).output().unwrap();
    let mut printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    printed["found"][0]["source"] = "body".into();
    assert_eq!(reproduce(&asked, "", "", &sample("postfix.eml")).expect(200).json(), printed);
}

#[test]
fn its_stubs_are_added_in_a_lane_and_answer_so() {
    let asked = Asked::start(&[]);
    let told = reproduce(&asked, "?stub=true&match=domain&lane=ci-1", "", &sample("263.eml")).expect(201).json();
    let added = told["added"].as_array().unwrap();
    assert!(added.iter().all(|stub| stub["lane"] == "ci-1"), "{told:#}");
    assert_eq!(added.len(), failures(&told)[0]["stubs"].as_array().unwrap().len());
    assert_eq!(asked.items("stubs?lane=ci-1").len(), added.len());
    let mail = |recipient: &str, field: &str| {
        asked.deliver("a@example.org", recipient, format!("{field}Subject: x\r\n\r\nx").as_bytes())
    };
    let refused = "\r\n598  mail rejected by keyword\r\n";
    assert!(mail("other@example.com", "X-Mockmx-Lane: ci-1\r\n").contains(refused));
    assert!(!mail("user@example.com", "").contains(refused));
    asked.request("DELETE", "stubs?lane=ci-1").send().expect(200);
    reproduce(&asked, "?stub=true", "", &sample("263.eml")).expect(201);
    assert!(mail("user@example.com", "").contains(refused));
    assert!(!mail("other@example.com", "").contains(refused));
}

#[test]
fn what_is_wanted_of_it_is_chosen_as_by_the_flags() {
    let asked = Asked::start(&[]);
    let bounce = sample("postfix.eml");
    let told = reproduce(&asked, "?only=2&stage=rcpt&match=sender&match=domain", "", &bounce).expect(200).json();
    let [failure] = &failures(&told)[..] else { panic!("{told:#}") };
    assert_eq!(failure["number"], 2);
    let stub = failure["stubs"].as_array().unwrap().last().unwrap();
    assert_eq!(stub["stage"], "rcpt");
    assert_eq!(stub["when"], serde_json::json!({"sender": "sender@example.org", "recipient-domain": "example.com"}));
    let problem = reproduce(&asked, "?only=3", "", &bounce).problem(400);
    assert_eq!((&problem["parameter"], &problem["help"]), (&"only".into(), &"there are 2".into()));
    assert_eq!(reproduce(&asked, "?match=domian", "", &bounce).problem(400)["help"], "did you mean `domain`?");
    assert_eq!(reproduce(&asked, "?stage=quit", "", &bounce).problem(400)["parameter"], "stage");
    assert_eq!(reproduce(&asked, "?lane=x", "", &bounce).problem(400)["help"], "give `stub=true`, too");
}

#[test]
fn where_nothing_is_found_nothing_is_added() {
    let asked = Asked::start(&[]);
    for bounce in [&b""[..], b"Hello, how are you?", b"\xff\xd8\xff\xe0\0\x10JFIF\0", &[0; 4096]] {
        let told = reproduce(&asked, "", "", bounce).expect(200).json();
        assert_eq!(failures(&told).len(), 0, "{told:#}");
        let problem = reproduce(&asked, "?stub=true", "", bounce).problem(422);
        assert_eq!(problem["detail"], "no failed delivery is found in it");
    }
    let unsaid =
        b"From: MAILER-DAEMON@x.test\r\nX-Failed-Recipients: a@example.com\r\nSubject: failed\r\n\r\nIt failed.\r\n";
    let told = reproduce(&asked, "", "", unsaid).expect(200).json();
    assert_eq!(text(&failures(&told)[0], "/error"), "the reply is not known");
    let problem = reproduce(&asked, "?stub=true", "", unsaid).problem(422);
    assert_eq!(problem["detail"], "nothing can be reproduced: of failure 1, the reply is not known");
    assert_eq!(problem["found"], told["found"]);
    assert_eq!(asked.items("stubs").len(), 0);
}

#[test]
fn a_bounce_is_bounded_and_no_form() {
    let asked = Asked::start(&[]);
    let mut log = LOG.replace('%', "a").into_bytes();
    log.resize(1 << 20, b' ');
    let told = reproduce(&asked, "", "", &log).expect(200).json();
    assert_eq!((failures(&told).len(), &told["found"][0]["cut"]), (1, &false.into()));
    log.push(b' ');
    let problem = reproduce(&asked, "", "", &log).problem(413);
    assert_eq!(problem["help"], "what a bounce says stands in its beginning: send that");
    let form = reproduce(&asked, "", "multipart/form-data; boundary=x", b"--x--").problem(415);
    assert_eq!(form["help"], "send the bytes alone: `curl --data-binary @bounce.eml`");
    let many: String = (0..150).map(|n| LOG.replace('%', &n.to_string())).collect();
    let told = reproduce(&asked, "", "", many.as_bytes()).expect(200).json();
    assert_eq!((failures(&told).len(), &told["found"][0]["cut"]), (100, &true.into()));
}

#[test]
fn it_is_guarded_as_all_is() {
    let asked = Asked::start(&["--http-token", "t0ken"]);
    let bounce = sample("263.eml");
    reproduce(&asked, "?stub=true", "", &bounce).problem(401);
    let request = || asked.request("POST", "reproduce?stub=true").header("Authorization", "Bearer t0ken").body(&bounce);
    request().header("Origin", "http://elsewhere.test").send().problem(403);
    let stubs = || asked.request("GET", "stubs").header("Authorization", "Bearer t0ken").send().expect(200).json();
    assert_eq!(stubs()["items"].as_array().unwrap().len(), 0);
    request().send().expect(201);
    assert_ne!(stubs()["items"].as_array().unwrap().len(), 0);
}
