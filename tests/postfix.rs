//! docker/postfix/start, run outside of a container: what a customer's Postfix makes of 263's refusal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::{Serving, Watchdog};

/// A Postfix that relays to mockmx. It is told to stop when it goes out of scope.
struct Postfix(Child);

impl Drop for Postfix {
    fn drop(&mut self) {
        // Not by SIGKILL, for the script ends all of Postfix's processes at SIGTERM.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
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
    // Postfix's other users have to get in.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mockmx = Serving::start(folder.path(), &["--hosted", "example.com"]);
    // Postfix takes no port 0.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postfix/start"))
        .env("RELAY", format!("[127.0.0.1]:{}", mockmx.address("smtp").port()))
        .env("LISTEN", &free)
        .env("HOSTED", "example.com")
        .env("DIR", folder.path().join("postfix"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let _watchdog = Watchdog::over(&child, "TERM");
    let _postfix = Postfix(child);
    until(&mut log, "daemon started");
    let sent = Command::new("swaks")
        .args(["--server", &free, "--from", "admin@example.com", "--to", "user@263.net"])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    until(&mut log, "status=bounced");
    until(&mut log, "status=sent (delivered to maildir)");
    let bounces: Vec<_> = fs::read_dir(folder.path().join("postfix/mail/new")).unwrap().collect();
    assert_eq!(bounces.len(), 1);
    let bounce = fs::read_to_string(bounces[0].as_ref().unwrap().path()).unwrap();
    // Postfix folds the line (RFC 5322 §2.2.3).
    let unfolded = bounce.replace("\n    ", " ");
    let wanted = "Diagnostic-Code: smtp; 554 <admin@example.com>: Sender address rejected: Access denied\n";
    assert!(unfolded.contains(wanted), "{bounce}");
}

fn until(log: &mut impl BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended without {text:?}");
    }
}
