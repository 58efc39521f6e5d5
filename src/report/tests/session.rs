use super::*;
use Conduct::{Bad, Good, NotSeen};

#[test]
fn sessions_end_with_quit() {
    let check = SenderCheck::Quit;
    let mut records = Records::default();
    records.session(0, "closed by the client", "S: 220 x");
    records.session(0, "dropped", HELLO);
    records.session(0, "closed", &format!("{HELLO}C: RCPT TO:<a@b.c>\nS: 421 bye"));
    records.session(0, "closed by the client", HELLO).ended = None;
    records.finds(check, NotSeen, "no session came to its own end");
    records.sends(1, &[("b@example.com", "250 Ok")], "250 Ok");
    records.finds(check, Good, "1 session with QUIT");
    records.session(2, "closed by the client", HELLO);
    records.finds(check, Bad, "1 of 2 sessions without QUIT: closed by the client");
}

#[test]
fn a_prison_is_waited_for() {
    let check = SenderCheck::Prison;
    let inside = |times: &[u64], anew: &str| {
        let mut records = Records::default();
        for &seconds in times {
            let script = format!("{HELLO}C: MAIL FROM:<a@example.org>\nS: 450 sender in prison\n{QUIT}");
            records.session(seconds, "closed", &script);
            records.refused(Stage::Mail, &format!("\"a\" is in prison 263/sender until 12:00{anew}"), None);
        }
        records
    };
    let mut none = inside(&[], "");
    none.sends(0, &[("b@example.com", "250 Ok")], "250 Ok");
    none.finds(check, NotSeen, "it was in no prison");
    let evidence = "\"a\" is in prison 263/sender until 12:00";
    let anew = ", and every try starts the time anew";
    inside(&[0], anew).finds(check, Good, &format!("1 attempt in prison, and then it waited: {evidence}{anew}"));
    inside(&[0, 600, 1200], "").finds(check, Good, &format!("3 attempts in prison, and then it waited: {evidence}"));
    inside(&[0, 5], "").finds(check, Bad, &format!("2 attempts in prison, 5 s apart: {evidence}"));
    let text = format!("3 attempts in prison, 10 min apart or more: {evidence}{anew}");
    inside(&[0, 600, 1200], anew).finds(check, Bad, &text);
}

#[test]
fn the_name_in_ehlo_is_the_host_s() {
    let check = SenderCheck::Greeting;
    let mut records = Records::default();
    records.session(0, "closed by the client", "S: 220 x");
    records.finds(check, NotSeen, "nobody greeted");
    records.session(0, "closed", HELLO);
    records.finds(check, Good, "greeted as `mail.example.org`");
    records.session(0, "closed", "S: 220 x\nC: HELO [192.0.2.1]\nS: 250 x");
    records.finds(check, Good, "greeted as `[192.0.2.1]` and 1 other name");
    records.session(0, "closed", "S: 220 x\nC: EHLO localhost\nS: 250 x");
    records.finds(check, Bad, "greeted as `localhost`, which every machine is called");
}
