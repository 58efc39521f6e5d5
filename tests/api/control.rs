//! Stubs, scenarios, state and lanes over HTTP.

use serde_json::{Value, json};

use super::{Asked, text};

const RETRY: &str = r#"{"stage": "rcpt", "when": {"recipient": "a@example.com"}, "reply": "450 4.2.0 try later"}"#;

#[test]
fn a_stub_is_asked_until_it_is_deleted() {
    let asked = Asked::start(&[]);
    let added = asked.post_json("stubs", RETRY).expect(201);
    let location = added.header("location").unwrap().to_owned();
    let id = text(&added.json(), "/items/0/id").to_owned();
    assert_eq!(location, format!("/api/v1/stubs/{id}"));
    assert!(asked.deliver("me@example.org", "a@example.com", b"Subject: x\r\n").contains("450 4.2.0 try later"));
    let verdict = asked.items(&format!("verdicts?rule=stub/{id}")).remove(0);
    assert_eq!((text(&verdict, "/evidence/1"), text(&verdict, "/verdict")), ("use 1", "refuse"));
    let shown = asked.json(&format!("stubs/{id}"));
    assert_eq!((&shown["uses"], &shown["stub"]["reply"]), (&json!(1), &json!("450 4.2.0 try later")));
    assert_eq!(asked.request("DELETE", &format!("stubs/{id}")).send().expect(200).json(), json!({"deleted": 1}));
    for method in ["GET", "DELETE"] {
        asked.request(method, &format!("stubs/{id}")).send().expect(404);
    }
    assert!(!asked.deliver("me@example.org", "a@example.com", b"Subject: x\r\n").contains("450"));
}

#[test]
fn all_that_is_wrong_with_stubs_is_told_with_its_place() {
    let asked = Asked::start(&[]);
    let wrong = r#"[{"stage": "rcpt", "reply": "550 ok"},
        {"stage": "rcpt", "when": {"recipient": 5, "subject": "x", "sendr": "y"}, "reply": "250 yes", "times": 0, "x/y": 1},
        {"stage": "nowhere", "reply": "550 no"}, {"stage": "mail"}, 7]"#;
    let answer = asked.post_json("stubs", wrong).expect(400).json();
    let problems = answer["problems"].as_array().unwrap();
    let told: Vec<_> =
        problems.iter().map(|problem| format!("{} {}", text(problem, "/pointer"), text(problem, "/detail"))).collect();
    for wanted in [
        "/1/when/recipient expected text",
        "/1/when/subject `subject` is not known at stage rcpt",
        "/1/when/sendr there is no key `sendr` here",
        "/1/reply a refusal has a code from 400 to 599",
        "/1/x~1y there is no key `x/y` here",
        "/2/stage there is no such stage",
        "/3 the rule does nothing",
        "/4 expected a table",
    ] {
        assert!(told.iter().any(|told| told.starts_with(wanted)), "{wanted}: {told:#?}");
    }
    assert!(asked.items("stubs").is_empty(), "none is added if one is wrong");
    for (body, status) in [("{", 400), ("\"x\"", 400), ("[]", 201)] {
        asked.post_json("stubs", body).expect(status);
    }
    asked.request("POST", "stubs").header("Content-Type", "text/plain").body(RETRY.as_bytes()).send().expect(415);
}

