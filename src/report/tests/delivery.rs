use super::*;
use Conduct::{Bad, Good, NotSeen};

#[test]
fn a_message_is_delivered_once() {
    let check = SenderCheck::Once;
    let to = [("b@example.com", "250 Ok"), ("c@example.com", "250 Ok")];
    let mut records = Records::default();
    records.sends(0, &to, "250 Ok");
    records.finds(check, NotSeen, "no message with a Message-ID or a Date was accepted");
    records.accepted("<1@example.org>", &["b@example.com", "c@example.com"]);
    records.finds(check, Good, "1 message accepted, none twice; no reply was lost");
    records.sends(9, &to, "250 Ok");
    records.accepted("<2@example.org>", &["b@example.com", "c@example.com"]);
    records.finds(check, Good, "2 messages accepted, none twice; no reply was lost");
    records.sends(10, &to, "250 Ok");
    records.accepted("<1@example.org>", &["B@example.com"]);
    records.finds(check, Bad, "<B@example.com> got `lunch` twice; 1 copy in all");
}

#[test]
fn a_reply_may_have_been_lost() {
    let check = SenderCheck::Once;
    let to = [("b@example.com", "250 Ok")];
    let mut records = Records::default();
    records.session(0, "closed by the client", &format!("{HELLO}{}", mail("a@example.org", &to, "250 Ok")));
    records.accepted("<1@example.org>", &["b@example.com"]);
    records.sends(10, &to, "250 Ok");
    records.accepted("<1@example.org>", &["b@example.com"]);
    let text = "<b@example.com> got `lunch` twice; 1 copy in all; the first time it left without another command, so \
                that it may not have read the 250";
    records.finds(check, Bad, text);

    let mut records = Records::default();
    records.session(0, "dropped", &format!("{HELLO}{}", mail("a@example.org", &to, "")));
    records.sends(10, &to, "250 Ok");
    records.accepted("<1@example.org>", &["b@example.com"]);
    records.finds(check, Good, "1 message accepted, none twice; 1 lost reply after the final dot");
}

#[test]
fn the_size_that_was_offered_is_kept_to() {
    let check = SenderCheck::Size;
    let to = [("b@example.com", "250 Ok")];
    let mut records = Records::default();
    let helo = "S: 220 x\nC: HELO mail.example.org\nS: 250 x\n";
    records.session(0, "closed", &format!("{helo}{}{QUIT}", mail("a@example.org", &to, "250 Ok")));
    records.finds(check, NotSeen, "no message was sent where EHLO offered SIZE");
    let announced = mail("a@example.org", &to, "250 Ok").replace("example.org>", "example.org> BODY=7BIT SIZE=100");
    records.session(1, "closed", &format!("{HELLO}{announced}{QUIT}"));
    records.sends(2, &to, "250 Ok");
    records.finds(check, Good, "2 messages within the limit, 1 of them announced with SIZE=");
    let too_large = mail("a@example.org", &to, "552 too big").replace("* (100 bytes of text)\n", "");
    records.session(3, "closed", &format!("{HELLO}{too_large}{QUIT}"));
    records.finds(check, Bad, "sent a message larger than the 1000 bytes that EHLO allows, without SIZE=");
}

#[test]
fn notifications_come_from_the_null_path() {
    let check = SenderCheck::NullSender;
    let notice = "Content-Type: multipart/report; report-type=delivery-status; boundary=x";
    for (from, conduct, text) in [
        ("a@example.org", Bad, "sent a notification from <a@example.org>"),
        ("", Good, "1 notification from the null path"),
    ] {
        let mut records = Records::default();
        let script = format!("{HELLO}{}{QUIT}", mail(from, &[("b@example.com", "250 Ok")], "550 no"));
        records.session(0, "closed", &script);
        records.finds(check, NotSeen, "no notification was sent");
        records.refused(Stage::Message, "text", Some(notice));
        records.verdicts[0].from = Some(from.to_owned());
        records.finds(check, conduct, text);
        records.verdicts[0].headers[0].value = "multipart/report; report-type=feedback-report".to_owned();
        records.finds(check, NotSeen, "no notification was sent");
    }
}
