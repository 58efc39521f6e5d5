//! `mockmx report`: a sender that behaves and one that does not, as a running mockmx saw them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use mockmx::report::{Conduct, Report, SenderCheck};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::cli::http_once;
use crate::postfix::{Relay, is_root};
use crate::program::{Serving, mockmx, said};

const SETTINGS: &str = r#"
[limits]
recipients = 2
message = "10 KiB"
[providers.263.replies]
starttls = "454 TLS not available"
"#;

/// Does all as it should. `quit` waits for the end of the connection, so that the session is on record.
const GOOD: &str = r"
import smtplib, sys
smtp, submission = map(int, sys.argv[1:])

def connect(port):
    return smtplib.SMTP('127.0.0.1', port, local_hostname='mail.good.example')

def quit(session):
    session.docmd('QUIT')
    while session.sock.recv(100): pass
    session.close()

def message(number, more=''):
    return f'From: a@good.example\r\nSubject: lunch\r\nMessage-ID: <{number}@good.example>\r\n{more}\r\nat noon\r\n'.encode()

session = connect(smtp)
sender = 'a@good.example'
left = session.sendmail(sender, ['one@263.net', 'two@263.net', 'three@263.net'], message(1))
assert list(left) == ['three@263.net'], left
assert session.sendmail(sender, list(left), message(1)) == {}
left = session.sendmail(sender, ['one@263.net', 'rcpt450@example.com'], message(2))
assert list(left) == ['rcpt450@example.com'], left
try:
    session.sendmail(sender, ['user-unknown@263.mockmx.test'], message(3))
    assert False
except smtplib.SMTPRecipientsRefused:
    pass
notice = 'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n'
assert session.sendmail('', ['one@263.net'], message(4, notice)) == {}
quit(session)
session = connect(submission)
try:
    session.starttls()
    assert False
except smtplib.SMTPResponseException as refusal:
    assert refusal.smtp_code == 454, refusal
quit(session)
";

/// Does all as it should not.
const BAD: &str = r"
import socket, sys
smtp, submission = map(int, sys.argv[1:])

class Session:
    def __init__(self, port, hello='EHLO localhost'):
        self.socket = socket.create_connection(('127.0.0.1', port), 20)
        self.file = self.socket.makefile('rb')
        self.hear()
        self.say(hello)
    def hear(self):
        while True:
            line = self.file.readline().decode()
            if line[3:4] != '-':
                return line.strip()
    def say(self, line):
        self.socket.sendall(line.encode() + b'\r\n')
        return self.hear()
    def vanish(self):
        self.socket.shutdown(socket.SHUT_WR)
        while self.file.readline(): pass
        self.socket.close()
    def mail(self, recipients, text):
        self.say('MAIL FROM:<a@bad.example>')
        answers = [self.say(f'RCPT TO:<{to}>') for to in recipients]
        if any(answer.startswith('250') for answer in answers):
            assert self.say('DATA').startswith('354')
            answers.append(self.say(text + '\r\n.'))
        else:
            self.say('RSET')
        return answers

text = 'Subject: lunch\r\nMessage-ID: <1@bad.example>\r\n\r\nat noon'
for _ in range(2):
    # Tries at once again, and for all of them; and does not say QUIT.
    session = Session(smtp)
    assert [answer[:3] for answer in session.mail(['one@263.net', 'rcpt450@example.com'], text)] == ['250', '450', '250']
    assert session.mail(['user-unknown@263.mockmx.test'], text) == ['550 User Unknown']
    session.vanish()
session = Session(smtp)
other = text.replace('<1@', '<2@')
answers = session.mail(['one@263.net', 'two@263.net', 'three@263.net'], other)
assert answers[2].startswith('452'), answers
notice = 'Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n' + text.replace('<1@', '<3@')
assert session.mail(['four@263.net'], notice)[-1].startswith('250')
assert session.mail(['five@263.net'], text.replace('<1@', '<4@') + 'x' * 20_000)[-1].startswith('552')
session.vanish()
# A nested MAIL after a refusal, a text sent along with its commands, bare LFs.
session = Session(smtp)
session.say('MAIL FROM:<a@bad.example>')
session.say('RCPT TO:<user-unknown@263.mockmx.test>')
assert session.say('MAIL FROM:<a@bad.example>').startswith('503')
session.say('RSET')
lines = ['MAIL FROM:<a@bad.example>', 'RCPT TO:<six@263.net>', 'DATA', text.replace('<1@', '<5@'), 'bare\nLF', '.']
session.socket.sendall('\r\n'.join(lines).encode() + b'\r\n')
assert [session.hear()[:3] for _ in range(4)] == ['250', '250', '354', '250']
session.vanish()
# A login in clear.
session = Session(submission)
assert session.say('STARTTLS').startswith('454')
assert session.say('AUTH PLAIN AGFAYmFkLmV4YW1wbGUAeA==').startswith('235')
session.vanish()
# So many that it goes to prison, and goes on.
session = Session(smtp)
answers = []
for _ in range(64):
    answers.append(session.say('MAIL FROM:<many@bad.example>'))
    session.say('RSET')
assert answers[-1] == '450 sender in prison', answers[-1]
session.vanish()
";

struct Watched<'a> {
    folder: &'a Path,
    serving: Serving,
}

impl Watched<'_> {
    fn python(&self, program: &str) {
        let ports = ["smtp", "submission"].map(|name| self.serving.address(name).port().to_string());
        let output = Command::new("python3").args(["-c", program]).args(ports).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn report(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        let url = format!("http://{}", self.serving.address("http"));
        said(&mockmx(self.folder).args(["report", "--url", &url]).args(arguments).output().unwrap())
    }

    /// How the one sender did, by the names of the checks.
    fn conduct(&self, arguments: &[&str]) -> BTreeMap<&'static str, Conduct> {
        let (text, errors, code) = self.report(&[&["--json"], arguments].concat());
        assert_eq!((errors.as_str(), code), ("", Some(0)));
        let report: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(report.senders.len(), 1, "{text}");
        report.senders[0].lines.iter().map(|line| (line.check.name(), line.conduct)).collect()
    }
}

