//! Sessions, verdicts and messages.

use super::{Asked, text};

#[test]
fn what_a_session_left_is_found_by_filters() {
    let asked = Asked::start(&[]);
    assert!(
        asked
            .deliver("a@client.test", "user@263.net", b"Subject: lunch\r\nX-Run: 17\r\n\r\nat noon")
            .contains("queued as")
    );
    assert!(asked.deliver("b@client.test", "user-unknown@263.mockmx.test", b"x").contains("550 User Unknown"));

    let sessions = asked.items("sessions");
    assert_eq!(sessions.len(), 2);
    assert_eq!(text(&sessions[0], "/senders/0"), "b@client.test", "newest first");
    assert_eq!(text(&sessions[1], "/end"), "closed");
    assert!(sessions[1].get("transcript").is_none());
    for (filters, count) in [
        ("sessions?verdict=refuse", 1),
        ("sessions?rule=263/user-unknown&rule=user-unknown", 1),
        ("sessions?from=@client.test", 2),
        ("sessions?from=@client.test&from=a@", 1),
        ("sessions?lane=default&listener=smtp&provider=263", 2),
        ("sessions?lane=other", 0),
        ("sessions?since=2999-01-01T00:00:00Z".replace("2999", "2200").as_str(), 0),
        ("sessions?until=2200-01-01T00:00:00%2B08:00", 2),
        ("verdicts?stage=rcpt&to=user-unknown@263.mockmx.test", 1),
        ("verdicts?stage=data", 0),
        ("messages?subject=LUNCH&header=x-run:%2017&to=user@263.net", 1),
        ("messages?subject=dinner", 0),
    ] {
        assert_eq!(asked.items(filters).len(), count, "{filters}");
    }
    let number = text(&sessions[1], "/number");
    assert_eq!(asked.items(&format!("sessions?session={number}")).len(), 1);

    let id = text(&sessions[1], "/id");
    let session = asked.json(&format!("sessions/{id}"));
    assert_eq!(text(&session, "/transcript/lines/0/text"), "220 Welcome to TAP gateway for 263");
    let with = asked.items("sessions?transcript=true&from=a@client.test");
    assert_eq!(with, [session]);
    let transcript = asked.get(&format!("sessions/{id}/transcript")).expect(200);
    assert_eq!(transcript.header("content-type"), Some("text/plain; charset=utf-8"));
    let lines: Vec<_> = transcript.text().lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(lines[..3], ["S: 220 Welcome to TAP gateway for 263", "C: EHLO client.test", "S: 250-263.net"]);
    assert!(lines.iter().any(|line| line.starts_with("* (") && line.contains("bytes of text")), "{lines:?}");

    let verdict = &asked.items("verdicts")[0];
    assert_eq!(text(verdict, "/reply"), "550 User Unknown");
    assert_eq!(asked.json(&format!("verdicts/{}", text(verdict, "/id"))), *verdict);
}

#[test]
fn pages_lead_from_one_to_the_next_until_the_end() {
    let asked = Asked::start(&[]);
    for number in 0..5 {
        asked.deliver("a@client.test", "user@263.net", format!("Subject: number {number}\r\n\r\n").as_bytes());
    }
    let mut path = "messages?limit=2&subject=number".to_owned();
    let mut subjects = Vec::new();
    loop {
        let answer = asked.get(&path).expect(200);
        let page = answer.json();
        subjects.extend(page["items"].as_array().unwrap().iter().map(|item| text(item, "/subject").to_owned()));
        let Some(link) = answer.header("link") else {
            assert!(page.get("next").is_none());
            break;
        };
        assert!(link.contains(&format!("cursor={}", text(&page, "/next"))));
        let link = link.strip_prefix("</api/v1/").and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
        path = link.to_owned();
    }
    assert_eq!(subjects, ["number 4", "number 3", "number 2", "number 1", "number 0"]);
}

