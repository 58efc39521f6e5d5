//! The bounces that real mail servers made of mockmx's refusals (tests/bounces/made): each is read, what it takes to be
//! refused so again is put into a running mockmx, and the mail is sent again.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use encoding_rs::Encoding;
use mockmx::reproduce::{Failure, Found, Plan, Sure, find};
use serde::Deserialize;

use crate::api::http::{PATIENCE, Request};
use crate::postfix::{Relay, is_root};
use crate::program::Serving;

/// The servers, and their names in the table.
const SERVERS: [(&str, &str); 5] = [
    ("postfix", "Postfix"),
    ("exim", "Exim"),
    ("sendmail", "sendmail"),
    ("opensmtpd", "OpenSMTPD"),
    ("qmail", "qmail, by hand"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces/made")
}

/// What a table of the corpus says.
#[derive(Deserialize)]
struct Table {
    bounce: Vec<Refused>,
}

/// What mockmx said about a recipient, and the bounces in which to find it.
#[derive(Deserialize)]
struct Refused {
    files: Vec<String>,
    recipient: String,
    stage: String,
    reply: String,
    rule: String,
    /// What the reply's bytes are of, if not UTF-8.
    charset: Option<String>,
}

impl Refused {
    /// The reply as it went over the wire.
    fn wire(&self) -> Vec<u8> {
        let text = self.reply.lines().fold(String::new(), |all, line| all + line + "\r\n");
        let charset =
            self.charset.as_ref().map_or(encoding_rs::UTF_8, |of| Encoding::for_label(of.as_bytes()).unwrap());
        charset.encode(&text).0.into_owned()
    }
}

fn refused(server: &str) -> Vec<Refused> {
    let table = fs::read_to_string(folder().join(format!("{server}.toml"))).unwrap();
    toml::from_str::<Table>(&table).unwrap().bounce
}

/// The failure of that recipient that has a reply, or else one that has none.
fn failure_of<'f>(found: &'f [Found], recipient: &str) -> Option<&'f Failure> {
    let own = || {
        let of = |failure: &&Failure| failure.recipient.as_ref().is_some_and(|of| of.eq_ignore_ascii_case(recipient));
        found.iter().flat_map(|found| &found.failures).filter(of)
    };
    own().find(|failure| failure.reply.is_some()).or_else(|| own().next())
}

/// The stage and the bytes of the first refusal in a session that sends one mail.
fn refusal(address: SocketAddr, from: &str, to: &str) -> Option<(&'static str, String)> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let steps = [
        ("connect", String::new()),
        ("helo", "EHLO mta.example.org".to_owned()),
        ("mail", format!("MAIL FROM:<{from}>")),
        ("rcpt", format!("RCPT TO:<{to}>")),
        ("data", "DATA".to_owned()),
        ("message", format!("From: {from}\r\nTo: {to}\r\nSubject: Invoice\r\n\r\nHello\r\n.")),
    ];
    for (stage, command) in steps {
        if !command.is_empty() {
            write!(stream, "{command}\r\n").unwrap();
        }
        let mut reply = String::new();
        loop {
            let at = reply.len();
            assert!(reader.read_line(&mut reply).unwrap() > 0, "it ended at {stage} after {reply:?}");
            if reply.as_bytes().get(at + 3) != Some(&b'-') {
                break;
            }
        }
        if reply.starts_with(['4', '5']) {
            return Some((stage, reply));
        }
    }
    None
}

/// A mockmx whose own rules accept everything.
struct Again {
    mockmx: Serving,
    folder: tempfile::TempDir,
}

impl Again {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { mockmx: Serving::start(folder.path(), &["--provider", "neutral"]), folder }
    }

    fn api(&self, method: &str, path: &str) -> Request {
        Request::new(self.mockmx.address("http"), method, &format!("/api/v1/{path}"))
    }

    /// Has it do what a failure is taken to be, and nothing else; returns the sender of the mail that failed.
    fn stubbed(&self, failure: &Failure) -> Option<String> {
        for stub in Plan::new(failure, &[], None).ok()?.stubs() {
            let stub = stub.to_string();
            self.api("POST", "stubs")
                .header("Content-Type", "application/json")
                .body(stub.as_bytes())
                .send()
                .expect(201);
        }
        failure.original.as_ref().and_then(|original| original.sender.clone())
    }

    fn forget(&self) {
        self.api("DELETE", "stubs").send().expect(200);
    }

    /// What it says to the same mail.
    fn says(&self, failure: &Failure, refused: &Refused) -> Option<(&'static str, String)> {
        let from = self.stubbed(failure)?;
        let said = refusal(self.mockmx.address("smtp"), &from, &refused.recipient);
        // No rule of a pack may have spoken.
        let last = self.api("GET", "verdicts?limit=1&verdict=refuse").send().expect(200).json();
        assert_eq!(last["items"][0]["provider"], "stub", "{last}");
        self.forget();
        said
    }
}

/// How many of a server's refusals were made again, and what the log has of them.
#[derive(Default)]
struct Shares {
    all: usize,
    reply: usize,
    stage: usize,
    said: usize,
    both: usize,
    log_reply: usize,
    log_stage: usize,
}

