use std::net::SocketAddr;

use super::*;
use crate::reply::Reply;

fn submission() -> Play {
    Play::new(service(), facts_on(Role::Submission, TlsMode::StartTls)).and_past("EHLO a")
}

#[test]
fn plain_and_login() {
    for transcript in [
        "C: AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmV0
         S: 235 2.7.0 Authentication successful",
        "C: auth plain
         S: 334 
         C: AGFAZXhhbXBsZS5jb20Ac2VjcmV0
         S: 235 2.7.0 Authentication successful",
        "C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: YUBleGFtcGxlLmNvbQ==
         S: 334 UGFzc3dvcmQ6
         C: c2VjcmV0
         S: 235 2.7.0 Authentication successful",
        "C: AUTH login YUBleGFtcGxlLmNvbQ==
         S: 334 UGFzc3dvcmQ6
         C: c2VjcmV0
         S: 235 2.7.0 Authentication successful",
    ] {
        let mut play = submission();
        play.talk(transcript);
        assert_eq!(play.session.facts().login.as_deref(), Some("a@example.com"));
        assert_eq!(play.session.facts().attempt, None);
        play.talk(
            "C: AUTH LOGIN
             S: 503 5.5.1 Error: already authenticated",
        );
    }
}

#[test]
fn guessing_is_bounded() {
    let mut play = submission();
    play.talk(
        "C: AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmVU
         S: 535 5.7.8 Error: authentication failed
         C: AUTH PLAIN eABhQGV4YW1wbGUuY29tAHNlY3JldA==
         S: 535 5.7.8 Error: authentication failed
         C: AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmVU
         S: 421 4.7.0 mx.example Error: too many failed logins",
    );
    assert_eq!(play.step, Step::Close);
    assert_eq!(play.session.facts().counts.failed_logins, 3);
    // The second names another identity to act for, which is refused without a look at the password.
    assert_eq!(play.stages.iter().filter(|stage| **stage == Stage::Auth).count(), 2);
}

#[test]
fn the_policy_has_the_last_word_on_a_login() {
    let facts = facts_on(Role::Submission, TlsMode::None);
    let mut play = Play::with(service(), facts, |stage, facts| match (stage, &facts.attempt) {
        (Stage::Auth, Some(attempt)) => Action::Refuse(Reply::new(454, format!("{} {}", attempt.login, attempt.valid))),
        _ => Action::Accept,
    })
    .and_past("EHLO a");
    play.talk(
        "C: AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmV0
         S: 454 a@example.com true
         C: AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmVU
         S: 454 a@example.com false
         C: AUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmV0
         S: 454 a@example.com true",
    );
    assert_eq!(play.step, Step::Close);
    assert_eq!((&play.session.facts().login, &play.session.facts().attempt), (&None, &None));
}

#[test]
fn an_exchange_can_be_given_up_or_go_wrong() {
    let mut play = submission();
    play.talk(
        "C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: *
         S: 501 5.7.0 Error: authentication aborted
         C: AUTH PLAIN
         S: 334 
         C: what?
         S: 501 5.5.2 Error: malformed authentication response
         C: NOOP
         S: 250 2.0.0 Ok
         C: AUTH CRAM-MD5
         S: 504 5.5.4 Error: unknown authentication mechanism",
    );
}

#[test]
fn a_response_may_be_longer_than_a_command() {
    let mut play = submission().and_past("AUTH LOGIN");
    let reply = play.send(format!("{}\r\n", "A".repeat(12_288)).as_bytes());
    assert!(reply.starts_with("334 UGFzc3dvcmQ6"), "{reply}");
    let reply = play.send(format!("{}\r\n", "A".repeat(12_292)).as_bytes());
    assert_eq!(reply, "500 5.5.6 Error: authentication response too long\r\n");
}

#[test]
fn auth_has_its_place() {
    Play::new(service(), facts_on(Role::Submission, TlsMode::None)).talk(
        "C: AUTH PLAIN
         S: 503 5.5.1 Error: send HELO or EHLO first
         C: HELO a
         S: 250 mx.example
         C: MAIL FROM:<>
         S: 250 2.1.0 Ok
         C: AUTH PLAIN
         S: 503 5.5.1 Error: bad sequence of commands",
    );
}

#[test]
fn auth_over_the_network_needs_tls() {
    let mut facts = facts_on(Role::Submission, TlsMode::StartTls);
    facts.peer = SocketAddr::from(([192, 0, 2, 1], 25));
    let mut play = Play::new(service(), facts.clone());
    assert!(!play.send(b"EHLO a\r\n").contains("AUTH"));
    play.talk(
        "C: AUTH PLAIN
         S: 538 5.7.11 Error: encryption is required for authentication, use STARTTLS",
    );
    play.send(b"STARTTLS\r\n");
    play.session.tls_started(tls());
    assert!(play.send(b"EHLO a\r\n").contains("AUTH PLAIN LOGIN"));
    let mut play = Play::new(Service { auth_without_tls: true, ..service() }, facts);
    assert!(play.send(b"EHLO a\r\n").contains("AUTH PLAIN LOGIN"));
}
