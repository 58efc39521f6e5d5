use super::*;
use crate::smtp::{Canned, Extension, Extensions, Spoken};
use crate::template::ReplyTemplate;

#[test]
fn a_message_goes_through() {
    let mut play = Play::new(service(), facts());
    assert_eq!(play.output, b"220 mx.example ESMTP mockmx\r\n");
    play.talk(
        "C: EHLO client.example
         S: 250-mx.example
         S: 250-PIPELINING
         S: 250-SIZE 36700160
         S: 250-ENHANCEDSTATUSCODES
         S: 250-8BITMIME
         S: 250-DSN
         S: 250-SMTPUTF8
         S: 250-CHUNKING
         S: 250 HELP
         C: MAIL FROM:<a@example.com> SIZE=20 BODY=8BITMIME RET=FULL ENVID=x
         S: 250 2.1.0 Ok
         C: RCPT TO:<b@example.com> NOTIFY=NEVER
         S: 250 2.1.5 Ok
         C: DATA
         S: 354 End data with <CR><LF>.<CR><LF>
         C: Subject: hi
         C: .
         S: 250 2.0.0 Ok: queued as 4C9E3DE7C15
         C: QUIT
         S: 221 2.0.0 Bye",
    );
    assert_eq!(play.step, Step::Close);
    assert_eq!(play.messages, [b"Subject: hi\r\n"]);
    assert_eq!(play.stages, [Stage::Connect, Stage::Helo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Message]);
    assert_eq!(play.session.facts().counts.messages, 1);
    assert!(!play.session.in_transaction());
}

#[test]
fn a_pipelined_session_is_answered_in_one_write() {
    let mut play = Play::past("EHLO a");
    play.talk(
        "C: MAIL FROM:<>
         C: RCPT TO:<b@example.com>
         C: DATA
         C: one
         C: ..
         C: .
         C: MAIL FROM:<a@example.com>
         C: RCPT TO:<Postmaster>
         C: DATA
         C: .
         C: NOOP
         C: QUIT
         C: NOOP
         S: 250 2.1.0 Ok
         S: 250 2.1.5 Ok
         S: 354 End data with <CR><LF>.<CR><LF>
         S: 250 2.0.0 Ok: queued as 4C9E3DE7C15
         S: 250 2.1.0 Ok
         S: 250 2.1.5 Ok
         S: 354 End data with <CR><LF>.<CR><LF>
         S: 250 2.0.0 Ok: queued as E836329F82A
         S: 250 2.0.0 Ok
         S: 221 2.0.0 Bye",
    );
    assert_eq!(play.messages, [&b"one\r\n.\r\n"[..], b""]);
}

#[test]
fn the_session_of_the_document() {
    let mut persona = Persona::neutral("263.net");
    persona.extensions = Extensions::none();
    persona.set(Canned::Banner, ReplyTemplate::parse("220 Welcome to TAP gateway for 263").unwrap());
    let service = Service { persona: persona.into(), ..service() };
    let mut play = Play::with(service, facts(), |stage, _| match stage {
        Stage::Rcpt => Action::Refuse(crate::reply::Reply::new(554, "Sender address rejected: Access denied")),
        _ => Action::Accept,
    });
    assert_eq!(play.output, b"220 Welcome to TAP gateway for 263\r\n");
    play.talk(
        "C: helo a
         S: 250 263.net
         C: mail from:<admin@用户公司域名>
         S: 250 Ok
         C: rcpt to:<admin@用户公司域名>
         S: 554 Sender address rejected: Access denied
         C: DATA
         S: 554 Error: no valid recipients
         C: EHLO a
         S: 250 263.net",
    );
    assert_eq!(play.session.facts().counts.refused_recipients, 1);
    assert!(!play.session.in_transaction());
}

#[test]
fn a_greeting_orders_and_words_its_extensions() {
    let mut persona = Persona::neutral("mx.example");
    persona.extensions =
        [Extension::Pipelining, Extension::Size, Extension::Auth, Extension::Help].into_iter().collect();
    let greeting = "250 SIZE\nHELP\nAUTH LOGIN\nAUTH=LOGIN\ncoremail x\nDSN\nSIZE 7";
    persona.set(Canned::Ehlo, ReplyTemplate::parse(greeting).unwrap());
    let service = Service { persona: persona.into(), ..service() };
    // Nobody can log in at an MX, and DSN is not offered. The first line is a name, whatever it is.
    Play::with(service, facts(), |_, _| Action::Accept).talk(
        "C: EHLO a
         S: 250-SIZE
         S: 250-HELP
         S: 250-coremail x
         S: 250-SIZE 7
         S: 250 PIPELINING",
    );
}