impl Shares {
    fn row(&self, name: &str, has_log: bool) -> String {
        let Self { all, reply, stage, said, both, log_reply, log_stage } = self;
        let log = if has_log { format!("{log_reply} | {log_stage}") } else { "- | -".to_owned() };
        format!("| {name} | {all} | {reply} | {stage} | {said} | {both} | {log} |\n")
    }
}

/// What is otherwise the second time.
fn lost(refused: &Refused, second: Option<&(&'static str, String)>) -> Option<String> {
    let Some((stage, reply)) = second else { return Some("no reply is found".to_owned()) };
    let is_reply = reply.as_bytes() == refused.wire();
    match (is_reply, *stage == refused.stage) {
        (true, true) => None,
        (true, false) => Some(format!("at {stage}")),
        (false, true) => Some(format!("{reply:?}")),
        (false, false) => Some(format!("at {stage}, {reply:?}")),
    }
}

#[test]
fn the_second_refusal_is_the_first() {
    let again = Again::start();
    let (mut shares, mut losses) = (String::new(), String::new());
    for (server, name) in SERVERS {
        let mut of = Shares::default();
        let log = fs::read(folder().join(format!("{server}.log"))).ok().map(|log| [find(&log)]);
        for refused in refused(server) {
            let read = |file: &String| find(&fs::read(folder().join(server).join(file)).unwrap());
            let found: Vec<_> = refused.files.iter().map(read).collect();
            let failure = failure_of(&found, &refused.recipient);
            let second = failure.and_then(|failure| again.says(failure, &refused));
            // What comes of it is what was found.
            assert_eq!(second, failure.and_then(outcome), "{server} {}", refused.rule);
            let is_reply = second.as_ref().is_some_and(|(_, reply)| reply.as_bytes() == refused.wire());
            let is_stage = second.as_ref().is_some_and(|(stage, _)| *stage == refused.stage);
            let is_said = failure.and_then(Failure::staged).is_some_and(|staged| staged.sure > Sure::Guess);
            of.all += 1;
            of.reply += usize::from(is_reply);
            of.stage += usize::from(is_stage);
            of.said += usize::from(is_stage && is_said);
            of.both += usize::from(is_reply && is_stage);
            if let Some(lost) = lost(&refused, second.as_ref()) {
                writeln!(losses, "{server}: {} at {}: {lost}", refused.rule, refused.stage).unwrap();
            }
            let logged = log.as_ref().and_then(|log| failure_of(log, &refused.recipient)).and_then(outcome);
            of.log_reply += usize::from(logged.as_ref().is_some_and(|(_, reply)| reply.as_bytes() == refused.wire()));
            of.log_stage += usize::from(logged.is_some_and(|(stage, _)| stage == refused.stage));
        }
        shares += &of.row(name, log.is_some());
    }
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reproduce.md")).unwrap();
    assert!(docs.contains(&shares), "docs/reproduce.md must have\n{shares}");
    let known = fs::read_to_string(folder().join("lost.txt")).unwrap_or_default();
    assert_eq!(losses, known, "made/lost.txt must have\n{losses}");
}

/// The stage and the bytes that a failure is taken to be.
fn outcome(failure: &Failure) -> Option<(&'static str, String)> {
    let mut bytes = Vec::new();
    failure.reply.as_ref()?.reply.write_to(&mut bytes);
    Some((failure.staged()?.stage.name(), String::from_utf8(bytes).unwrap()))
}

/// What is read in the second bounce is what was read in the first.
#[test]
fn the_second_bounce_of_a_postfix_is_the_first() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let again = Again::start();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut start = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postfix/start"));
    // What fails for now comes back at once, and no failure keeps others from being tried.
    start.env(
        "MORE",
        "maximal_queue_lifetime = 0\nbounce_queue_lifetime = 0\ndefault_destination_concurrency_failed_cohort_limit = 0\n",
    );
    let next = format!("[127.0.0.1]:{}", again.mockmx.address("smtp").port());
    let mut relay = Relay::run(&mut start, again.folder.path(), &next, "example.org", address);
    let mailbox = again.folder.path().join("postfix/mail/new");
    for refused in refused("postfix") {
        let read = |file: &String| find(&fs::read(folder().join("postfix").join(file)).unwrap());
        let first: Vec<_> = refused.files.iter().map(read).collect();
        let first = failure_of(&first, &refused.recipient).unwrap();
        let from = again.stubbed(first).unwrap();
        let said = refusal(relay.address(), &from, &refused.recipient);
        assert_eq!(said, None, "{}", refused.rule);
        relay.until("status=sent (delivered to maildir)");
        let bounces: Vec<_> = fs::read_dir(&mailbox).unwrap().map(|file| file.unwrap().path()).collect();
        let [bounce] = &bounces[..] else { panic!("{}: {bounces:?}", refused.rule) };
        let second = [find(&fs::read(bounce).unwrap())];
        let second = failure_of(&second, &refused.recipient).unwrap();
        assert_eq!(outcome(second), outcome(first), "{}: {second:?}", refused.rule);
        fs::remove_file(bounce).unwrap();
        again.forget();
    }
}
