//! DKIM (RFC 6376) and DMARC (RFC 9989).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;

use proptest::prelude::*;

use super::{examine, facts, zones};
use crate::identity::{Disposition, DkimResult, DmarcResult, Identity, Needs, Zones};

// The key of RFC 8463 §A.2.
const SECRET: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const MESSAGE: &str = "From: Bill <bill@news.example.com>\r\nTo: jdoe@example.org\r\nSubject: report\r\n\r\nHello\r\n";

/// The message, signed by a domain.
fn signed(domain: &str) -> String {
    let [secret, public] = [SECRET, PUBLIC].map(|key| BASE64_STANDARD.decode(key).unwrap());
    let key = Ed25519Key::from_seed_and_public_key(&secret, &public).unwrap();
    let signer = DkimSigner::from_key(key).domain(domain).selector("s").headers(["From", "To", "Subject"]);
    signer.sign(MESSAGE.as_bytes()).unwrap().to_header() + MESSAGE
}

fn keys(more: &str) -> Zones {
    let key = |domain: &str| format!("\"s._domainkey.{domain}\" = {{ TXT = [\"v=DKIM1; k=ed25519; p={PUBLIC}\"] }}\n");
    zones(&format!("{}{}{}{more}", key("example.com"), key("news.example.com"), key("example.net")))
}

fn judge(zones: &Zones, sender: &str, raw: &str) -> Identity {
    let needs = Needs { dkim: true, dmarc: true, ..Needs::default() };
    examine(zones, &needs, &facts("192.0.2.1", "client.example", sender), Some(raw.as_bytes()))
}

fn dkim(zones: &Zones, raw: &str) -> DkimResult {
    judge(zones, "a@example.org", raw).dkim.unwrap().result()
}

#[test]
fn a_signature_is_verified() {
    let (zones, signed) = (keys(""), signed("example.com"));
    assert_eq!(dkim(&zones, &signed), DkimResult::Pass);
    assert_eq!(dkim(&zones, MESSAGE), DkimResult::None);
    assert_eq!(dkim(&zones, &signed.replace("Hello", "Hallo")), DkimResult::Fail);
    assert_eq!(dkim(&zones, &signed.replace("Subject: report", "Subject: raport")), DkimResult::Fail);
    assert_eq!(dkim(&Zones::default(), &signed), DkimResult::PermError);
    assert_eq!(dkim(&zones, &signed.replace("v=1;", "v=2;")), DkimResult::Neutral);
    let lame = super::zones("\"s._domainkey.example.com\" = { fails = \"servfail\" }");
    assert_eq!(dkim(&lame, &signed), DkimResult::TempError);
    assert_eq!(dkim(&zones, ""), DkimResult::None);
}

#[test]
fn one_right_signature_is_enough_and_no_more_than_ten_are_looked_at() {
    let zones = keys("");
    let wrong = signed("example.com").replace("Hello", "Hallo");
    let header = &wrong[..wrong.find("From:").unwrap()];
    assert_eq!(dkim(&zones, &format!("{header}{}", signed("example.net"))), DkimResult::Pass);
    let many = judge(&zones, "a@example.org", &format!("{}{}", header.repeat(11), signed("example.net"))).dkim.unwrap();
    assert_eq!(many.result(), DkimResult::PermError);
    assert!(many.signatures[0].why.contains("12 signatures"), "{many:?}");
}

#[test]
fn a_signature_that_cannot_be_read_is_neutral_and_counts() {
    let zones = keys("");
    for field in ["DKIM-Signature: rubbish\r\n", "dkim-signature:v=1; a=none; d=x\r\n", "DKIM-Signature:\r\n"] {
        let result = judge(&zones, "a@example.org", &format!("{field}{MESSAGE}")).dkim.unwrap();
        assert_eq!((result.result(), result.signatures.len()), (DkimResult::Neutral, 1), "{field}: {result:?}");
        assert_eq!(dkim(&zones, &format!("{field}{}", signed("example.com"))), DkimResult::Pass, "{field}");
        let many = judge(&zones, "a@example.org", &format!("{}{MESSAGE}", field.repeat(1000))).dkim.unwrap();
        assert_eq!((many.result(), many.signatures.len()), (DkimResult::PermError, 1), "{field}");
    }
}

