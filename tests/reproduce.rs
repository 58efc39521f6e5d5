//! `mockmx reproduce`, from a bounce to the same reply in a real session.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::api::http::Request;
use crate::api::testing::replay;
use crate::program::{Serving, mockmx, said};

fn sample(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(name);
    path.to_str().unwrap().to_owned()
}

fn reproduce(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    said(&mockmx(folder).arg("reproduce").args(arguments).output().unwrap())
}

/// The first refusal in a session that sends one mail: the command, and the bytes.
fn refusal(address: SocketAddr, from: &str, to: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut hear = || {
        let mut reply = String::new();
        loop {
            let at = reply.len();
            reader.read_line(&mut reply).unwrap();
            if reply.as_bytes().get(at + 3) != Some(&b'-') {
                return reply;
            }
        }
    };
    let commands = [
        "EHLO client.example.org".to_owned(),
        format!("MAIL FROM:<{from}>"),
        format!("RCPT TO:<{to}>"),
        "DATA".to_owned(),
        format!("From: {from}\r\nTo: {to}\r\nSubject: Invoice 42\r\n\r\nHello\r\n."),
    ];
    let mut reply = hear();
    for command in commands {
        if !reply.starts_with(['2', '3']) {
            break;
        }
        write!(stream, "{command}\r\n").unwrap();
        reply = hear();
        if reply.starts_with(['4', '5']) {
            return (command.split([' ', ':']).next().unwrap().to_owned(), reply);
        }
    }
    (String::new(), reply)
}

const MULTI: &str = "550-5.1.1 The email account that you tried to reach does not exist.\r\n\
    550-5.1.1 Please check it.\r\n550 5.1.1 Learn more at https://example.com/help\r\n";
const FULL: &str = "552 5.2.2 <full@example.com>: Mailbox full\r\n";

#[test]
fn the_five_of_the_page_go_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    std::os::unix::fs::symlink(tests, folder.path().join("tests")).unwrap();
    assert_eq!(replay(include_str!("../docs/reproduce.md"), folder.path(), &[]), 16);
}

#[test]
fn a_bounce_is_served_again_byte_for_byte_at_its_stage() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::spawn_reproduction(folder.path(), &["reproduce", &sample("postfix.eml"), "--serve"]);
    let smtp = server.address("smtp");
    let told = refusal(smtp, "sender@example.org", "user@example.com");
    assert_eq!((told.0.as_str(), told.1.as_str()), ("RCPT", MULTI));
    let told = refusal(smtp, "sender@example.org", "full@example.com");
    assert_eq!((told.0.as_str(), told.1.as_str()), ("From", FULL));
    assert!(refusal(smtp, "sender@example.org", "other@example.com").1.starts_with("250"));
}

#[test]
fn a_pack_is_written_and_answers_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, errors, code) =
        reproduce(folder.path(), &[&sample("postfix.eml"), "--only", "2", "--pack", "customer-1.toml"]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(errors, "wrote customer-1.toml; `mockmx serve --policies customer-1.toml` answers by it\n");
    let server = Serving::start(folder.path(), &["serve", "--policies", "customer-1.toml"]);
    let told = refusal(server.address("smtp"), "sender@example.org", "full@example.com");
    assert_eq!((told.0.as_str(), told.1.as_str()), ("From", FULL));
    let (_, errors, code) = reproduce(folder.path(), &[&sample("postfix.eml"), "--pack", "customer-2.toml"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("choose one with --only N"), "{errors}");
    let (_, errors, _) = reproduce(folder.path(), &[&sample("postfix.eml"), "--pack", "Customer.toml"]);
    assert!(errors.contains("small letters, digits and hyphens"), "{errors}");
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mockmx.toml");
    std::fs::write(&file, "# mine\n").unwrap();
    let arguments = [&sample("postfix.eml"), "--only", "2", "--pack", "mockmx.toml"];
    let (text, errors, code) = reproduce(folder.path(), &arguments);
    let wanted = "error: mockmx.toml is there already; --force writes over it\n";
    assert_eq!((text.as_str(), errors.as_str(), code), ("", wanted, Some(1)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\n");
    let (_, errors, code) = reproduce(folder.path(), &[&arguments[..], &["--force"]].concat());
    assert_eq!(code, Some(0), "{errors}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("# Written by `mockmx reproduce`"));
}

#[test]
fn a_running_mockmx_gets_it_as_stubs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["serve"]);
    let url = format!("http://{}", server.address("http"));
    let (_, errors, code) = reproduce(folder.path(), &[&sample("263.eml"), "--match", "domain", "--stub", &url]);
    assert_eq!(code, Some(0), "{errors}");
    let told = refusal(server.address("smtp"), "sender@example.org", "anyone@example.com");
    assert_eq!((told.0.as_str(), told.1.as_str()), ("From", "598  mail rejected by keyword\r\n"));
    let (_, errors, code) = reproduce(folder.path(), &[&sample("263.eml"), "--stub", &url, "--lane", "ci-1"]);
    assert_eq!(code, Some(0), "{errors}");
    let stubs = Request::new(server.address("http"), "GET", "/api/v1/stubs?lane=ci-1").send().expect(200).json();
    assert_eq!(stubs["items"].as_array().unwrap().len(), 3, "{stubs:#}");
}

#[test]
fn what_is_found_is_printed_with_the_rule_that_says_it() {
    let (text, errors, code) = reproduce(Path::new("/"), &[&sample("263.eml")]);
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    for line in [
        "1. user@example.com\n",
        "   reply      598  mail rejected by keyword\n",
        "   stage      message (said: \"in reply to end of DATA\")\n",
        "   rule       263/keyword (100 %: the same text)\n",
        "   mockmx     would say so at stage message, where recipient = \"user@example.com\"\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let (text, _, code) = reproduce(Path::new("/"), &["--json", &sample("domino.eml")]);
    assert_eq!(code, Some(0));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let failure = &value["found"][0]["failures"][0];
    assert_eq!(failure["reply"]["wire"], "554 5.7.1 <user@example.com>: Relay access denied\r\n");
    assert_eq!(failure["stage"]["sure"], "guess");
}

#[test]
fn a_text_a_folder_and_standard_input_are_read() {
    let line = "<a@example.com>: host mx[192.0.2.1] said: 550 no (in reply to RCPT TO command)";
    let (text, _, code) = reproduce(Path::new("/"), &[line]);
    assert_eq!(code, Some(0));
    assert!(text.contains("   reply      550 no\n"), "{text}");
    let (text, errors, code) = reproduce(Path::new("/"), &[&sample("")]);
    assert_eq!(code, Some(0));
    assert!(text.contains("\n20. ") && errors.contains("README.md: no failed delivery is found in it"), "{errors}");
    let mut child = mockmx(Path::new("/"));
    child.args(["reproduce", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"Hello, how are you?").unwrap();
    let (text, errors, code) = said(&child.wait_with_output().unwrap());
    assert_eq!((text.as_str(), code), ("", Some(1)));
    assert_eq!(errors, "standard input: no failed delivery is found in it\n");
    let (_, errors, code) = reproduce(Path::new("/"), &["bounce.eml"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("there is no such file"), "{errors}");
    let (_, errors, code) = reproduce(Path::new("/"), &[&sample("postfix.eml"), &sample("263.eml"), "other.eml"]);
    assert_eq!((errors.as_str(), code), ("error: cannot open other.eml: there is no such file\n", Some(1)));
}
