//! A command line means the same with blanks around it, and no less where more is offered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx::smtp::fuzzing::{is_request, parse};
use mockmx::smtp::{Extension, Extensions};

fuzz_target!(|input: (u16, &[u8])| {
    let (set, line) = input;
    let offered: Extensions =
        Extension::ALL.into_iter().enumerate().filter(|(at, _)| set >> at & 1 != 0).map(|(_, each)| each).collect();
    let parsed = parse(line, offered);
    assert_eq!(parse(&[&b" \t"[..], line, b"\t "].concat(), offered), parsed);
    if let Ok(command) = parsed {
        assert!(!is_request(line), "a command is taken for HTTP");
        assert_eq!(parse(line, Extensions::all()), Ok(command));
        assert!(!line.iter().any(|byte| *byte < b' ' && *byte != b'\t'), "a command has a control character");
    }
});
