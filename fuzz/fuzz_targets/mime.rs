//! A message is read whatever it is, within the bounds, and the same by each way of reading it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx::message::{Bounds, MessageFacts, fuzzing::bodies, virus_notice};

fuzz_target!(|input: (bool, &[u8])| {
    let (narrow, raw) = input;
    let mut bounds = Bounds { inflated: 8 << 20, inflated_member: 1 << 20, ..Bounds::default() };
    if narrow {
        bounds =
            Bounds { header_fields: 8, header_bytes: 200, parts: 6, depth: 3, text: 200, attachments: 4, ..bounds };
    }
    let facts = MessageFacts::read(raw, &bounds);
    assert_eq!(facts.size, raw.len() as u64);
    assert!(facts.headers.len() <= bounds.header_fields);
    assert!(facts.attachments.len() <= bounds.attachments);
    assert!(facts.readings.iter().map(|reading| reading.text.len()).sum::<usize>() <= bounds.text);
    for (at, file) in facts.attachments.iter().enumerate() {
        assert!(file.top <= at && !file.path.is_empty(), "{file:?} at {at}");
        assert_eq!(facts.attachments[file.top].top, file.top);
        assert!(!file.infected || facts.attachments[file.top].infected);
    }
    let bodies = bodies(raw, &bounds);
    assert!(bodies.len() <= bounds.parts.max(1), "{} parts", bodies.len());
    assert!(bodies.iter().all(|body| body.start <= body.end && body.end <= raw.len()), "{bodies:?}");
    let (same, texts) = MessageFacts::read_with_texts(raw, &bounds);
    assert_eq!(same, facts);
    assert!(texts.iter().map(|text| text.text.len()).sum::<usize>() <= bounds.text);
    let head = MessageFacts::read_header(raw, &bounds);
    assert_eq!((&head.headers, &head.subject), (&facts.headers, &facts.subject));
    for index in 0..=facts.attachments.len().min(3) {
        let wanted = facts.attachments.get(index);
        let found = MessageFacts::attachment(raw, &bounds, index);
        assert!(found.as_ref().is_none_or(|(file, _)| Some(file) == wanted), "{found:?} for {wanted:?}");
    }
    let _ = facts.virus();
    let notice = virus_notice(raw, &facts, &facts.subject, "mx.example", "Thu, 1 Jan 1970 00:00:00 +0000");
    let notice = MessageFacts::read(&notice, &Bounds::default());
    assert_eq!(notice.attachments.first().map(|file| file.path.as_slice()), Some(&["original.zip".to_owned()][..]));
});
