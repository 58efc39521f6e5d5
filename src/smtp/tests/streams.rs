//! Any bytes, however they are split.

use proptest::prelude::*;

use super::*;
use crate::reply::Reply;

/// Pieces of which a stream is made: commands, texts, their ends, and what is none of these.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"EHLO a\r\n"[..],
        b"HELO a\n",
        b"MAIL FROM:<a@b.c>\r\n",
        b"MAIL FROM:<> SIZE=3\r\n",
        b"RCPT TO:<a@b.c>\r\n",
        b"RCPT TO:<bad@b.c>\r\n",
        b"DATA\r\n",
        b"BDAT 3\r\n",
        b"BDAT 2 LAST\r\n",
        b"BDAT 40\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"STARTTLS\r\n",
        b"AUTH LOGIN\r\n",
        b"AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmV0\r\n",
        b"YQ==\r\n",
        b"*\r\n",
        b"FOO\r\n",
        b"\r\n.\r\n",
        b".\r\n",
        b"\n.\n",
        b"\r\n..",
        b"\r",
        b"\n",
        b".",
        b"xxx",
        b"0123456789012345678901234567890123456789",
        b"GET",
        b" ",
        b"QUIT\r\n",
        b"\x16",
        b"\x03",
        b"\0",
        b"\xff",
    ]);
    prop_oneof![9 => known.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..8)]
}

fn policy(stage: Stage, facts: &Facts) -> Action {
    match stage {
        Stage::Rcpt if facts.recipient().is_some_and(|recipient| recipient.local() == "bad") => {
            Action::Refuse(Reply::new(550, "no"))
        }
        Stage::Message if facts.counts.messages == 2 => Action::RefuseAndClose(Reply::new(421, "enough")),
        _ => Action::Accept,
    }
}

/// What came of a stream: all replies, all messages, all stages, and the last step.
type Result = (String, Vec<Vec<u8>>, Vec<Stage>, Step);

fn play<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result {
    let limits = Limits { command_line: 64, text_line: 30, message: 50, recipients: 2, errors: 6, failed_logins: 2 };
    let service = Service { limits, ..service() };
    let mut play = Play::with(service, facts_on(Role::Submission, TlsMode::None), policy);
    for piece in pieces {
        play.send(piece);
    }
    (String::from_utf8(play.output).unwrap(), play.messages, play.stages, play.step)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_stream_means_the_same_however_it_is_split(
        stream in prop::collection::vec(pieces(), 0..30),
        ready in any::<bool>(),
        sizes in prop::collection::vec(1_usize..20, 1..10),
    ) {
        let start: &[u8] = if ready { b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\n" } else { b"" };
        let stream = [start, &stream.concat()].concat();
        let whole = play([stream.as_slice()]);
        let mut rest = stream.as_slice();
        let mut split = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            split.push(piece);
            rest = after;
        }
        prop_assert_eq!(&play(split), &whole);
        prop_assert_eq!(&play(stream.chunks(1)), &whole);
        prop_assert!(whole.0.lines().all(|line| line.len() >= 4 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit)));
    }
}

proptest! {
    // Each case is as many sessions as its stream has bytes.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn a_stream_means_the_same_wherever_it_is_split_in_two(stream in prop::collection::vec(pieces(), 1..16)) {
        let stream = [b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\n", &*stream.concat()].concat();
        let whole = play([stream.as_slice()]);
        for at in 0..=stream.len() {
            let (before, after) = stream.split_at(at);
            prop_assert_eq!(&play([before, after]), &whole, "at {}", at);
        }
    }
}
