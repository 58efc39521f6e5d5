//! `mockmx try`, against a mockmx that serves and against servers that say something else.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mockmx::policy::Policy;
use mockmx::settings::{Flags, Settings};

use crate::program::{Serving, Watchdog, mockmx, said};

/// Packs whose rules do all that a rule can do.
const OWN: &str = r##"
name = "own"
host = "mx.own.example"
[[rule]]
id = "early"
stage = "connect"
trigger-only = true
reply = "554 {ip} is on our list"
[[rule]]
id = "greeting"
stage = "helo"
trigger-only = true
reply = "550 {helo} is no name"
[[rule]]
id = "login"
stage = "auth"
trigger-only = true
reply = "535 {login} is frozen"
[[rule]]
id = "count"
stage = "command"
trigger-only = true
reply = "421 too many commands"
close = true
[[rule]]
id = "varying"
stage = "mail"
trigger-only = true
reply = "451 MI:SFQ {host},{queue-id} {epoch}\nplease see http://own.example/?from={sender-domain}&ip={ip}"
[[rule]]
id = "close"
stage = "rcpt"
trigger-only = true
reply = "452 4.2.2 <{recipient}> in {recipient-domain}"
close = true
[[rule]]
id = "drop"
stage = "rcpt"
trigger-only = true
then = "drop"
[[rule]]
id = "reset"
stage = "mail"
trigger-only = true
then = "reset"
[[rule]]
id = "stall"
stage = "data"
trigger-only = true
then = "stall"
[[rule]]
id = "refuse-data"
stage = "data"
trigger-only = true
reply = "554  two spaces"
[[rule]]
id = "subject"
stage = "message"
trigger-only = true
reply = "554 {subject}? {{no}}"
[[rule]]
id = "gone"
stage = "message"
trigger-only = true
then = "discard"
[[rule]]
id = "filed"
stage = "message"
trigger-only = true
folder = "odd"
[[rule]]
id = "slow"
stage = "rcpt"
trigger-only = true
delay = "10ms"
"##;

fn trial(folder: &Path, server: &Serving, arguments: &[&str]) -> (String, String, Option<i32>) {
    let (smtp, submission) = (server.address("smtp").to_string(), server.address("submission").to_string());
    let mut command = mockmx(folder);
    command.args(["try", "--smtp", &smtp, "--submission", &submission]).args(arguments);
    said(&command.output().unwrap())
}

/// How many rules the built-in packs have.
fn built_in_rules() -> usize {
    let settings = Settings::load(&Flags::default(), [], Path::new("")).unwrap();
    Policy::load(&settings).unwrap().providers().iter().map(|provider| provider.rules.len()).sum()
}

#[test]
fn every_rule_of_every_pack_answers_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["--log", "warn"]);
    let (text, errors, code) = trial(folder.path(), &server, &["--all"]);
    assert_eq!((errors.as_str(), code), ("", Some(0)), "{text}");
    let count = built_in_rules();
    assert_eq!(text.lines().filter(|line| line.starts_with("ok    ")).count(), count, "{text}");
    let end = text.lines().last().unwrap();
    assert!(end.starts_with(&format!("{count} of {count} rules answered as their packs say, in ")), "{end}");
}

#[test]
fn all_that_a_rule_can_do_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.toml"), OWN).unwrap();
    let server = Serving::start(folder.path(), &["--log", "warn", "--policies", "own.toml"]);
    let (text, errors, code) = trial(folder.path(), &server, &["--policies", "own.toml", "--all", "own"]);
    assert_eq!((errors.as_str(), code), ("", Some(0)), "{text}");
    assert!(text.contains("\n14 of 14 rules answered as their packs say, in "), "{text}");
    for line in [
        "ok    own/filed  message  accepted; what follows (file) is not looked at\n",
        " s; of 3 only that they accept the message was looked at\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let (text, _, code) = trial(
        folder.path(),
        &server,
        &["--policies", "own.toml", "--to", "a@b.example", "--to", "c@d.example", "own/close", "own/early"],
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\nC: MAIL FROM:<close@own.mockmx.test>\n"), "{text}");
    assert!(text.contains("\nS: 452 4.2.2 <a@b.example> in b.example\n*  the end of the connection\n"), "{text}");
    assert!(text.contains("\nok: own/early answered as its pack says, late, at MAIL\n"), "{text}");
}

#[test]
fn one_rule_shows_its_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &["--log", "warn"]);
    let (text, errors, code) = trial(folder.path(), &server, &["263/keyword"]);
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], format!("*  connected to {}", server.address("smtp")));
    assert_eq!(lines[1], "S: 220 Welcome to TAP gateway for 263");
    for line in ["C: RCPT TO:<keyword@263.mockmx.test>", "C: Subject: mockmx try 263/keyword", "C: .", "C: QUIT"] {
        assert!(lines.contains(&line), "{text}");
    }
    assert!(text.contains("\nC: .\nS: 598  mail rejected by keyword\nC: QUIT\n"), "{text}");
    assert_eq!(lines.last(), Some(&"ok: 263/keyword answered as its pack says, at the message"));
}

