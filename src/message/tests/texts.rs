use encoding_rs::{BIG5, GB18030, GBK};

use super::*;

#[test]
fn a_subject_split_over_two_encoded_words() {
    let facts = read("Subject: =?gb2312?B?tPq/?=\n =?gb2312?B?qreixrE=?=\nFrom: a\n\nhi\n");
    assert_eq!(facts.subject, "代开发票");
    assert_eq!(facts.readings[0], Reading { place: Spot::Subject, text: "代开发票".into() });
    assert_eq!(facts.readings[1], Reading { place: Spot::Header("from".into()), text: "a".into() });
    assert_eq!(facts.headers[1], Header { name: "From".into(), value: "a".into() });
    assert_eq!(facts.size, 67);
    assert!(facts.unseen.is_empty());
}

#[test]
fn raw_and_garbled_headers() {
    let mut raw = b"Subject: ".to_vec();
    raw.extend_from_slice(&GBK.encode("瑞星提示-此邮件可能是垃圾邮件").0);
    raw.extend_from_slice(b"=?utf-8?B?5Luj5byA5Y+R56Wo?=\r\nX-Folded: ");
    raw.extend_from_slice(&GBK.encode("代开").0);
    raw.extend_from_slice(b"\r\n ");
    raw.extend_from_slice(&GBK.encode("发票").0);
    raw.extend_from_slice(b"\r\n\r\n");
    let facts = MessageFacts::read_header(&raw, &Bounds::default());
    assert_eq!(facts.subject, "瑞星提示-此邮件可能是垃圾邮件代开发票");
    assert_eq!(facts.headers[1].value, "代开 发票");
    assert_eq!(facts.readings[1].text, "代开发票");
}

#[test]
fn only_the_header_is_read_if_no_more_is_wanted() {
    let raw = b"Subject: a\nSubject: b\n\nbody";
    let header = MessageFacts::read_header(raw, &Bounds::default());
    assert_eq!((header.subject.as_str(), header.headers.len(), header.size), ("a", 2, 27));
    assert_eq!(header.readings.len(), 2);
    let all = MessageFacts::read(raw, &Bounds::default());
    assert_eq!(all.headers, header.headers);
    assert_eq!(bodies(&all), [("1", "body")]);
}

