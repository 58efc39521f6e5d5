//! The bounces that real mail servers made of mockmx's refusals (tests/bounces/made): each is read, what it takes to be
//! refused so again is put into a running mockmx, and the mail is sent again.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use mockmx::reproduce::{Failure, Found, Plan, Sure, find};
use serde::Deserialize;

use crate::api::http::{PATIENCE, Request};
use crate::program::Serving;

/// The servers, in the order of the table.
const SERVERS: [&str; 5] = ["postfix", "exim", "sendmail", "opensmtpd", "qmail"];

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
pub(crate) struct Refused {
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
pub(crate) fn refusal(address: SocketAddr, from: &str, to: &str) -> Option<(&'static str, String)> {
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
    _folder: tempfile::TempDir,
}

impl Again {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { mockmx: Serving::start(folder.path(), &["--provider", "neutral"]), _folder: folder }
    }

    fn api(&self, method: &str, path: &str) -> Request {
        Request::new(self.mockmx.address("http"), method, &format!("/api/v1/{path}"))
    }

    /// What it says to the same mail by a plan, and to no other stub.
    fn says(&self, failure: &Failure, refused: &Refused) -> Option<(&'static str, String)> {
        let plan = Plan::new(failure, &[], None).ok()?;
        for stub in plan.stubs() {
            let stub = stub.to_string();
            self.api("POST", "stubs")
                .header("Content-Type", "application/json")
                .body(stub.as_bytes())
                .send()
                .expect(201);
        }
        let from = failure.original.as_ref().and_then(|original| original.sender.clone()).unwrap();
        let said = refusal(self.mockmx.address("smtp"), &from, &refused.recipient);
        // The recipients name the rules of the first refusal; it must not be those that speak.
        let last = self.api("GET", "verdicts?limit=1&verdict=refuse").send().expect(200).json();
        assert_eq!(last["items"][0]["provider"], "stub", "{last}");
        self.api("DELETE", "stubs").send().expect(200);
        said
    }
}

/// How many of a server's refusals were made again.
#[derive(Default)]
struct Shares {
    all: usize,
    reply: usize,
    stage: usize,
    said: usize,
    both: usize,
}

#[test]
fn the_second_refusal_is_the_first() {
    let again = Again::start();
    let (mut shares, mut lost) = (String::new(), String::new());
    for server in SERVERS {
        let mut of = Shares::default();
        for refused in refused(server) {
            let read = |file: &String| find(&fs::read(folder().join(server).join(file)).unwrap());
            let found: Vec<_> = refused.files.iter().map(read).collect();
            let failure = failure_of(&found, &refused.recipient);
            let second = failure.and_then(|failure| again.says(failure, &refused));
            of.all += 1;
            let is_same =
                |(stage, reply): &(&str, String)| (*stage == refused.stage, reply.as_bytes() == refused.wire());
            let (stage, reply) = second.as_ref().map_or((false, false), is_same);
            let is_said = failure.and_then(Failure::staged).is_some_and(|staged| staged.sure > Sure::Guess);
            of.reply += usize::from(reply);
            of.stage += usize::from(stage);
            of.said += usize::from(stage && is_said);
            of.both += usize::from(stage && reply);
            if !(stage && reply) {
                writeln!(lost, "{server} {} {} {:?} {second:?}", refused.rule, refused.stage, refused.reply).unwrap();
            }
        }
        let Shares { all, reply, stage, said, both } = of;
        writeln!(shares, "| {server} | {all} | {reply} | {stage} | {said} | {both} |").unwrap();
    }
    panic!("{shares}\n{lost}");
}
