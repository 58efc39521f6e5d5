//! What messages hold, hostile ones too.

use super::{Asked, text};

const MESSAGE: &str = "Subject: =?UTF-8?B?5Y+R56Wo?= <script>alert(1)</script>\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
    --b\r\nContent-Type: text/html\r\n\r\n<b>hello</b>\r\n\
    --b\r\nContent-Type: text/html; name=\"../../x\\\"y.html\"\r\nContent-Disposition: attachment\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nPHNjcmlwdD4A/w==\r\n\
    --b\r\nContent-Disposition: attachment; filename*=UTF-8''%E5%8F%91%E7%A5%A8%0D%0ASet-Cookie:x.pdf\r\n\r\nabc\r\n--b--\r\n";

#[test]
fn a_message_is_shown_with_its_texts_and_attachments() {
    let asked = Asked::start(&["--provider", "neutral"]);
    asked.deliver("a@client.test", "user@263.net", MESSAGE.as_bytes());
    let id = text(&asked.items("messages")[0], "/id").to_owned();
    let message = asked.json(&format!("messages/{id}"));
    assert_eq!(text(&message, "/subject"), "发票 <script>alert(1)</script>");
    assert_eq!((text(&message, "/text"), text(&message, "/html")), ("hello", "<b>hello</b>"));
    assert_eq!(text(&message, "/attachments/0/name"), "../../x\"y.html");
    assert_eq!((&message["attachments"][0]["size"], &message["attachments"][1]["index"]), (&10.into(), &1.into()));
    let places: Vec<_> = message["readings"].as_array().unwrap().iter().map(|it| text(it, "/place")).collect();
    assert!(places.contains(&"subject") && places.contains(&"body") && places.contains(&"attachment-name"));

    let first = asked.get(&format!("messages/{id}/attachments/0")).expect(200);
    assert_eq!(first.body, b"<script>\0\xff");
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"x_y.html\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ] {
        assert_eq!(first.header(name), Some(value));
    }
    let second = asked.get(&format!("messages/{id}/attachments/1")).expect(200);
    assert_eq!(second.header("set-cookie"), None);
    let disposition = second.header("content-disposition").unwrap();
    assert_eq!(
        disposition,
        "attachment; filename=\"____Set-Cookie_x.pdf\"; filename*=UTF-8''%E5%8F%91%E7%A5%A8__Set-Cookie_x.pdf"
    );
    asked.get(&format!("messages/{id}/attachments/2")).problem(404);
    asked.get(&format!("messages/{id}/attachments/-1")).problem(404);

    let raw = asked.get(&format!("messages/{id}/raw")).expect(200);
    assert_eq!((raw.header("content-type"), raw.text()), (Some("message/rfc822"), format!("{MESSAGE}\r\n")));
    let delivered = asked.get(&format!("messages/{id}/raw?delivered=0")).expect(200).text();
    assert!(delivered.starts_with("Return-Path: <a@client.test>\r\nReceived: from client.test ("), "{delivered}");
    assert!(delivered.ends_with(&format!("{MESSAGE}\r\n")));
    asked.get(&format!("messages/{id}/raw?delivered=1")).problem(404);
    assert_eq!(asked.get(&format!("messages/{id}/raw?delivered=x")).problem(400)["parameter"], "delivered");
}

#[test]
fn a_large_message_is_whole() {
    let asked = Asked::start(&["--provider", "neutral"]);
    let file = "QUJD".repeat(18) + "\r\n";
    let lines = 60_000;
    let body = format!(
        "Content-Type: application/x-a\r\nContent-Disposition: attachment; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        file.repeat(lines)
    );
    asked.deliver("a@client.test", "user@263.net", body.as_bytes());
    let id = text(&asked.items("messages")[0], "/id").to_owned();
    assert_eq!(asked.json(&format!("messages/{id}"))["attachments"][0]["size"], 54 * lines);
    assert_eq!(asked.get(&format!("messages/{id}/raw")).body.len(), body.len() + 2);
    assert_eq!(asked.get(&format!("messages/{id}/attachments/0")).body, b"ABC".repeat(18 * lines));
}

#[test]
fn hostile_bytes_are_shown_and_obeyed_by_nobody() {
    let asked = Asked::start(&["--provider", "neutral"]);
    let header = [
        b"Subject: \x1b[31m\xff\xfe \xe2\x80\xae\xe2\x80\xa8 </script>\r\nX-Long: ".as_slice(),
        &b"y".repeat(60_000),
        b"\r\n\r\n\x00\x07",
    ]
    .concat();
    let script = [b"EHLO <img src=x>\x1b]0;x\x07\r\nEHLO x.test\r\nNOOP \xff\xfe\xc2\x9b\xe2\x80\xae\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<u@263.net>\r\nDATA\r\n".as_slice(), &header, b"\r\n.\r\nQUIT\r\n"].concat();
    asked.smtp(&script);
    let session = &asked.items("sessions")[0];
    let id = text(session, "/id");
    let transcript = asked.get(&format!("sessions/{id}/transcript")).expect(200).text();
    assert!(transcript.contains(r"<img src=x>\u{1b}]0;x\u{7}"), "{transcript}");
    assert!(!transcript.contains(|c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))));
    for path in ["sessions?transcript=true", "verdicts", "messages", &format!("sessions/{id}")] {
        let answer = asked.get(path).expect(200);
        assert!(!answer.text().trim_end().contains(char::is_control), "{path}");
        answer.json();
    }
    let messages = asked.items("messages");
    let [message] = messages.as_slice() else { panic!("{messages:?} {transcript}") };
    assert!(text(message, "/subject").starts_with("\u{1b}[31m"));
    assert_eq!(asked.items("messages?subject=%1b[31m").len(), 1);
    let full = asked.get(&format!("messages/{}", text(message, "/id"))).expect(200);
    assert!(!full.text().trim_end().contains(char::is_control));
    assert!(
        asked.get(&format!("messages/{}/raw", text(message, "/id"))).body.starts_with(b"Subject: \x1b[31m\xff\xfe")
    );
    asked.get("messages?subject=%FF%00%E2%80").expect(200);
}
