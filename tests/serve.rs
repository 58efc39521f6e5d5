//! `mockmx serve`: its addresses, its signals, its logs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::program::{Serving, mockmx};

/// An SMTP client that says and reads a line at a time.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    /// The last line of a reply.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn asked(&mut self, line: &str) -> String {
        self.say(line);
        self.reply()
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Reads log lines until one contains `text`; returns it.
pub(crate) fn until(log: &mut impl BufRead, text: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended without {text:?}");
        assert!(!line.contains("panicked"), "{line}");
        if line.contains(text) {
            return line;
        }
    }
}

#[test]
fn every_address_is_printed_and_served_and_sigterm_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &["--write-ca", "ca.pem"]);
    assert_eq!(serving.names(), ["smtp", "submission", "smtps", "http"]);
    assert_eq!(Client::connect(serving.address("smtp")).reply(), "220 Welcome to TAP gateway for 263");
    assert!(Client::connect(serving.address("submission")).reply().starts_with("220 "));
    assert_eq!(get(serving.address("http"), "/readyz"), "HTTP/1.1 200 OK");
    let health = mockmx(folder.path()).args(["health", &serving.address("http").to_string()]).status().unwrap();
    assert!(health.success());
    let ca = std::fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    serving.signal("TERM");
    assert_eq!(serving.end(), (String::new(), Some(0)));
}

#[test]
fn the_session_of_the_document_is_answered_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &["--hosted", "example.com"]);
    let mut client = Client::connect(serving.address("smtp"));
    assert_eq!(client.reply(), "220 Welcome to TAP gateway for 263");
    assert_eq!(client.asked("HELO mail.example.org"), "250 263.net");
    assert_eq!(client.asked("MAIL FROM: <admin@example.com>"), "250 Ok");
    let refusal = client.asked("RCPT TO: <user@263.net>");
    assert_eq!(refusal, "554 <admin@example.com>: Sender address rejected: Access denied");
}

#[test]
fn a_session_in_a_transaction_may_finish_it_after_sigint() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &[]);
    let mut client = Client::connect(serving.address("smtp"));
    client.reply();
    client.asked("EHLO client.test");
    client.asked("MAIL FROM:<a@client.test>");
    assert_eq!(client.asked("RCPT TO:<user@263.net>"), "250 Ok");
    let mut idle = Client::connect(serving.address("smtp"));
    idle.reply();
    serving.signal("INT");
    assert!(idle.reply().starts_with("421 "));
    assert!(client.asked("DATA").starts_with("354 "));
    assert!(client.asked("Subject: x\r\n\r\ntext\r\n.").starts_with("250 "));
    assert!(client.reply().starts_with("421 "));
    assert_eq!(serving.end().1, Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = Serving::spawn(mockmx(folder.path()).stderr(Stdio::piped()));
    let mut log = serving.errors();
    let mut client = Client::connect(serving.address("smtp"));
    client.reply();
    client.asked("EHLO client.test");
    client.asked("MAIL FROM:<a@client.test>");
    serving.signal("TERM");
    until(&mut log, "stopping once what is under way has ended");
    serving.signal("TERM");
    until(&mut log, "stopped without waiting");
    assert_eq!(serving.end().1, Some(1));
}

#[test]
fn sighup_takes_new_settings_and_keeps_the_old_ones_if_they_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mockmx.toml");
    std::fs::write(&file, "").unwrap();
    let mut serving = Serving::spawn(mockmx(folder.path()).stderr(Stdio::piped()));
    let mut log = serving.errors();
    let mut old = Client::connect(serving.address("smtp"));
    old.reply();

    std::fs::write(&file, "provider = \"nobody\"\nsmpt = 1\n").unwrap();
    serving.signal("HUP");
    until(&mut log, "mockmx.toml:1: ");
    until(&mut log, "mockmx.toml:2: there is no key `smpt` here");
    until(&mut log, "kept the old settings and packs: problems: 2");
    assert_eq!(Client::connect(serving.address("smtp")).reply(), "220 Welcome to TAP gateway for 263");

    std::fs::write(&file, "provider = \"neutral\"\njournal = \"sqlite:journal.db\"\n").unwrap();
    serving.signal("HUP");
    until(&mut log, "are read at start only; the journal stays in memory");
    until(&mut log, "took new settings and packs");
    assert_ne!(Client::connect(serving.address("smtp")).reply(), "220 Welcome to TAP gateway for 263");
    assert_eq!(old.asked("HELO client.test"), "250 263.net", "a session keeps what it began with");
    drop(old);
    serving.signal("TERM");
    assert_eq!(serving.end().1, Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let all =
        ["--smtp", &address, "--submission", "0", "--smtps", "0", "--http", &address.replace("127.0.0.1", "127.0.0.2")];
    let output = mockmx(folder.path()).args(all).args(["--log", "off"]).output().unwrap();
    let (text, errors, code) = crate::program::said(&output);
    assert_eq!((text.as_str(), errors, code), ("", format!("error: cannot bind {address}: address in use\n"), Some(1)));
}

#[test]
fn json_logs_are_an_object_a_line_and_hold_no_control_character() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = mockmx(folder.path());
    command.args(["--log-format", "json"]).stderr(Stdio::piped());
    let mut serving = Serving::spawn(&mut command);
    let mut log = serving.errors();
    let mut client = Client::connect(serving.address("smtp"));
    client.reply();
    client.asked("HELO x\u{1b}[31mred");
    client.asked("MAIL FROM:<\u{1b}]0;a@b.test>");
    client.asked("QUIT");
    serving.signal("TERM");
    serving.end();
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.lines().count() > 5, "{text}");
    for line in text.lines() {
        assert!(line.starts_with("{\"timestamp\":\"") && line.ends_with('}'), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn human_logs_have_no_colours_in_a_file_and_no_control_character() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = Serving::spawn(mockmx(folder.path()).stderr(Stdio::piped()));
    let mut log = serving.errors();
    let mut client = Client::connect(serving.address("smtp"));
    client.reply();
    client.asked("HELO x\u{1b}[31mred\u{9b}1m");
    client.asked("MAIL FROM:<a@b.test>");
    client.asked("RCPT TO:<\u{1b}[2J@263.net>");
    client.asked("QUIT");
    serving.signal("TERM");
    serving.end();
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains("listening smtp 127.0.0.1:"), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn the_image_s_variables_listen_everywhere() {
    let dockerfile = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/Dockerfile")).unwrap();
    let variables: Vec<_> = dockerfile
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(|(name, _)| name.starts_with("MOCKMX_"))
        .collect();
    assert_eq!(variables.len(), 5, "{variables:?}");
    let folder = tempfile::tempdir().unwrap();
    let mut command = mockmx(folder.path());
    // The ports may be in use on this machine.
    command.envs(variables.iter().map(|(name, value)| {
        let any_port = value.rsplit_once(':').map(|(host, _)| format!("{host}:0"));
        (name, any_port.unwrap_or_else(|| (*value).to_owned()))
    }));
    let serving = Serving::spawn_as_set(&mut command);
    for name in ["smtp", "submission", "smtps", "http"] {
        assert!(serving.address(name).ip().is_unspecified(), "{name}");
    }
    let http = SocketAddr::from(([127, 0, 0, 1], serving.address("http").port()));
    assert!(mockmx(folder.path()).args(["health", &http.to_string()]).status().unwrap().success());
}
