//! `mockmx record`: what a server answers comes back from the pack, byte for byte, in real sessions.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::api::testing::replay;
use crate::postfix::{self, is_root};
use crate::program::{Serving, Watchdog, mockmx, said};
use crate::relay::Mailin;

/// A running `mockmx record`. It is killed when it goes out of scope.
struct Recorder {
    child: Child,
    address: SocketAddr,
    _watchdog: Watchdog,
}

impl Recorder {
    fn start(folder: &Path, upstream: SocketAddr, more: &[&str]) -> Self {
        Self::start_with(folder, upstream, more, &std::env::temp_dir())
    }

    /// With that folder for files that do not last.
    fn start_with(folder: &Path, upstream: SocketAddr, more: &[&str], elsewhere: &Path) -> Self {
        let mut command = mockmx(folder);
        command.env("TMPDIR", elsewhere);
        command.args(["record", "--upstream", &upstream.to_string(), "--listen", "0", "--pack", "recorded.toml"]);
        let mut child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let watchdog = Watchdog::over(&child, "KILL");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening record ").unwrap_or_else(|| panic!("{line:?}"));
        Self { address: address.parse().unwrap(), child, _watchdog: watchdog }
    }

    /// Ends it: what it said, and its exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let kill = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (errors, self.child.wait().unwrap().code())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pack(folder: &Path) -> String {
    fs::read_to_string(folder.join("recorded.toml")).unwrap()
}

/// A mockmx that plays the pack back.
fn play(folder: &Path) -> Serving {
    let check = said(&mockmx(folder).args(["check", "recorded.toml"]).output().unwrap());
    assert_eq!(check, ("ok recorded.toml\n".to_owned(), String::new(), Some(0)));
    Serving::start(folder, &["--policies", "recorded.toml", "--provider", "recorded"])
}

/// All that a client hears that says each line once the one before is answered, and goes away when it is refused.
fn talk(address: SocketAddr, lines: &[&str]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut heard = Vec::new();
    let mut reply = |heard: &mut Vec<u8>| loop {
        let at = heard.len();
        // A server may close behind a refusal.
        if reader.read_until(b'\n', heard).unwrap_or(0) == 0 || heard.get(at + 3) != Some(&b'-') {
            return heard.get(at).copied();
        }
    };
    let mut class = reply(&mut heard);
    for line in lines.iter().chain(&["QUIT"]) {
        if *line != "QUIT" && !matches!(class, Some(b'2' | b'3')) {
            continue;
        }
        if stream.write_all(format!("{line}\r\n").as_bytes()).is_err() {
            break;
        }
        class = reply(&mut heard);
    }
    heard
}

