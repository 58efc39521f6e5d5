//! What people bring to `mockmx reproduce` that is no bounce as servers write them: what is known is found, and else nothing.

use std::path::Path;

use mockmx::reproduce::{Doubt, Failure, Found, How, Letter, find};
use mockmx::stage::Stage;

fn sample(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(name)).unwrap()
}

fn reply(failure: &Failure) -> String {
    failure.reply.as_ref().map_or_else(|| "-".to_owned(), |heard| heard.reply.to_string())
}

/// Recipients, codes and stages.
fn told(found: &Found) -> Vec<(String, u16, Stage)> {
    let of = |failure: &Failure| {
        let code = failure.reply.as_ref().unwrap().reply.code();
        (failure.recipient.clone().unwrap_or_default(), code, failure.staged().unwrap().stage)
    };
    found.failures.iter().map(of).collect()
}

fn doubts(found: &Found) -> Vec<Doubt> {
    found.failures[0].reply.as_ref().unwrap().doubts.clone()
}

#[test]
fn nothing_is_found_in_what_is_no_bounce() {
    let jpeg: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for brought in [&b""[..], &vec![0; 10 << 20], b"\xff\xd8\xff\xe0\0\x10JFIF", &jpeg, b"\r\r\r", b"> \n> \n"] {
        assert_eq!(find(brought).failures.len(), 0);
    }
    assert!(find(&vec![0; 10 << 20]).cut);
    for text in [
        "From: a@example.com\nSubject: order\n\nOrder: 500 pieces at 450 EUR to b@example.com.\nTotal: 550 EUR\n",
        "From: a@example.com\nSubject: away\nAuto-Submitted: auto-replied\n\nCall (555 1234) or b@example.com\n",
        "Room: 401 or 555 for c@example.com",
    ] {
        assert_eq!(find(text.as_bytes()).failures.len(), 0, "{text}");
    }
}

#[test]
fn line_ends_do_not_matter() {
    let text = sample("postfix.eml");
    let expected = told(&find(text.as_bytes()));
    assert_eq!(expected.len(), 2);
    let mixed: String =
        text.lines().zip(["\n", "\r\n"].iter().cycle()).map(|(line, end)| format!("{line}{end}")).collect();
    for other in [text.replace('\n', "\r\n"), text.replace('\n', "\r"), mixed] {
        let found = find(other.as_bytes());
        assert_eq!(told(&found), expected);
        assert_eq!(found.failures[0].how, How::Report);
    }
}

#[test]
fn what_was_quoted_is_read_as_it_was() {
    let text = sample("postfix.eml");
    let quoted = |text: &str| text.lines().map(|line| format!("> {line}\n")).collect::<String>();
    let expected = told(&find(text.as_bytes()));
    for more in [quoted(&text), quoted(&quoted(&text))] {
        let found = find(more.as_bytes());
        assert_eq!(told(&found), expected, "{found:?}");
        assert_eq!(found.failures[0].how, How::Report);
    }
    let mail = format!("From: a@example.org\nSubject: Fwd: failed\n\nPlease look:\n\n{}", quoted(&text));
    let found = find(mail.as_bytes());
    assert_eq!(told(&found), expected, "{found:?}");
    assert!(found.failures.iter().all(|failure| !reply(failure).contains('>') || reply(failure).contains("<full@")));
    let found = find(sample("sendmail.eml").as_bytes());
    assert_eq!(told(&find(quoted(&sample("sendmail.eml")).as_bytes())), told(&found));
}

fn report(kind: &str, encoding: &str, status: &[u8]) -> Vec<u8> {
    let head = format!(
        "From: MAILER-DAEMON@x.test\nTo: me@example.org\nSubject: failed\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; boundary=b1\n\n--b1\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n"
    );
    [head.as_bytes(), status, b"\n--b1--\n"].concat()
}

const STATUS: &str = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; user@example.com\nAction: failed\nStatus: 5.1.1\n\
    Diagnostic-Code: smtp; 550 5.1.1 ";

#[test]
fn a_charset_that_is_not_said_is_told() {
    let utf8 = format!("{STATUS}用户不存在\n");
    let gbk = [STATUS.as_bytes(), b"\xd3\xc3\xbb\xa7\xb2\xbb\xb4\xe6\xd4\xda\n"].concat();
    let ascii = format!("{STATUS}no\n");
    let status = "message/delivery-status";
    for (kind, status, expected) in [
        (status, utf8.as_bytes(), &[Doubt::Charset][..]),
        (status, &gbk, &[Doubt::Charset]),
        (status, ascii.as_bytes(), &[]),
        ("message/global-delivery-status", utf8.as_bytes(), &[]),
    ] {
        let found = find(&report(kind, "8bit", status));
        assert_eq!(doubts(&found), expected, "{found:?}");
        assert!(["550 5.1.1 用户不存在", "550 5.1.1 no"].contains(&reply(&found.failures[0]).as_str()), "{found:?}");
    }
    let encoded = format!("{STATUS}=?UTF-8?B?5aW9?=\n");
    assert_eq!(doubts(&find(&report(status, "8bit", encoded.as_bytes()))), []);
    let line = "<user@example.com>: host mx[192.0.2.1] said: 550 用户不存在 (in reply to RCPT TO command)\n";
    let mail = |kind: &str, encoding: &str, text: &str| {
        format!(
            "From: MAILER-DAEMON@x\nSubject: x\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{text}"
        )
    };
    assert_eq!(doubts(&find(mail("text/plain; charset=utf-8", "8bit", line).as_bytes())), []);
    assert_eq!(doubts(&find(mail("text/plain", "8bit", line).as_bytes())), [Doubt::Charset]);
    assert_eq!(doubts(&find(line.as_bytes())), [Doubt::Charset]);
    assert_eq!(doubts(&find([b"\xef\xbb\xbf", line.as_bytes()].concat().as_slice())), []);
    // The same in GBK, encoded.
    let base64 = "PHVzZXJAZXhhbXBsZS5jb20+OiA1NTAg08O7p7K7tObU2g==";
    let found = find(mail("text/plain", "base64", base64).as_bytes());
    assert_eq!((reply(&found.failures[0]).as_str(), doubts(&found)), ("550 用户不存在", vec![Doubt::Charset]));
}

