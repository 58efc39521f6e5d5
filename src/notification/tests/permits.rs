use super::*;

fn hindered(message: &Message, raw: &str, kind: &Kind) -> Option<Hindrance> {
    let event = event(message, raw.as_bytes(), kind);
    let written = write(&event, forms().of("263").unwrap());
    assert_eq!(written.is_none(), hindrance(&event).is_some());
    hindrance(&event)
}

#[test]
fn nothing_answers_the_null_sender_or_a_report() {
    let mut message = message(&["user@263.net"]);
    asking(&mut message);
    let report = format!("Content-Type: Multipart/Report; report-type=x\r\n{RAW}");
    for kind in &kinds() {
        assert_eq!(hindered(&message, RAW, kind), None, "{kind:?}");
        assert_eq!(hindered(&message, &report, kind), Some(Hindrance::Report), "{kind:?}");
    }
    message.from = String::new();
    for kind in &kinds() {
        assert_eq!(hindered(&message, RAW, kind), Some(Hindrance::NullSender), "{kind:?}");
    }
}

#[test]
fn notify_says_which_reports_are_wanted() {
    let mut message = message(&["user@263.net"]);
    for (notify, wanted) in [
        (None, [true, true, false, false]),
        (Some("NEVER"), [false; 4]),
        (Some("never"), [false; 4]),
        (Some("SUCCESS"), [false, false, true, true]),
        (Some("failure"), [true, false, false, false]),
        (Some("DELAY,SUCCESS"), [false, true, true, true]),
    ] {
        message.deliveries[0].parameters.notify = notify.map(str::to_owned);
        for (kind, wanted) in kinds().iter().zip(wanted) {
            let expected = (!wanted).then_some(Hindrance::NotAsked);
            assert_eq!(hindered(&message, RAW, kind), expected, "{notify:?} {kind:?}");
        }
        // What a person does is not a delivery.
        assert_eq!(hindered(&message, RAW, &Kind::AbuseReport), None);
    }
}

#[test]
fn nobody_who_is_away_answers_programs_and_lists() {
    let away = Kind::OutOfOffice { text: "away".to_owned() };
    let message = message(&["user@263.net"]);
    for field in [
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: auto-replied (vacation)",
        "Precedence: Bulk",
        "Precedence: list",
        "List-Unsubscribe: <mailto:x@y>",
        "X-Auto-Response-Suppress: DR, OOF",
    ] {
        assert_eq!(hindered(&message, &format!("{field}\r\n{RAW}"), &away), Some(Hindrance::Automatic), "{field}");
        assert_eq!(hindered(&message, &format!("{field}\r\n{RAW}"), &failed()), None, "{field}");
    }
    assert_eq!(hindered(&message, &format!("Auto-Submitted: no\r\n{RAW}"), &away), None);
    for from in ["MAILER-DAEMON@x.org", "owner-list@x.org", "list-request@x.org", "USER@263.net"] {
        let message = Message { from: from.to_owned(), ..message.clone() };
        assert_eq!(hindered(&message, RAW, &away), Some(Hindrance::Automatic), "{from}");
    }
    let other = "To: other@263.net\r\n\r\n";
    assert_eq!(hindered(&message, other, &away), Some(Hindrance::NotAddressed));
    assert_eq!(hindered(&message, &format!("Cc: \"U\" <User@263.net>\r\n{other}"), &away), None);
}

#[test]
fn who_is_away_answers_where_its_whole_address_stands() {
    let away = Kind::OutOfOffice { text: "away".to_owned() };
    let message = message(&["user@263.net"]);
    for to in [
        "user@263.net",
        "a@b.test,USER@263.net",
        "see user@263.net.",
        "<user@263.net>",
        "a.user@263.net <user@263.net>",
    ] {
        assert_eq!(hindered(&message, &format!("To: {to}\r\n\r\n"), &away), None, "{to}");
    }
    for to in ["superuser@263.net", "super.user@263.net", "a+user@263.net", "user@263.net.cn", "<user@263.network>"] {
        let wanted = Some(Hindrance::NotAddressed);
        assert_eq!(hindered(&message, &format!("To: {to}\r\n\r\n"), &away), wanted, "{to}");
    }
}

#[test]
fn a_read_receipt_is_asked_for() {
    let message = message(&["user@263.net"]);
    for (header, wanted) in [
        ("", None),
        ("Disposition-Notification-To: nobody\r\n", None),
        ("Disposition-Notification-To: \"Z, A\" <z@client.test>, b@client.test\r\n", Some("z@client.test")),
        ("Disposition-Notification-To: z@client.test\r\n", Some("z@client.test")),
        ("Disposition-Notification-To: <z@client.test>\r\nDisposition-Notification-Options: a=required,1\r\n", None),
        ("Disposition-Notification-To: <z@client.test>\r\nAuto-Submitted: auto-replied\r\n", None),
    ] {
        let raw = format!("{header}\r\n");
        let written = write(&event(&message, raw.as_bytes(), &Kind::ReadReceipt), forms().of("263").unwrap());
        assert_eq!(written.map(|it| it.to).as_deref(), wanted, "{header}");
    }
}