#[test]
fn another_pack_on_the_server_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.toml"), OWN).unwrap();
    let server = Serving::start(folder.path(), &["--log", "warn", "--policies", "own.toml"]);
    std::fs::write(
        folder.path().join("own.toml"),
        OWN.replace("554  two", "554 two").replace("then = \"drop\"", "then = \"stall\""),
    )
    .unwrap();
    let (text, errors, code) = trial(folder.path(), &server, &["--policies", "own.toml", "--all", "own"]);
    assert_eq!((errors.as_str(), code), ("", Some(1)));
    let failed: Vec<_> = text.lines().filter(|line| line.starts_with("FAIL  ")).collect();
    assert_eq!(
        failed,
        [
            "FAIL  own/drop  expected silence at RCPT, but the end of the connection came at RCPT",
            "FAIL  own/refuse-data  expected `554 two spaces` at DATA, but `554  two spaces` came at DATA",
        ]
    );
    assert!(text.contains("\n12 of 14 rules answered as their packs say, in "), "{text}");
}

/// Runs `mockmx try 263/keyword` against a server that answers every line, the connection first, by `answer`.
fn against(answer: fn(&str) -> &'static str) -> (String, Option<i32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut said = String::new();
        loop {
            let answer = answer(&said);
            // The client may have hung up.
            if answer == "end" || (&stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
            match lines.next() {
                Some(Ok(line)) => said = line,
                _ => return,
            }
        }
    });
    let mut command: Command = mockmx(Path::new("/"));
    let (text, _, code) = said(&command.args(["try", "--smtp", &address, "263/keyword"]).output().unwrap());
    server.join().unwrap();
    (text, code)
}

#[test]
fn a_server_that_says_something_else_fails() {
    let (text, code) = against(|_| "554 \u{1b}[2Jgo away\r\n");
    assert_eq!(code, Some(1));
    let end = "failed: 263/keyword expected `598  mail rejected by keyword` at the message, but `554 \\u{1b}[2Jgo away` came at the connection\n";
    assert!(text.ends_with(end) && !text.contains('\u{1b}'), "{text}");
    let (text, code) = against(|said| if said.starts_with("MAIL") { "end" } else { "220 hello\r\n" });
    assert_eq!(code, Some(1));
    assert!(text.ends_with("but the end of the connection came at MAIL\n"), "{text}");
    let (text, code) = against(|said| match said {
        "DATA" => "354 go\r\n",
        "." => "250 taken\r\n",
        said if said.contains(": ") || said.is_empty() && said.starts_with(' ') => "",
        said if said.starts_with("An innocent") => "",
        _ => "250 fine\r\n",
    });
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn wrong_names_and_a_server_that_is_not_there_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let (text, errors, code) = said(&mockmx(folder.path()).arg("try").args(arguments).output().unwrap());
        assert_eq!(text, "");
        (errors, code)
    };
    let (errors, code) = run(&["263"]);
    assert_eq!(
        (errors.as_str(), code),
        ("error: `263` is a provider; `mockmx try --all 263` tries all its rules\n", Some(1))
    );
    let (errors, code) = run(&["263/no\u{1b}"]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with("error: there is no rule `263/no\\u{1b}`;"), "{errors}");
    for (wrong, help) in [
        ("263/keywrod", "did you mean `263/keyword`?\n"),
        ("236/Keyword", "did you mean `263/keyword`?\n"),
        ("keyword", "did you mean `263/keyword`?\n"),
        ("263/zzzzzzzzzzz", "`mockmx providers ID` lists a provider's rules\n"),
    ] {
        assert_eq!(run(&[wrong]), (format!("error: there is no rule `{wrong}`; {help}"), Some(1)));
    }
    let (errors, _) = run(&["--all", "263/keyword"]);
    assert_eq!(errors, "error: with --all go providers; `mockmx try 263/keyword` tries one rule\n");
    assert_eq!(run(&["--all", "nobody"]).1, Some(1));
    assert_eq!(run(&["--to", "a@b>", "263/keyword"]).1, Some(1));
    assert_eq!(run(&[]).1, Some(2));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (errors, code) = run(&["--smtp", &address, "--all"]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with(&format!("error: cannot connect to {address}; does mockmx run there: ")), "{errors}");
}

/// Runs `mockmx try` with `arguments` against a server that takes connections and says nothing.
fn against_silence(arguments: &[&str], meanwhile: fn(&Child)) -> (String, String, Option<i32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = mockmx(Path::new("/"));
    command.args(["try", "--smtp", &address]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let _watchdog = Watchdog::over(&child, "KILL");
    let _connection = listener.accept().unwrap();
    meanwhile(&child);
    said(&child.wait_with_output().unwrap())
}

#[test]
fn an_interrupt_ends_it_with_what_is_known_so_far() {
    let interrupt = |child: &Child| {
        assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    };
    let (text, errors, code) = against_silence(&["--all"], interrupt);
    let left = built_in_rules();
    let wanted = format!("interrupted: 0 of 0 rules answered as their packs say; {left} were not tried\n");
    assert_eq!((text, errors.as_str(), code), (wanted, "", Some(130)));
}

#[test]
fn a_server_that_does_not_greet_is_not_asked_for_every_rule() {
    let (text, errors, code) = against_silence(&["--all", "--patience", "1"], |_| {});
    assert_eq!((text.lines().count(), code), (1, Some(1)), "{text}");
    assert_eq!(errors, "error: whoever listens there does not greet; is it a mockmx\n");
    let (text, _, code) = against_silence(&["263/keyword", "--patience", "1"], |_| {});
    assert!(text.contains("\n*  silence\nfailed: 263/keyword "), "{text}");
    assert_eq!(code, Some(1));
}
