use super::*;
use Conduct::{Bad, Good, NotSeen};

fn said(script: &str) -> Records {
    let mut records = Records::default();
    records.session(0, "closed by the client", script);
    records
}

#[test]
fn what_may_be_pipelined_is_told_from_what_may_not() {
    let check = SenderCheck::Pipelining;
    let plain = "S: 220 x\nC: EHLO m.example.org\nS: 250 x\n";
    for (script, conduct, text) in [
        (String::new(), NotSeen, "nothing was said"),
        (format!("{HELLO}C: NOOP\nS: 250 Ok"), Good, "every answer was waited for"),
        (
            format!(
                "{HELLO}C: MAIL FROM:<>\nS+: 250 Ok\nC: RCPT TO:<b@c.d>\nS+: 250 Ok\nC: DATA\nS: 354 go\nS+: 250 Ok"
            ),
            Good,
            "3 commands sent ahead, where that may be",
        ),
        (
            format!("{plain}C: MAIL FROM:<>\nS+: 250 Ok"),
            Bad,
            "sent more before an answer, without having been offered PIPELINING",
        ),
        (
            format!("{plain}C: MAIL FROM:<>\nS: 250 Ok\nC: RCPT TO:<b@c.d>\nS: 250 Ok\nC: DATA\nS+: 354 go"),
            Bad,
            "sent more before the answer to DATA",
        ),
        (HELLO.replace("S: 250", "S+: 250"), Bad, "sent more before the answer to EHLO"),
        ("S+: 220 x\nC: HELO a\nS: 250 x".to_owned(), Bad, "spoke before the banner"),
        (format!("{HELLO}C: STARTTLS\nS+: 220 go"), Bad, "sent more in clear behind STARTTLS"),
        (
            format!("{HELLO}C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: (not shown)\nS+: 334 UGFzc3dvcmQ6"),
            Bad,
            "sent more before the answer to its login",
        ),
    ] {
        said(&script).finds(check, conduct, text);
    }
}

#[test]
fn a_login_is_never_in_clear_once_starttls_was_refused() {
    let check = SenderCheck::StartTls;
    let refused = format!("{HELLO}C: STARTTLS\nS: 454 TLS not available\n");
    said(HELLO).finds(check, NotSeen, "STARTTLS was not refused");
    said(&format!("{refused}C: AUTH PLAIN (not shown)\nS: 235 ok")).finds(
        check,
        Bad,
        "logged in in clear after STARTTLS was refused",
    );
    let mut records = said(&refused);
    let text = "no login in clear after STARTTLS was refused; 0 of 1 session went on in clear, 1 sent nothing";
    records.finds(check, Good, text);
    let encrypted =
        "* (TLSv1.3 with X)\nS: 220 x\nC: EHLO m.example.org\nS: 250 x\nC: AUTH PLAIN (not shown)\nS: 235 ok";
    records.session(1, "closed", encrypted);
    records.finds(check, Good, text);
    records.session(2, "closed", encrypted.split_once('\n').unwrap().1);
    records.finds(check, Bad, "logged in in clear in a later session, after STARTTLS was refused");
    let fallen_back = format!("{refused}{}", mail("", &[("b@c.d", "250 Ok")], "250 Ok"));
    let text = "no login in clear after STARTTLS was refused; 1 of 1 session went on in clear, 0 sent nothing";
    said(&fallen_back).finds(check, Good, text);
}

#[test]
fn a_refused_transaction_is_ended() {
    let check = SenderCheck::AfterRefusal;
    let refused = format!("{HELLO}{}", mail("a@example.org", &[("b@example.com", "550 no")], ""));
    said(&refused).finds(check, NotSeen, "nothing was refused before the end of a session");
    for next in [
        "C: RSET\nS: 250 Ok\nC: MAIL FROM:<a@example.org>\nS: 250 Ok",
        "C: QUIT\nS: 221 Bye",
        "C: RCPT TO:<c@example.com>\nS: 250 Ok\nC: DATA\nS: 354 go\nS: 250 Ok\nC: MAIL FROM:<a@example.org>\nS: 250 Ok",
    ] {
        said(&format!("{refused}{next}")).finds(check, Good, "1 session went on as they may after a refusal");
    }
    let nested = "C: MAIL FROM:<a@example.org>\nS: 503 Error: nested MAIL command";
    let text = "said MAIL after `550 no`, where `503 Error: nested MAIL command` is the answer";
    said(&format!("{refused}{nested}")).finds(check, Bad, text);
    let data = "C: DATA\nS: 554 Error: no valid recipients";
    let text = "said DATA after `550 no`, where `554 Error: no valid recipients` is the answer";
    said(&format!("{refused}{data}")).finds(check, Bad, text);
    let pipelined = format!("{refused}{data}\n{QUIT}").replace("S: 550", "S+: 550");
    said(&pipelined).finds(check, Good, "1 session went on as they may after a refusal");
}

#[test]
fn lines_end_with_cr_lf() {
    let check = SenderCheck::LineEndings;
    said("").finds(check, NotSeen, "nothing was said");
    said(HELLO).finds(check, Good, "every line ended with CR LF");
    said(&HELLO.replace("C:", "C!:")).finds(check, Bad, "sent a command with a bare LF, without the CR before it");
    let text = mail("", &[("b@c.d", "250 Ok")], "250 Ok").replace("* (100", "C!: (a text with bare LFs)\n* (100");
    let records = said(&format!("{HELLO}{text}"));
    records.finds(check, Bad, "sent a message with a bare LF, without the CR before it");
    records.finds(SenderCheck::Size, Good, "1 message within the limit, 0 of them announced with SIZE=");
}
