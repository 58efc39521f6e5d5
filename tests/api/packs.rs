//! Providers, checks of packs, clocks, metrics.

use super::http::Request;
use super::{Asked, text};

#[test]
fn providers_and_their_rules() {
    let asked = Asked::start(&[]);
    let providers = asked.items("providers");
    assert!(providers.iter().any(|provider| provider["id"] == "263" && provider["domains"][0] == "263.net"));
    let provider = asked.json("providers/263");
    let rules = provider["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["id"] == "user-unknown").unwrap();
    assert_eq!(text(rule, "/reply"), "550 User Unknown");
    assert_eq!(text(rule, "/trigger"), "user-unknown@263.mockmx.test");
    assert_eq!(text(rule, "/trigger_command"), "RCPT TO:<user-unknown@263.mockmx.test>");
    for member in ["/reason/zh", "/remedy/en", "/source", "/file", "/stage"] {
        assert!(!text(rule, member).is_empty());
    }
    assert!(!provider["explanations"].as_array().unwrap().is_empty());
    assert_eq!(asked.get("providers/neutrla").problem(404)["help"], "did you mean `neutral`?");
}

fn check(asked: &Asked, name: &str, media: &str, pack: &[u8]) -> super::Answer {
    asked.request("POST", &format!("check{name}")).header("Content-Type", media).body(pack).send()
}

#[test]
fn a_pack_is_checked() {
    let asked = Asked::start(&[]);
    let sound = check(&asked, "?name=mine.toml", "text/plain; charset=utf-8", "name = \"企业\"\n".as_bytes());
    assert_eq!(sound.expect(200).text(), "{\"problems\":[]}\n");
    let wrong = check(&asked, "", "application/toml", "name = \"企业\"; x\n[[rle]]\n".as_bytes()).expect(200).json();
    assert_eq!((&wrong["problems"][0]["line"], &wrong["problems"][0]["column"]), (&1.into(), &12.into()));
    let wrong = check(&asked, "", "text/plain", b"name = \"x\"\n\n[[rle]]\n").expect(200).json();
    assert_eq!(text(&wrong, "/problems/0/help"), "did you mean `rule`?");
    assert_eq!(wrong["problems"][0]["line"], 3);
    assert_eq!(
        check(&asked, "", "application/json", b"{}").problem(415)["help"],
        "send it with `Content-Type: text/plain` or `application/toml`"
    );
    let problem = check(&asked, "", "text/plain", b"name = \"x\"\n\xff").problem(400);
    assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &1.into()));
    check(&asked, "", "text/plain", &vec![b'#'; 1024 * 1024]).expect(200);
    check(&asked, "", "text/plain", &vec![b'#'; 1024 * 1024 + 1]).problem(413);
    asked.request("POST", "check").body(b"x").send().problem(415);
}

#[test]
fn a_body_without_a_length_is_bounded_too() {
    let asked = Asked::start(&[]);
    let chunk = format!("10000\r\n{}\r\n", "#".repeat(0x10000)).repeat(17);
    let mut stream = asked
        .request("POST", "check")
        .header("Content-Type", "text/plain")
        .header("Transfer-Encoding", "chunked")
        .open();
    // It may be refused before it is all there.
    let _ = std::io::Write::write_all(stream.get_mut(), format!("{chunk}0\r\n\r\n").as_bytes());
    super::Answer::read(&mut stream).problem(413);
}

#[test]
fn a_clock_is_moved_and_stopped_for_one_lane() {
    let asked = Asked::start(&[]);
    let before = asked.json("clock");
    assert_eq!((&before["lane"], &before["frozen"]), (&"default".into(), &false.into()));
    let moved =
        asked.post_json("clock", "{\"advance\": \"20m\", \"freeze\": true, \"lane\": \"ci\"}").expect(200).json();
    assert_eq!((&moved["lane"], &moved["frozen"]), (&"ci".into(), &true.into()));
    assert_eq!(asked.json("clock?lane=CI"), moved, "it stands");
    assert!(text(&asked.json("clock"), "/now") < text(&moved, "/now"));
    assert_eq!(asked.json("clock?lane=nobody")["frozen"], false);
    let run = asked.post_json("clock?lane=ci", "{\"freeze\": false}").expect(200).json();
    assert_eq!(run["frozen"], false);

    for (path, body, detail) in [
        ("clock", "{}", "the body says nothing that is to be done"),
        ("clock", "{\"advance\": \"soon\"}", "`soon` is no length of time"),
        ("clock", "{\"advance\": \"999999h\"}", "`999999h` is too long"),
        (
            "clock",
            "{\"advnce\": \"1s\"}",
            "the body is not what is wanted: unknown field `advnce`, expected one of `lane`, `advance`, `freeze`",
        ),
        (
            "clock",
            "{\"freeze\": true, \"lane\": \"a b\"}",
            "`a b` is no lane: letters, digits, `-`, `_` and `.` make one",
        ),
        ("clock?lane=a", "{\"freeze\": true, \"lane\": \"b\"}", "the query and the body name different lanes"),
    ] {
        assert_eq!(text(&asked.post_json(path, body).problem(400), "/detail"), detail);
    }
    let problem = asked.post_json("clock", "{\n  \"freeze\": maybe}").problem(400);
    assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &13.into()));
    assert_eq!(
        asked.request("POST", "clock").body(b"{}").send().problem(415)["help"],
        "send it with `Content-Type: application/json`"
    );
    asked.post_json("clock", &" ".repeat(2 * 1024 * 1024)).problem(413);
}

#[test]
fn a_prison_opens_when_the_clock_is_moved() {
    let asked = Asked::start(&[]);
    let knock = || asked.smtp(b"EHLO x.test\r\nMAIL FROM:<sender-in-prison@263.mockmx.test>\r\nQUIT\r\n");
    assert!(knock().contains("450 sender in prison"));
    let verdict = &asked.items("verdicts?rule=sender-in-prison")[0];
    asked.post_json("clock", "{\"advance\": \"20m\"}").expect(200);
    knock();
    let later = &asked.items("verdicts?rule=sender-in-prison")[0];
    assert!(text(later, "/at") > text(verdict, "/at"));
}

#[test]
fn what_happens_is_counted() {
    let asked = Asked::start(&[]);
    asked.deliver("a@client.test", "user@263.net", b"x");
    asked.deliver("a@client.test", "user-unknown@263.mockmx.test", b"x");
    let metrics = Request::new(asked.http(), "GET", "/metrics").send().expect(200);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
    let text = metrics.text();
    for line in [
        "mockmx_sessions_open 0",
        "mockmx_sessions_total 2",
        "mockmx_messages_total 1",
        "mockmx_verdicts_total{provider=\"263\",rule=\"user-unknown\",stage=\"rcpt\",verdict=\"refuse\"} 1",
        "mockmx_judging_seconds_count{stage=\"connect\"} 2",
        "# TYPE mockmx_judging_seconds histogram",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