#[test]
fn commands_have_an_order() {
    Play::past("NOOP").talk(
        "C: MAIL FROM:<a@example.com>
         S: 503 5.5.1 Error: send HELO or EHLO first
         C: RCPT TO:<a@example.com>
         S: 503 5.5.1 Error: send HELO or EHLO first",
    );
    Play::past("EHLO a").talk(
        "C: RCPT TO:<a@example.com>
         S: 503 5.5.1 Error: need MAIL command
         C: DATA
         S: 503 5.5.1 Error: need MAIL command
         C: MAIL FROM:<a@example.com>
         S: 250 2.1.0 Ok
         C: DATA
         S: 554 5.5.1 Error: no valid recipients
         C: MAIL FROM:<a@example.com>
         S: 503 5.5.1 Error: nested MAIL command
         C: RSET
         S: 250 2.0.0 Ok
         C: MAIL FROM:<a@example.com>
         S: 250 2.1.0 Ok
         C: HELO b
         S: 250 mx.example
         C: MAIL FROM:<a@example.com>
         S: 250 2.1.0 Ok",
    );
}

#[test]
fn the_small_commands() {
    let mut play = Play::past("EHLO a");
    play.talk(
        "C: NOOP what ever
         S: 250 2.0.0 Ok
         C: VRFY b@example.com
         S: 252 2.0.0 Cannot verify the user, but will take the message and try to deliver it
         C: EXPN staff
         S: 502 5.5.1 Error: EXPN is not implemented
         C: HELP mail
         S: 214 2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH
         C: EHLO
         S: 501 5.5.4 Syntax: HELO hostname
         C: AUTH PLAIN
         S: 503 5.5.1 Error: authentication is not enabled here
         C: STARTTLS
         S: 502 5.5.1 Error: TLS is not offered here",
    );
    assert_eq!(play.session.facts().helo.as_ref().unwrap().name, "a");
}

#[test]
fn utf8_addresses_need_smtputf8_where_it_is_offered() {
    Play::past("EHLO a").talk(
        "C: MAIL FROM:<用户@example.com>
         S: 553 5.6.7 Error: a UTF-8 address needs SMTPUTF8 with MAIL
         C: MAIL FROM:<a@example.com>
         S: 250 2.1.0 Ok
         C: RCPT TO:<用户@example.com>
         S: 553 5.6.7 Error: a UTF-8 address needs SMTPUTF8 with MAIL
         C: RSET
         S: 250 2.0.0 Ok
         C: MAIL FROM:<用户@example.com> SMTPUTF8
         S: 250 2.1.0 Ok
         C: RCPT TO:<用户@example.com>
         S: 250 2.1.5 Ok",
    );
    let mut persona = Persona::neutral("mx.example");
    persona.extensions = Extensions::all().without(Extension::SmtpUtf8);
    let mut play = Play::new(Service { persona: persona.into(), ..service() }, facts()).and_past("EHLO a");
    play.talk(
        "C: MAIL FROM:<用户@example.com>
         S: 250 2.1.0 Ok",
    );
}

#[test]
fn a_bare_lf_ends_a_command_but_no_message() {
    let mut play = Play::past("EHLO a");
    let answer = play.send(b"MAIL FROM:<a@b.c>\nRCPT TO:<a@b.c>\nDATA\n");
    assert_eq!(answer.lines().count(), 3);
    assert_eq!(play.send(b"x\n.\nMAIL FROM:<evil@b.c>\n.\r\n\r\n.\nRSET\r.\r\n"), "");
    assert!(play.send(b"\r\n.\r\n").starts_with("250 2.0.0 Ok: queued"));
    assert_eq!(play.messages.len(), 1);
    assert_eq!(play.session.facts().counts.transactions, 1);
}

#[test]
fn starttls_forgets_what_was_said_and_drops_what_was_pipelined() {
    let mut play = Play::new(service(), facts_on(Role::Submission, TlsMode::StartTls)).and_past("EHLO a");
    assert!(
        play.send(b"MAIL FROM:<a@b.c>\r\nSTARTTLS\r\nRSET\r\nNOOP\r\n").ends_with("220 2.0.0 Ready to start TLS\r\n")
    );
    assert_eq!(play.step, Step::StartTls);
    assert_eq!(play.send(b"MAIL FROM:<evil@b.c>\r\n"), "");
    assert_eq!(play.step, Step::StartTls);
    play.session.tls_started(tls());
    play.go();
    assert_eq!(play.step, Step::Read);
    let facts = play.session.facts();
    assert!(facts.tls.is_some() && facts.helo.is_none() && facts.envelope.sender.is_none());
    play.talk(
        "C: MAIL FROM:<a@b.c>
         S: 503 5.5.1 Error: send HELO or EHLO first
         C: STARTTLS
         S: 503 5.5.1 Error: TLS is already in use",
    );
    let ehlo = play.send(b"EHLO a\r\n");
    assert!(!ehlo.contains("STARTTLS") && ehlo.contains("250-AUTH PLAIN LOGIN\r\n"), "{ehlo}");
}

