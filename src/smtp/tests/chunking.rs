use super::*;
use crate::reply::Reply;

const READY: &str = "EHLO a\nMAIL FROM:<>\nRCPT TO:<a@b.c>";

#[test]
fn a_message_comes_in_chunks() {
    let mut play = Play::past(READY);
    assert_eq!(play.send(b"BDAT 5\r\n"), "");
    assert!(play.session.reading_content());
    assert_eq!(play.send(b"a\r\n.\r"), "250 2.0.0 Ok\r\n");
    let replies = play.send(b"BDAT 0\r\nBDAT 5 LAST\r\n\n.\r\n\0NOOP\r\n");
    assert_eq!(replies, "250 2.0.0 Ok\r\n250 2.0.0 Ok: queued as 4C9E3DE7C15\r\n250 2.0.0 Ok\r\n");
    assert_eq!(play.messages, [b"a\r\n.\r\n.\r\n\0"]);
    assert_eq!(play.stages.iter().filter(|stage| **stage == Stage::Data).count(), 1);
}

#[test]
fn an_empty_last_chunk_ends_the_message() {
    let mut play = Play::past(READY);
    play.send(b"BDAT 1\r\nx");
    assert!(play.send(b"BDAT 0 LAST\r\n").starts_with("250 2.0.0 Ok: queued"));
    assert_eq!(play.messages, [b"x"]);
}

#[test]
fn a_chunk_out_of_order_is_read_and_refused() {
    let mut play = Play::past("EHLO a");
    assert_eq!(play.send(b"BDAT 6\r\nQUIT\r\nNOOP\r\n"), "503 5.5.1 Error: need MAIL command\r\n250 2.0.0 Ok\r\n");
    assert_eq!(play.send(b"MAIL FROM:<>\r\n"), "250 2.1.0 Ok\r\n");
    assert_eq!(play.send(b"BDAT 6 LAST\r\nQUIT\r\n"), "554 5.5.1 Error: no valid recipients\r\n");
    assert_eq!(play.step, Step::Read);
}

#[test]
fn chunks_and_data_do_not_mix() {
    let mut play = Play::past(READY);
    play.send(b"BDAT 1\r\nx");
    play.talk(
        "C: DATA
         S: 503 5.5.1 Error: bad sequence of commands
         C: RCPT TO:<b@b.c>
         S: 503 5.5.1 Error: bad sequence of commands
         C: MAIL FROM:<>
         S: 503 5.5.1 Error: nested MAIL command
         C: RSET
         S: 250 2.0.0 Ok
         C: MAIL FROM:<>
         C: RCPT TO:<a@b.c>
         C: DATA
         C: y
         C: .
         S: 250 2.1.0 Ok
         S: 250 2.1.5 Ok
         S: 354 End data with <CR><LF>.<CR><LF>
         S: 250 2.0.0 Ok: queued as E836329F82A",
    );
    assert_eq!(play.messages, [b"y\r\n"]);
}

#[test]
fn a_refused_chunk_refuses_those_that_follow() {
    let limits = Limits { message: 10, ..service().limits };
    let mut play = Play::new(Service { limits, ..service() }, facts()).and_past(READY);
    assert_eq!(play.send(b"BDAT 8\r\n12345678"), "250 2.0.0 Ok\r\n");
    assert!(play.send(b"BDAT 8\r\n12345678").starts_with("552 5.3.4 "));
    assert!(play.send(b"BDAT 1 LAST\r\n1").starts_with("503 5.5.1 "));
    assert!(play.send(b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nBDAT 1 LAST\r\n1").contains("queued"));
    assert_eq!(play.messages, [b"1"]);
}

#[test]
fn an_endless_chunk_ends_the_session() {
    let limits = Limits { message: 10, ..service().limits };
    let mut play = Play::new(Service { limits, ..service() }, facts()).and_past(READY);
    assert_eq!(play.send(b"BDAT 99999999999999999999 LAST\r\n12345678901234567890"), "");
    assert!(play.send(b"1").starts_with("552 5.3.4 "));
    assert_eq!(play.step, Step::Close);
}

#[test]
fn the_policy_can_refuse_the_first_chunk() {
    let refuse = |stage, _: &Facts| match stage {
        Stage::Data => Action::Refuse(Reply::new(550, "no")),
        _ => Action::Accept,
    };
    let mut play = Play::with(service(), facts(), refuse).and_past(READY);
    assert_eq!(play.send(b"BDAT 6\r\nQUIT"), "");
    assert_eq!(play.send(b"\r\nNOOP\r\n"), "550 no\r\n250 2.0.0 Ok\r\n");
    let refuse = |stage, _: &Facts| match stage {
        Stage::Data => Action::RefuseAndClose(Reply::new(550, "no")),
        _ => Action::Accept,
    };
    let mut play = Play::with(service(), facts(), refuse).and_past(READY);
    assert_eq!(play.send(b"BDAT 6\r\n"), "550 no\r\n");
    assert_eq!(play.step, Step::Close);
}