fn watch(test: impl FnOnce(&Watched<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mockmx.toml"), SETTINGS).unwrap();
    let serving = Serving::start(folder.path(), &["--log", "off"]);
    test(&Watched { folder: folder.path(), serving });
}

#[test]
fn a_sender_that_behaves_has_nothing_bad() {
    watch(|watched| {
        let (text, _, code) = watched.report(&["--fail-on", "bad"]);
        assert_eq!((text.as_str(), code), ("no sender was seen\n", Some(1)));
        watched.python(GOOD);
        // Nothing is tried again as soon as that.
        let not_seen = ["retries-after-4xx", "prison"];
        for (name, conduct) in watched.conduct(&["--sender", "good.example"]) {
            let wanted = if not_seen.contains(&name) { Conduct::NotSeen } else { Conduct::Good };
            assert_eq!(conduct, wanted, "{name}: {}", watched.report(&[]).0);
        }
        for (fail_on, wanted) in [("bad", 0), ("not-seen", 1)] {
            assert_eq!(watched.report(&["--fail-on", fail_on]).2, Some(wanted), "{fail_on}");
        }
        let (text, _, _) = watched.report(&["--lane", "nobody-s"]);
        assert_eq!(text, "no sender was seen\n");
        let (text, errors, code) = watched.report(&["--lane", "no lane"]);
        assert_eq!((text.as_str(), code), ("", Some(1)));
        assert!(errors.contains("400") && errors.contains("`no lane` is no lane"), "{errors}");
    });
}

#[test]
fn a_sender_that_does_not_behave_has_nothing_good() {
    watch(|watched| {
        watched.python(BAD);
        let narrowed = ["--sender", "bad.example", "--until", "2100-01-01T00:00:00Z"];
        let conduct = watched.conduct(&narrowed);
        assert_eq!(conduct.len(), SenderCheck::ALL.len());
        let (text, errors, code) =
            watched.report(&[&narrowed[..], &["--junit", "report.xml", "--fail-on", "bad"]].concat());
        assert_eq!((errors.as_str(), code), ("", Some(1)));
        for (name, conduct) in conduct {
            assert_eq!(conduct, Conduct::Bad, "{name}: {text}");
        }
        let xml = std::fs::read_to_string(watched.folder.join("report.xml")).unwrap();
        let failures = cases(&xml);
        assert_eq!(failures.len(), SenderCheck::ALL.len(), "{xml}");
        let stops = &failures["stops-after-5xx"];
        assert!(stops.starts_with("<a@bad.example> to <user-unknown@263.mockmx.test> tried again "), "{stops}");
    });
}

#[test]
fn the_token_is_shown_and_what_is_asked_for_is_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--sender", "a&b c", "--since", "2026-11-25T08:00:00Z"];
    for (variable, more) in [("from-env", &[][..]), ("other", &["--token", "from-env"])] {
        let (address, served) = http_once(b"HTTP/1.1 401 Unauthorized\r\n\r\n{\"title\":\"no\"}\n");
        let mut command = mockmx(folder.path());
        command.env("MOCKMX_HTTP_TOKEN", variable).args(["report", "--url", &format!("http://{address}/")]);
        let (text, errors, code) = said(&command.args(flags).args(more).output().unwrap());
        assert_eq!((text.as_str(), code), ("", Some(1)));
        assert_eq!(errors, format!("error: {address} answers 401: {{\"title\":\"no\"}}\n"));
        let path = "/api/v1/senders/report?sender=a%26b+c&since=2026-11-25T08%3A00%3A00.000Z";
        let wanted = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer from-env\r\n");
        assert_eq!(served.join().unwrap(), format!("{wanted}Connection: close\r\n\r\n"));
    }
}

#[test]
fn postfix_behaves() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    watch(|watched| {
        let mut relay = Relay::start(watched.folder, &watched.serving, "sender.example");
        let server = format!("127.0.0.1:{}", relay.port());
        let hand_over = |to: &str| {
            let arguments = ["--server", &server, "--from", "a@sender.example", "--to", to, "--body", "at noon"];
            let output = Command::new("swaks").args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        };
        hand_over("user@263.net,rcpt450@example.net");
        relay.until("status=deferred");
        hand_over("user-unknown@263.mockmx.test");
        relay.until("status=bounced");
        hand_over("one@263.net,two@263.net,three@263.net");
        // What is beyond the limit it tries again in five minutes.
        relay.until("status=deferred");
        let (text, errors, code) = watched.report(&["--sender", "sender.example", "--fail-on", "bad"]);
        assert_eq!((errors.as_str(), code), ("", Some(0)), "{text}");
    });
}

/// The messages of the failures of a JUnit file, by the names of their cases.
fn cases(xml: &str) -> BTreeMap<String, String> {
    let mut reader = Reader::from_str(xml);
    let mut failures = BTreeMap::new();
    let mut case = String::new();
    loop {
        let event = reader.read_event().unwrap();
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if event == Event::Eof {
                return failures;
            }
            continue;
        };
        let attribute = |name: &str| {
            let found = element.try_get_attribute(name).unwrap().unwrap();
            found.normalized_value(quick_xml::XmlVersion::Explicit1_0).unwrap().into_owned()
        };
        match element.name().as_ref() {
            "testcase" => case = attribute("name"),
            "failure" => {
                failures.insert(case.clone(), attribute("message"));
            }
            _ => {}
        }
    }
}
