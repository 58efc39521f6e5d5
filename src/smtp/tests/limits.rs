use super::*;

const READY: &str = "EHLO a\nMAIL FROM:<>\nRCPT TO:<a@b.c>\nDATA";

fn limited(limits: Limits) -> Play {
    Play::new(Service { limits, ..service() }, facts())
}

#[test]
fn errors_are_counted() {
    let mut play = Play::past("EHLO a");
    play.talk(
        "C: FOO
         C: MAIL FROM:<a@b.c> FOO=1
         C: RCPT TO:<>
         C: NOOP
         C: BAR
         C: NOOP
         S: 500 5.5.2 Error: command not recognized
         S: 555 5.5.4 Error: unsupported parameter
         S: 501 5.1.3 Error: bad recipient address syntax
         S: 250 2.0.0 Ok
         S: 421 4.7.0 mx.example Error: too many errors",
    );
    assert_eq!(play.step, Step::Close);
    assert_eq!(play.session.facts().counts.errors, 4);
    assert_eq!(play.session.facts().counts.commands, 6);
}

#[test]
fn a_command_line_has_a_length() {
    let mut play = Play::past("EHLO a");
    let mut line = format!("NOOP {}\r\n", "x".repeat(4096 - 7));
    assert_eq!(play.send(line.as_bytes()), "250 2.0.0 Ok\r\n");
    line.insert(5, 'x');
    assert_eq!(play.send(line.as_bytes()), "500 5.5.2 Error: line too long\r\n");
    for _ in 0..100 {
        assert_eq!(play.send(&[b'x'; 10_000]), "");
    }
    assert_eq!(play.send(b"\r\nNOOP\r\n"), "500 5.5.2 Error: line too long\r\n250 2.0.0 Ok\r\n");
}

#[test]
fn a_message_too_big_is_refused_before_it_comes_or_at_its_end() {
    let mut play = limited(Limits { message: 10, ..service().limits }).and_past("EHLO a");
    assert!(play.send(b"MAIL FROM:<> SIZE=11\r\n").starts_with("552 5.3.4 "));
    assert!(!play.session.in_transaction());
    let mut play = play.and_past("MAIL FROM:<> SIZE=10\nRCPT TO:<a@b.c>\nDATA");
    assert!(play.send(b"12345678\r\n.\r\n").contains("queued"));
    let mut play = play.and_past("MAIL FROM:<>\nRCPT TO:<a@b.c>\nDATA");
    assert!(play.send(b"123456789\r\n.\r\n").starts_with("552 5.3.4 "));
    assert_eq!(play.messages.len(), 1);
    assert_eq!(play.step, Step::Read);
    assert!(!play.session.in_transaction());
    let mut play = play.and_past("MAIL FROM:<>\nRCPT TO:<a@b.c>\nDATA");
    assert_eq!(play.send(b"12345678901234567890"), "");
    assert!(play.session.take_content().is_empty());
    assert!(play.send(b"1").starts_with("552 5.3.4 "));
    assert_eq!(play.step, Step::Close);
}

#[test]
fn of_a_text_that_is_too_much_the_same_is_told_however_it_came() {
    // Found by fuzzing: what came in one piece was looked at beyond the end of the session.
    let told = |size| {
        let mut play = limited(Limits { message: 10, ..service().limits }).and_past(READY);
        b"123456789012345678901\n2\n".chunks(size).for_each(|piece| drop(play.send(piece)));
        assert_eq!(play.step, Step::Close);
        play.session.take_transcript()
    };
    let whole = told(99);
    for size in 1..24 {
        assert_eq!(told(size), whole, "by {size}");
    }
}

#[test]
fn a_text_line_too_long_is_refused_at_the_end() {
    let mut play = limited(Limits { text_line: 10, ..service().limits }).and_past(READY);
    assert_eq!(play.send(b"12345678\r\n123456789\r\n1\r\n"), "");
    assert_eq!(play.send(b".\r\nNOOP\r\n"), "500 5.5.2 Error: line too long\r\n250 2.0.0 Ok\r\n");
    assert!(play.messages.is_empty());
}

#[test]
fn recipients_are_counted() {
    let mut play = Play::past("EHLO a\nMAIL FROM:<>");
    play.talk(
        "C: RCPT TO:<a@b.c>
         C: RCPT TO:<b@b.c>
         C: RCPT TO:<c@b.c>
         S: 250 2.1.5 Ok
         S: 250 2.1.5 Ok
         S: 452 4.5.3 Error: too many recipients",
    );
    assert_eq!(play.session.facts().envelope.recipients.len(), 2);
    assert_eq!(play.session.facts().envelope.recipient_parameters.len(), 2);
}

#[test]
fn a_session_can_be_ended_from_outside() {
    for (end, reply) in [
        (Session::timed_out as fn(&mut Session), "421 4.4.2 mx.example Error: timeout\r\n"),
        (Session::shut_down, "421 4.3.2 mx.example Service shutting down\r\n"),
        (Session::too_many_connections, "421 4.7.0 mx.example Error: too many connections\r\n"),
    ] {
        let mut session = Session::new(service().into(), facts());
        end(&mut session);
        end(&mut session);
        assert_eq!(session.step(), Step::Close);
        assert_eq!(String::from_utf8_lossy(session.output()), reply);
        let mut play = Play::past(READY);
        play.send(b"half a mess");
        end(&mut play.session);
        assert_eq!(play.send(b"age\r\n.\r\n"), reply);
        assert_eq!(play.step, Step::Close);
    }
}

#[test]
fn a_session_is_small() {
    // Five thousand of them idle; `line` shows that none keeps a buffer.
    assert!(size_of::<Session>() < 1024, "{}", size_of::<Session>());
}

#[test]
fn input_is_not_welcome_without_end_while_a_verdict_is_waited_for() {
    let mut session = Session::new(service().into(), facts());
    assert_eq!(session.step(), Step::Judge(Stage::Connect));
    assert!(session.wants_input());
    session.receive(&[b'x'; 64 << 10]);
    assert!(!session.wants_input());
}