/// The session of one mail.
fn mail(address: SocketAddr, helo: &str, from: &str, to: &str, subject: &str) -> Vec<u8> {
    let text = format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nHello\r\n..\r\n.");
    let (from, to) = (format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"));
    talk(address, &[&format!("EHLO {helo}"), &from, &to, "DATA", &text])
}

/// With what is another each time made the same.
fn alike(heard: &[u8]) -> String {
    let text = heard.escape_ascii().to_string();
    let ids =
        Regex::new(r"\bmx\d\d?,|[0-9A-Za-z+_-]{22,26}--\.\d+S\d+|\b[0-9A-F]{9,12}\b|\b1[0-9]{9}\b|coremail \w{60,}");
    ids.unwrap().replace_all(&text, "ID").into_owned()
}

/// Mails as they are sent to the server and to what was made of it.
type Mails<'a> = &'a [(&'a str, &'a str, &'a str)];

fn all(address: SocketAddr, mails: Mails<'_>) -> Vec<String> {
    mails.iter().map(|(from, to, subject)| alike(&mail(address, "client.example", from, to, subject))).collect()
}

/// Records the mails at a server, plays them back, and compares what was heard. Returns that, and the pack.
fn recorded_and_played(upstream: SocketAddr, mails: Mails<'_>) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(folder.path(), upstream, &[]);
    let heard = all(recorder.address, mails);
    let (errors, code) = recorder.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.ends_with("`mockmx --policies recorded.toml --provider recorded` answers so\n"), "{errors}");
    let played = all(play(folder.path()).address("smtp"), mails);
    assert_eq!(played, heard, "{}", pack(folder.path()));
    (heard, pack(folder.path()))
}

const MAILS: Mails<'_> = &[
    ("admin@example.com", "user@example.com", "Hello"),
    ("a@example.org", "user@example.com", "代开发票"),
    ("a@example.org", "other@example.com", "Hello"),
    ("a@example.org", "nobody@163.com", "Hello"),
    ("a@example.org", "no\"body@163.com", "Hello"),
    ("", "other@example.com", "Hello"),
];

#[test]
fn each_provider_is_played_back_byte_for_byte() {
    for (provider, refusal) in [
        ("263", "554 <admin@example.com>: Sender address rejected: Access denied"),
        ("netease", "550 Invalid User"),
        ("xinnet", "5"),
        ("wanxiang", "5"),
        ("21cn", "2"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "hosted = [\"example.com\"]\n[[domain]]\nname = \"163.com\"\nprovider = \"{provider}\"\nmailboxes = \"listed\"\n"
        );
        fs::write(folder.path().join("mockmx.toml"), settings).unwrap();
        let server = Serving::start(folder.path(), &["--provider", provider]);
        // As mockmx lets other servers' test addresses work, so will what plays it back.
        let (heard, pack) = recorded_and_played(server.address("smtp"), MAILS);
        assert!(heard.iter().any(|heard| heard.contains(refusal)), "{provider}: {heard:#?}\n{pack}");
    }
}

/// A server that answers each line of a session by a function; the greeting and the end of a message have a line too.
struct Fake {
    address: SocketAddr,
}

/// What a fake does with a line.
enum Does {
    Say(Vec<u8>),
    Close,
    /// Wait until the other side has gone.
    Nothing,
}

impl Fake {
    fn start(answer: impl Fn(&str) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || Self::session(stream, &*answer));
            }
        });
        Self { address }
    }

    fn session(mut stream: TcpStream, answer: &dyn Fn(&str) -> Does) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut in_text) = (String::new(), false);
        loop {
            match answer(line.trim_end()) {
                _ if in_text && line != ".\r\n" => {}
                Does::Say(reply) => {
                    in_text = !in_text && reply.starts_with(b"354");
                    if stream.write_all(&reply).is_err() {
                        return;
                    }
                }
                Does::Close => return,
                Does::Nothing => drop(reader.read_to_end(&mut Vec::new())),
            }
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
    }
}

/// What a server says that takes everything.
fn good(line: &str) -> Does {
    let word = line.split([' ', ':']).next().unwrap_or_default();
    let address = line.split(['<', '>']).nth(1).unwrap_or_default();
    Does::Say(match word {
        "" => b"220 mx.example.com ready\r\n".to_vec(),
        "EHLO" => format!(
            "250-mx.example.com at your service, {} [127.0.0.1]\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN\r\n",
            &line[5..]
        )
        .into_bytes(),
        "MAIL" | "RCPT" => format!("250 2.1.0 <{address}> fine\r\n").into_bytes(),
        "DATA" => b"354 go on\r\n".to_vec(),
        "QUIT" => b"221 mx.example.com bye\r\n".to_vec(),
        _ => b"250 2.0.0 taken\r\n".to_vec(),
    })
}

#[test]
fn other_addresses_stand_where_addresses_stood() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(good);
    let recorder = Recorder::start(folder.path(), fake.address, &[]);
    mail(recorder.address, "client.example", "a@example.org", "b@example.com", "x");
    assert_eq!(recorder.end().1, Some(0));
    let heard = mail(play(folder.path()).address("smtp"), "other.example", "c@d.example", "e@f.example", "x");
    let wanted = "220 mx.example.com ready\r\n250 mx.example.com at your service, other.example [127.0.0.1]\r\n\
        250 2.1.0 <c@d.example> fine\r\n250 2.1.0 <e@f.example> fine\r\n354 go on\r\n250 2.0.0 taken\r\n221 mx.example.com bye\r\n";
    assert_eq!(String::from_utf8(heard).unwrap(), wanted);
}

#[test]
fn pipelined_and_parallel_sessions_are_paired_with_their_replies() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|line| match line {
        "RCPT TO:<no@example.com>" => Does::Say(b"550 no such\r\n".to_vec()),
        line => good(line),
    });
    let recorder = Recorder::start(folder.path(), fake.address, &[]);
    let pipelined = |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let script =
            b"EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<no@example.com>\r\nRCPT TO:<b@example.com>\r\n\
            RSET\r\nNOOP\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx\r\nQUIT\r\n.\r\nQUIT\r\n";
        stream.write_all(script).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        heard
    };
    let heard = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| pipelined(recorder.address))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(
        heard[0].ends_with("221 mx.example.com bye\r\n")
            && heard[0].contains("<a@example.org> fine\r\n550 no such\r\n250")
    );
    let (errors, code) = recorder.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("96 replies in 8 sessions"), "{errors}");
    // Where it is offered AUTH as the server did.
    let playing = play(folder.path());
    for heard in heard {
        assert_eq!(pipelined(playing.address("submission")), heard, "{}", pack(folder.path()));
    }
}