#[test]
fn bodies_in_any_charset_and_encoding() {
    let text = "代开發票";
    let utf8 = text.as_bytes().to_vec();
    for (charset, bytes) in [
        ("utf-8", utf8.clone()),
        ("gbk", GBK.encode(text).0.into_owned()),
        ("GB18030", GB18030.encode(text).0.into_owned()),
        ("", utf8.clone()),
        ("", GBK.encode(text).0.into_owned()),
    ] {
        let field = format!("Content-Type: text/plain; charset=\"{charset}\"");
        assert_eq!(bodies(&MessageFacts::read(&mixed(&[(&field, &bytes)]), &Bounds::default())), [("1", text)]);
        let mut quoted = format!("{field}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
        for byte in &bytes {
            quoted += &format!("={byte:02X}=\r\n");
        }
        assert_eq!(bodies(&MessageFacts::read(quoted.as_bytes(), &Bounds::default())), [("1", text)]);
        let mut eight = format!("{field}\r\n\r\n").into_bytes();
        eight.extend(&bytes);
        assert_eq!(bodies(&MessageFacts::read(&eight, &Bounds::default())), [("1", text)]);
    }
    let big5 = mixed(&[("Content-Type: text/plain; charset=Big5", &BIG5.encode("開發票").0)]);
    assert_eq!(bodies(&MessageFacts::read(&big5, &Bounds::default())), [("1", "開發票")]);
}

#[test]
fn html_is_read_across_tags_entities_and_line_breaks() {
    let facts = read("Content-Type: text/html; charset=utf-8\n\n<p>代<b>开</b>发&#31080;</p><p>代开\n发票</p>");
    assert_eq!(bodies(&facts), [("1", "代开发票 代开发票")]);
    let mut gbk = b"Content-Type: text/html\r\n\r\n<meta charset=big5>".to_vec();
    gbk.extend_from_slice(&BIG5.encode("開發票").0);
    assert_eq!(bodies(&MessageFacts::read(&gbk, &Bounds::default())), [("1", "開發票")]);
}

#[test]
fn parts_are_numbered_as_imap_numbers_them() {
    let facts = read(
        "Content-Type: multipart/mixed; boundary=\"=_a\"\n\npreamble\n\
         --=_a\nContent-Type: multipart/alternative; boundary=\"=_a2\"\n\n\
         --=_a2\n\nplain\n--=_a2\nContent-Type: text/html\n\n<i>h</i>tml\n--=_a2--\nepilogue\n\
         --=_a\nContent-Type: message/rfc822\n\n\
         Subject: =?utf-8?Q?=E5=86=85?=\nContent-Type: multipart/mixed; boundary=inner\n\n\
         --inner\n\none\n--inner\nContent-Type: message/rfc822\n\nSubject: deep\n\ndeepest\n--inner--\n\
         --=_a\nContent-Type: message/rfc822\n\nX: y\n\nthree\n\
         --=_a--\n--=_a\n\nafter the end\n",
    );
    let expected = [
        ("1.1", "plain"),
        ("1.2", "html"),
        ("2.1", "one"),
        ("2.2.1", "deepest"),
        ("3.1", "three"),
        ("4", "after the end"),
    ];
    assert_eq!(bodies(&facts), expected);
    let subjects: Vec<_> = facts.readings.iter().filter(|reading| reading.place == Spot::Subject).collect();
    assert_eq!(subjects.iter().map(|reading| reading.text.as_str()).collect::<Vec<_>>(), ["内", "deep"]);
    assert_eq!(facts.subject, "");
    assert_eq!(facts.headers.len(), 1);
    assert_eq!(facts.attachments.iter().map(|file| file.top).collect::<Vec<_>>(), [0, 0, 2]);
}

#[test]
fn multiparts_that_are_broken_are_still_read() {
    for (message, expected) in [
        ("Content-Type: multipart/mixed\n\nno boundary", vec![("1", "no boundary")]),
        ("Content-Type: multipart/mixed; boundary=x\n\nnever delimited", vec![("1", "never delimited")]),
        ("Content-Type: multipart/mixed; boundary=x\n\n--x\n\nnever ended", vec![("1", "never ended")]),
        ("Content-Type: multipart/mixed; boundary=x\n\n--x\nX: no body\n--x\n\nb\n--x--", vec![("2", "b")]),
        (
            "Content-Type: multipart/mixed; boundary=x\n\n--xyz\n\na\n--x \t\n\nb\nc --x\n",
            vec![("1", "a"), ("2", "b c --x")],
        ),
        (
            "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=y\n\nlost\n--x\n\nb\n--x--",
            vec![("1", "lost"), ("2", "b")],
        ),
        ("Content-Type: multipart/mixed; boundary*0=x; boundary*1=y\n\n--xy\n\na\n--xy--", vec![("1", "a")]),
        ("Content-Type: multipart/mixed; boundary*=us-ascii''x%79\n\n--xy\n\na\n--xy--", vec![("1", "a")]),
        ("Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: s\n\na\n--x--", vec![("1.1", "a")]),
    ] {
        assert_eq!(bodies(&read(message)), expected, "{message}");
    }
}

#[test]
fn an_attached_message_may_be_encoded() {
    let inner = b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ntext\r\n\
        --c\r\nContent-Disposition: attachment; filename=x.scr\r\n\r\nMZ\r\n--c--";
    let facts = MessageFacts::read(&mixed(&[("Content-Type: message/rfc822; name=a.eml", inner)]), &Bounds::default());
    assert_eq!(bodies(&facts)[0], ("1.1", "text"));
    assert!(facts.readings.iter().any(|reading| reading.place == Spot::Subject && reading.text == "inner"));
    assert_eq!(paths(&facts), ["a.eml", "x.scr"]);
    assert_eq!(facts.attachments[1].top, 0);
}

#[test]
fn what_is_simple_reads_as_mail_parser_reads_it() {
    let message = "Subject: =?utf-8?B?5Luj5byA?= x\nContent-Type: multipart/alternative; boundary=q\n\n\
        --q\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n\ntPq/qreixrE=\n\
        --q\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
        <p>caf=C3=A9 =\nau lait</p>\n--q--\n";
    let facts = read(message);
    let parsed = mail_parser::MessageParser::default().parse(message.as_bytes()).unwrap();
    assert_eq!(facts.subject, parsed.subject().unwrap());
    assert_eq!(bodies(&facts)[0].1, fold(&parsed.body_text(0).unwrap()));
    let mut folder = fold::Folder::new(1_000);
    html::read(&parsed.body_html(0).unwrap(), false, &mut folder);
    assert_eq!(bodies(&facts)[1].1, folder.finish());
}
