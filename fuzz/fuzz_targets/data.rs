//! DATA ends at CR LF . CR LF alone, and says what the definition says, however it comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx::smtp::Decoder;
use mockmx_fuzz::naive::{self, Text};
use mockmx_fuzz::split::pieces;

fuzz_target!(|input: (u8, [u8; 3], &[u8])| {
    let (limit, sizes, wire) = input;
    let limit = usize::from(limit);
    let wanted = naive::data(wire, limit);
    for sizes in [&[][..], &[1], &sizes] {
        let (mut decoder, mut text, mut end, mut at) = (Decoder::new(limit), Vec::new(), None, 0);
        for piece in pieces(wire, sizes) {
            let decoded = decoder.decode(piece, &mut text);
            at += decoded.used;
            if decoded.finished {
                end = Some(at);
                break;
            }
            assert_eq!(decoded.used, piece.len());
        }
        let found = Text { text, end, too_long: decoder.line_too_long(), bare_lf: decoder.bare_lf() };
        assert_eq!(found, wanted);
    }
});