#[test]
fn a_server_that_is_not_there_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let recorder = Recorder::start(folder.path(), gone, &[]);
    assert_eq!(talk(recorder.address, &[]), format!("421 4.4.1 {gone} cannot be reached\r\n").into_bytes());
    let (errors, code) = recorder.end();
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("1 failed   cannot reach {gone}: Connection refused")), "{errors}");
    assert!(errors.ends_with("no server answered in 1 sessions, so no pack is written\n"), "{errors}");
    assert!(!folder.path().join("recorded.toml").exists());
}

#[test]
fn a_server_that_breaks_off_hangs_or_never_ends_is_borne() {
    let endless = |line: &str| match line {
        "MAIL FROM:<line@example.org>" => Does::Say([b"250 ".to_vec(), vec![b'x'; 1 << 20]].concat()),
        "MAIL FROM:<lines@example.org>" => Does::Say(b"250-x\r\n".repeat(10_000)),
        "MAIL FROM:<hangs@example.org>" => Does::Nothing,
        "MAIL FROM:<closes@example.org>" => Does::Close,
        line => good(line),
    };
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(endless);
    let recorder = Recorder::start(folder.path(), fake.address, &["--patience", "500ms"]);
    for (from, wanted) in [
        ("line", format!("421 4.4.2 {}: its reply has no end\r\n", fake.address)),
        ("lines", format!("421 4.4.2 {}: its reply has no end\r\n", fake.address)),
        ("hangs", format!("421 4.4.2 {}: it does not answer\r\n", fake.address)),
        ("closes", String::new()),
    ] {
        let heard = mail(recorder.address, "c.example", &format!("{from}@example.org"), "b@example.com", "x");
        let heard = String::from_utf8(heard).unwrap();
        let rest = heard.rsplit_once("[127.0.0.1]\r\n250 AUTH LOGIN PLAIN\r\n").unwrap().1;
        assert_eq!(rest, wanted, "{from}: {heard}");
    }
    assert_eq!(recorder.end().1, Some(0));
    let pack = pack(folder.path());
    assert!(pack.contains("when.sender = \"hangs@example.org\"\nthen = \"stall\"\n"), "{pack}");
    assert!(pack.contains("when.sender = \"closes@example.org\"\nthen = \"drop\"\n"), "{pack}");
    assert_eq!(pack.matches("[[rule]]").count(), 2, "{pack}");
    let heard = mail(play(folder.path()).address("smtp"), "c.example", "closes@example.org", "b@example.com", "x");
    assert!(heard.ends_with(b" [127.0.0.1]\r\n"), "{}", heard.escape_ascii());
}

#[test]
fn who_never_reads_and_who_never_stops_is_left() {
    let fake = Fake::start(|line| match line {
        "NOOP" => Does::Say([b"250 ".to_vec(), vec![b'x'; 4_000], b"\r\n".to_vec()].concat()),
        "RSET" => Does::Say(b"250 x\r\n".repeat(1_000_000)),
        line => good(line),
    });
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::start(folder.path(), fake.address, &["--patience", "500ms"]);
    let mut errors = BufReader::new(recorder.child.stderr.take().unwrap()).lines().map_while(Result::ok);
    // It is not the server that does not answer.
    let mut deaf = TcpStream::connect(recorder.address).unwrap();
    deaf.write_all(&b"NOOP\r\n".repeat(10_000)).unwrap();
    assert_eq!(errors.find(|line| line.starts_with("1 failed")).unwrap(), "1 failed   the client does not read");
    let mut patient = TcpStream::connect(recorder.address).unwrap();
    patient.write_all(b"RSET\r\n").unwrap();
    let mut heard = Vec::new();
    // It may be reset.
    let _ = patient.read_to_end(&mut heard);
    assert!(heard.starts_with(b"220 ") && heard.len() < 1 << 20, "{}", heard.len());
    let end = errors.find(|line| line.starts_with("2 failed")).unwrap();
    assert_eq!(end, format!("2 failed   {}: it says what nobody asked for", fake.address));
    std::thread::spawn(move || errors.for_each(drop));
    assert!(Command::new("kill").arg(recorder.child.id().to_string()).status().unwrap().success());
    assert_eq!(recorder.child.wait().unwrap().code(), Some(0));
    let pack = pack(folder.path());
    assert!(pack.contains("\nrset = \"250 x\"") && !pack.contains("it was not answered"));
}

