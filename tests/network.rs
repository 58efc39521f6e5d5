//! What a customer's Postfix makes of each name that mockmx's name server has for a case: docs/network-cases.md. It goes
//! by DNS as it is, in a network of its own, where port 53 and port 25 are mockmx's.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::postfix::{Relay, is_root};
use crate::program::{Serving, without_settings};

/// Listeners that break in a way of their own, each on port 25 of an address of its own; and what they are.
const LISTENERS: [(&str, &str); 6] = [
    ("reset-at-connect", "rule = 'neutral/reset-at-connect'"),
    ("tls-expired", "tls = 'starttls'\ntls-fault = 'expired'"),
    ("tls-wrong-name", "tls = 'starttls'\ntls-fault = 'wrong-name'"),
    ("tls-self-signed", "tls = 'starttls'\ntls-fault = 'self-signed'"),
    ("tls-too-old", "tls = 'starttls'\ntls-fault = 'too-old'"),
    ("tls-broken", "tls = 'starttls'\ntls-fault = 'broken'"),
];

/// Settings with these listeners, and a domain `NAME.fault.test` for each.
fn settings(ca: &Path) -> String {
    let mut settings = format!("tls.write-ca = '{}'\n", ca.display());
    let mut zones = "[dns.zones]\n".to_owned();
    for (number, (name, what)) in LISTENERS.iter().enumerate() {
        let address = format!("127.0.0.{}", 101 + number);
        settings += &format!("[[listener]]\nname = '{name}'\naddress = '{address}:25'\n{what}\n");
        zones += &format!("'{name}.fault.test' = {{ MX = ['10 {name}.fault.test'], A = ['{address}'] }}\n");
    }
    settings + zones.as_str()
}

/// A network without a way out, which is there as long as this.
struct Network(Child);

/// Names are asked for of mockmx. Packets to 192.0.2.0/24 go where nobody reads them.
const SETUP: &str = "set -e
mount --bind \"$1\" /etc/resolv.conf
ip link set lo up
ip tuntap add dev void mode tun
ip address add 192.0.2.254/24 dev void
ip link set void up
echo ready
exec cat";

impl Network {
    /// Makes one, or says why there can be none.
    fn new(folder: &Path) -> Result<Self, String> {
        let resolver = folder.join("resolv.conf");
        fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c", SETUP, "sh"]).arg(resolver);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line == "ready\n" {
            return Ok(Self(child));
        }
        let output = child.wait_with_output().unwrap();
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// A command that runs in it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--mount", "--target", &self.0.id().to_string(), "--", program]);
        without_settings(&mut command);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What comes behind `key` in a line, up to `end`.
fn behind<'l>(line: &'l str, key: &str, end: char) -> &'l str {
    let (_, rest) = line.split_once(key).unwrap_or_else(|| panic!("{line:?} has no {key}"));
    rest.split(end).next().unwrap()
}

/// Sends to a name, and tells as a row of the table what came of it.
fn row(network: &Network, relay: &mut Relay, mail: &Path, case: &str, to: &str) -> String {
    let from = format!("{}@example.com", to.replace('@', "-"));
    let mut swaks = network.command("swaks");
    let sent = swaks.args(["--server", "127.0.0.1:2525", "--from", &from, "--to", to]).output().unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    let line = relay.until(&format!("to=<{to}>, "));
    let (dsn, status) = (behind(&line, "dsn=", ','), behind(&line, "status=", ' '));
    if status == "sent" {
        return format!("| {case} | {dsn}, sent: {} | |", behind(&line, "relay=", ','));
    }
    let text = line.trim_end().split_once(&format!("status={status} (")).unwrap().1.strip_suffix(')').unwrap();
    relay.until(&format!("to=<{from}>, "));
    let files: Vec<_> = fs::read_dir(mail).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    // Postfix folds the lines (RFC 5322 §2.2.3).
    let bounce = fs::read_to_string(&files[0]).unwrap().replace("\n    ", " ");
    fs::remove_file(&files[0]).unwrap();
    let diagnostic = behind(&bounce, "\nDiagnostic-Code: ", '\n');
    let diagnostic = if diagnostic == format!("X-Postfix; {text}") { String::new() } else { format!(": {diagnostic}") };
    let when = if status == "bounced" { "at once" } else { "when its time is up" };
    format!("| {case} | {dsn}, {status}: {text} | {when}, {}{diagnostic} |", behind(&bounce, "\nStatus: ", '\n'))
}