#[test]
fn stubs_can_be_replaced_and_are_listed_in_their_order() {
    let asked = Asked::start(&[]);
    let put = |lane: &str, body: &str| {
        let request = asked.request("PUT", &format!("stubs?lane={lane}"));
        request.header("Content-Type", "application/json").body(body.as_bytes()).send()
    };
    asked.post_json("stubs", RETRY).expect(201);
    asked.post_json("stubs?lane=b", RETRY).expect(201);
    let three = r#"[{"stage": "mail", "reply": "550 1"}, {"stage": "mail", "reply": "550 2", "priority": 1},
                    {"stage": "mail", "reply": "550 3"}]"#;
    put("default", three).expect(200);
    let replies =
        |path: &str| asked.items(path).iter().map(|stub| text(stub, "/stub/reply").to_owned()).collect::<Vec<_>>();
    assert_eq!(replies("stubs?lane=default"), ["550 2", "550 3", "550 1"], "by priority, and the newest first");
    assert_eq!(replies("stubs").len(), 4);
    put("default", RETRY).expect(400);
    put("c", r#"[{"stage": "mail", "reply": "550 1", "lane": "d"}]"#).expect(400);
    assert_eq!(asked.request("DELETE", "stubs").send().expect(200).json(), json!({"deleted": 3}));
    assert_eq!(replies("stubs"), ["450 4.2.0 try later"]);
}