#[test]
fn starttls_that_is_refused_in_a_provider_s_own_words_is_no_handshake() {
    let mut persona = Persona::neutral("mx.example");
    persona.set(Canned::StartTls, ReplyTemplate::parse("454 TLS not available").unwrap());
    let service = Service { persona: persona.into(), ..service() };
    let mut play = Play::new(service, facts_on(Role::Submission, TlsMode::StartTls)).and_past("EHLO a");
    play.talk(
        "C: STARTTLS
         S: 454 TLS not available
         C: NOOP
         S: 250 2.0.0 Ok",
    );
}

#[test]
fn starttls_takes_no_parameter() {
    let mut play = Play::new(service(), facts_on(Role::Mx, TlsMode::StartTls));
    let ehlo = play.send(b"EHLO a\r\n");
    assert!(ehlo.contains("250-STARTTLS\r\n") && !ehlo.contains("AUTH"), "{ehlo}");
    play.talk(
        "C: STARTTLS now
         S: 501 5.5.4 Error: syntax error in parameters",
    );
    assert_eq!(play.step, Step::Read);
}

#[test]
fn implicit_tls_begins_before_the_banner() {
    let mut session = Session::new(service().into(), facts_on(Role::Submission, TlsMode::Implicit));
    session.tls_started(tls());
    assert_eq!(session.step(), Step::Judge(Stage::Connect));
    session.resolve(&Verdict::accept());
    assert_eq!(session.step(), Step::Read);
    assert_eq!(session.output(), b"220 mx.example ESMTP mockmx\r\n");
    assert!(session.facts().tls.is_some());
}

#[test]
fn http_and_tls_are_dropped_at_once() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"post /", b"NOOP\r\nPOST / HTTP/1.1\r\n", b"\x16\x03\x01", b"\x16\x03"] {
        let mut play = Play::new(service(), facts());
        play.send(bytes);
        assert_eq!(play.step, Step::Drop, "{}", bytes.escape_ascii());
        assert_eq!(play.send(b"NOOP\r\n"), "");
    }
    let mut play = Play::past("NOOP");
    play.send(b"\x16\x03\r\n");
    assert_eq!(play.step, Step::Read);
}

#[test]
fn what_looks_like_tls_amid_a_line_that_is_too_long_is_a_part_of_it() {
    // Found by fuzzing: whether it was dropped depended on how the line was split.
    let mut play = Play::new(service(), facts());
    assert_eq!(play.send(&[b'x'; 5_000]), "");
    assert_eq!(play.send(b"\x16\x03\x01\r\n"), "500 5.5.2 Error: line too long\r\n");
    assert_eq!(play.step, Step::Read);
}

#[test]
fn the_text_of_a_message_may_look_like_http() {
    let mut play = Play::past("EHLO a\nMAIL FROM:<>\nRCPT TO:<a@b.c>\nDATA");
    assert!(play.send(b"GET / HTTP/1.1\r\n.\r\n").starts_with("250"));
}

#[test]
fn a_transcript_shows_what_was_sent_ahead_of_an_answer_and_with_a_bare_lf() {
    let mut play = Play::new(service(), facts());
    let marks = |play: &mut Play| {
        let spoken = play.session.take_transcript().into_iter().map(|spoken| match spoken {
            Spoken::Client { text, bare_lf } => (text, bare_lf),
            Spoken::Server { text, ahead } => (text[..3].to_owned(), ahead),
        });
        spoken.filter(|(_, marked)| *marked).map(|(text, _)| text).collect::<Vec<_>>()
    };
    for bytes in ["HELO a\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@b.c>\r\n", "DATA\r\n", "x\r\n.\r\n"] {
        play.send(bytes.as_bytes());
        assert!(marks(&mut play).is_empty(), "{bytes:?}");
    }
    play.send(b"MAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n");
    assert_eq!(marks(&mut play), ["250", "250"]);
    play.send(b"x\n.\r\n");
    play.send(b"\r\n.\r\nNOOP\nNOOP\r\n");
    assert_eq!(marks(&mut play), ["(a text with bare LFs)", "250", "NOOP", "250"]);
}
