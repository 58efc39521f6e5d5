//! What a hostile peer does to the running program. docs/abuse.md lists all abuses with their tests.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::program::{Serving, mockmx};
use crate::serve::Client;

/// All that is answered to a script that is said at once.
fn said_to(address: SocketAddr, script: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // A server that has had enough may close before it has read everything.
    let _ = stream.write_all(script);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn serves(address: SocketAddr) -> bool {
    let script =
        b"EHLO x.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    said_to(address, script).contains("\r\n221 ")
}

#[test]
fn no_end_but_the_real_one_smuggles_a_second_message_in() {
    let folder = tempfile::tempdir().unwrap();
    let mockmx = Serving::start(folder.path(), &["--provider", "neutral"]);
    // Each of these ended a message at some server (CVE-2023-51764 and its kin).
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r\n.\r",
        "\r.\r\n",
        "\n.\r",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
        "\r\n. \r\n",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\n\n.\r\n",
        "\r\n..\r\n",
        "\r\n\u{2024}\r\n",
    ] {
        let script = format!(
            "EHLO x.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nfirst{end}MAIL \
             FROM:<smuggled@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n"
        );
        let answer = said_to(mockmx.address("smtp"), script.as_bytes());
        assert_eq!(answer.matches("queued as").count(), 1, "{end:?}: {answer}");
        assert_eq!(answer.matches("\r\n354 ").count(), 1, "{end:?}: {answer}");
    }
}

#[test]
fn who_breaks_off_at_any_place_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mockmx = Serving::start(folder.path(), &["--provider", "neutral"]);
    let address = mockmx.address("smtp");
    let lines = ["EHLO x.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.net>", "DATA", "text", ".", "QUIT"];
    for kept in 0..=lines.len() {
        for how in [None, Some(Shutdown::Write), Some(Shutdown::Both)] {
            let mut stream = TcpStream::connect(address).unwrap();
            for line in &lines[..kept] {
                let _ = stream.write_all(format!("{line}\r\n").as_bytes());
            }
            // Half a line more.
            let _ = stream.write_all(b"MAI");
            match how {
                Some(how) => drop(stream.shutdown(how)),
                // What is unread when a socket is closed makes the system send RST.
                None => drop(stream),
            }
        }
    }
    assert!(serves(address));
    let count = |state: &str| state.lines().find_map(|line| line.strip_prefix("mockmx_sessions_open ")?.parse().ok());
    // The last of them may not have been seen to end yet; each look is answered as soon as it is asked.
    let open =
        (0..1000).map(|_| count(&said_to(mockmx.address("http"), b"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")));
    assert!(open.into_iter().any(|open: Option<u64>| open == Some(0)), "sessions stay open");
}

#[test]
fn when_no_file_descriptor_is_left_accepting_goes_on_as_soon_as_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = std::process::Command::new("bash");
    let program = mockmx(folder.path());
    limited.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(program.get_program());
    limited.current_dir(folder.path()).env("MOCKMX_LOG__FILTER", "off").stdin(std::process::Stdio::null());
    limited.args(["serve", "--provider", "neutral"]);
    let mockmx = Serving::spawn(&mut limited);
    let address = mockmx.address("smtp");
    let mut held = Vec::new();
    // The system takes connections that the program cannot accept yet; those that it did accept are greeted.
    for _ in 0..60 {
        held.push(TcpStream::connect(address).unwrap());
    }
    let mut greeted = [0; 3];
    held[0].set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    held[0].read_exact(&mut greeted).unwrap();
    assert_eq!(&greeted, b"220");
    drop(held);
    let mut client = Client::connect(address);
    assert!(client.reply().starts_with("220"));
    assert!(serves(address));
}

#[test]
fn a_flood_of_connections_is_turned_away_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mockmx.toml"), "limits.connections = 20\n").unwrap();
    let mockmx = Serving::start(folder.path(), &["--provider", "neutral"]);
    let address = mockmx.address("smtp");
    let mut clients: Vec<_> = (0..20).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert!(client.reply().starts_with("220"));
    }
    for _ in 0..200 {
        assert!(Client::connect(address).reply().starts_with("421"));
    }
    assert!(clients[0].asked("NOOP").starts_with("250"));
    drop(clients);
    while !serves(address) {}
}

#[test]
fn a_regular_expression_that_would_blow_up_elsewhere_is_linear_here() {
    let folder = tempfile::tempdir().unwrap();
    let pack = "name = \"x\"\n[[rule]]\nid = \"evil\"\nstage = \"message\"\nwhen.keyword.regex = [\"(a+)+$\", \"(a|aa)+b\", \
                \"(.*a){20}\"]\nreply = \"550 evil\"\n";
    std::fs::write(folder.path().join("evil.toml"), pack).unwrap();
    let mockmx = Serving::start(folder.path(), &["--policies", ".", "--provider", "evil"]);
    // A backtracking engine would need longer than the universe is old.
    let text = format!("Subject: x\r\n\r\n{}!\r\n", format!("{}\r\n", "a".repeat(900)).repeat(100));
    let script = format!(
        "EHLO x.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n{text}.\r\nQUIT\r\n"
    );
    let answer = said_to(mockmx.address("smtp"), script.as_bytes());
    assert!(answer.contains("\r\n550 evil\r\n"), "{answer}");
}