#[test]
fn a_report_may_be_encoded() {
    let base64 = "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IHVzZXJAZXhhbXBsZS5jb20KQWN0aW9uOiBmYWlsZWQKRGlhZ25vc3RpYy1Db2RlOiBzbXRwOyA1\n\
        NTAgNS4xLjEgbm8K";
    for (encoding, status) in [
        ("base64", base64),
        (
            "quoted-printable",
            "Final-Recipient: rfc822; user=40example.com\n\
        Action: failed\nDiagnostic-Code: smtp; 550 5.1.1 n=6F\n",
        ),
    ] {
        let found = find(&report("message/delivery-status", encoding, status.as_bytes()));
        assert_eq!(told(&found), [("user@example.com".to_owned(), 550, Stage::Rcpt)], "{encoding}");
        assert_eq!(reply(&found.failures[0]), "550 5.1.1 no");
    }
}

#[test]
fn html_is_read_as_it_is_shown() {
    let html = "<html><head><style>p{color:red}</style></head><body><p><b>Delivery has failed:</b></p>\
        <p><a href=\"mailto:user@example.com\">user@example.com</a></p><p>The server said:<br>\
        550&nbsp;5.1.1 &lt;user@example.com&gt;: unknown (in reply to RCPT TO command)</p></body></html>";
    let table = "<html><div>您的邮件被退回</div><table><tr><td>收件人</td><td>user@example.com</td></tr>\
        <tr><td>退信原因</td><td>550 5.1.1 用户不存在</td></tr></table>";
    let mail =
        |html: &str| format!("From: x@example.org\nSubject: 退信\nContent-Type: text/html; charset=utf-8\n\n{html}");
    for (text, expected) in [
        (mail(html), "550 5.1.1 <user@example.com>: unknown"),
        (html.to_owned(), "550 5.1.1 <user@example.com>: unknown"),
        (mail(table), "550 5.1.1 用户不存在"),
    ] {
        let found = find(text.as_bytes());
        assert_eq!(told(&found), [("user@example.com".to_owned(), 550, Stage::Rcpt)], "{text}");
        assert_eq!(reply(&found.failures[0]), expected);
    }
}

#[test]
fn an_outlook_in_chinese_is_read() {
    let text = "From: Microsoft Outlook <MicrosoftExchange@example.org>\nTo: me@example.org\nSubject: 无法送达: 发票\n\
        Content-Type: text/plain; charset=utf-8\n\n您的邮件无法送达以下收件人或组:\n\nuser@example.com\n找不到你输入的电子邮件地址。\n\n\
        供管理员使用的诊断信息:\n\nuser@example.com\nRemote Server returned '550 5.1.1 no such user'\n\n\
        原始邮件头:\n\nFrom: 我 <me@example.org>\nTo: user@example.com\nSubject: 发票 42\n";
    let found = find(text.as_bytes());
    assert_eq!(told(&found), [("user@example.com".to_owned(), 550, Stage::Rcpt)]);
    let original = found.failures[0].original.as_ref().unwrap();
    assert_eq!(original.subject.as_deref(), Some("发票 42"));
}

#[test]
fn a_log_of_several_servers_is_read_whole() {
    let of = |name: &str, user: &str| sample(name).replace("user@", user);
    let mixed =
        [of("postfix.log", "p@"), of("exim.log", "e@"), of("qmail.log", "q@"), of("exchange.log", "x@")].concat();
    let found = find((mixed + of("sendmail.log", "s@").as_str()).as_bytes());
    let mut names: Vec<_> = found.failures.iter().map(|of| of.recipient.clone().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["e@", "p@", "q@", "s@", "x@"].map(|user| format!("{user}example.com")));
}

#[test]
fn sessions_of_a_protocol_log_are_told_apart() {
    let line = |session: &str, text: &str| format!("2026-11-25T10:00:00Z,Internet,{session},1,a:1,b:25,{text},\n");
    let log: String = [
        ("A", ">,RCPT TO:<a@example.com>"),
        ("B", ">,MAIL FROM:<s@example.org>"),
        ("A", "<,550 5.1.1 no"),
        ("B", "<,553 5.1.8 sender"),
    ]
    .map(|(session, text)| line(session, text))
    .concat();
    let found = find(log.as_bytes());
    assert_eq!(told(&found), [("a@example.com".to_owned(), 550, Stage::Rcpt), (String::new(), 553, Stage::Mail)]);
}

#[test]
fn a_mailbox_file_is_read_to_its_bound_and_no_further() {
    let file = |count: usize| -> String {
        let of = |n| format!("From x Thu Nov 26\n{}\n", sample("qmail.eml").replace("user@", &format!("user{n}@")));
        (0..count).map(of).collect()
    };
    let found = find(file(60).as_bytes());
    assert_eq!((found.failures.len(), found.cut), (60, false));
    let found = find(file(230).as_bytes());
    assert_eq!((found.failures.len(), found.cut), (100, true));
    // The empty line between two is not the mail's.
    let letter = Letter::new(&find(file(2).as_bytes()).failures[0]).unwrap();
    assert!(letter.bytes.ends_with(b"\n\nHello\n"), "{:?}", String::from_utf8_lossy(&letter.bytes));
}
