//! SPF (RFC 7208).

use proptest::prelude::*;

use super::{examine, facts, zones};
use crate::identity::{Needs, SpfResult, Zones};

const NEEDS: fn() -> Needs = || Needs { spf: true, ..Needs::default() };

/// The result for `a@DOMAIN` from an address.
fn check(zones: &Zones, ip: &str, domain: &str) -> SpfResult {
    let facts = facts(ip, "client.example", &format!("a@{domain}"));
    examine(zones, &NEEDS(), &facts, None).spf.unwrap().result
}

#[test]
fn each_qualifier_gives_its_result() {
    let zones = zones(
        r#"
        "pass.example" = { TXT = ["v=spf1 ip4:192.0.2.0/24 -all"] }
        "soft.example" = { TXT = ["google-site-verification=x", "v=spf1 ~all"] }
        "neutral.example" = { TXT = ["v=spf1 ?all"] }
        "silent.example" = { TXT = ["v=spf1 ip4:203.0.113.9"] }
        "text.example" = { TXT = ["v=spf10 -all"] }
        "twice.example" = { TXT = ["v=spf1 -all", "v=spf1 +all"] }
        "wrong.example" = { TXT = ["v=spf1 ip4:300.1.1.1 -all"] }
        "lame.example" = { fails = "servfail" }
        "six.example" = { TXT = ["v=spf1 ip6:2001:db8::/32 -all"] }
        "#,
    );
    for (ip, domain, result) in [
        ("192.0.2.9", "pass.example", SpfResult::Pass),
        ("198.51.100.1", "pass.example", SpfResult::Fail),
        ("192.0.2.9", "soft.example", SpfResult::SoftFail),
        ("192.0.2.9", "neutral.example", SpfResult::Neutral),
        ("192.0.2.9", "silent.example", SpfResult::Neutral),
        ("192.0.2.9", "text.example", SpfResult::None),
        ("192.0.2.9", "nowhere.example", SpfResult::None),
        ("192.0.2.9", "twice.example", SpfResult::PermError),
        ("192.0.2.9", "wrong.example", SpfResult::PermError),
        ("192.0.2.9", "lame.example", SpfResult::TempError),
        ("2001:db8::1", "six.example", SpfResult::Pass),
        ("2001:db9::1", "six.example", SpfResult::Fail),
        ("192.0.2.9", "six.example", SpfResult::Fail),
    ] {
        assert_eq!(check(&zones, ip, domain), result, "{ip} {domain}");
    }
}

