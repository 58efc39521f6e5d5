use proptest::prelude::*;

use super::*;

#[test]
fn many_parts_are_bounded() {
    let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    raw.extend(b"--b\r\n\r\nx\r\n".repeat(100_000));
    let facts = MessageFacts::read(&raw, &Bounds::default());
    assert_eq!(bodies(&facts).len(), Bounds::default().parts - 1);
    assert_eq!(facts.unseen, ["parts"]);
}

#[test]
fn a_message_in_the_last_part_is_not_one_too_many() {
    // Found by fuzzing.
    let digest = b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: 1\r\n\r\n1\r\n--d\r\n\r\n\r\n2\r\n--d--";
    for parts in 1..=5 {
        let split = parts::split(digest, &Bounds { parts, ..Bounds::default() });
        assert!(split.parts.len() <= parts, "{} of {parts}", split.parts.len());
        assert_eq!(split.unseen.is_empty(), parts == 5);
    }
}

#[test]
fn deep_nesting_is_bounded() {
    let mut raw = String::new();
    for level in 0..10_000 {
        raw += &format!("Content-Type: multipart/mixed; boundary=b{level}.\r\n\r\n--b{level}.\r\n");
    }
    let facts = MessageFacts::read(raw.as_bytes(), &Bounds::default());
    assert_eq!(facts.unseen, ["nested parts"]);
    let raw = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000) + "Subject: x\r\n\r\nx";
    let facts = MessageFacts::read(raw.as_bytes(), &Bounds::default());
    assert_eq!(facts.attachments.len(), Bounds::default().depth + 1);
    let mut raw = b"Subject: innermost\r\n\r\nx".to_vec();
    for _ in 0..20 {
        raw = mixed(&[("Content-Type: message/rfc822", &raw)]);
    }
    let facts = MessageFacts::read(&raw, &Bounds::default());
    assert!(facts.readings.iter().any(|reading| reading.text == "innermost"));
    let facts = MessageFacts::read(&raw, &Bounds { depth: 5, ..Bounds::default() });
    assert!(!facts.readings.iter().any(|reading| reading.text == "innermost"));
}

#[test]
fn lines_like_delimiters_are_passed_over() {
    // With a search for each missing delimiter, or for each line, this would take hours.
    let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for level in 0..900 {
        raw.extend(format!("--b\r\nContent-Type: multipart/mixed; boundary=missing{level}\r\n\r\n").as_bytes());
        raw.extend(b"--c\n".repeat(2_000));
    }
    let facts = MessageFacts::read(&raw, &Bounds::default());
    assert_eq!(bodies(&facts).len(), 900);
}

#[test]
fn headers_beyond_the_bounds_are_named() {
    let raw = format!("Subject: s\r\n{}\r\nbody", "X: y\r\n".repeat(100_000));
    let facts = MessageFacts::read(raw.as_bytes(), &Bounds::default());
    assert_eq!(facts.headers.len(), Bounds::default().header_fields);
    assert_eq!(bodies(&facts), [("1", "body")]);
    assert_eq!(facts.unseen, ["header fields"]);
    assert_eq!(MessageFacts::read_header(raw.as_bytes(), &Bounds::default()).unseen, ["header fields"]);
}

#[test]
fn text_is_bounded_in_all() {
    let bounds = Bounds { text: 1_000, ..Bounds::default() };
    let long = "word ".repeat(150);
    let part = ("Content-Type: text/plain", long.as_bytes());
    let facts = MessageFacts::read(&mixed(&[part, part, part]), &bounds);
    let total: usize = facts.readings.iter().map(|reading| reading.text.len()).sum();
    assert!(total <= 1_000 && total > 900, "{total}");
    assert_eq!(facts.unseen, ["text"]);
}

#[test]
fn bombs_are_defused() {
    let zeros = vec![0; 4 << 20];
    let bomb = zip(&[(b"a", &zeros), (b"b", &zeros), (b"c.exe", b"MZ")]);
    for bounds in [
        Bounds { inflated_member: 1 << 16, ..Bounds::default() },
        Bounds { inflated: 1 << 16, ..Bounds::default() },
        Bounds { ratio: 10, ..Bounds::default() },
        Bounds { held: 1 << 16, ..Bounds::default() },
    ] {
        let facts = MessageFacts::read(&attached("a.zip", &bomb), &bounds);
        assert_eq!(paths(&facts), ["a.zip", "a.zip/a", "a.zip/b", "a.zip/c.exe"]);
        assert_eq!(facts.unseen, ["members of archives"], "{bounds:?}");
    }
    let many: Vec<_> = (0..500).map(|number| format!("{number}").into_bytes()).collect();
    let many = zip(&many.iter().map(|name| (name.as_slice(), b"".as_slice())).collect::<Vec<_>>());
    let facts = MessageFacts::read(&attached("a.zip", &many), &Bounds { attachments: 100, ..Bounds::default() });
    assert_eq!((facts.attachments.len(), facts.unseen.as_slice()), (100, ["attachments".to_owned()].as_slice()));
    // Names count too: each path repeats those of the archives around it.
    let long = vec![b'n'; 60_000];
    let named: Vec<_> = (0..50).map(|_| (long.as_slice(), b"".as_slice())).collect();
    let nested = zip(&[(&long, &zip(&named))]);
    let facts = MessageFacts::read(&attached("a.zip", &nested), &Bounds { text: 1 << 20, ..Bounds::default() });
    assert!(facts.attachments.len() < 12);
    assert!(facts.unseen.contains(&"attachments".to_owned()));
}

