//! docker/postfix/start, run outside of a container: what a customer's Postfix makes of 263's refusal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::api::http::Request;
use crate::program::{Serving, Watchdog};

/// A Postfix that relays to mockmx. It is told to stop when it goes out of scope.
pub(crate) struct Relay {
    child: Child,
    log: BufReader<ChildStdout>,
    address: SocketAddr,
    _watchdog: Watchdog,
}

impl Relay {
    /// Starts one that keeps mail for `hosted` and hands all other mail to `mockmx`, with its files in `folder`.
    pub(crate) fn start(folder: &Path, mockmx: &Serving, hosted: &str) -> Self {
        // Postfix takes no port 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut start = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postfix/start"));
        let next = format!("[127.0.0.1]:{}", mockmx.address("smtp").port());
        Self::run(&mut start, folder, &next, hosted, address)
    }

    /// Starts one by a command that runs docker/postfix/start; it hands mail to `next`, or where DNS says.
    pub(crate) fn run(start: &mut Command, folder: &Path, next: &str, hosted: &str, address: SocketAddr) -> Self {
        // Postfix's other users have to get in.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = start
            .env("RELAY", next)
            .env("LISTEN", address.to_string())
            .env("HOSTED", hosted)
            .env("DIR", folder.join("postfix"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let watchdog = Watchdog::over(&child, "TERM");
        let mut relay = Self { child, log, address, _watchdog: watchdog };
        relay.until("daemon started");
        relay
    }

    /// Starts one that takes mail for example.com and hands none on, with more settings.
    pub(crate) fn receiving(folder: &Path, more: &str) -> Self {
        // Postfix takes no port 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut start = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postfix/start"));
        start.env("MORE", format!("message_size_limit = 20000\nqueue_minfree = 0\n{more}"));
        Self::run(&mut start, folder, "[127.0.0.1]:1", "example.com", address)
    }

    /// Where it takes mail.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next line of its log that has `text`.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended without {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Not by SIGKILL, for the script ends all of Postfix's processes at SIGTERM.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

#[test]
fn a_bounce_carries_the_refusal_word_for_word() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mockmx = Serving::start(folder.path(), &["--hosted", "example.com"]);
    let mut relay = Relay::start(folder.path(), &mockmx, "example.com");
    let server = format!("127.0.0.1:{}", relay.port());
    let sent = Command::new("swaks")
        .args(["--server", &server, "--from", "admin@example.com", "--to", "user@263.net"])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    relay.until("status=bounced");
    relay.until("status=sent (delivered to maildir)");
    let bounces: Vec<_> = fs::read_dir(folder.path().join("postfix/mail/new")).unwrap().collect();
    assert_eq!(bounces.len(), 1);
    let bounce = fs::read_to_string(bounces[0].as_ref().unwrap().path()).unwrap();
    // Postfix folds the line (RFC 5322 §2.2.3).
    let unfolded = bounce.replace("\n    ", " ");
    let wanted = "Diagnostic-Code: smtp; 554 <admin@example.com>: Sender address rejected: Access denied\n";
    assert!(unfolded.contains(wanted), "{bounce}");
}

#[test]
fn a_message_whose_reply_is_lost_comes_twice() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mockmx = Serving::start(folder.path(), &["--provider", "neutral"]);
    let api = |method: &str, path: &str| Request::new(mockmx.address("http"), method, &format!("/api/v1/{path}"));
    let stub = br#"{"stage": "message", "then": "reset", "keep": true, "times": 1}"#;
    api("POST", "stubs").header("Content-Type", "application/json").body(stub).send().expect(201);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut start = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postfix/start"));
    start.env("MORE", "minimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s\n");
    let next = format!("[127.0.0.1]:{}", mockmx.address("smtp").port());
    let mut relay = Relay::run(&mut start, folder.path(), &next, "example.com", address);
    let server = format!("127.0.0.1:{}", relay.port());
    let sent = Command::new("swaks")
        .args(["--server", &server, "--from", "a@example.com", "--to", "user@263.net"])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    relay.until("status=deferred (lost connection with 127.0.0.1[127.0.0.1] while sending end of data");
    relay.until("status=sent (250 ");
    let messages = api("GET", "messages?to=user@263.net&count=2&wait=30s").send().expect(200).json();
    let ids: Vec<_> = messages["items"].as_array().unwrap().iter().map(|message| message_id(message)).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
}

fn message_id(message: &Value) -> Option<&Value> {
    let mut headers = message["headers"].as_array()?.iter();
    headers.find(|header| header["name"] == "Message-Id").map(|header| &header["value"])
}
