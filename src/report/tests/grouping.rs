use super::*;

fn names(records: &Records) -> Vec<(String, u64)> {
    let senders = records.report().senders;
    senders.iter().map(|sender| (format!("{} {}", sender.lane, sender.name()), sender.sessions)).collect()
}

#[test]
fn a_sender_is_a_domain_at_an_address_in_a_lane() {
    let mut records = Records::default();
    let to = [("b@example.com", "250 Ok")];
    records.session(0, "closed", HELLO);
    let nameless = [("default no domain from 192.0.2.1".to_owned(), 1)];
    assert_eq!(names(&records), nameless);
    records.session(1, "closed", &format!("{HELLO}{}", mail("a@example.org", &to, "250 Ok")));
    let both = mail("", &to, "250 Ok") + &mail("A@EXAMPLE.org", &to, "250 Ok") + &mail("a@example.net", &to, "250 Ok");
    records.session(2, "closed", &format!("{HELLO}{both}"));
    records.session(3, "closed", HELLO).lane = "other".to_owned();
    records.session(4, "closed", HELLO).peer = "192.0.2.2:1".parse().unwrap();
    let wanted = [
        ("default no domain from 192.0.2.2", 1),
        ("default example.net from 192.0.2.1", 2),
        ("default example.org from 192.0.2.1", 3),
        ("other no domain from 192.0.2.1", 1),
    ];
    assert_eq!(names(&records), wanted.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn a_report_can_be_read_back_and_narrowed() {
    let mut records = Records::default();
    records.sends(0, &[("b@example.com", "450 later")], "");
    let report = records.report();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    assert!(json.contains("\"conduct\":\"not-seen\"") && json.contains("\"check\":\"retries-after-4xx\""), "{json}");
    assert!(report.has(Conduct::Good) && !report.has(Conduct::Bad));
    for (sender, left) in [("EXAMPLE.org", 1), ("192.0.2.1", 1), ("example.net", 0), ("192.0.2.2", 0)] {
        let mut report = report.clone();
        report.retain(sender);
        assert_eq!(report.senders.len(), left, "{sender}");
    }
}

#[test]
fn the_names_of_checks_are_those_of_the_json() {
    for check in SenderCheck::ALL {
        assert_eq!(serde_json::to_string(check).unwrap(), format!("\"{}\"", check.name()));
    }
}

#[test]
fn what_a_transcript_lacks_is_no_panic() {
    for script in
        ["S: \nC: \nS: 25", "C: MAIL\nC: RCPT TO:\nS: 250-a", "C: DATA\nS: 354\nC: BDAT x LAST", "* (\nC!: (x"]
    {
        let mut records = Records::default();
        records.session(0, "closed", script);
        assert_eq!(records.report().senders.len(), 1);
    }
}
