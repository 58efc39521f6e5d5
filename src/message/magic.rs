//! What a file is by its first bytes, whatever it is called.

/// The extension that fits the bytes, if they tell.
pub(super) fn magic(bytes: &[u8]) -> Option<&'static str> {
    // Enough for every signature that infer knows, and it never looks through megabytes.
    let head = &bytes[..bytes.len().min(8_192)];
    match infer::get(head) {
        Some(kind) => Some(kind.extension()),
        None if head.starts_with(b"MZ") => Some("exe"),
        None if head.starts_with(b"#!") => Some("sh"),
        None => None,
    }
}

/// Whether the bytes are a zip archive, also one that calls itself a document. Programs look for its end, so that there
/// may be anything before it: a program that unpacks it, or a line that hides it.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    // The end record and the longest comment behind it.
    const TAIL: usize = 22 + 0xffff;
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    begins_as_zip(bytes) || memchr::memmem::rfind(tail, b"PK\x05\x06").is_some_and(|at| tail.len() - at >= 22)
}

fn begins_as_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") || bytes.starts_with(b"PK\x07\x08PK\x03\x04")
}

/// Whether the bytes begin as gzip does (RFC 1952 §2.3.1), with deflate.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b\x08")
}

/// Whether the bytes hold the EICAR test string, wherever.
pub(super) fn is_infected(bytes: &[u8]) -> bool {
    // In two halves, so that this file is not taken for what it looks for.
    let test: [&[u8]; 2] = [b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
    let [head, tail] = test;
    memchr::memmem::find_iter(bytes, tail).any(|at| bytes[..at].ends_with(head))
}

#[cfg(test)]
pub(super) fn eicar() -> Vec<u8> {
    [b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$".as_slice(), b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_of_files() {
        for (bytes, extension) in [
            (b"MZ\x90\0\x03".as_slice(), Some("exe")),
            (b"MZ", Some("exe")),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", Some("elf")),
            (b"PK\x03\x04\x14\0\0\0", Some("zip")),
            (b"Rar!\x1a\x07\x01\0", Some("rar")),
            (b"7z\xbc\xaf\x27\x1c", Some("7z")),
            (b"%PDF-1.7", Some("pdf")),
            (b"#!/bin/sh\n", Some("sh")),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(magic(bytes), extension, "{bytes:?}");
        }
    }

    #[test]
    fn the_test_string_is_found_anywhere() {
        let mut bytes = b"before ".to_vec();
        assert_eq!(eicar().len(), 68);
        bytes.extend(eicar());
        assert!(is_infected(&bytes));
        assert!(!is_infected(&bytes[..bytes.len() - 1]));
        assert!(!is_infected(&bytes[8..]));
    }
}
