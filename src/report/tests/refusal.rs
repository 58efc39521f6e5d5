use super::*;
use Conduct::{Bad, Good, NotSeen};

const LATER: &str = "450 later";
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// One message to one recipient, refused at those seconds and accepted at `last`.
fn retried(at: &[u64], last: Option<u64>) -> Records {
    let mut records = Records::default();
    for &seconds in at {
        records.sends(seconds, &[("b@example.com", LATER)], "");
    }
    if let Some(seconds) = last {
        records.sends(seconds, &[("b@example.com", "250 Ok")], "250 Ok");
    }
    records
}

#[test]
fn retries_are_good_when_they_wait() {
    let check = SenderCheck::Retries;
    retried(&[0, 30 * MINUTE], Some(90 * MINUTE)).finds(
        check,
        Good,
        "<a@example.org> to <b@example.com> tried again after `450 later`, after waits of 30 min, 60 min: the wait grows",
    );
    retried(&[0, 5 * MINUTE], Some(10 * MINUTE)).finds(
        check,
        Good,
        "<a@example.org> to <b@example.com> tried again after `450 later`, after waits of 5 min, 5 min: the wait stays the same; 30 min \
         is the rule",
    );
    retried(&[0], Some(HOUR)).finds(
        check,
        Good,
        "<a@example.org> to <b@example.com> tried again after `450 later`, after waits of 60 min",
    );
}

#[test]
fn retries_are_bad_within_a_minute_or_when_there_are_none() {
    let check = SenderCheck::Retries;
    retried(&[0, 2, 4], None).finds(
        check,
        Bad,
        "<a@example.org> to <b@example.com> tried again 2 s after `450 later`, after waits of 2 s, 2 s: the wait stays the \
         same; within a minute is hammering, and 30 min is the rule",
    );
    let mut given_up = retried(&[0], None);
    given_up.finds(
        check,
        NotSeen,
        "<a@example.org> to <b@example.com> not tried again after `450 later`, but only 0 ms are on record: look again \
         later",
    );
    given_up.sends(HOUR, &[("c@example.com", "250 Ok")], "250 Ok");
    let text = "<a@example.org> to <b@example.com> not tried again within 60 min of `450 later`";
    given_up.finds(check, Bad, text);
    let given_up = retried(&[0], None);
    let report = Report::until(Some(at(HOUR)), &given_up.sessions, &given_up.verdicts, &given_up.messages);
    assert_eq!((report.senders[0].lines[0].conduct, report.senders[0].lines[0].text.as_str()), (Bad, text));
    retried(&[], Some(0)).finds(check, NotSeen, "nothing was refused with 4xx");
}

#[test]
fn a_sender_refused_at_mail_is_known_by_its_envelope() {
    let mut records = Records::default();
    let refused = format!("{HELLO}C: MAIL FROM:<a@example.org>\nS: 450 sender in prison\n{QUIT}");
    records.session(0, "closed", &refused);
    records.sends(20 * MINUTE, &[("b@example.com", "250 Ok")], "250 Ok");
    let text = "<a@example.org> tried again after `450 sender in prison`, after waits of 20 min; 30 min is the rule";
    records.finds(SenderCheck::Retries, Good, text);
}

#[test]
fn a_lost_connection_and_a_refused_text_are_tried_again_too() {
    for (end, reply) in [("", "no reply"), ("451 DT:SPM", "451 DT:SPM")] {
        let mut records = Records::default();
        let script = format!("{HELLO}{}", mail("a@example.org", &[("b@example.com", "250 Ok")], end));
        records.session(0, "dropped", &script);
        records.sends(HOUR, &[("b@example.com", "250 Ok")], "250 Ok");
        let text = format!("<a@example.org> to <b@example.com> tried again after `{reply}`, after waits of 60 min");
        records.finds(SenderCheck::Retries, Good, &text);
    }
}

#[test]
fn another_message_is_no_retry() {
    let mut records = Records::default();
    records.sends(0, &[("b@example.com", "250 Ok")], "550 no");
    records.refused(Stage::Message, "text", Some("Message-ID: <1@example.org>"));
    records.sends(5, &[("b@example.com", "250 Ok")], "250 Ok");
    records.accepted("<2@example.org>", &["b@example.com"]);
    let text = "<a@example.org> to <b@example.com> not tried again after `550 no`; 1 refusal in all";
    records.finds(SenderCheck::Stops, Good, text);
}