#[test]
fn addresses_exchanges_names_and_existence_are_looked_up() {
    let zones = zones(
        r#"
        "a.example" = { TXT = ["v=spf1 a -all"], A = ["192.0.2.1"], AAAA = ["2001:db8::1"] }
        "net.example" = { TXT = ["v=spf1 a:a.example/24//64 -all"] }
        "mx.example" = { TXT = ["v=spf1 mx -all"], MX = ["20 one.mx.example", "10 two.mx.example"] }
        "two.mx.example" = { A = ["192.0.2.2"] }
        "ptr.example" = { TXT = ["v=spf1 ptr -all"] }
        "192.0.2.3" = { PTR = ["host.ptr.example", "other.example"] }
        "host.ptr.example" = { A = ["192.0.2.3"] }
        "192.0.2.4" = { PTR = ["forged.ptr.example"] }
        "forged.ptr.example" = { A = ["192.0.2.99"] }
        "exists.example" = { TXT = ["v=spf1 exists:%{ir}.%{l}.ok.exists.example -all"] }
        "5.2.0.192.a.ok.exists.example" = { A = ["127.0.0.2"] }
        "six.example" = { TXT = ["v=spf1 exists:yes.six.example -all"] }
        "yes.six.example" = { A = ["127.0.0.2"] }
        "redirect.example" = { TXT = ["v=spf1 redirect=a.example"] }
        "astray.example" = { TXT = ["v=spf1 redirect=nowhere.example"] }
        "macro.example" = { TXT = ["v=spf1 include:%{i}.%{h}.%{d2}.inc.example -all"] }
        "192.0.2.6.client.example.macro.example.inc.example" = { TXT = ["v=spf1 +all"] }
        "#,
    );
    for (ip, domain, result) in [
        ("192.0.2.1", "a.example", SpfResult::Pass),
        ("192.0.2.2", "a.example", SpfResult::Fail),
        ("2001:db8::1", "a.example", SpfResult::Pass),
        ("192.0.2.200", "net.example", SpfResult::Pass),
        ("2001:db8::ff", "net.example", SpfResult::Pass),
        ("2001:db8:0:1::1", "net.example", SpfResult::Fail),
        ("192.0.2.2", "mx.example", SpfResult::Pass),
        ("192.0.2.1", "mx.example", SpfResult::Fail),
        ("192.0.2.3", "ptr.example", SpfResult::Pass),
        ("192.0.2.4", "ptr.example", SpfResult::Fail),
        ("192.0.2.5", "exists.example", SpfResult::Pass),
        ("192.0.2.6", "exists.example", SpfResult::Fail),
        ("2001:db8::1", "six.example", SpfResult::Pass),
        ("192.0.2.1", "redirect.example", SpfResult::Pass),
        ("192.0.2.2", "redirect.example", SpfResult::Fail),
        ("192.0.2.2", "astray.example", SpfResult::PermError),
        ("192.0.2.6", "macro.example", SpfResult::Pass),
    ] {
        assert_eq!(check(&zones, ip, domain), result, "{ip} {domain}");
    }
}

/// A domain that includes so many others, of which the last authorizes 192.0.2.1.
fn including(count: usize) -> Zones {
    let includes: Vec<_> = (1..=count).map(|number| format!("include:i{number}.example")).collect();
    let mut text = format!("\"heavy.example\" = {{ TXT = [\"v=spf1 {} -all\"] }}\n", includes.join(" "));
    for number in 1..=count {
        let terms = if number == count { "ip4:192.0.2.1 -all" } else { "ip4:198.51.100.1 -all" };
        text += &format!("\"i{number}.example\" = {{ TXT = [\"v=spf1 {terms}\"] }}\n");
    }
    zones(&text)
}

#[test]
fn ten_lookups_are_allowed_and_eleven_are_not() {
    assert_eq!(check(&including(10), "192.0.2.1", "heavy.example"), SpfResult::Pass);
    assert_eq!(check(&including(10), "203.0.113.1", "heavy.example"), SpfResult::Fail);
    assert_eq!(check(&including(11), "192.0.2.1", "heavy.example"), SpfResult::PermError);
    // What matches before the limit is met counts.
    assert_eq!(check(&including(11), "198.51.100.1", "heavy.example"), SpfResult::Pass);
}

#[test]
fn a_loop_ends() {
    let zones = zones(
        r#"
        "loop.example" = { TXT = ["v=spf1 include:loop.example -all"] }
        "ping.example" = { TXT = ["v=spf1 redirect=pong.example"] }
        "pong.example" = { TXT = ["v=spf1 redirect=ping.example"] }
        "#,
    );
    assert_eq!(check(&zones, "192.0.2.1", "loop.example"), SpfResult::PermError);
    assert_eq!(check(&zones, "192.0.2.1", "ping.example"), SpfResult::PermError);
}

