//! `mockmx explain`, as a shell meets it.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::program::{mockmx, said};

/// Runs `mockmx explain` with `arguments`, and with `input` piped in.
fn explain(arguments: &[&str], input: &str) -> (String, String, Option<i32>) {
    let mut command = mockmx(Path::new("/"));
    command.arg("explain").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    said(&child.wait_with_output().unwrap())
}

#[test]
fn a_code_of_a_mail_program_is_explained() {
    let (text, errors, code) = explain(&["0x800CCC79"], "");
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    for line in [
        "263/client-800ccc79  (certain, 100 %: the same text)\n",
        "\n  provider  263 企业邮箱 (263)\n  stage     client\n  text      0x800CCC79\n  原因      收件者被服务器拒绝\n",
        "\n  source    263 W022 §4.0.9 M\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_reply_is_explained_with_what_makes_it_happen() {
    let (text, errors, code) = explain(&["554", "<a@b.cn>:", "Sender address rejected: Access denied"], "");
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    for line in [
        "263/same-domain-auth  (certain, 98 %: the text, its varying parts filled in)\n",
        "\n  stage     rcpt\n  reply     554 <{sender}>: Sender address rejected: Access denied\n  原因      当判断",
        "\n  解决建议  如果属于ISP限制",
        "\n  here      RCPT TO:<same-domain-auth@263.mockmx.test>, or `mockmx try 263/same-domain-auth`\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_bounce_is_explained_recipient_by_recipient() {
    let bounce = "From: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail\nMIME-Version: 1.0\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSee below.\n\n\
        --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n\
        Final-Recipient: rfc822; a@263.net\nDiagnostic-Code: smtp; 598  mail rejected by\n    keyword\n\n\
        Final-Recipient: rfc822; b@263.net\nDiagnostic-Code: smtp; 452 ran out of stamps\n\n\
        Final-Recipient: rfc822; c@263.net\nDiagnostic-Code: smtp; 551 user not local\n--b--\n";
    let (text, errors, code) = explain(&["-"], bounce);
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    assert!(text.starts_with("== 598  mail rejected by\\nkeyword\n\n263/keyword  (certain, 100 %"), "{text}");
    assert!(text.contains("\n== 551 user not local\n\n263/user-not-local  (certain"), "{text}");
    assert!(!text.contains("stamps"), "{text}");
}

#[test]
fn json_has_a_line_for_each_text() {
    let (text, errors, code) = explain(&["--json", "--all"], "sender in prison\n");
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["text"], "sender in prison");
    let first = &value["found"][0];
    assert_eq!((&first["provider"], &first["id"]), (&"263".into(), &"sender-in-prison".into()));
    assert_eq!((&first["how"], &first["certainty"]), (&"text".into(), &95.into()));
    assert_eq!(first["remedy"]["zh"], "15-20分钟内不做任何操作会自动放开。");
    assert_eq!(first["trigger"], "sender-in-prison@263.mockmx.test");
}

#[test]
fn what_nobody_knows_is_said_plainly() {
    let (text, errors, code) = explain(&["the \u{1b}[31mdog ate it"], "");
    assert_eq!((text.as_str(), code), ("", Some(1)));
    assert!(errors.starts_with("not known: the \\u{1b}[31mdog ate it\nNo reply of "), "{errors}");
    let (text, _, code) = explain(&["--json", "nonsense"], "");
    assert_eq!((text.as_str(), code), ("{\"text\":\"nonsense\",\"found\":[]}\n", Some(1)));
    let (_, errors, code) = explain(&[], "");
    assert_eq!((errors.lines().next(), code), (Some("there is no text to explain"), Some(1)));
}

#[test]
fn what_happened_is_found_by_its_meaning_as_a_guess() {
    let (text, errors, code) = explain(&["对方邮箱已满"], "");
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    assert!(text.starts_with("netease/mailbox-full  (a guess, 45 %: its reason or remedy speaks of that)\n"), "{text}");
    assert!(text.contains("\n21cn/"), "{text}");
    let (text, _, _) = explain(&["--json", "对方邮箱已满"], "");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["found"][0]["how"], "meaning");
}

#[cfg(unix)]
#[test]
fn an_argument_in_gbk_is_read() {
    use std::os::unix::ffi::OsStrExt;
    let mut command = mockmx(Path::new("/"));
    // 对方邮箱已满
    let words = std::ffi::OsStr::from_bytes(b"\xb6\xd4\xb7\xbd\xd3\xca\xcf\xe4\xd2\xd1\xc2\xfa");
    let (text, errors, code) = said(&command.arg("explain").arg(words).output().unwrap());
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    assert!(text.starts_with("netease/mailbox-full "), "{text}");
}

#[test]
fn a_megabyte_is_not_said_back() {
    for input in ["550 mumble\n".repeat(100_000), "长".repeat(400_000)] {
        let (text, errors, code) = explain(&[], &input);
        assert_eq!((text.as_str(), code), ("", Some(1)));
        assert!(errors.len() < 2000 && errors.contains("… (10485"), "{} {}", errors.len(), &errors[..500]);
    }
}

#[test]
fn a_file_s_name_is_no_text_but_is_told_how_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bounce.eml"), "550 MI:SPF").unwrap();
    let (text, errors, code) = said(&mockmx(folder.path()).args(["explain", "bounce.eml"]).output().unwrap());
    assert_eq!((text.as_str(), code), ("", Some(1)));
    assert!(errors.ends_with("\nThere is a file of that name; `mockmx explain < bounce.eml` reads it.\n"), "{errors}");
}

#[test]
fn one_provider_can_be_asked_alone() {
    let (text, errors, code) = explain(&["--provider", "wanxiang", "598  mail rejected by keyword"], "");
    assert_eq!((text.as_str(), code), ("", Some(1)), "{errors}");
    let (_, errors, code) = explain(&["--provider", "nobody", "x"], "");
    assert_eq!(code, Some(1));
    assert!(errors.starts_with("error: there is no provider `nobody`; there are 21cn, 263, "), "{errors}");
}
