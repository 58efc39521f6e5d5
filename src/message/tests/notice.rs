use mail_parser::{MessageParser, MimeHeaders};

use super::super::magic::eicar;
use super::*;

const DATE: &str = "Tue, 24 Nov 2026 20:00:00 +0800";

#[test]
fn a_notice_carries_the_original() {
    let mut original = mixed(&[
        ("Content-Disposition: attachment; filename=v.com", &eicar()),
        ("Content-Type: image/png; name=a", b"clean"),
    ]);
    original.splice(..0, *b"From: evil@example.com\r\n");
    let facts = MessageFacts::read(&original, &Bounds::default());
    assert_eq!(facts.virus(), Virus::Beside);
    let notice = virus_notice(&original, &facts, "user@example.net", "263.net", DATE);
    assert_eq!(notice, virus_notice(&original, &facts, "user@example.net", "263.net", DATE));
    let parsed = MessageParser::default().parse(&notice).unwrap();
    assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("postmaster@263.net"));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("user@example.net"));
    assert_eq!(parsed.date().unwrap().to_rfc822(), DATE);
    assert_eq!(parsed.subject(), Some("病毒邮件提示 / Virus notice: x"));
    let text = parsed.body_text(0).unwrap();
    assert!(text.contains("该邮件是病毒邮件") && text.contains("holds a virus") && text.contains("v.com"));
    assert!(!text.contains("\n  a\n"));
    let attachment = parsed.attachment(0).unwrap();
    assert_eq!(attachment.attachment_name(), Some("original.zip"));

    let archive = rawzip::ZipArchive::from_slice(attachment.contents()).unwrap();
    let entry = archive.entries().next_entry().unwrap().unwrap();
    assert_eq!(entry.file_path().as_bytes(), b"original.eml");
    let local = archive.get_entry(entry.wayfinder()).unwrap();
    let mut reader = local.verifying_reader(flate2::read::DeflateDecoder::new(local.data()));
    let mut unzipped = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut unzipped).unwrap();
    assert_eq!(unzipped, original);

    let own = MessageFacts::read(&notice, &Bounds::default());
    assert_eq!(paths(&own), ["original.zip", "original.zip/original.eml"]);
    assert!(own.unseen.is_empty());
}

#[test]
fn python_opens_the_zip_of_a_notice() {
    let dir = tempfile::tempdir().unwrap();
    let notice = virus_notice(b"Subject: x\r\n\r\n", &MessageFacts::default(), "a@b", "c", DATE);
    let parsed = MessageParser::default().parse(&notice).unwrap();
    let path = dir.path().join("original.zip");
    std::fs::write(&path, parsed.attachment(0).unwrap().contents()).unwrap();
    let Ok(output) = std::process::Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&path).output() else {
        return; // No Python here; the test above opens it too.
    };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_hostile_original_does_not_write_the_notice() {
    let mut facts = read(
        "From: a =?utf-8?Q?=0D=0ABcc:_x@y=0D=0A=0D=0Abody?=\nSubject: =?utf-8?Q?s=0D=0AX-Injected:_1=0D=0A=0D=0Abody=E2=80=AE?=\n\nx",
    );
    facts.attachments.push(Attachment {
        path: vec!["a\r\n--=_notice".into()],
        infected: true,
        ..Attachment::default()
    });
    let notice = virus_notice(b"x", &facts, "u@v>\r\nX-To: 1", "h\r\nX-Host: 1", &format!("{DATE}\r\nX-Date: 1"));
    let parsed = MessageParser::default().parse(&notice).unwrap();
    let names: Vec<_> = parsed.headers().iter().map(|header| header.name().to_ascii_lowercase()).collect();
    let expected = ["from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"];
    for name in &names {
        assert!(expected.contains(&name.as_str()), "{name}");
    }
    assert_eq!(parsed.attachment_count(), 1);
    assert!(notice.split(|byte| *byte == b'\n').all(|line| line.len() < 998));
}
