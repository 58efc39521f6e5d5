//! Twenty refusals of the five providers by their real triggers, met by Python's smtplib and through a Postfix. The
//! recipient's domain chooses the provider.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::postfix::{Relay, is_root};
use crate::program::Serving;

/// The recipient, what is wrong with the message, and what the client must be told.
const CASES: [(&str, Wrong, &str); 20] = [
    ("gone@263.net", Wrong::Nothing, "550 User Unknown"),
    ("off@263.net", Wrong::Nothing, "550 Recipient unknown"),
    ("full@263.net", Wrong::Nothing, "552 Mailbox exceed"),
    ("user@263.net", Wrong::Word, "598  mail rejected by keyword"),
    ("gone@21cn.com", Wrong::Nothing, "550 user not found"),
    ("frozen@21cn.com", Wrong::Nothing, "550 the account is disable"),
    ("full@21cn.com", Wrong::Nothing, "550 capacity exceed mailbox quota"),
    ("user@21cn.com", Wrong::Word, "550 The content of this message looked like spam"),
    ("gone@163.com", Wrong::Nothing, "550 Invalid User"),
    ("suspended@163.com", Wrong::Nothing, "550 User suspended"),
    ("full@163.com", Wrong::Nothing, "552 Quota exceed the hard limit for user full@163.com"),
    ("gone@163ns.com.cn", Wrong::Nothing, "550 Invalid User"),
    ("suspended@163ns.com.cn", Wrong::Nothing, "550 User suspended"),
    ("user@163ns.com.cn", Wrong::Word, "550 DT:SPM"),
    ("user@163ns.com.cn", Wrong::Attachment, "552 Illegal Attachment"),
    ("gone@xinnet.com", Wrong::Nothing, "550 User not found"),
    ("off@xinnet.com", Wrong::Nothing, "550 User off@xinnet.com is disabled"),
    ("full@xinnet.com", Wrong::Nothing, "552 Quota exceeded"),
    ("user@xinnet.com", Wrong::Word, "552 Error: content rejected"),
    ("user@xinnet.com", Wrong::Attachment, "553 Mail data refused"),
];

#[derive(Clone, Copy, Debug)]
enum Wrong {
    Nothing,
    Attachment,
    Word,
}

/// The mailboxes of the cases, as settings.
fn settings() -> String {
    let mailbox = |(to, wrong, _): &(&str, Wrong, &str)| {
        let what = match (to.split('@').next(), wrong) {
            (Some("gone"), Wrong::Nothing) => "state = \"unknown\"",
            (Some("off"), Wrong::Nothing) => "state = \"disabled\"",
            (Some("frozen"), Wrong::Nothing) => "state = \"frozen\"",
            (Some("suspended"), Wrong::Nothing) => "state = \"suspended\"",
            (Some("full"), Wrong::Nothing) => "quota = \"1 kB\"\nused = \"1 kB\"",
            _ => return String::new(),
        };
        format!("[[mailbox]]\naddress = \"{to}\"\n{what}\n")
    };
    CASES.iter().map(mailbox).collect()
}

/// Sends the cases to `port`; what was said to each that was refused, a line each.
fn send(port: u16) -> String {
    let program = "
import json, smtplib, sys
from email.message import EmailMessage
for to, wrong in json.load(sys.stdin):
    mail = EmailMessage()
    mail['From'], mail['To'] = 'sender@example.org', to
    mail['Subject'] = '需要代开发票吗' if wrong == 'Word' else 'minutes'
    mail.set_content('of the meeting')
    if wrong == 'Attachment':
        mail.add_attachment(b'x', maintype='application', subtype='octet-stream', filename='photo.scr')
    with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=30) as session:
        try:
            session.send_message(mail)
        except smtplib.SMTPRecipientsRefused as refusal:
            code, text = refusal.recipients[to]
            print(code, text.decode())
        except smtplib.SMTPResponseException as refusal:
            print(refusal.smtp_code, refusal.smtp_error.decode())
";
    let mut python = Command::new("python3");
    python.args(["-c", program, &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    let cases: Vec<_> = CASES.iter().map(|(to, wrong, _)| serde_json::json!([to, format!("{wrong:?}")])).collect();
    child.stdin.take().unwrap().write_all(serde_json::json!(cases).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn serve(folder: &Path) -> Serving {
    std::fs::write(folder.join("mockmx.toml"), settings()).unwrap();
    Serving::start(folder, &["--log", "off"])
}

#[test]
fn smtplib_is_told_each() {
    let folder = tempfile::tempdir().unwrap();
    let mockmx = serve(folder.path());
    // smtplib takes every blank off the ends of a text.
    let wanted: Vec<_> = CASES.iter().map(|(_, _, reply)| reply.replace("  ", " ")).collect();
    assert_eq!(send(mockmx.address("smtp").port()).lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_postfix_bounces_each() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mockmx = serve(folder.path());
    let mut relay = Relay::start(folder.path(), &mockmx, "example.org");
    assert_eq!(send(relay.port()), "", "the Postfix takes them all");
    let mut told = Vec::new();
    while told.len() < CASES.len() {
        let line = relay.until(" said: ");
        assert!(line.contains("status=bounced"), "{line}");
        let said = line.split(" said: ").nth(1).unwrap();
        told.push(said.split(" (in reply to ").next().unwrap().to_owned());
    }
    // The queue may have worked in another order.
    told.sort();
    let mut wanted: Vec<_> = CASES.iter().map(|(_, _, reply)| (*reply).to_owned()).collect();
    wanted.sort();
    assert_eq!(told, wanted);
}
