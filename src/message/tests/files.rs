use encoding_rs::GBK;

use super::super::magic::eicar;
use super::*;

#[test]
fn names_are_kept_as_they_are() {
    let mut raw = b"Content-Type: application/octet-stream; name=\"=?gb2312?B?tPq/qreixrE=?=.exe\"\r\n\
        Content-Disposition: attachment; filename*0*=utf-8''%E4%BB%A3; filename*1=\".txt \"; filename=\""
        .to_vec();
    raw.extend_from_slice(&GBK.encode("发票.scr. ").0);
    raw.extend_from_slice(b"\"\r\n\r\nMZ");
    let facts = MessageFacts::read(&raw, &Bounds::default());
    assert_eq!(facts.attachments.len(), 1);
    assert_eq!(facts.attachments[0].path, ["代.txt "]);
    assert_eq!(facts.attachments[0].aliases, ["发票.scr. ", "代开发票.exe"]);
    assert_eq!((facts.attachments[0].magic, facts.attachments[0].size), (Some("exe"), 2));
    let names: Vec<_> = facts.readings.iter().filter(|reading| reading.place == Spot::AttachmentName).collect();
    assert_eq!(
        names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(),
        ["代.txt", "发票.scr.", "代开发票.exe"]
    );
}

#[test]
fn what_counts_as_attached() {
    let facts = MessageFacts::read(
        &mixed(&[
            ("Content-Type: text/plain", b"body"),
            ("Content-Type: text/plain; name=a.txt", b"named"),
            ("Content-Type: text/html\r\nContent-Disposition: attachment", b"disposed"),
            ("Content-Type: application/pdf", b"%PDF-1.4"),
        ]),
        &Bounds::default(),
    );
    assert_eq!(paths(&facts), ["a.txt", "", ""]);
    assert_eq!(facts.attachments[2].magic, Some("pdf"));
    assert_eq!(bodies(&facts), [("1", "body"), ("2", "named"), ("3", "disposed")]);
}

#[test]
fn zips_are_opened_in_zips() {
    let inner = zip(&[(b"x.scr", b"MZ...")]);
    let middle = zip(&[(b"stored.zip", &inner), (b"dir/", b"")]);
    let outer = zip(&[(b"middle.txt", &middle), ("发票.pdf".as_bytes(), b"%PDF-1"), (&GBK.encode("代开.doc").0, b"")]);
    let facts = MessageFacts::read(&attached("a.bin", &outer), &Bounds::default());
    let expected = [
        "a.bin",
        "a.bin/middle.txt",
        "a.bin/middle.txt/stored.zip",
        "a.bin/middle.txt/stored.zip/x.scr",
        "a.bin/发票.pdf",
        "a.bin/代开.doc",
    ];
    assert_eq!(paths(&facts), expected);
    let magics: Vec<_> = facts.attachments.iter().map(|file| file.magic).collect();
    assert_eq!(magics, [Some("zip"), Some("zip"), Some("zip"), Some("exe"), Some("pdf"), None]);
    assert!(facts.attachments.iter().all(|file| file.top == 0 && !file.encrypted && !file.infected));
    assert!(facts.unseen.is_empty());

    let shallow = Bounds { archive_depth: 2, ..Bounds::default() };
    let facts = MessageFacts::read(&attached("a.bin", &outer), &shallow);
    assert_eq!(facts.attachments.len(), 5);
    assert_eq!(facts.unseen, ["archives within archives"]);
}

#[test]
fn encrypted_members_are_listed_by_name() {
    let mut bytes = zip(&[(b"stored.exe", b"MZ")]);
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = memchr::memmem::find(&bytes, signature).unwrap();
        bytes[at + flags] |= 1;
    }
    let facts = MessageFacts::read(&attached("a.zip", &bytes), &Bounds::default());
    assert_eq!(paths(&facts), ["a.zip", "a.zip/stored.exe"]);
    assert!(facts.attachments[1].encrypted);
    assert_eq!((facts.attachments[1].magic, facts.attachments[1].size), (None, 2));
}

#[test]
fn a_zip_that_names_a_member_twice_shows_both_names() {
    let mut bytes = zip(&[(b"aaaa.txt", b"x")]);
    let at = memchr::memmem::find(&bytes, b"aaaa.txt").unwrap();
    bytes[at..at + 8].copy_from_slice(b"aaaa.exe");
    let facts = MessageFacts::read(&attached("a.zip", &bytes), &Bounds::default());
    assert_eq!(facts.attachments[1].path, ["a.zip", "aaaa.txt"]);
    assert_eq!(facts.attachments[1].aliases, ["aaaa.exe"]);
}