#[test]
fn overlapping_members_are_paid_for() {
    // Empty blocks, which inflate to nothing: one member, which the directory names two hundred times.
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) = archive.new_file("x").compression_method(CompressionMethod::DEFLATE).start().unwrap();
    let mut writer = config.wrap(&mut entry);
    writer.write_all(&b"\0\0\0\xff\xff".repeat(200_000)).unwrap();
    let descriptor = writer.finish().unwrap().1;
    entry.finish(descriptor).unwrap();
    let bytes = archive.finish().unwrap();
    let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(&bytes, b"PK\x05\x06").unwrap();
    let record = &bytes[directory..end];
    let mut tail = bytes[end..].to_vec();
    tail[8..10].copy_from_slice(&200u16.to_le_bytes());
    tail[10..12].copy_from_slice(&200u16.to_le_bytes());
    tail[12..16].copy_from_slice(&(record.len() as u32 * 200).to_le_bytes());
    let overlapping = [&bytes[..directory], &record.repeat(200), &tail].concat();
    let facts =
        MessageFacts::read(&attached("a.zip", &overlapping), &Bounds { inflated: 4 << 20, ..Bounds::default() });
    assert_eq!(facts.attachments.len(), 201);
    assert_eq!(facts.unseen, ["members of archives"]);
}

/// A message that has something of everything.
fn everything() -> Vec<u8> {
    let inner = zip(&[(b"x.scr", b"MZ"), (b"stored", b"text")]);
    let outer = zip(&[(b"inner.zip", &inner), (b"y", b"yyyyyyyyyyyyyyyyyyy")]);
    let nested = attached("=?gb2312?B?tPq/qreixrE=?=.zip", &inner);
    let mut raw = b"Subject: =?gb2312?B?tPq/?= =?gb2312?B?qreixrE=?= \xb4\xfa\r\n".to_vec();
    raw.extend(mixed(&[
        ("Content-Type: text/html; charset=gbk", b"<p>\xb4\xfa<b>\xbf\xaa</b>&#31080;<br>x"),
        ("Content-Type: text/plain", b"a\nbegin 644 x\n#0V%T\n`\nend\n"),
        ("Content-Type: application/zip; name*0*=gbk'zh'%B4; name*1*=%FA.zip", &outer),
        ("Content-Type: message/rfc822", &nested),
    ]));
    raw
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read(raw in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(MessageFacts::read(&raw, &Bounds::default()).size, raw.len() as u64);
        let _ = MessageFacts::read(&attached("a", &raw), &Bounds::default());
    }

    #[test]
    fn any_mail_like_text_is_read(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "Subject: ", "Content-Type: ", "multipart/mixed; ", "message/rfc822\n", "text/html", "boundary=b", "\n", "\n\n",
                "--b\n", "--b--\n", "=?gbk?B?", "?=", "=?utf-8?Q?=E4", "name*0*=", "utf-8''%E4", "; ", "\"", "\\", " ", "\r", "<script>",
                "<b", "&#x", "begin 644 x\n", "end\n", "Content-Transfer-Encoding: base64\n", "Content-Disposition: attachment;", ":", "=",
            ]),
            0..60,
        ),
    ) {
        let raw = pieces.concat();
        let facts = MessageFacts::read(raw.as_bytes(), &Bounds::default());
        prop_assert!(facts.attachments.iter().enumerate().all(|(at, file)| file.top <= at));
    }

    #[test]
    fn any_damage_is_borne(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
        let mut raw = everything();
        for (at, byte) in &changes {
            let at = at.index(raw.len());
            raw[at] = *byte;
        }
        let _ = MessageFacts::read(&raw, &Bounds::default());
        raw.truncate(cut.index(raw.len()));
        let _ = MessageFacts::read(&raw, &Bounds::default());
    }

    #[test]
    fn any_damage_to_a_zip_is_borne(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let inner = zip(&[(b"x.scr", b"MZ"), (b"stored", b"text")]);
        let mut bytes = zip(&[(b"inner.zip", &inner), (b"stored.zip", &inner)]);
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let facts = MessageFacts::read(&attached("a.zip", &bytes), &Bounds::default());
        prop_assert!(!facts.attachments.is_empty());
    }
}

#[test]
fn something_of_everything_is_read() {
    let facts = MessageFacts::read(&everything(), &Bounds::default());
    assert_eq!(facts.subject, "代开发票 代");
    assert_eq!(bodies(&facts)[0], ("1", "代开票 x"));
    let expected = [
        "x",
        "代.zip",
        "代.zip/inner.zip",
        "代.zip/inner.zip/x.scr",
        "代.zip/inner.zip/stored",
        "代.zip/y",
        "",
        "代开发票.zip",
        "代开发票.zip/x.scr",
        "代开发票.zip/stored",
    ];
    assert_eq!(paths(&facts), expected);
    assert!(facts.unseen.is_empty());
}
