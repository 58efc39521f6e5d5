use super::Then::*;
use super::*;

const EHLO: (&str, Then) = ("EHLO", Say(b"250-mx.example\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"));
const GREETING: (&str, Then) = ("", Say(b"220 mx.example\r\n"));
const OK: Then = Say(b"250 ok\r\n");
const GO_AHEAD: (&str, Then) = ("DATA", Say(b"354 go ahead\r\n"));
const BYE: (&str, Then) = ("QUIT", Say(b"221 bye\r\n"));

fn broken(text: &str) -> Result<Reply, Halt> {
    Err(Halt::Broken(text.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_message_is_handed_over() {
    let steps = [GREETING, EHLO, ("MAIL", OK), ("RCPT", OK), GO_AHEAD, (".\r\n", Say(b"250 2.0.0 taken\r\n")), BYE];
    let (ended, read, _) = tried(RAW, false, &steps).await;
    assert_eq!(ended, Ok(Reply::new(250, "2.0.0 taken")));
    let raw = String::from_utf8(RAW.to_vec()).unwrap();
    let wanted = format!(
        "EHLO [127.0.0.1]\r\nMAIL FROM:<> SIZE={}\r\nRCPT TO:<a@example.com>\r\nDATA\r\n{raw}.\r\nQUIT\r\n",
        RAW.len()
    );
    assert_eq!(read, wanted);
}

#[tokio::test(start_paused = true)]
async fn what_a_message_needs_is_asked_for_or_it_fails() {
    let raw = "Subject: 会议\r\n\r\n".as_bytes();
    let rest = [("MAIL", OK), ("RCPT", OK), GO_AHEAD, (".\r\n", OK), BYE];
    let (ended, read, _) = tried(raw, true, &[[GREETING, EHLO].as_slice(), &rest].concat()).await;
    assert!(ended.is_ok() && read.contains("MAIL FROM:<> SIZE=19 BODY=8BITMIME SMTPUTF8\r\n"), "{read}");
    for (offer, raw, smtputf8, lacks) in [
        (&b"250 mx 8BITMIME\r\n"[..], raw, false, "8BITMIME"),
        (b"250-mx\r\n250 8bitmime\r\n", raw, true, "SMTPUTF8"),
        (b"502 what?\r\n", raw, false, "8BITMIME"),
        (b"250-mx\r\n250 SMTPUTF8X\r\n", RAW, true, "SMTPUTF8"),
    ] {
        let steps = [GREETING, ("EHLO", Say(offer)), ("HELO", Say(b"250 mx\r\n")), BYE];
        let steps = if offer.starts_with(b"502") { steps.to_vec() } else { vec![steps[0], steps[1], steps[3]] };
        let (ended, read, _) = tried(raw, smtputf8, &steps).await;
        let fault = format!("it does not offer {lacks}, which the message needs");
        assert_eq!(ended, Err(Halt::Unable(fault)));
        assert!(read.ends_with("]\r\nQUIT\r\n"), "{read}");
    }
    let steps = [GREETING, ("EHLO", Say(b"500 what?\r\n")), ("HELO", Say(b"250 mx\r\n"))];
    let (ended, read, _) = tried(RAW, false, &[steps.as_slice(), &rest].concat()).await;
    assert!(ended.is_ok() && read.contains("MAIL FROM:<>\r\n"), "{read}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_any_stage_is_told_word_for_word() {
    let all = [GREETING, EHLO, ("MAIL", OK), ("RCPT", OK), GO_AHEAD, (".\r\n", OK)];
    for (at, &(line, _)) in all.iter().enumerate() {
        for (code, said) in [(450, &b"450-4.2.0 one\r\n450 two\r\n"[..]), (554, b"554-4.2.0 one\r\n554 two\r\n")] {
            // A server that knows no EHLO is asked by HELO.
            if (line, code) == ("EHLO", 554) {
                continue;
            }
            let (ended, read, _) = tried(RAW, false, &[&all[..at], &[(line, Say(said)), BYE]].concat()).await;
            let reply = Reply::with_lines(code, vec!["4.2.0 one".to_owned(), "two".to_owned()]);
            assert_eq!(ended, Err(Halt::Refused(reply)), "{line}");
            assert!(read.ends_with("QUIT\r\n"), "{read}");
        }
    }
    let hop: Hop = "mx.example:25".parse().unwrap();
    assert_eq!(Halt::Refused(Reply::new(450, "x")).at(&hop).name(), "deferred");
    let failed = Halt::Refused(Reply::new(554, "x\u{1b}[2J")).at(&hop);
    assert_eq!(failed.name(), "failed");
    assert_eq!(failed.answer().to_string(), r"mx.example:25 said 554 x\u{1b}[2J");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_silent_is_waited_for_as_long_as_rfc_5321_says() {
    let all = [GREETING, EHLO, ("MAIL", OK), ("RCPT", OK), GO_AHEAD];
    for (answered, minutes) in [(0, 5), (1, 5), (2, 5), (3, 5), (4, 2), (5, 10)] {
        let mut steps = all[..answered].to_vec();
        steps.push((if answered == 5 { ".\r\n" } else { "" }, Hang));
        let (ended, _, elapsed) = tried(RAW, false, &steps).await;
        assert_eq!(ended, broken("it does not answer"));
        assert_eq!(elapsed.as_secs(), minutes * 60, "{answered}");
    }
    // One that says a little from time to time is not waited for any longer.
    let (ended, _, elapsed) = tried(RAW, false, &[("", Drip(b"220-wait\r\n"))]).await;
    assert_eq!((ended, elapsed.as_secs()), (broken("it does not answer"), 5 * 60));
    let large = b"x".repeat(100_000);
    let (ended, _, elapsed) = tried(&large, false, &[&all[..], &[("", Hang)]].concat()).await;
    assert_eq!((ended, elapsed.as_secs()), (broken("it does not read"), 3 * 60 + 2));
    let (ended, _, elapsed) = tried(RAW, false, &[&all[..], &[(".\r\n", OK), ("QUIT", Hang)]].concat()).await;
    assert!(ended.is_ok() && elapsed <= Duration::from_secs(2), "nobody waits for a goodbye");
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_an_end_is_not_read_to_it() {
    for (endless, fault) in [
        (&b"220-and more\r\n"[..], "its reply has no end"),
        (b"220-", "a line of its reply has no end"),
        (b"x", "a line of its reply has no end"),
        (b"\r\n", "it answers what is no reply: "),
        (b"220-one\r\n250 two\r\n", "it answers what is no reply: 250 two"),
        (b"22\r\n", "it answers what is no reply: 22"),
        (b"150 one\r\n", "it answers what is no reply: 150 one"),
        (b"2200 one\r\n", "it answers what is no reply: 2200 one"),
        (b"354 one\r\n", "it answers what does not belong here: 354 one"),
    ] {
        let (ended, _, elapsed) = tried(RAW, false, &[("", Repeat(endless))]).await;
        assert_eq!(ended, broken(fault), "{}", endless.escape_ascii());
        assert!(elapsed <= Duration::from_secs(4), "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_of_a_reply_is_kept_than_people_read() {
    let long: Vec<u8> = [b"554-".as_slice(), &"用".repeat(900).into_bytes(), b"\r\n"].concat();
    let said = [long.repeat(30), b"554 end\r\n".to_vec()].concat();
    let (ended, ..) = tried(RAW, false, &[("", Say(said.leak())), BYE]).await;
    let Err(Halt::Refused(reply)) = ended else { panic!("{ended:?}") };
    let Outcome::Failed(Answer { said: Said::Reply(kept), .. }) = Halt::Refused(reply).at(&"a:1".parse().unwrap())
    else {
        panic!()
    };
    assert_eq!((kept.lines().len(), kept.lines()[0].chars().count()), (21, 501));
    // A provider's own charset is read.
    let gbk: &[u8] = b"550 \xD3\xC3\xBB\xA7\xB2\xBB\xB4\xE6\xD4\xDA\r\n";
    let (ended, ..) = tried(RAW, false, &[("", Say(gbk)), BYE]).await;
    assert_eq!(ended, Err(Halt::Refused(Reply::new(550, "用户不存在"))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_is_tried_again() {
    let all = [GREETING, EHLO, ("MAIL", OK), ("RCPT", OK), GO_AHEAD];
    for answered in 0..all.len() {
        let line = ["", "EHLO", "MAIL", "RCPT", "DATA"][answered];
        let (ended, ..) = tried(RAW, false, &[&all[..answered], &[(line, Close)]].concat()).await;
        assert_eq!(ended, broken("it closed the connection"), "{line}");
    }
    // In the middle of the message, without a word and with one.
    let large = b"line\r\n".repeat(100_000);
    let (ended, ..) = tried(&large, false, &[&all[..], &[("line", Close)]].concat()).await;
    assert!(matches!(&ended, Err(Halt::Broken(fault)) if fault.starts_with("the connection was lost: ")), "{ended:?}");
    let said = Say(b"552 5.3.4 too large\r\n");
    let (ended, ..) = tried(&large, false, &[&all[..], &[("line", said)]].concat()).await;
    assert_eq!(ended, Err(Halt::Refused(Reply::new(552, "5.3.4 too large"))));
    // Not what a server said that cannot have taken it.
    let (ended, ..) = tried(&large, false, &[&all[..], &[("line", OK)]].concat()).await;
    assert!(matches!(ended, Err(Halt::Broken(_))), "{ended:?}");
}
