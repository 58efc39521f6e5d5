//! Chunks: what their bytes are never matters, and each is answered by their sizes alone.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mockmx::facts::{Role, TlsMode};
use mockmx::smtp::{Limits, Service, Step};
use mockmx_fuzz::play::{Play, facts};
use mockmx_fuzz::split::pieces;

const LIMIT: usize = 40;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    sizes: [u8; 3],
    chunks: Vec<(bool, u8)>,
    bytes: &'a [u8],
}

/// How far the message is.
enum Sent {
    /// There is no transaction.
    Nothing,
    Text(Vec<u8>),
    Refused,
}

fuzz_target!(|input: Input<'_>| {
    let (mut stream, mut rest) = (Vec::new(), input.bytes);
    let (mut wanted, mut messages, mut sent) = (Vec::new(), Vec::new(), Sent::Text(Vec::new()));
    let mut step = Step::Read;
    for (last, size) in input.chunks {
        let text;
        (text, rest) = rest.split_at(rest.len().min(usize::from(size)));
        stream.extend(format!("BDAT {}{}\r\n", text.len(), if last { " LAST" } else { "" }).bytes());
        stream.extend(text);
        let before = if let Sent::Text(before) = &sent { before.len() } else { 0 };
        if before + text.len() > 2 * LIMIT {
            wanted.push("552");
            step = Step::Close;
            break;
        }
        (sent, step) = match sent {
            Sent::Text(mut all) => {
                all.extend(text);
                let fits = all.len() <= LIMIT;
                wanted.push(if fits { "250" } else { "552" });
                let sent = match (fits, last) {
                    (true, false) => Sent::Text(all),
                    (false, false) => Sent::Refused,
                    (true, true) => {
                        messages.push(all);
                        Sent::Nothing
                    }
                    (false, true) => Sent::Nothing,
                };
                (sent, step)
            }
            refused => {
                wanted.push("503");
                (refused, step)
            }
        };
    }
    for sizes in [&[][..], &[1], &input.sizes] {
        let limits = Limits { message: LIMIT as u64, errors: u32::MAX, ..Limits::default() };
        let service =
            Service { persona: Default::default(), limits, accounts: Default::default(), auth_without_tls: false };
        let mut play = Play::new(service, facts(Role::Mx, TlsMode::None), &[]);
        play.send(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\n");
        play.output.clear();
        pieces(&stream, sizes).iter().for_each(|piece| play.send(piece));
        let output = String::from_utf8(play.output).expect("replies are UTF-8");
        assert_eq!(output.lines().map(|line| &line[..3]).collect::<Vec<_>>(), wanted);
        assert_eq!((&play.messages, play.step), (&messages, step));
    }
});