#[test]
fn what_is_no_utf8_is_played_back_byte_for_byte() {
    let fake = Fake::start(|line| match line {
        // 用户不存在 in GBK, and bytes of no charset.
        "RCPT TO:<gbk@example.com>" => {
            Does::Say(b"550 <gbk@example.com> \xd3\xc3\xbb\xa7\xb2\xbb\xb4\xe6\xd4\xda\r\n".to_vec())
        }
        "RCPT TO:<bytes@example.com>" => Does::Say(b"550 \xff\x00\x7f \"\"\"\r\n".to_vec()),
        "MAIL FROM:<a@example.org>" => Does::Say(b"250 \xba\xc3\r\n".to_vec()),
        "EHLO client.example" => Does::Say(b"250 mx\r\n".to_vec()),
        line => good(line),
    });
    let mails = [("a@example.org", "gbk@example.com", "x"), ("b@example.org", "bytes@example.com", "x")];
    let (heard, pack) = recorded_and_played(fake.address, &mails);
    assert!(heard[0].contains(r"250 \xba\xc3\r\n550 <gbk@example.com> \xd3\xc3\xbb\xa7"), "{heard:?}");
    assert!(pack.contains("reply = \"550 <{recipient}> 用户不存在\"\ncharset = \"GB18030\"\n"), "{pack}");
}

#[test]
fn what_a_client_logs_in_with_is_written_nowhere() {
    let fake = Fake::start(|line| match line {
        "AUTH LOGIN" => Does::Say(b"334 VXNlcm5hbWU6\r\n".to_vec()),
        "Ym9iQGV4YW1wbGUuY29t" => Does::Say(b"334 UGFzc3dvcmQ6\r\n".to_vec()),
        "c2VjcmV0LXdvcmQ=" => Does::Say(b"235 hello bob@example.com\r\n".to_vec()),
        "AUTH PLAIN AGJvYgBzZWNyZXQtd29yZA==" => Does::Say(b"535 secret-word is wrong\r\n".to_vec()),
        line => good(line),
    });
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(folder.path(), fake.address, &[]);
    let lines = ["EHLO c", "AUTH LOGIN", "Ym9iQGV4YW1wbGUuY29t", "c2VjcmV0LXdvcmQ=", "MAIL FROM:<bob@example.com>"];
    let heard = String::from_utf8(talk(recorder.address, &lines)).unwrap();
    assert!(heard.contains("235 hello bob@example.com\r\n250 2.1.0"), "{heard}");
    talk(recorder.address, &["EHLO c", "AUTH PLAIN AGJvYgBzZWNyZXQtd29yZA=="]);
    let (errors, _) = recorder.end();
    let pack = pack(folder.path());
    assert!(pack.contains("auth-ok = \"235 hello {login}\"") && pack.contains("# 1 replies are not here"), "{pack}");
    assert!(errors.contains("2 auth     (not shown: it repeats a password)"), "{errors}");
    for secret in ["secret-word", "c2VjcmV0LXdvcmQ", "Ym9iQGV4YW1wbGUuY29t", "AGJvYgBzZWNyZXQtd29yZA"] {
        assert!(!pack.contains(secret) && !errors.contains(secret), "{secret}: {pack}{errors}");
    }
}