#[test]
fn stubs_are_read_from_a_folder_and_saved_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("first.json"), RETRY).unwrap();
    std::fs::write(folder.path().join("list.json"), format!("[{RETRY}]")).unwrap();
    std::fs::write(folder.path().join("README.txt"), "not a stub").unwrap();
    let asked = Asked::start(&["--stubs", path]);
    asked.get("stubs/first").expect(200);
    assert_eq!(asked.items("stubs").len(), 2);
    let added = asked.post_json("stubs", r#"{"stage": "mail", "reply": "550 saved"}"#).expect(201).json();
    let saved = asked.request("POST", "stubs/save").send().expect(200).json();
    assert_eq!(saved["files"].as_array().unwrap().len(), 3);
    let file = folder.path().join(format!("{}.json", text(&added, "/items/0/id")));
    let read: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(read["reply"], "550 saved");

    std::fs::write(folder.path().join("bad.json"), r#"{"stage": "mail", "when": {"sendr": "x"}, "reply": "550 x"}"#)
        .unwrap();
    std::fs::write(folder.path().join("worse.json"), "{").unwrap();
    let check = crate::program::mockmx(folder.path()).args(["check", "--stubs", path]).output().unwrap();
    let (_, errors, code) = crate::program::said(&check);
    assert_eq!(code, Some(1));
    for wanted in ["bad.json: /when/sendr: there is no key `sendr` here", "worse.json: EOF while parsing", "--stubs"] {
        assert!(errors.contains(wanted), "{wanted}: {errors}");
    }
    let none = Asked::start(&[]);
    none.request("POST", "stubs/save").send().expect(409);
}

#[test]
fn stubs_of_a_list_are_not_saved_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("list.json"), format!("[{RETRY}, {RETRY}]")).unwrap();
    for _ in 0..2 {
        let asked = Asked::start(&["--stubs", path]);
        assert_eq!(asked.items("stubs").len(), 2);
        asked.request("POST", "stubs/save").send().expect(200);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_body_whose_places_would_take_all_memory_is_refused() {
    let asked = Asked::start(&[]);
    // Each of the items would be named by a pointer of 100 KB.
    let body =
        json!({"stage": "message", "when": {"header": {"x".repeat(100_000): vec![1; 1_500]}}, "reply": "550 no"});
    let answer = asked.post_json("stubs", &body.to_string()).expect(400).json();
    assert!(answer.to_string().len() < 200_000, "{}", answer.to_string().len());
}

#[test]
fn a_scenario_is_moved_by_hand_and_by_stubs() {
    let asked = Asked::start(&[]);
    let put = |name: &str, body: &str| {
        let request = asked.request("PUT", &format!("scenarios/{name}"));
        request.header("Content-Type", "application/json").body(body.as_bytes()).send()
    };
    assert_eq!(asked.json("scenarios/filling"), json!({"name": "filling", "state": "start"}));
    put("filling", r#"{"state": "full"}"#).expect(200);
    assert_eq!(asked.items("scenarios"), [json!({"name": "filling", "state": "full"})]);
    assert_eq!(asked.items("scenarios?lane=b"), Vec::<Value>::new());
    put("filling", r#"{"state": "Not One"}"#).expect(400);
    put("Not%20One", r#"{"state": "full"}"#).expect(404);
    put("filling", r#"{"stat": "full"}"#).expect(400);
}

#[test]
fn what_is_held_is_shown_and_released_and_time_lets_go_of_it() {
    let settings = "providers.263.rules.too-frequent.when.rate.messages = 1\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rate.toml");
    std::fs::write(&file, settings).unwrap();
    let asked = Asked::start(&["--config", file.to_str().unwrap()]);
    let send = || asked.deliver("me@example.org", "a@263.net", b"Subject: x\r\n").contains("450 sender in prison");
    assert_eq!([send(), send(), send()], [false, true, true]);
    let keys: Vec<_> = asked.items("state").iter().map(|of| text(of, "/key").to_owned()).collect();
    let prison = "prison:263/sender:me@example.org";
    assert!(
        keys.contains(&prison.to_owned()) && keys.contains(&"rate:263/too-frequent:me@example.org".to_owned()),
        "{keys:?}"
    );

    let release = |key: &str| asked.request("DELETE", &format!("state/{key}")).send();
    release(prison).expect(200);
    release(prison).expect(404);
    release("rate%3A263%2Ftoo-frequent%3Ame%40example.org").expect(200);
    assert_eq!([send(), send()], [false, true]);
    asked.post_json("clock", r#"{"advance": "20m"}"#).expect(200);
    assert!(!send());
}

#[test]
fn a_reset_is_of_one_lane_alone() {
    let asked = Asked::start(&[]);
    for lane in ["a", "b"] {
        let stub = json!({"stage": "rcpt", "lane": lane, "when": {"sender": "you@example.org"}, "reply": "550 no"});
        asked.post_json("stubs", &stub.to_string()).expect(201);
        asked.post_json("clock", &json!({"advance": "1h", "freeze": true, "lane": lane}).to_string()).expect(200);
        for from in ["me@example.org", "you@example.org"] {
            asked.deliver(from, &format!("x@{lane}.lane.mockmx.test"), b"Subject: x\r\n");
        }
    }
    let counts = |lane: &str| {
        ["sessions", "verdicts", "messages", "stubs"].map(|of| asked.items(&format!("{of}?lane={lane}")).len())
    };
    assert_eq!((counts("a"), counts("b")), ([2, 1, 1, 1], [2, 1, 1, 1]));
    let reset = asked.request("POST", "reset?lane=a").send().expect(200).json();
    assert_eq!(
        reset,
        json!({"lane": "a", "sessions": 2, "verdicts": 1, "messages": 1, "notifications": 0, "stubs": 1})
    );
    assert_eq!((counts("a"), counts("b")), ([0; 4], [2, 1, 1, 1]));
    assert_eq!(
        (&asked.json("clock?lane=a")["frozen"], &asked.json("clock?lane=b")["frozen"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn a_login_and_a_header_name_a_lane_too() {
    let asked = Asked::start(&[]);
    asked.deliver("me@example.org", "x@example.com", b"X-Mockmx-Lane: by-header\r\n\r\nx\r\n");
    let address = asked.serving.address("submission");
    // NUL, `user+by-login`, NUL, `p`, in base64.
    let login = b"EHLO client.test\r\nAUTH PLAIN AHVzZXIrYnktbG9naW4AcA==\r\nMAIL FROM:<user@example.com>\r\nQUIT\r\n";
    assert!(super::smtp(address, login).contains("\r\n235 "));
    assert_eq!(asked.items("messages?lane=by-header").len(), 1);
    let session = asked.items("sessions?lane=by-login").remove(0);
    assert_eq!(text(&session, "/login"), "user");
    assert!(!asked.get(&format!("sessions/{}", text(&session, "/id"))).expect(200).json().to_string().contains("AHVz"));
}
