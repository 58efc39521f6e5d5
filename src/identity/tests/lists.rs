//! Block lists, and names that resolve.

use super::{examine, facts, zones};
use crate::identity::{Identity, Needs, Zones};

fn ask(zones: &Zones, ip: &str) -> Identity {
    let lists = ["bl.example", "more.example"].map(str::to_owned).into();
    examine(zones, &Needs { lists, ..Needs::default() }, &facts(ip, "client.example", "a@example.com"), None)
}

#[test]
fn a_client_is_looked_up_by_its_address_in_each_list() {
    let zones = zones(
        r#"
        "9.2.0.192.bl.example" = { A = ["127.0.0.2"], TXT = ["see https://bl.example/192.0.2.9"] }
        "9.2.0.192.more.example" = { A = ["127.0.0.10"] }
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.more.example" = { A = ["127.0.0.4"] }
        "8.2.0.192.bl.example" = { A = ["203.0.113.1"] }
        "7.2.0.192.bl.example" = { fails = "timeout" }
        "#,
    );
    let found = |ip| {
        let on = ask(&zones, ip).lists.into_iter().filter_map(|listing| Some((listing.list, listing.address?)));
        on.map(|(list, address)| format!("{list} {address}")).collect::<Vec<_>>()
    };
    assert_eq!(found("192.0.2.9"), ["bl.example 127.0.0.2", "more.example 127.0.0.10"]);
    assert_eq!(found("::ffff:192.0.2.9"), ["bl.example 127.0.0.2", "more.example 127.0.0.10"]);
    assert_eq!(found("2001:db8::1"), ["more.example 127.0.0.4"]);
    for innocent in ["192.0.2.8", "192.0.2.7", "192.0.2.6", "2001:db8::2"] {
        assert_eq!(found(innocent), [""; 0], "{innocent}");
    }
    assert_eq!(ask(&zones, "192.0.2.9").listed().unwrap().text, "see https://bl.example/192.0.2.9");
}

#[test]
fn names_resolve_by_their_addresses_and_domains_also_by_their_exchanges() {
    let zones = zones(
        r#"
        "a.example" = { A = ["192.0.2.1"] }
        "six.example" = { AAAA = ["2001:db8::1"] }
        "mx.example" = { MX = ["10 a.example"] }
        "null.example" = { MX = ["0 ."], A = ["192.0.2.1"] }
        "text.example" = { TXT = ["x"] }
        "lame.example" = { fails = "servfail" }
        "#,
    );
    let needs = Needs { helo: true, sender_domain: true, ..Needs::default() };
    for (name, helo, domain) in [
        ("a.example", Some(true), Some(true)),
        ("A.Example.", Some(true), Some(true)),
        ("six.example", Some(true), Some(true)),
        ("mx.example", Some(false), Some(true)),
        ("null.example", Some(true), Some(false)),
        ("text.example", Some(false), Some(false)),
        ("nowhere.example", Some(false), Some(false)),
        ("lame.example", None, None),
        ("[192.0.2.1]", Some(true), Some(true)),
    ] {
        let identity = examine(&zones, &needs, &facts("192.0.2.1", name, &format!("a@{name}")), None);
        assert_eq!(identity.helo.unwrap().resolves, helo, "{name}");
        assert_eq!(identity.sender_domain.unwrap().resolves, domain, "{name}");
    }
    let identity = examine(&zones, &needs, &facts("192.0.2.1", "", ""), None);
    assert_eq!((identity.helo.unwrap().resolves, identity.sender_domain), (Some(false), None));
}
