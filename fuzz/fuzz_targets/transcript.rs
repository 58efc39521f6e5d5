//! A password that comes by AUTH, however it is spelled and wherever it is cut, is in no transcript.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use base64::Engine as _;
use base64::prelude::*;
use libfuzzer_sys::fuzz_target;
use mockmx::accounts::Accounts;
use mockmx::facts::{Role, TlsMode};
use mockmx::smtp::{Limits, Persona, Service, Spoken};
use mockmx_fuzz::play::{Play, facts};
use mockmx_fuzz::split::pieces;

#[derive(Arbitrary, Debug)]
struct Input {
    sizes: [u8; 3],
    password: [u8; 6],
    known: bool,
    role: bool,
    greets: bool,
    short: bool,
    tries: Vec<Try>,
}

/// One AUTH, and what follows it.
#[derive(Arbitrary, Debug)]
struct Try {
    before: u8,
    verb: u8,
    between: u8,
    mechanism: u8,
    gap: u8,
    initial: Option<Form>,
    end: u8,
    responses: Vec<(Form, u8, u8)>,
}

/// How the password is written.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Form {
    Bare,
    Base64,
    Unpadded,
    Url,
    Plain,
    PlainUnpadded,
    Name,
    Empty,
    Abort,
}

impl Form {
    fn of(self, password: &str) -> String {
        let plain = format!("\0a@example.com\0{password}");
        match self {
            Self::Bare => password.to_owned(),
            Self::Base64 => BASE64_STANDARD.encode(password),
            Self::Unpadded => BASE64_STANDARD_NO_PAD.encode(password),
            Self::Url => BASE64_URL_SAFE.encode(password),
            Self::Plain => BASE64_STANDARD.encode(plain),
            Self::PlainUnpadded => BASE64_STANDARD_NO_PAD.encode(plain),
            Self::Name => BASE64_STANDARD.encode("a@example.com"),
            Self::Empty => "=".to_owned(),
            Self::Abort => "*".to_owned(),
        }
    }

    const fn is_secret(self) -> bool {
        !matches!(self, Self::Name | Self::Empty | Self::Abort)
    }
}

fn pick<T: Copy>(of: &[T], by: u8) -> T {
    of[usize::from(by) % of.len()]
}

const BEFORE: [&[u8]; 10] =
    [b"", b" ", b"\t", b"\0", b"\x0b", b"\xff\xfb\x01", b"\xef\xbb\xbf", b".", b"\r", b"EHLO a\r"];
const VERBS: [&str; 6] = ["AUTH", "auth", "aUtH", "AUTHENTICATE", "XAUTH", "AUTH\u{a0}"];
const BETWEEN: [&[u8]; 8] = [b" ", b"\t", b"  ", b"=", b"", b":", b"\x0b", b"\xff"];
const MECHANISMS: [&str; 7] = ["PLAIN", "login", "LoGiN", "CRAM-MD5", "XOAUTH2", "what", ""];
const ENDS: [&[u8]; 7] = [b"\r\n", b"\n", b"\r\r\n", b" \r\n", b"\t\n", b" x\r\n", b"\r"];

fuzz_target!(|input: Input| {
    let password: String = input.password.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let password = format!("s3cr3t{password}");
    let mut stream = Vec::new();
    let mut secrets = vec![password.clone()];
    let mut write = |stream: &mut Vec<u8>, form: Form| {
        let written = form.of(&password);
        stream.extend(written.bytes());
        if form.is_secret() {
            secrets.push(written);
        }
    };
    if input.greets {
        stream.extend(b"EHLO a\r\n");
    }
    for each in input.tries.iter().take(4) {
        stream.extend(pick(&BEFORE, each.before));
        stream.extend(pick(&VERBS, each.verb).bytes());
        stream.extend(pick(&BETWEEN, each.between));
        stream.extend(pick(&MECHANISMS, each.mechanism).bytes());
        if let Some(form) = each.initial {
            stream.extend(pick(&BETWEEN, each.gap));
            write(&mut stream, form);
        }
        stream.extend(pick(&ENDS, each.end));
        for (form, before, end) in each.responses.iter().take(4) {
            stream.extend(pick(&BEFORE[..7], *before));
            write(&mut stream, *form);
            stream.extend(pick(&ENDS, *end));
        }
    }
    let passwords = input.known.then(|| ("a@example.com".to_owned(), password.clone()));
    for sizes in [&[][..], &[1], &input.sizes] {
        let limits = Limits { command_line: if input.short { 30 } else { 4_096 }, ..Limits::default() };
        let service = Service {
            persona: Arc::new(Persona::default()),
            limits,
            accounts: Arc::new(Accounts { any: false, passwords: passwords.clone().into_iter().collect() }),
            auth_without_tls: false,
        };
        let role = if input.role { Role::Submission } else { Role::Mx };
        let mut play = Play::new(service, facts(role, TlsMode::StartTls), &[]);
        pieces(&stream, sizes).iter().for_each(|piece| play.send(piece));
        for spoken in &play.spoken {
            let (Spoken::Client { text, .. } | Spoken::Server { text, .. }) = spoken;
            let shown = secrets.iter().find(|secret| text.contains(secret.as_str()));
            assert!(shown.is_none(), "{text:?} shows {shown:?}, of {}", stream.escape_ascii());
        }
    }
});
