//! Command lines, however they come: as the definition has them, and never more than a line is held.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx::smtp::fuzzing::cut;
use mockmx_fuzz::{naive, split::pieces};

fuzz_target!(|input: (u8, [u8; 3], &[u8])| {
    let (limit, sizes, stream) = input;
    let limit = usize::from(limit % 64) + 1;
    let (lines, rest) = naive::lines(stream, limit);
    for sizes in [&[][..], &[1], &sizes] {
        let cut = cut(pieces(stream, sizes), limit);
        assert_eq!(cut.lines, lines);
        // Of a line that is too long by now nothing is kept.
        assert!(cut.rest == rest || cut.rest.is_empty() && rest.len() >= limit);
    }
});
