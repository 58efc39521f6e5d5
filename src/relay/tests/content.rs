use proptest::prelude::*;

use super::*;

#[test]
fn lines_end_with_cr_lf_and_dots_are_stuffed() {
    for (raw, wanted) in [
        (&b""[..], &b""[..]),
        (b"a\r\n", b"a\r\n"),
        (b"a", b"a\r\n"),
        (b".\r\n", b"..\r\n"),
        (b"a\r\n.b\r\n..\r\n", b"a\r\n..b\r\n...\r\n"),
        (b"a\n.\nMAIL FROM:<>\n", b"a\r\n..\r\nMAIL FROM:<>\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n"),
        (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n"),
        (b"\xB4\xFA.\0\r\n", b"\xB4\xFA.\0\r\n"),
    ] {
        let outgoing = Outgoing::new(raw).unwrap();
        assert_eq!(outgoing.bytes, wanted, "{raw:?}");
        assert_eq!(outgoing.is_eight_bit, !raw.is_ascii());
    }
    assert_eq!(Outgoing::new(b".a\r\n").unwrap().size, 4);
}

proptest! {
    /// However a server takes line ends, it finds no line of a single dot, and no CR or LF alone.
    #[test]
    fn nothing_ends_the_message_early(raw in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..40)) {
        let sent = Outgoing::new(&raw).unwrap().bytes;
        let text = String::from_utf8(sent).unwrap();
        prop_assert!(text.is_empty() || text.ends_with("\r\n"));
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert!(text.split("\r\n").all(|line| line != "."));
        // What the server makes of it are the lines of the original.
        let taken: Vec<_> = text.split("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
        let original = String::from_utf8(raw).unwrap().replace("\r\n", "\n").replace('\r', "\n");
        let taken = taken.join("\n");
        prop_assert_eq!(taken.trim_end_matches('\n'), original.trim_end_matches('\n'));
    }
}

#[test]
fn a_message_that_goes_round_in_circles_is_not_sent() {
    let trace = |count: usize| {
        let fields = "Received: from a by b\r\n\twith SMTP\r\n".repeat(count);
        format!("{fields}Subject: x\r\n\r\nReceived: as text\r\n").into_bytes()
    };
    assert!(Outgoing::new(&trace(MOST_RECEIVED - 1)).is_ok());
    let halt = Outgoing::new(&trace(MOST_RECEIVED)).unwrap_err();
    assert_eq!(halt, Halt::Unable("the message goes round in circles: it has 100 Received fields".to_owned()));
    // Also if there are more of them than anything else here looks at.
    assert!(Outgoing::new(&trace(20_000)).is_err());
}

#[test]
fn an_address_cannot_end_its_line() {
    for (from, to) in [("", "a@b"), ("a@b", "c@d"), ("", "\"a b\"@c"), ("", "用户@例子.中国")] {
        assert!(Envelope::new(from, to, false).is_ok(), "{from} {to}");
    }
    for (from, to) in [("", ""), ("a", "b@c"), ("", "a@b>\r\nDATA"), ("a@b\r\nRCPT TO:<x@y>", "b@c"), ("", "a b@c")] {
        assert!(matches!(Envelope::new(from, to, false), Err(Halt::Unable(_))), "{from} {to}");
    }
}
