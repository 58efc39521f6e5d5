//! Whatever calls itself an archive is walked through within the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx::message::{Bounds, MessageFacts};

const HEAD: &[u8] = b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: binary\r\n\r\n";

fuzz_target!(|input: (u8, &[u8])| {
    let (narrow, archive) = input;
    let mut bounds = Bounds { inflated: 4 << 20, inflated_member: 1 << 20, ..Bounds::default() };
    if narrow & 1 != 0 {
        bounds = Bounds { inflated: 3_000, inflated_member: 1_000, held: 2_000, ratio: 3, ..bounds };
    }
    if narrow & 2 != 0 {
        bounds = Bounds { attachments: 3, archive_depth: 1, text: 50, ..bounds };
    }
    let raw = [HEAD, archive].concat();
    let facts = MessageFacts::read(&raw, &bounds);
    assert!(facts.attachments.len() <= bounds.attachments);
    for (at, file) in facts.attachments.iter().enumerate() {
        assert!(file.top == 0 && file.path.len() <= bounds.archive_depth + 1, "{file:?} at {at}");
    }
    for index in 0..=facts.attachments.len().min(5) {
        if let Some((file, bytes)) = MessageFacts::attachment(&raw, &bounds, index) {
            assert_eq!(Some(&file), facts.attachments.get(index));
            assert!(index == 0 || bytes.len() <= bounds.inflated);
        }
    }
});