#[test]
fn a_domain_of_a_megabyte_is_told_in_short() {
    let long = format!("{}com", "a.".repeat(500_000));
    let raw = signed("example.com").replacen("d=example.com;", &format!("d={long};"), 1);
    let identity = judge(&keys(""), "a@example.org", &raw.replacen("news.example.com", &long, 1));
    let dkim = identity.dkim.unwrap();
    assert_eq!((dkim.result(), dkim.telling().unwrap().domain.len()), (DkimResult::PermError, 255));
    let dmarc = identity.dmarc.unwrap();
    assert_eq!((dmarc.result, dmarc.domain.len()), (DmarcResult::Unpublished, 255));
}

#[test]
fn a_signature_expires_by_the_clock_of_the_session() {
    // The session is of 2008-02-01.
    for (expires, result) in [
        ("t=1201000000; x=1201823999", DkimResult::Neutral),
        ("t=1201000000; x=1201824001", DkimResult::Fail),
        ("t=1201824900; x=1201824800", DkimResult::Neutral),
        ("x=4102444800", DkimResult::Fail),
    ] {
        // It was not signed, so what has not expired is wrong.
        let raw = signed("example.com").replacen(" t=", " n=", 1).replacen("v=1;", &format!("v=1; {expires};"), 1);
        let found = judge(&keys(""), "a@example.org", &raw).dkim.unwrap();
        assert_eq!(found.result(), result, "{expires}: {found:?}");
    }
}

#[test]
fn a_signature_of_too_many_fields_is_not_verified() {
    let names: Vec<_> = (0..20_000).map(|number| format!("x{number}")).collect();
    let fields = "X:\r\n".repeat(20_000);
    let raw = signed("example.com").replacen("h=", &format!("h={}:", names.join(":")), 1);
    let raw = raw.replacen("From: Bill", &format!("{fields}From: Bill"), 1);
    let found = judge(&keys(""), "a@example.org", &raw).dkim.unwrap();
    assert_eq!(found.result(), DkimResult::PermError, "{}", found.signatures.len());
}

fn dmarc(record: &str, sender: &str, raw: &str, more: &str) -> DmarcResult {
    let zones = keys(&format!("\"_dmarc.example.com\" = {{ TXT = [\"{record}\"] }}\n{more}"));
    judge(&zones, sender, raw).dmarc.unwrap().result
}

const SENDERS: &str = "\"example.com\" = { TXT = [\"v=spf1 ip4:192.0.2.1 -all\"] }\n\
     \"news.example.com\" = { TXT = [\"v=spf1 ip4:192.0.2.1 -all\"], A = [\"192.0.2.1\"] }\n\
     \"example.net\" = { TXT = [\"v=spf1 ip4:192.0.2.1 -all\"] }\n";

#[test]
fn what_passes_must_be_aligned() {
    let relaxed = "v=DMARC1; p=reject";
    let strict = "v=DMARC1; p=reject; adkim=s; aspf=s";
    let reject = DmarcResult::Fail(Disposition::Reject);
    for (record, sender, signer, result) in [
        (relaxed, "a@example.com", None, DmarcResult::Pass),
        (strict, "a@example.com", None, reject),
        (strict, "a@news.example.com", None, DmarcResult::Pass),
        (relaxed, "a@example.net", None, reject),
        (relaxed, "a@example.net", Some("example.com"), DmarcResult::Pass),
        (relaxed, "a@example.net", Some("example.net"), reject),
        (strict, "a@example.net", Some("example.com"), reject),
        (strict, "a@example.net", Some("news.example.com"), DmarcResult::Pass),
    ] {
        let raw = signer.map_or_else(|| MESSAGE.to_owned(), signed);
        assert_eq!(dmarc(record, sender, &raw, SENDERS), result, "{record} {sender} {signer:?}");
    }
}