#[test]
fn two_void_lookups_are_allowed_and_three_are_not() {
    let zones = zones(
        r#"
        "two.example" = { TXT = ["v=spf1 a:void1.example exists:void2.example ip4:192.0.2.1 -all"] }
        "three.example" = { TXT = ["v=spf1 a:void1.example mx:void2.example a:three.example ip4:192.0.2.1 -all"] }
        "exchanges.example" = { TXT = ["v=spf1 mx ip4:192.0.2.1 -all"], MX = ["1 v1.test", "2 v2.test", "3 v3.test"] }
        "#,
    );
    assert_eq!(check(&zones, "192.0.2.1", "two.example"), SpfResult::Pass);
    assert_eq!(check(&zones, "192.0.2.1", "three.example"), SpfResult::PermError);
    // The limit is one of terms, and this is one term.
    assert_eq!(check(&zones, "192.0.2.1", "exchanges.example"), SpfResult::Pass);
}

#[test]
fn a_failure_of_dns_on_the_way_is_temporary() {
    let zones = zones(
        r#"
        "a.example" = { TXT = ["v=spf1 a:lame.example -all"] }
        "exists.example" = { TXT = ["v=spf1 exists:lame.example -all"] }
        "include.example" = { TXT = ["v=spf1 include:lame.example -all"] }
        "early.example" = { TXT = ["v=spf1 ip4:192.0.2.1 a:lame.example -all"] }
        "lame.example" = { fails = "timeout" }
        "#,
    );
    for domain in ["a.example", "exists.example", "include.example"] {
        assert_eq!(check(&zones, "192.0.2.1", domain), SpfResult::TempError, "{domain}");
    }
    assert_eq!(check(&zones, "192.0.2.1", "early.example"), SpfResult::Pass);
}

#[test]
fn a_reverse_name_counts_if_it_is_the_client_s_and_else_is_passed_over() {
    let zones = zones(
        r#"
        "ptr.example" = { TXT = ["v=spf1 ptr -all"] }
        "192.0.2.1" = { PTR = ["lame.ptr.example", "host.ptr.example"] }
        "192.0.2.2" = { PTR = ["lame.ptr.example"] }
        "192.0.2.3" = { fails = "servfail" }
        "lame.ptr.example" = { fails = "servfail" }
        "host.ptr.example" = { TXT = ["v=spf1 ptr -all"], A = ["192.0.2.1"] }
        "tr.example" = { TXT = ["v=spf1 ptr -all"] }
        "macro.example" = { TXT = ["v=spf1 exists:%{p}.ok.test -all"] }
        "host.ptr.example.ok.test" = { A = ["127.0.0.2"] }
        "lame.ptr.example.ok.test" = { A = ["127.0.0.2"] }
        "#,
    );
    assert_eq!(check(&zones, "192.0.2.1", "ptr.example"), SpfResult::Pass);
    assert_eq!(check(&zones, "192.0.2.1", "host.ptr.example"), SpfResult::Pass);
    assert_eq!(check(&zones, "192.0.2.1", "tr.example"), SpfResult::Fail);
    assert_eq!(check(&zones, "192.0.2.1", "macro.example"), SpfResult::Pass);
    assert_eq!(check(&zones, "192.0.2.2", "ptr.example"), SpfResult::Fail);
    assert_eq!(check(&zones, "192.0.2.2", "macro.example"), SpfResult::Fail);
    assert_eq!(check(&zones, "192.0.2.3", "ptr.example"), SpfResult::Fail);
}