#[test]
fn no_host_is_reached_but_the_one_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(good);
    // As many hosts as a mail can name: in its addresses, its name, its route.
    let elsewhere = TcpListener::bind(("127.0.0.9", fake.address.port())).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let recorder = Recorder::start(folder.path(), fake.address, &[]);
    let heard = mail(recorder.address, "[127.0.0.9]", "a@[127.0.0.9]", "@[127.0.0.9]:b@[127.0.0.9]", "x");
    assert!(heard.ends_with(b"bye\r\n"), "{}", heard.escape_ascii());
    let foreign = TcpStream::connect(recorder.address).unwrap();
    (&foreign)
        .write_all(b"POST / HTTP/1.1\r\nHost: 127.0.0.9\r\n\r\nEHLO x\r\nMAIL FROM:<web@example.org>\r\n")
        .unwrap();
    // The greeting may be out before the page has said anything; the end may be a reset, for what it said is not read.
    let mut heard = Vec::new();
    let _ = (&foreign).read_to_end(&mut heard);
    assert!(
        heard.is_empty() || heard == b"220 mx.example.com ready\r\n",
        "a web page is not heard: {}",
        heard.escape_ascii()
    );
    let (errors, _) = recorder.end();
    assert!(!errors.contains("web@example.org"), "{errors}");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let arguments = ["record", "--upstream", &free, "--listen", &free, "--pack", "self.toml"];
    let (_, errors, code) = said(&mockmx(folder.path()).args(arguments).output().unwrap());
    assert_eq!((errors, code), (format!("error: the upstream {free} is this listener itself\n"), Some(1)));
}

#[test]
fn a_file_that_is_not_its_own_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.toml");
    fs::write(&file, "mine").unwrap();
    let arguments = ["record", "--upstream", "127.0.0.1:1", "--listen", "0", "--pack", "recorded.toml"];
    let (_, errors, code) = said(&mockmx(folder.path()).args(arguments).output().unwrap());
    assert_eq!((errors.as_str(), code), ("error: recorded.toml is there already; --force writes over it\n", Some(1)));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let fake = Fake::start(good);
    let recorder = Recorder::start(folder.path(), fake.address, &["--force"]);
    mail(recorder.address, "c.example", "a@example.org", "b@example.com", "x");
    assert_eq!(recorder.end().1, Some(0));
    assert!(pack(folder.path()).starts_with("# Recorded by `mockmx record`\n"));
    // One that comes to be there meanwhile is somebody else's as well, and what was recorded goes elsewhere.
    fs::remove_file(&file).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let recorder = Recorder::start_with(folder.path(), fake.address, &[], elsewhere.path());
    fs::write(&file, "mine").unwrap();
    for to in ["b@example.com", "c@example.com"] {
        mail(recorder.address, "c.example", "a@example.org", to, "x");
    }
    let (errors, code) = recorder.end();
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("cannot write recorded.toml: File exists") && errors.contains("recording goes on"),
        "{errors}"
    );
    assert!(errors.matches("recording goes on").count() == 1, "{errors}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let rescued = errors.split_once("what was recorded is in ").unwrap().1.split_once(": ").unwrap().0;
    assert!(Path::new(rescued).starts_with(elsewhere.path()), "{errors}");
    let pack = fs::read_to_string(rescued).unwrap();
    assert!(pack.contains("14 replies in 2 sessions"), "{pack}");
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn mailin_embedded_is_played_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mailin = Mailin::start(folder.path());
    let mails = [("a@example.org", "b@example.com", "x"), ("", "b@example.com", "x")];
    let (heard, _) = recorded_and_played(mailin.address, &mails);
    assert!(heard[0].contains("354") && heard[1].contains("500 Syntax error"), "{heard:#?}");
}

#[test]
fn a_postfix_is_played_back_byte_for_byte() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let postfix = postfix::Relay::receiving(folder.path(), "smtpd_relay_restrictions = reject_unauth_destination\n");
    let address = postfix.address();
    let mails = [
        ("a@example.org", "user@example.com", "x"),
        ("a@example.org", "user@elsewhere.example", "x"),
        ("a@example.org", "user@third.example", "x"),
    ];
    let (heard, pack) = recorded_and_played(address, &mails);
    assert!(heard[0].contains("250 2.0.0 Ok: queued as ID"), "{heard:#?}");
    assert!(heard[1].contains("554 5.7.1 <user@elsewhere.example>: Relay access denied"), "{heard:#?}");
    let both = "when.recipient = [\"user@elsewhere.example\", \"user@third.example\"]";
    assert!(pack.contains(both) && pack.contains("reply = \"554 5.7.1 <{recipient}>: Relay access denied\""), "{pack}");
    assert!(pack.contains("message = \"250 2.0.0 Ok: queued as {queue-id}\""), "{pack}");
}

#[test]
fn the_page_about_recording_goes_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["--hosted", "example.com"]);
    let upstream = server.address("smtp").to_string();
    let replayed = replay(include_str!("../docs/record.md"), folder.path(), &[("mx.example.com:25", &upstream)]);
    assert_eq!(replayed, 12);
}
