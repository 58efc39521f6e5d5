//! `mockmx reproduce --resend`: the mail that failed, sent again, and what is said to it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::api::http::Request;
use crate::program::{Serving, mockmx, said};

fn sample(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(name);
    path.to_str().unwrap().to_owned()
}

fn resend(folder: &Path, bounce: &str, to: &str, more: &[&str]) -> (String, String, Option<i32>) {
    said(&mockmx(folder).args(["reproduce", bounce, "--resend", to]).args(more).output().unwrap())
}

/// A bounce of Postfix's form, with that recipient and these parts behind its report.
fn bounce(folder: &Path, recipient: &str, returned: &[u8]) -> String {
    let mut bytes = format!(
        "From: MAILER-DAEMON@mx.example.net\r\nTo: sender@example.org\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\n\
         Action: failed\r\nDiagnostic-Code: smtp; 550 5.1.1 no\r\n\r\n--b\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(returned);
    bytes.extend_from_slice(b"\r\n--b--\r\n");
    let file = folder.join("bounce.eml");
    std::fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The bytes of the only message.
fn received(server: &Serving) -> Vec<u8> {
    let get = |path: &str| Request::new(server.address("http"), "GET", path).send().expect(200);
    let listed = get("/api/v1/messages").json();
    let [message] = &listed["items"].as_array().unwrap()[..] else { panic!("{listed:#}") };
    get(&format!("/api/v1/messages/{}/raw", message["id"].as_str().unwrap())).body
}

fn smtp(server: &Serving) -> String {
    server.address("smtp").to_string()
}

#[test]
fn the_reproducing_mockmx_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::spawn_reproduction(folder.path(), &["reproduce", &sample("postfix.eml"), "--serve"]);
    let (text, errors, code) = resend(folder.path(), &sample("postfix.eml"), &smtp(&server), &[]);
    assert_eq!((errors.as_str(), code), ("", Some(0)), "{text}");
    for part in [
        "   > MAIL FROM:<sender@example.org> SIZE=191\n",
        "   > RCPT TO:<user@example.com>\n   < 550-5.1.1 The email account",
        "   the same reply at the same stage (here at stage rcpt)\n",
        "   > (the message)\n   < 552 5.2.2 <full@example.com>: Mailbox full\n",
        "   the same reply at the same stage (here at stage message)\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn what_is_said_otherwise_is_told_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
    let (text, _, code) = resend(folder.path(), &sample("263.eml"), &smtp(&server), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("   accepted: if a bounce follows, it comes from that server\n"), "{text}");
    let stub = br#"{"stage": "rcpt", "reply": "550 5.1.1 other"}"#;
    let stubs =
        Request::new(server.address("http"), "POST", "/api/v1/stubs").header("Content-Type", "application/json");
    stubs.body(stub).send().expect(201);
    let (text, _, code) = resend(folder.path(), &sample("263.eml"), &smtp(&server), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("   another reply than that of the bounce (here at stage rcpt)\n"), "{text}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (text, _, code) = resend(folder.path(), &sample("263.eml"), &closed, &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("   not sent: cannot connect: "), "{text}");
    let (_, errors, code) = resend(folder.path(), &sample("263.eml"), "mx.example.com", &[]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("`mx.example.com` is no host with a port"), "{errors}");
}

#[test]
fn its_bytes_arrive_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(900);
    let mail = format!(
        "From: I <sender@example.org>\r\nSubject: \u{7528}\u{6237}\r\nContent-Type: text/plain; charset=gb18030\r\n\r\n\
         .\r\n..\r\n.dot\r\n\r\nQUIT\r\n{long}\r\n \t \r\n"
    );
    let mail = [mail.as_bytes(), b"\xd3\xc3\xbb\xa7 \xff\x80\r\nFrom here\r\n--x--\r\nno end"].concat();
    let part = [b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", &mail[..]].concat();
    let file = bounce(folder.path(), "user@example.com", &part);
    let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
    let (text, _, code) = resend(folder.path(), &file, &smtp(&server), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(" BODY=8BITMIME\n"), "{text}");
    let got = received(&server);
    let expected = [&mail[..], b"\r\n"].concat();
    assert!(got.ends_with(&expected), "{:?}", String::from_utf8_lossy(&got));
    assert_eq!(got[..got.len() - expected.len()].windows(5).filter(|window| window == b"From:").count(), 0);
}

#[test]
fn bare_line_ends_become_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mail = "From: a@example.org\n\nx\n.\nMAIL FROM:<evil@example.org>\r.\r\n";
    let file =
        bounce(folder.path(), "user@example.com", format!("Content-Type: message/rfc822\r\n\r\n{mail}").as_bytes());
    let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
    let (text, _, code) = resend(folder.path(), &file, &smtp(&server), &[]);
    assert_eq!(code, Some(0), "{text}");
    let got = String::from_utf8(received(&server)).unwrap();
    assert!(got.ends_with("From: a@example.org\r\n\r\nx\r\n.\r\nMAIL FROM:<evil@example.org>\r\n.\r\n"), "{got:?}");
}

#[test]
fn a_header_alone_is_sent_without_a_body() {
    let folder = tempfile::tempdir().unwrap();
    let part = b"Content-Type: text/rfc822-headers\r\n\r\nFrom: a@example.org\r\nSubject: \xd3\xc3\r\n\r\n";
    let file = bounce(folder.path(), "user@example.com", part);
    let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
    let (text, _, code) = resend(folder.path(), &file, &smtp(&server), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("   the bounce has its header alone: it is sent without a body\n"), "{text}");
    assert!(received(&server).ends_with(b"From: a@example.org\r\nSubject: \xd3\xc3\r\n\r\n"));
    let (text, _, code) = resend(folder.path(), &sample("postfix.log"), &smtp(&server), &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("1. is not sent again: the mail that failed is not in it"), "{text}");
}

#[test]
fn an_address_of_utf_8_is_sent_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
    let (text, _, code) = resend(folder.path(), &sample("utf8.eml"), &smtp(&server), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(" SMTPUTF8\n") && text.contains("   > RCPT TO:<用户@example.com>\n"), "{text}");
}

#[test]
fn no_address_brings_a_command_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    nobody.set_nonblocking(true).unwrap();
    let mut refused = 0;
    for recipient in [
        "a@example.com>\r\n RCPT TO:<evil@example.org",
        "a@example.com> NOTIFY=NEVER",
        "\"a>\r\n DATA\r\n \"@example.com",
        "a@example.com\\x{0D}\\x{0A}DATA",
        "<a@example.com> <b@example.com>",
    ] {
        let part = "Content-Type: message/rfc822\r\n\r\nFrom: a@example.org\r\n\r\nx\r\n";
        let file = bounce(folder.path(), recipient, part.as_bytes());
        let (text, _, _) = said(&mockmx(folder.path()).args(["reproduce", &file]).output().unwrap());
        if text.is_empty() {
            // It is no address at all.
            continue;
        }
        let (text, _, code) = resend(folder.path(), &file, &nobody.local_addr().unwrap().to_string(), &[]);
        assert_eq!(code, Some(1));
        assert!(text.contains("is no address\n"), "{recipient:?}: {text}");
        refused += 1;
    }
    assert_ne!(refused, 0);
    assert_eq!(nobody.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    for sender in ["<a@example.org>\r\n  RSET", "<a@example.org> RCPT TO:<x@example.org>", "<\"\r\n \"@example.org>"] {
        let part =
            format!("Content-Type: message/rfc822\r\n\r\nReturn-Path: {sender}\r\nFrom: a@example.org\r\n\r\nx\r\n");
        let file = bounce(folder.path(), "a@example.com", part.as_bytes());
        let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
        let (text, _, _) = resend(folder.path(), &file, &smtp(&server), &[]);
        let commands: Vec<_> = text.lines().filter(|line| line.starts_with("   > ")).collect();
        assert!(commands.len() <= 5 && commands.iter().all(|line| !line.starts_with("   > RSET")), "{text}");
        let sessions =
            Request::new(server.address("http"), "GET", "/api/v1/sessions?transcript=true").send().expect(200);
        assert!(!sessions.text().contains("\"RSET"), "{}", sessions.text());
    }
}

#[test]
fn it_is_sent_once_the_reproduction_listens() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["serve", "--provider", "neutral"]);
    let arguments = ["reproduce", &sample("263.eml"), "--serve", "--resend", &smtp(&server)];
    let mut reproduction = Serving::spawn_reproduction(folder.path(), &arguments);
    let mut text = String::new();
    while !text.contains("accepted: if a bounce follows") {
        assert_ne!(reproduction.line(&mut text), 0, "{text}");
    }
    assert!(text.contains("1. user@example.com, again to "), "{text}");
    let got = String::from_utf8(received(&server)).unwrap();
    assert!(got.contains("Subject: Invoice 42\r\n"), "{got}");
}