#[test]
fn the_policy_is_that_of_the_domain_or_of_those_below() {
    let fail = DmarcResult::Fail;
    let of = |record: &str, more: &str| dmarc(record, "a@example.net", MESSAGE, more);
    assert_eq!(of("v=DMARC1; p=none", SENDERS), fail(Disposition::None));
    assert_eq!(of("v=DMARC1; p=quarantine", SENDERS), fail(Disposition::Quarantine));
    assert_eq!(of("v=DMARC1; p=reject; sp=none", SENDERS), fail(Disposition::None));
    let own = format!("{SENDERS}\"_dmarc.news.example.com\" = {{ TXT = [\"v=DMARC1; p=quarantine\"] }}\n");
    assert_eq!(of("v=DMARC1; p=reject; sp=none", &own), fail(Disposition::Quarantine));
    assert_eq!(of("v=DMARC1; p=none; sp=none; np=reject", SENDERS), fail(Disposition::None));
    assert_eq!(of("v=DMARC1; p=none; sp=none; np=reject", "\"x.test\" = {}\n"), fail(Disposition::None));
    assert_eq!(of("v=spf1 -all", SENDERS), DmarcResult::Unpublished);
}

#[test]
fn a_subdomain_that_does_not_exist_has_its_own_policy() {
    let zones = zones("\"_dmarc.example.com\" = { TXT = [\"v=DMARC1; p=none; sp=none; np=reject\"] }\n");
    let result = judge(&zones, "a@example.net", MESSAGE).dmarc.unwrap().result;
    assert_eq!(result, DmarcResult::Fail(Disposition::Reject));
}

#[test]
fn a_failure_of_dns_is_no_failure_of_the_sender() {
    let lame = "\"example.com\" = { fails = \"servfail\" }\n";
    assert_eq!(dmarc("v=DMARC1; p=reject", "a@example.com", MESSAGE, lame), DmarcResult::TempError);
    let zones = zones("\"_dmarc.news.example.com\" = { fails = \"timeout\" }");
    assert_eq!(judge(&zones, "a@example.net", MESSAGE).dmarc.unwrap().result, DmarcResult::TempError);
}

#[test]
fn a_failure_of_a_domain_that_is_not_aligned_saves_nobody() {
    let reject = DmarcResult::Fail(Disposition::Reject);
    let lame = "\"lame.test\" = { fails = \"servfail\" }\n\"s._domainkey.lame.test\" = { fails = \"timeout\" }\n";
    assert_eq!(dmarc("v=DMARC1; p=reject", "a@lame.test", MESSAGE, lame), reject);
    assert_eq!(dmarc("v=DMARC1; p=reject", "a@example.net", &signed("lame.test"), lame), reject);
    let own = zones(
        "\"_dmarc.example.com\" = { TXT = [\"v=DMARC1; p=reject\"] }\n\
         \"s._domainkey.example.com\" = { fails = \"timeout\" }\n",
    );
    assert_eq!(judge(&own, "a@example.net", &signed("example.com")).dmarc.unwrap().result, DmarcResult::TempError);
}

#[test]
fn from_must_name_one_domain() {
    let long = format!("From: {}@example.com\r\n", "a@b.test, ".repeat(1000));
    for from in [
        "",
        "From: a@one.example, b@two.example\r\n",
        "From: nobody\r\n",
        "From: a@example.com\r\nFrom: b@example.net\r\n",
        "From: a@\r\n",
        &long,
    ] {
        let raw = format!("{from}Subject: x\r\n\r\nx\r\n");
        assert_eq!(judge(&keys(""), "a@example.com", &raw).dmarc.unwrap().result, DmarcResult::Unpublished, "{from}");
    }
}

proptest! {
    #[test]
    fn whatever_is_signed_has_a_result(at in 0_usize..400, bytes in "[ -~\r\n\t]{0,3}") {
        let (zones, mut raw) = (keys(""), signed("example.com"));
        let at = at.min(raw.len());
        raw.replace_range(at..(at + 2).min(raw.len()), &bytes);
        // Nothing fails in these zones.
        let identity = judge(&zones, "a@example.org", &raw);
        prop_assert_ne!(identity.dkim.unwrap().result(), DkimResult::TempError);
        prop_assert_ne!(identity.dmarc.unwrap().result, DmarcResult::TempError);
    }
}
