//! The commands, as a shell meets them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::program::{mockmx, said};

#[test]
fn help_shows_flags_defaults_and_examples() {
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("record", &["record", "--help"]),
        ("serve", &["serve", "--help"]),
        ("check", &["check", "-h"]),
        ("providers", &["providers", "-h"]),
        ("report", &["report", "-h"]),
        ("reproduce", &["reproduce", "--help"]),
    ] {
        let output = mockmx(Path::new("/")).args(arguments).output().unwrap();
        let (text, errors, code) = said(&output);
        assert_eq!((errors.as_str(), code), ("", Some(0)));
        insta::assert_snapshot!(format!("help_{name}"), text);
    }
}

#[test]
fn the_version_is_the_package_s() {
    let output = mockmx(Path::new("/")).arg("--version").output().unwrap();
    assert_eq!(said(&output).0, format!("mockmx {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    for arguments in [&["--nope"][..], &["sing"], &["--smtp"], &["--smtp", "0", "check"], &["--log-format", "xml"]] {
        let output = mockmx(Path::new("/")).args(arguments).output().unwrap();
        let (text, errors, code) = said(&output);
        assert_eq!((text.as_str(), code), ("", Some(2)), "{arguments:?}");
        assert!(errors.starts_with("error: "), "{errors}");
    }
}

#[test]
fn check_says_ok_where_nothing_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let output = mockmx(folder.path()).arg("check").output().unwrap();
    assert_eq!(said(&output), ("ok built-in settings\n".to_owned(), String::new(), Some(0)));
    std::fs::write(folder.path().join("mockmx.toml"), "smtp = 0\n").unwrap();
    let output = mockmx(folder.path()).arg("check").output().unwrap();
    assert_eq!(said(&output), ("ok mockmx.toml\n".to_owned(), String::new(), Some(0)));
}

#[test]
fn check_draws_every_problem_of_file_variable_and_flag() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mockmx.toml"), "smtp = 99999\n\n[limits]\nidle = \"soon\"\n").unwrap();
    let mut command = mockmx(folder.path());
    let output = command.env("MOCKMX_SMPT", "2525").args(["check", "--http", "nowhere"]).output().unwrap();
    let (text, errors, code) = said(&output);
    assert_eq!((text.as_str(), code), ("", Some(1)));
    insta::assert_snapshot!(errors);
}

#[test]
fn check_names_the_file_that_each_problem_is_in() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "smtp = 0\n").unwrap();
    std::fs::write(folder.path().join("b.toml"), "smtp = true\n").unwrap();
    let output = mockmx(folder.path()).args(["check", "a.toml", "b.toml", "c.toml"]).output().unwrap();
    let (text, errors, code) = said(&output);
    assert_eq!((text.as_str(), code), ("ok a.toml\n", Some(1)));
    assert!(errors.contains(" --> b.toml:1:8"), "{errors}");
    assert!(errors.contains("c.toml"), "{errors}");
}

#[test]
fn serve_does_not_start_with_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let output = mockmx(folder.path()).args(["--smtp", "nowhere"]).output().unwrap();
    let (text, errors, code) = said(&output);
    assert_eq!((text.as_str(), code), ("", Some(1)));
    assert!(errors.starts_with("error: --smtp: `nowhere` is no address to listen on"), "{errors}");
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "x\u{1b}]0;owned\u{7}\u{1b}[31m";
    let output = mockmx(folder.path()).args(["check", "--smtp", hostile, "--hosted", hostile]).output().unwrap();
    let (_, errors, code) = said(&output);
    assert_eq!(code, Some(1));
    assert!(!errors.contains(|c: char| c.is_control() && c != '\n'), "{errors:?}");
    let output = mockmx(folder.path()).args(["providers", hostile]).output().unwrap();
    let (_, errors, code) = said(&output);
    assert_eq!(code, Some(1));
    assert!(!errors.contains(|c: char| c.is_control() && c != '\n'), "{errors:?}");
}

/// Answers one HTTP request with `answer`; returns the request.
pub(crate) fn http_once(answer: &'static [u8]) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, served)
}

#[test]
fn health_is_the_status_of_readyz() {
    for (answer, printed, wanted) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..], "200\n", 0),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\ndraining", "503\n", 1),
        (b"220 mx.example.com ESMTP\r\n", "", 1),
        (b"", "", 1),
    ] {
        let (address, served) = http_once(answer);
        let output = mockmx(Path::new("/")).args(["health", &address]).output().unwrap();
        let (text, errors, code) = said(&output);
        assert_eq!((text.as_str(), code), (printed, Some(wanted)), "{errors}");
        let request = served.join().unwrap();
        assert_eq!(request, format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
    }
}

#[test]
fn health_fails_where_somebody_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for _ in 0..20 {
        let output = mockmx(Path::new("/")).args(["health", &address]).output().unwrap();
        assert_eq!(said(&output).2, Some(1));
    }
}

#[test]
fn health_fails_where_nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = mockmx(Path::new("/")).args(["health", &address]).output().unwrap();
    let (text, errors, code) = said(&output);
    assert_eq!((text.as_str(), code), ("", Some(1)));
    assert!(errors.contains(&format!("cannot ask {address}")), "{errors}");
}