#[test]
fn each_case_of_a_resolver_ends_as_the_table_says() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix in a network of its own");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let network = match Network::new(folder.path()) {
        Ok(network) => network,
        Err(why) => {
            eprintln!("passed over: there can be no network of its own here: {why}");
            return;
        }
    };
    let ca = folder.path().join("ca.pem");
    fs::write(folder.path().join("mockmx.toml"), settings(&ca)).unwrap();
    let mut mockmx = network.command(env!("CARGO_BIN_EXE_mockmx"));
    mockmx.arg("--config").arg(folder.path().join("mockmx.toml"));
    // Postfix takes what is on an address of its own for itself, and its own is 127.0.0.1.
    mockmx.args(["--smtp", "127.0.0.25:25", "--submission", "0", "--smtps", "0", "--http", "127.0.0.1:8025"]);
    mockmx.args(["--dns", "127.0.0.1:53", "--provider", "neutral", "--log", "warn"]).stdin(Stdio::null());
    let mut mockmx = Serving::spawn_as_set(&mut mockmx);
    // The first of them is among the four that are read already.
    for name in LISTENERS.iter().skip(1).map(|(name, _)| *name).chain(["http", "dns"]) {
        mockmx.one_more(name);
    }
    let mut postfix = network.command(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/postfix/start"));
    // What is deferred is given up at once. Where TLS is at stake, Postfix insists on it.
    let policies: String = LISTENERS
        .iter()
        .filter(|(name, _)| name.starts_with("tls-"))
        .map(|(name, _)| format!("{{{name}.fault.test = verify}}, "))
        .collect();
    let more = format!(
        "smtp_connect_timeout = 2s\nsmtp_rcpt_timeout = 3s\nsmtp_quit_timeout = 2s\nsmtp_rset_timeout = 2s\nmaximal_queue_lifetime = 0\nqueue_run_delay = 1s\n\
         smtp_tls_CAfile = {}\nsmtp_tls_policy_maps = inline:{{ {policies} }}\n",
        ca.display()
    );
    postfix.env("MORE", more);
    let mut relay = Relay::run(&mut postfix, folder.path(), "", "example.com", "127.0.0.1:2525".parse().unwrap());
    let mail = folder.path().join("postfix/mail/new");
    let mut rows = Vec::new();
    for name in [
        "works",
        "no-mx",
        "truncated",
        "better-mx-away",
        "worse-mx-away",
        "nxdomain",
        "nothing",
        "null-mx",
        "mx-unresolvable",
        "mx-refuses",
        "mx-silent",
        "servfail",
        "refused",
        "timeout",
        "moves",
    ] {
        rows.push(row(&network, &mut relay, &mail, &format!("`{name}`"), &format!("user@{name}.dns.mockmx.test")));
    }
    let overseas = "overseas.263.mockmx.test";
    rows.push(row(&network, &mut relay, &mail, &format!("`{overseas}`"), &format!("user@{overseas}")));
    for name in [
        "slow",
        "slow-bytes",
        "stall",
        "close",
        "reset",
        "busy",
        "truncated-reply",
        "malformed-reply",
        "wrong-multi-line",
        "reset-after-354",
        "reset-in-text",
        "reset-after-dot",
        "kept-then-reset",
        "busy-after-dot",
    ] {
        let to = format!("{name}@neutral.mockmx.test");
        rows.push(row(&network, &mut relay, &mail, &format!("`{to}`"), &to));
    }
    for (name, _) in LISTENERS {
        let to = format!("user@{name}.fault.test");
        rows.push(row(&network, &mut relay, &mail, &format!("`{name}`"), &to));
    }
    let mut curl = network.command("curl");
    curl.args(["-sSf", "-H", "Content-Type: application/json", "-d", r#"{"advance": "24h"}"#]);
    let moved = curl.arg("http://127.0.0.1:8025/api/v1/clock").output().unwrap();
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    rows.push(row(&network, &mut relay, &mail, "`moves`, 24 hours later", "user@moves.dns.mockmx.test"));
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/network-cases.md")).unwrap();
    let table: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(table, rows, "the table would be:\n{}", rows.join("\n"));
}