#[test]
fn a_broken_zip_is_read_as_far_as_it_goes() {
    let mut infected = eicar();
    infected.extend([b'x'; 100]);
    let whole = zip(&[(b"first.txt", &infected), (b"second.exe", b"MZ and so on"), (b"third.txt", b"3")]);
    let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    for length in [directory, directory + 30, whole.len() - 10] {
        let mut message = attached("a.zip", &whole[..length]);
        message.truncate(message.len() - 7);
        message.extend(b"--b\r\n\r\nthe rest\r\n--b--");
        let facts = MessageFacts::read(&message, &Bounds::default());
        assert_eq!(paths(&facts), ["a.zip", "a.zip/first.txt", "a.zip/second.exe", "a.zip/third.txt"], "{length}");
        assert_eq!(facts.attachments[2].magic, Some("exe"));
        assert!(facts.attachments[0].infected && facts.attachments[1].infected && !facts.attachments[2].infected);
        assert_eq!(bodies(&facts), [("2", "the rest")]);
    }
}

#[test]
fn a_zip_is_found_behind_something_else() {
    let inner = zip(&[(b"x.scr", b"1")]);
    for before in [b"a line before it\n".as_slice(), b"MZ and a program that unpacks it", &[0; 100_000]] {
        let bytes = [before, &inner].concat();
        let facts = MessageFacts::read(&attached("a.txt", &bytes), &Bounds::default());
        assert_eq!(paths(&facts), ["a.txt", "a.txt/x.scr"]);
    }
}

#[test]
fn gzip_holds_one_file() {
    let mut encoder = flate2::GzBuilder::new().filename("x.exe").write(Vec::new(), Compression::fast());
    encoder.write_all(b"MZ").unwrap();
    let named = encoder.finish().unwrap();
    let facts = MessageFacts::read(&attached("a.gz", &named), &Bounds::default());
    assert_eq!(paths(&facts), ["a.gz", "a.gz/x.exe"]);
    assert_eq!(facts.attachments[1].magic, Some("exe"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&eicar()).unwrap();
    let facts = MessageFacts::read(&attached("b.js.gz", &encoder.finish().unwrap()), &Bounds::default());
    assert_eq!(paths(&facts), ["b.js.gz", "b.js.gz/b.js"]);
    assert_eq!(facts.virus(), Virus::Only);
}

#[test]
fn uuencoded_files_are_found_in_text() {
    let facts = read(
        "Subject: x\n\nhello\nbegin 644 x.exe\n\"35H!\n`\nend\nbegin 755 y.scr\n#0V%T\n`\nend\nbye\nbegin there\n",
    );
    assert_eq!(paths(&facts), ["x.exe", "y.scr"]);
    assert_eq!((facts.attachments[0].magic, facts.attachments[1].size), (Some("exe"), 3));
}

#[test]
fn the_virus_is_alone_or_beside_clean_files() {
    let virus = eicar();
    let file = "Content-Disposition: attachment; filename=a";
    let virus_of = |parts: &[(&str, &[u8])]| MessageFacts::read(&mixed(parts), &Bounds::default()).virus();
    let text = ("Content-Type: text/plain", b"see attachment".as_slice());
    assert_eq!(virus_of(&[text]), Virus::None);
    assert_eq!(virus_of(&[text, (file, b"clean")]), Virus::None);
    assert_eq!(virus_of(&[text, (file, &virus)]), Virus::Only);
    assert_eq!(virus_of(&[text, (file, &virus), (file, &virus)]), Virus::Only);
    assert_eq!(virus_of(&[text, (file, &virus), (file, b"clean")]), Virus::Beside);
    // A clean member of an infected archive is no clean attachment.
    let zipped = zip(&[(b"clean", b"x"), (b"in.zip", &zip(&[(b"virus.com", &virus)]))]);
    assert_eq!(virus_of(&[text, (file, &zipped)]), Virus::Only);
    assert_eq!(virus_of(&[text, (file, &zipped), (file, b"clean")]), Virus::Beside);
    let facts = MessageFacts::read(&mixed(&[(file, &zipped)]), &Bounds::default());
    assert_eq!(facts.attachments.iter().map(|file| file.infected).collect::<Vec<_>>(), [true, false, true, true]);
    // Nor is a clean file in an attached message that holds an infected one.
    let nested = mixed(&[(file, &virus), (file, b"clean")]);
    assert_eq!(virus_of(&[("Content-Type: message/rfc822", &nested)]), Virus::Only);
    let mut plain =
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n".to_vec();
    plain.extend(&nested);
    plain.extend(b"\r\n--o--");
    assert_eq!(MessageFacts::read(&plain, &Bounds::default()).virus(), Virus::Only);
    // The text is no attachment.
    assert_eq!(virus_of(&[("Content-Type: text/plain", &virus)]), Virus::None);
}
