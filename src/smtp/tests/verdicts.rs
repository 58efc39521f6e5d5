use super::*;
use crate::facts::ReversePath;
use crate::reply::Reply;

fn refuse() -> Action {
    Action::Refuse(Reply::new(550, "no"))
}

fn playing(policy: fn(Stage, &Facts) -> Action) -> Play {
    Play::with(service(), facts(), policy)
}

#[test]
fn a_refused_connection_gets_no_banner() {
    let play = playing(|_, _| refuse());
    assert_eq!((play.output.as_slice(), play.step), (&b"550 no\r\n"[..], Step::Close));
}

#[test]
fn the_facts_are_there_when_they_are_judged() {
    fn policy(stage: Stage, facts: &Facts) -> Action {
        let envelope = &facts.envelope;
        match stage {
            Stage::Helo => assert_eq!(facts.helo.as_ref().unwrap().name, "client"),
            Stage::Mail => {
                assert_eq!(envelope.sender, Some(ReversePath::Null));
                assert_eq!(envelope.parameters.size, Some(7));
                assert_eq!(facts.counts.transactions, 1);
            }
            Stage::Rcpt => {
                assert_eq!(envelope.candidate.as_ref().unwrap().as_str(), "b@c.d");
                assert_eq!(envelope.recipients.len(), 0);
            }
            Stage::Data | Stage::Message => {
                assert_eq!(envelope.candidate, None);
                assert_eq!(envelope.recipients[0].as_str(), "b@c.d");
                assert_eq!(envelope.recipient_parameters[0].notify.as_deref(), Some("NEVER"));
            }
            _ => {}
        }
        Action::Accept
    }
    let mut play = playing(policy).and_past("EHLO client\nMAIL FROM:<> SIZE=7\nRCPT TO:<b@c.d> NOTIFY=NEVER\nDATA\n");
    play.send(b"hello\r\n.\r\n");
    assert_eq!(play.stages, [Stage::Connect, Stage::Helo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Message]);
}

#[test]
fn what_is_refused_is_forgotten() {
    let mut play = playing(|stage, _| if stage == Stage::Helo { refuse() } else { Action::Accept });
    assert_eq!(play.send(b"EHLO a\r\n"), "220 mx.example ESMTP mockmx\r\n550 no\r\n".split_at(29).1);
    assert!(play.session.facts().helo.is_none());

    let mut play = playing(|stage, _| if stage == Stage::Mail { refuse() } else { Action::Accept }).and_past("EHLO a");
    play.talk(
        "C: MAIL FROM:<a@b.c>
         C: RCPT TO:<a@b.c>
         S: 550 no
         S: 503 5.5.1 Error: need MAIL command",
    );

    let mut play = playing(|stage, facts| match facts.recipient() {
        Some(recipient) if stage == Stage::Rcpt && recipient.local() == "bad" => refuse(),
        _ => Action::Accept,
    })
    .and_past("EHLO a\nMAIL FROM:<>");
    play.talk(
        "C: RCPT TO:<bad@b.c>
         C: RCPT TO:<good@b.c>
         C: RCPT TO:<bad@b.c>
         S: 550 no
         S: 250 2.1.5 Ok
         S: 550 no",
    );
    let facts = play.session.facts();
    assert_eq!((facts.envelope.recipients.len(), facts.counts.refused_recipients), (1, 2));
    assert_eq!(facts.envelope.candidate, None);
}

#[test]
fn a_refused_message_ends_its_transaction() {
    let mut play = playing(|stage, _| match stage {
        Stage::Message => Action::Refuse(Reply::parse("598  mail rejected by keyword").unwrap()),
        _ => Action::Accept,
    })
    .and_past("EHLO a\nMAIL FROM:<>\nRCPT TO:<a@b.c>\nDATA");
    assert_eq!(play.send(b".\r\n"), "598  mail rejected by keyword\r\n");
    assert!(!play.session.in_transaction());
    assert_eq!(play.session.facts().counts.messages, 0);
}

#[test]
fn every_command_is_judged() {
    let mut play = Play::with(service(), facts(), |stage, facts| match stage {
        Stage::Command if facts.counts.commands == 2 => refuse(),
        Stage::Command if facts.counts.commands == 3 => Action::RefuseAndClose(Reply::new(421, "enough")),
        _ => Action::Accept,
    });
    play.talk(
        "C: EHLO
         C: MAIL FROM:<>
         C: NOOP
         C: NOOP
         S: 501 5.5.4 Syntax: HELO hostname
         S: 550 no
         S: 421 enough",
    );
    assert_eq!(play.step, Step::Close);
    assert_eq!(play.stages, [Stage::Connect, Stage::Helo, Stage::Fault], "what is refused goes no further");
}

#[test]
fn a_connection_can_end_without_a_word() {
    for (action, step) in [(Action::Drop, Step::Drop), (Action::Reset, Step::Reset), (Action::Stall, Step::Stall)] {
        let mut session = Session::new(service().into(), facts());
        session.step();
        session.resolve(&Verdict::of(action));
        session.receive(b"NOOP\r\n");
        assert_eq!((session.step(), session.step()), (step, step));
        assert!(session.output().is_empty());
    }
}

#[test]
fn our_own_fault_is_told_as_such() {
    let fault = "451 4.3.0 mx.example Error: local error in processing\r\n";
    let mut session = Session::new(service().into(), facts());
    session.fail();
    assert_eq!((session.step(), String::from_utf8_lossy(session.output()).as_ref()), (Step::Close, fault));

    let mut play = Play::past("EHLO a\nMAIL FROM:<>\nRCPT TO:<a@b.c>\nDATA");
    play.send(b"half a ");
    play.session.fail();
    assert_eq!(play.send(b"message"), "");
    assert_eq!(play.send(b"\r\n.\r\n"), fault);
    assert_eq!((play.step, play.messages.len()), (Step::Read, 0));

    let mut session = play.session;
    session.receive(b"MAIL FROM:<>\r\nNOOP\r\n");
    assert_eq!(session.step(), Step::Judge(Stage::Command));
    session.resolve(&Verdict::accept());
    assert_eq!(session.step(), Step::Judge(Stage::Mail));
    session.fail();
    assert_eq!(session.step(), Step::Judge(Stage::Command));
    session.resolve(&Verdict::accept());
    assert_eq!(session.step(), Step::Read);
    assert_eq!(String::from_utf8_lossy(session.output()), format!("{fault}250 2.0.0 Ok\r\n"));
    assert!(!session.in_transaction());
}

#[test]
fn a_verdict_that_nobody_asked_for_does_nothing() {
    let mut play = Play::past("EHLO a");
    play.session.resolve(&Verdict::of(Action::Drop));
    assert_eq!(play.send(b"NOOP\r\n"), "250 2.0.0 Ok\r\n");
}
