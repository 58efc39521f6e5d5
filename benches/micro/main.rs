//! The parts on a message's way, each by itself. `make bench-parts` runs it.

#[path = "../src/text.rs"]
mod text;

use std::ffi::OsString;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mockmx::clock::Time;
use mockmx::facts::{Facts, SessionId, loopback};
use mockmx::journal::record::{Id, Message};
use mockmx::journal::{Content, Journal};
use mockmx::message::{Bounds, MessageFacts};
use mockmx::policy::Policy;
use mockmx::server::judge::judge;
use mockmx::settings::{Flags, Settings};
use mockmx::smtp::{Decoder, Service, Session, Step};
use mockmx::stage::Stage;
use mockmx::store::Lanes;
use mockmx::verdict::Verdict;

const NOW: Time = Time::from_unix_seconds(1_767_576_600);

/// A mockmx without its sockets.
struct Bench {
    settings: Settings,
    policy: Policy,
    lanes: Lanes,
}

impl Bench {
    fn new(provider: &str, keywords: usize) -> Self {
        let file = std::env::temp_dir().join(format!("mockmx-micro-{}.toml", std::process::id()));
        std::fs::write(&file, text::settings(keywords)).expect("settings can be written");
        let flags = Flags::default().config(Some(file.clone())).set("--provider", [provider]);
        let settings = Settings::load(&flags, [] as [(OsString, OsString); 0], Path::new("")).expect("settings");
        std::fs::remove_file(file).expect("settings can be removed");
        let policy = Policy::load(&settings).expect("packs");
        Self { settings, policy, lanes: Lanes::default() }
    }

    /// A session that has said EHLO.
    fn session(&self) -> Session {
        let listener = Arc::new(self.settings.listeners[0].facts());
        let service: Service = self.policy.service(&self.settings, &listener);
        let facts = Facts::new(SessionId(1), listener, loopback(), NOW);
        let mut session = Session::new(Arc::new(service), facts);
        step(&mut session, b"");
        step(&mut session, b"EHLO client.bench.example\r\n");
        session
    }

    /// The facts of a session at its final dot.
    fn facts(&self, message: &[u8]) -> Facts {
        let mut session = self.session();
        step(&mut session, b"MAIL FROM:<sender@bench.example>\r\n");
        step(&mut session, b"RCPT TO:<user@263.net>\r\n");
        session.receive(b"DATA\r\n");
        let mut facts = session.facts().clone();
        facts.message = Some(Arc::new(MessageFacts::read(message, &Bounds::default())));
        facts
    }

    fn judge(&self, stage: Stage, facts: &Facts) -> Verdict {
        judge(&self.policy, self.lanes.default_lane(), stage, facts, NOW)
    }
}

/// Hands the session a line and says yes to whatever it asks.
fn step(session: &mut Session, line: &[u8]) {
    session.receive(line);
    while let Step::Judge(_) = session.step() {
        session.resolve(&Verdict::accept());
    }
    session.output().clear();
    let _ = session.take_transcript();
}

fn commands(criterion: &mut Criterion) {
    let mut session = Bench::new("neutral", 1).session();
    let lines: [(&str, &[u8]); 3] = [
        ("noop", b"NOOP\r\n"),
        ("rset", b"RSET\r\n"),
        ("mail and rset", b"MAIL FROM:<sender@bench.example> SIZE=2048 BODY=8BITMIME\r\nRSET\r\n"),
    ];
    for (name, line) in lines {
        criterion.bench_function(&format!("command: {name}"), |b| b.iter(|| step(&mut session, black_box(line))));
    }
}

fn decode(criterion: &mut Criterion) {
    let message = text::message(64 << 10);
    let mut group = criterion.benchmark_group("DATA");
    group.throughput(Throughput::Bytes(message.len() as u64));
    let mut out = Vec::with_capacity(message.len());
    group.bench_function("decode 64 KiB", |b| {
        b.iter(|| {
            out.clear();
            Decoder::new(64 << 10).decode(black_box(&message), &mut out)
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    for size in [1 << 10, 64 << 10] {
        let message = text::message(size);
        group.throughput(Throughput::Bytes(message.len() as u64));
        let bounds = Bounds::default();
        group.bench_function(format!("read {} KiB", size >> 10), |b| {
            b.iter(|| MessageFacts::read(black_box(&message), &bounds));
        });
        group.bench_function(format!("read header of {} KiB", size >> 10), |b| {
            b.iter(|| MessageFacts::read_header(black_box(&message), &bounds));
        });
    }
    let parts = multipart();
    group.throughput(Throughput::Bytes(parts.len() as u64));
    group.bench_function("read 20 parts", |b| b.iter(|| MessageFacts::read(black_box(&parts), &Bounds::default())));
    group.finish();
}

/// Twenty parts: text, HTML and files in turn.
fn multipart() -> Vec<u8> {
    let mut message =
        "Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    for number in 0..20 {
        let (kind, body) = match number % 3 {
            0 => ("text/plain; charset=utf-8", "下一次会议定于十四日上午九点半\r\n".repeat(40)),
            1 => ("text/html; charset=utf-8", "<p>The next one is on the <b>14th</b>.</p>\r\n".repeat(40)),
            _ => ("application/octet-stream; name=a.bin", "AAAA".repeat(500)),
        };
        let encoding = if number % 3 == 2 { "base64" } else { "8bit" };
        message.push_str(&format!(
            "--b\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
        ));
    }
    message.push_str("--b--\r\n");
    message.into_bytes()
}

fn keywords(criterion: &mut Criterion) {
    let bench = Bench::new("263", 10_000);
    let mut group = criterion.benchmark_group("10,000 keywords");
    let random: String = text::keywords(12_000).iter().map(|word| word.chars().rev().collect::<String>()).collect();
    let prose = |first: usize| text::LINES.iter().skip(first).step_by(2).copied().collect::<String>().repeat(200);
    for (name, body) in [("English", prose(0)), ("Chinese", prose(1)), ("random CJK and ASCII", random)] {
        let facts = bench.facts(format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n").as_bytes());
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| b.iter(|| bench.judge(Stage::Message, black_box(&facts))));
    }
    group.finish();
}

fn judges(criterion: &mut Criterion) {
    for provider in ["neutral", "netease"] {
        let bench = Bench::new(provider, 1);
        let facts = bench.facts(&text::message(1 << 10));
        for stage in [Stage::Command, Stage::Mail, Stage::Rcpt, Stage::Message] {
            let name = format!("judge: {provider}, {}", stage.name());
            criterion.bench_function(&name, |b| b.iter(|| bench.judge(stage, black_box(&facts))));
        }
    }
}

fn journal(criterion: &mut Criterion) {
    let bench = Bench::new("neutral", 1);
    let raw = text::message(1 << 10);
    let facts = bench.facts(&raw);
    let journal = Arc::new(Journal::in_memory(10_000, 64 << 20));
    let session = Id::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let accepted = || {
        let providers = vec!["neutral".to_owned()];
        Message::accepted(session, &facts, &Verdict::accept(), ("mx.example", providers), Vec::new(), 1024, NOW)
    };
    criterion.bench_function("journal: make a message's record", |b| b.iter(accepted));
    criterion.bench_function("journal: keep a message in memory", |b| {
        b.iter_batched(
            || (accepted(), Content::in_memory(raw.clone())),
            |(message, content)| runtime.block_on(journal.message(message, content)),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(parts, commands, decode, read, keywords, judges, journal);
criterion_main!(parts);