#[test]
fn what_is_deleted_is_gone_and_counted() {
    let asked = Asked::start(&[]);
    for lane in ["one", "one", "two"] {
        asked.deliver("a@client.test", "user@263.net", format!("X-Mockmx-Lane: {lane}\r\n\r\n").as_bytes());
    }
    let delete = |path: &str| asked.request("DELETE", path).send();
    assert_eq!(delete("messages?lane=ONE").expect(200).json()["deleted"], 2);
    assert_eq!(asked.items("messages").len(), 1);
    assert_eq!(delete("messages?limit=1").problem(400)["parameter"], "limit");
    assert_eq!(delete("messages").expect(200).json()["deleted"], 1);
    assert_eq!(delete("sessions").expect(200).json()["deleted"], 3);
    assert_eq!(delete("verdicts").expect(200).json()["deleted"], 0);
    assert!(asked.items("sessions").is_empty());
}

#[test]
fn an_open_session_is_there_already() {
    let asked = Asked::start(&[]);
    let mut client = crate::serve::Client::connect(asked.serving.address("smtp"));
    client.reply();
    client.asked("EHLO open.test");
    client.asked("MAIL FROM:<a@open.test>");
    let sessions = asked.items("sessions");
    assert_eq!((sessions.len(), sessions[0].get("ended")), (1, None));
    assert_eq!(asked.request("DELETE", "sessions").send().json()["deleted"], 0);
}

#[test]
fn what_is_wrong_with_a_query_is_said_with_its_fix() {
    let asked = Asked::start(&[]);
    for (path, parameter, help) in [
        ("messages?sbject=x", "sbject", "did you mean `subject`?"),
        ("messages?colour=red", "colour", "there are lane, session, provider"),
        ("sessions?subject=x", "subject", "ask for messages"),
        ("verdicts?login=x", "login", "ask for messages"),
        ("messages?stage=rcp", "stage", "did you mean `rcpt`?"),
        ("messages?verdict=no", "verdict", "one of accept, refuse"),
        ("messages?since=2026-11-25T08:00:00+08:00", "since", "write the offset's `+` as `%2B`"),
        ("messages?wait=soon", "wait", "a length of time is `500ms`"),
        ("messages?wait=6m", "wait", "5m is the most"),
        ("messages?count=2", "count", "add `wait=10s`"),
        ("messages?cursor=x", "cursor", "take the `next` of a page"),
        ("providers?x=1", "x", "there are no parameters here"),
    ] {
        let problem = asked.get(path).problem(400);
        assert_eq!(problem["parameter"], parameter, "{path}");
        assert!(text(&problem, "/help").starts_with(help), "{path} {problem:#}");
    }
    for (path, detail) in [
        ("messages?limit=0", "`0` is no whole number from 1 to 1000"),
        ("messages?limit=1&limit=2", "`limit` is given twice"),
        ("messages?until=yesterday", "`yesterday` is no time as `2026-11-25T08:00:00Z`"),
        ("messages?lane=a/b", "`a/b` is no lane: letters, digits, `-`, `_` and `.` make one"),
        ("sessions?transcript=yes", "`yes` is neither `true` nor `false`"),
        ("messages?from=x", "expected an address as `name@example.com`, `@example.com` or `name@`, found \"x\""),
    ] {
        assert_eq!(text(&asked.get(path).problem(400), "/detail"), detail, "{path}");
    }
}

#[test]
fn what_there_is_not_is_a_problem_too() {
    let asked = Asked::start(&[]);
    let nobody = "01a21412-a869-7270-8266-9699597064d3";
    for path in [
        "nothing",
        "sessions/x",
        "sessions/%FF",
        "messages/",
        &format!("messages/{nobody}"),
        &format!("messages/{nobody}/raw"),
        &format!("messages/{nobody}/attachments/x"),
        &format!("sessions/{nobody}/transcript"),
    ] {
        asked.get(path).problem(404);
    }
    assert_eq!(text(&asked.get("verdicts/x").problem(404), "/detail"), "there is no verdict `x`");
    for (method, path, allow) in
        [("POST", "sessions", "GET,HEAD,DELETE"), ("PUT", "clock", "GET,HEAD,POST"), ("OPTIONS", "check", "POST")]
    {
        let answer = asked.request(method, path).send();
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        answer.problem(405);
    }
}
