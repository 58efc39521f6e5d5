//! Mail clients that others wrote: each delivers a message, logs in, and understands a refusal.

use std::path::Path;
use std::process::{Command, Output};

use crate::program::Serving;

struct Client<'a> {
    serving: &'a Serving,
    folder: &'a Path,
}

impl Client<'_> {
    fn address(&self, listener: &str) -> String {
        self.serving.address(listener).to_string()
    }

    fn swaks(&self, listener: &str, arguments: &[&str]) -> Output {
        let address = self.address(listener);
        Command::new("swaks").args(["--server", &address, "--timeout", "20"]).args(arguments).output().unwrap()
    }

    fn curl(&self, url: &str, subject: &str, arguments: &[&str]) -> Output {
        let mail = self.folder.join("mail.eml");
        std::fs::write(&mail, format!("Subject: {subject}\r\n\r\nby curl\r\n")).unwrap();
        let upload = mail.to_str().unwrap();
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--verbose",
            "--max-time",
            "20",
            "--url",
            url,
            "--upload-file",
            upload,
        ]);
        command.args(["--mail-from", "a@client.test", "--mail-rcpt", "user@263.net"]).args(arguments).output().unwrap()
    }

    fn python(&self, program: &str) -> Output {
        let smtp = self.serving.address("smtp").port().to_string();
        let submission = self.serving.address("submission").port().to_string();
        let smtps = self.serving.address("smtps").port().to_string();
        let mut command = Command::new("python3");
        command.current_dir(self.folder).args(["-c", program, &smtp, &submission, &smtps]).output().unwrap()
    }

    fn node(&self, program: &str) -> Output {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/node_modules");
        let submission = self.serving.address("submission").port().to_string();
        let mut command = Command::new("node");
        command.env("NODE_PATH", modules).env("NODE_EXTRA_CA_CERTS", self.folder.join("ca.pem"));
        command.args(["-e", program, &submission]).output().unwrap()
    }
}

/// What a program printed, with its standard error, if it ended with `code`.
fn printed(output: &Output, code: i32) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).join("\n");
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn with_client(test: impl FnOnce(&Client<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &["--write-ca", "ca.pem", "--log", "off"]);
    test(&Client { serving: &serving, folder: folder.path() });
}

#[test]
fn swaks_delivers_logs_in_and_is_refused() {
    with_client(|client| {
        let plain = client.swaks("smtp", &["--from", "a@client.test", "--to", "user@263.net"]);
        assert!(printed(&plain, 0).contains("250 Ok: queued as "));
        let login =
            ["--from", "u@263.net", "--to", "b@client.test", "--auth-user", "u@263.net", "--auth-password", "x"];
        let starttls = client.swaks("submission", &[&["--tls", "--auth", "LOGIN"], &login[..]].concat());
        assert!(printed(&starttls, 0).contains("235 Authentication successful"));
        let smtps = client.swaks("smtps", &[&["--tls-on-connect", "--auth", "PLAIN"], &login[..]].concat());
        assert!(printed(&smtps, 0).contains("250 Ok: queued as "));
        let refused = client.swaks("smtp", &["--from", "a@client.test", "--to", "user-unknown@263.mockmx.test"]);
        assert!(printed(&refused, 24).contains("550 User Unknown"));
        let keyword = ["--from", "a@client.test", "--to", "user@263.net", "--header", "Subject: 代开发票"];
        assert!(printed(&client.swaks("smtp", &keyword), 26).contains("598  mail rejected by keyword"));
    });
}

#[test]
fn curl_delivers_logs_in_and_is_refused() {
    with_client(|client| {
        let smtp = format!("smtp://{}", client.address("smtp"));
        assert!(printed(&client.curl(&smtp, "lunch", &[]), 0).contains("250 Ok: queued as "));
        let smtps = format!("smtps://localhost:{}", client.serving.address("smtps").port());
        let ca = client.folder.join("ca.pem");
        let login = ["--cacert", ca.to_str().unwrap(), "--user", "u@263.net:x"];
        assert!(printed(&client.curl(&smtps, "lunch", &login), 0).contains("250 Ok: queued as "));
        let refused = printed(&client.curl(&smtps, "hi", &login), 8);
        assert!(refused.contains("550 Error:Message content reject"), "{refused}");
    });
}

#[test]
fn smtplib_delivers_logs_in_and_is_refused() {
    with_client(|client| {
        let output = client.python(
            "
import smtplib, ssl, sys
smtp, submission, smtps = map(int, sys.argv[1:])
trust = ssl.create_default_context(cafile='ca.pem')
with smtplib.SMTP('127.0.0.1', smtp) as session:
    assert session.sendmail('a@client.test', ['user@263.net'], b'Subject: lunch\\r\\n\\r\\n.dots\\r\\n..\\r\\n') == {}
    refused = session.sendmail('a@client.test', ['user@263.net', 'user-unknown@263.mockmx.test'], b'x')
    assert refused == {'user-unknown@263.mockmx.test': (550, b'User Unknown')}, refused
    try:
        session.sendmail('sender-in-prison@263.mockmx.test', ['user@263.net'], b'x')
    except smtplib.SMTPSenderRefused as refusal:
        print(refusal.smtp_code, refusal.smtp_error.decode())
with smtplib.SMTP('localhost', submission) as session:
    session.starttls(context=trust)
    session.login('u@263.net', 'x')
    assert session.sendmail('u@263.net', ['b@client.test'], b'Subject: lunch\\r\\n\\r\\nx') == {}
with smtplib.SMTP_SSL('localhost', smtps, context=trust) as session:
    session.login('u@263.net', 'x')
    try:
        session.sendmail('u@263.net', ['b@client.test'], b'Subject: error\\r\\n\\r\\nx')
    except smtplib.SMTPDataError as refusal:
        print(refusal.smtp_code, refusal.smtp_error.decode())
",
        );
        let wanted = "450 sender in prison\n550 Error:Message content reject\n";
        assert!(printed(&output, 0).starts_with(wanted), "{output:?}");
    });
}

#[test]
fn nodemailer_delivers_and_is_refused() {
    with_client(|client| {
        let output = client.node(
            "
const transport = require('nodemailer').createTransport({
    host: 'localhost', port: Number(process.argv[1]), requireTLS: true, auth: { user: 'u@263.net', pass: 'x' },
});
(async () => {
    const mail = { from: 'u@263.net', to: 'b@client.test', subject: 'lunch', text: 'at noon' };
    console.log((await transport.sendMail(mail)).accepted.join());
    try {
        await transport.sendMail({ ...mail, subject: '通知', html: '<p>代<b>开</b>发&#31080;</p>' });
    } catch (refusal) {
        console.log(refusal.response);
    }
})();
",
        );
        let wanted = "b@client.test\n598  mail rejected by keyword\n";
        assert!(printed(&output, 0).starts_with(wanted), "{output:?}");
    });
}