#[test]
fn a_sender_stops_after_5xx_or_does_not() {
    let check = SenderCheck::Stops;
    let mut records = Records::default();
    records.sends(0, &[("b@example.com", "250 Ok")], "250 Ok");
    records.finds(check, NotSeen, "nothing was refused with 5xx");
    records.sends(10, &[("c@example.com", "550 User Unknown"), ("d@example.com", "250 Ok")], "250 Ok");
    let text = "<a@example.org> to <c@example.com> not tried again after `550 User Unknown`; 1 refusal in all";
    records.finds(check, Good, text);
    records.sends(40, &[("C@example.com", "550 User Unknown")], "");
    let text = "<a@example.org> to <c@example.com> tried again 30 s after `550 User Unknown`; 1 such attempt in all";
    records.finds(check, Bad, text);
}

#[test]
fn what_is_wrong_with_the_dialogue_is_no_refusal_of_the_mail() {
    let mut records = Records::default();
    let script = format!("{HELLO}C: MAIL FROM:<a@example.org>\nS: 530 Authentication required\n{QUIT}");
    records.session(0, "closed", &script);
    records.sends(10, &[("b@example.com", "250 Ok")], "250 Ok");
    records.finds(SenderCheck::Stops, NotSeen, "nothing was refused with 5xx");
}

#[test]
fn only_those_that_were_refused_are_tried_again() {
    let check = SenderCheck::OnlyFailed;
    let mixed = || {
        let mut records = Records::default();
        records.sends(0, &[("b@example.com", "250 Ok"), ("c@example.com", LATER)], "250 Ok");
        records
    };
    let text = "accepted for some and refused with 4xx for others, and not tried again yet";
    mixed().finds(check, NotSeen, text);
    let mut good = mixed();
    good.sends(HOUR, &[("c@example.com", "250 Ok")], "250 Ok");
    good.finds(check, Good, "only those that were refused were tried again, 1 time");
    let mut bad = mixed();
    bad.sends(HOUR, &[("b@example.com", "250 Ok"), ("c@example.com", "250 Ok")], "250 Ok");
    let text = "sent again to <b@example.com>, which had been accepted, together with those that were refused: it gets \
                the message twice";
    bad.finds(check, Bad, text);
    let text = "no message was accepted for some of its recipients and refused with 4xx for others";
    retried(&[0], None).finds(check, NotSeen, text);
}

#[test]
fn recipients_beyond_the_limit_follow_in_another_transaction() {
    let check = SenderCheck::RecipientLimit;
    let limit = "452 Error: too many recipients";
    let limited = || {
        let mut records = Records::default();
        records.sends(0, &[("b@example.com", "250 Ok"), ("c@example.com", limit)], "250 Ok");
        records
    };
    let left = "1 of 1 recipient beyond the limit not sent to within ";
    limited().finds(check, NotSeen, &format!("{left}0 ms of `{limit}`"));
    let mut good = limited();
    good.sends(1, &[("c@example.com", "250 Ok")], "250 Ok");
    good.finds(check, Good, &format!("1 recipient beyond the limit sent to in another transaction after `{limit}`"));
    good.finds(SenderCheck::Retries, NotSeen, "nothing was refused with 4xx");
    let mut bad = limited();
    bad.sends(2 * HOUR, &[("d@example.com", "250 Ok")], "250 Ok");
    bad.finds(check, Bad, &format!("{left}2 h of `{limit}`"));
    retried(&[0], None).finds(check, NotSeen, "no message had too many recipients");
}

#[test]
fn two_connections_at_once_are_no_retry() {
    let mut records = Records::default();
    let to = [("b@example.com", "450 later")];
    records.sends(0, &to, "").transcript.lines.iter_mut().filter(|line| line.text == "450 later").for_each(|line| {
        line.at = at(10);
    });
    records.sends(5, &[("b@example.com", "250 Ok")], "250 Ok");
    assert_eq!(records.line(SenderCheck::Retries).conduct, NotSeen);
}

#[test]
fn a_retry_after_a_retry_is_looked_at_too() {
    let mut records = Records::default();
    records.sends(0, &[("b@example.com", "250 Ok"), ("c@example.com", LATER)], "250 Ok");
    records.sends(HOUR, &[("c@example.com", LATER)], "");
    records.finds(SenderCheck::OnlyFailed, Good, "only those that were refused were tried again, 1 time");
    records.sends(3 * HOUR, &[("c@example.com", "250 Ok"), ("b@example.com", "250 Ok")], "250 Ok");
    assert_eq!(records.line(SenderCheck::OnlyFailed).conduct, Bad);
}