#[test]
fn what_is_no_record_is_a_permanent_error() {
    for (terms, result) in [
        ("ip4:192.0.2.0/33 -all", SpfResult::PermError),
        ("ip4:192.0.2.1/ -all", SpfResult::PermError),
        ("ip6:2001:db8::/129 -all", SpfResult::PermError),
        ("a/33 -all", SpfResult::PermError),
        ("a//129 -all", SpfResult::PermError),
        ("ip4 -all", SpfResult::PermError),
        ("inlcude:a.test +all", SpfResult::PermError),
        ("+all nonsense", SpfResult::PermError),
        ("-redirect=a.test", SpfResult::PermError),
        ("all:a.test", SpfResult::PermError),
        ("exp=a.test exp=b.test -all", SpfResult::PermError),
        ("a/+8 -all", SpfResult::PermError),
        ("a/08 -all", SpfResult::PermError),
        ("mx:x.test/24//129 -all", SpfResult::PermError),
        ("mx//0 a/0//128 -all", SpfResult::Fail),
        ("a:%{d1r/}.test/24 -all", SpfResult::Fail),
        ("exists -all", SpfResult::PermError),
        ("exists: -all", SpfResult::PermError),
        ("include: -all", SpfResult::PermError),
        ("nonsense -all", SpfResult::PermError),
        ("nonsense:x -all", SpfResult::PermError),
        ("redirect=a.test redirect=b.test", SpfResult::PermError),
        ("-all unknown=thing", SpfResult::Fail),
        ("redirect=nowhere.test -all", SpfResult::Fail),
        ("include:x.example -all", SpfResult::PermError),
        ("exists:%{z}.test -all", SpfResult::PermError),
        ("-ALL", SpfResult::Fail),
        ("IP4:192.0.2.1 -all", SpfResult::Pass),
        ("  -all  ", SpfResult::Fail),
    ] {
        let zones = zones(&format!("\"x.example\" = {{ TXT = [\"v=spf1 {terms}\"] }}"));
        assert_eq!(check(&zones, "192.0.2.1", "x.example"), result, "{terms}");
    }
    let long = format!("v=spf1 {} -all", "ip4:203.0.113.1 ".repeat(4000));
    let zones = zones(&format!("\"x.example\" = {{ TXT = [\"{long}\"] }}"));
    assert_eq!(check(&zones, "192.0.2.1", "x.example"), SpfResult::Fail);
}

#[test]
fn a_null_sender_stands_for_its_helo_name() {
    let zones = zones("\"client.example\" = { TXT = [\"v=spf1 ip4:192.0.2.1 -all\"] }");
    let spf = |ip| examine(&zones, &NEEDS(), &facts(ip, "client.example", ""), None).spf.unwrap();
    assert_eq!(spf("192.0.2.1").result, SpfResult::Pass);
    assert_eq!((spf("192.0.2.2").result, spf("192.0.2.2").domain), (SpfResult::Fail, "client.example".to_owned()));
    let literal = examine(&zones, &NEEDS(), &facts("192.0.2.1", "[192.0.2.1]", ""), None).spf.unwrap();
    assert_eq!(literal.result, SpfResult::None);
}

#[test]
fn it_is_evaluated_anew_only_for_another_sender() {
    let zones = zones("\"a.example\" = { TXT = [\"v=spf1 -all\"] }");
    let mut facts = facts("192.0.2.1", "client.example", "a@a.example");
    facts.identity = Some(examine(&zones, &NEEDS(), &facts, None).into());
    let nothing = Zones::default();
    assert_eq!(examine(&nothing, &NEEDS(), &facts, None).spf.unwrap().result, SpfResult::Fail);
    facts.envelope.sender = super::facts("192.0.2.1", "", "b@a.example").envelope.sender;
    assert_eq!(examine(&nothing, &NEEDS(), &facts, None).spf.unwrap().result, SpfResult::None);
}

const TERMS: &str = "([+~?-]?(all|a|mx|ptr|include|exists|ip4|ip6|redirect|exp)[:=/]?[%a-z0-9{}.:/-]{0,20} ?){0,12}";

proptest! {
    #[test]
    fn whatever_a_record_says_has_a_result(terms in TERMS, more in "[ -~]{0,40}") {
        let record = format!("v=spf1 {terms}{more}");
        let zones = zones(&format!("\"x.example\" = {{ TXT = [{record:?}] }}\n\"*\" = {{ TXT = [{record:?}] }}"));
        // Nothing fails in these zones.
        prop_assert_ne!(check(&zones, "192.0.2.1", "x.example"), SpfResult::TempError);
        prop_assert_ne!(check(&zones, "2001:db8::1", "x.example"), SpfResult::TempError);
    }
}
