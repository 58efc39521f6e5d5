//! Texts that people bring, and what the built-in packs say of them.

use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::policy::Policy;
use crate::settings::{Flags, Settings};
use crate::template::Placeholder;

fn providers(pack: Option<&str>) -> Vec<ProviderView> {
    let nothing: [(OsString, OsString); 0] = [];
    let folder = tempfile::tempdir().unwrap();
    let mut flags = Flags::default();
    if let Some(pack) = pack {
        std::fs::write(folder.path().join("own.toml"), pack).unwrap();
        flags = flags.set("--policies", [folder.path().to_string_lossy()]);
    }
    let settings = Settings::load(&flags, nothing, Path::new("")).unwrap();
    Policy::load(&settings).unwrap_or_else(|problems| panic!("{problems}")).providers()
}

/// What is found, as `263/keyword exact 100`.
fn found(providers: &[ProviderView], text: &str) -> Vec<String> {
    let name = |found: &Match<'_>| {
        format!("{}/{} {} {}", found.provider.id, found.subject.id(), found.how.name(), found.certainty)
    };
    Explainer::new(providers).explain(text).iter().map(name).collect()
}

/// A reply with values for its placeholders.
fn filled(reply: &str) -> String {
    let mut text = reply.to_owned();
    for placeholder in Placeholder::ALL {
        let value = match placeholder.name() {
            "epoch" | "node" | "session" => "1596954778",
            "network" => "203.0.113.0/24",
            "ip" => "203.0.113.9",
            "sender" | "recipient" => "some.body+x@mail.example",
            "queue-id" | "coremail-id" => "C8CowAAnpFyamC9fa52cAg--.56912S2",
            _ => "mail.example",
        };
        text = text.replace(&format!("{{{}}}", placeholder.name()), value);
    }
    text.replace("{{", "{").replace("}}", "}")
}

#[test]
fn every_text_of_every_pack_is_found_first() {
    let providers = providers(Some(OWN));
    let explainer = Explainer::new(&providers);
    let mut texts = Vec::new();
    for provider in &providers {
        for rule in &provider.rules {
            // A reply that is nothing but a placeholder cannot be known by its text.
            let replies = rule.reply.iter().filter(|reply| reply.as_str() != "550 {subject}");
            texts.extend(replies.map(|reply| (provider, rule.id.as_str(), filled(reply))));
            texts.push((provider, rule.id.as_str(), format!("{}/{}", provider.id, rule.id)));
            texts.push((provider, rule.id.as_str(), rule.trigger.clone()));
        }
        for explanation in &provider.explanations {
            texts.extend(explanation.texts.iter().map(|text| (provider, explanation.id.as_str(), filled(text))));
        }
    }
    for (provider, id, text) in texts {
        let all = explainer.explain(&text);
        let first = all.first().unwrap_or_else(|| panic!("{}/{id}: nothing found for {text:?}", provider.id));
        let own = all.iter().find(|found| found.provider.id == provider.id && found.subject.id() == id);
        let own = own.unwrap_or_else(|| panic!("{}/{id} is not found for {text:?}", provider.id));
        // Replies of two rules may be alike but for their placeholders.
        assert!(own.certainty >= 98 && first.certainty - own.certainty <= 2, "{}/{id}: {text:?}: {own:?}", provider.id);
    }
}

#[test]
fn a_text_is_found_however_it_comes() {
    let providers = providers(None);
    for (text, first) in [
        ("598  mail rejected by keyword", "263/keyword exact 100"),
        ("598 Mail Rejected by keyword", "263/keyword exact 100"),
        ("mail rejected by keyword", "263/keyword text 95"),
        ("550 mail rejected by keyword", "263/keyword text 88"),
        ("554 <admin@用户公司域名>: Sender address rejected: Access denied", "263/same-domain-auth filled 98"),
        (
            "host mx01.263xmail.com[192.0.2.7] said: 554 <a@b.cn>: Sender address rejected: Access denied (in reply to RCPT TO command)",
            "263/same-domain-auth filled 98",
        ),
        ("sender in prison", "263/sender-in-prison text 95"),
        ("sender in prision", "263/sender-in-prison near 75"),
        ("0x800CCC0F", "263/client-800ccc0f exact 100"),
        ("服务器错误编号: 0x800ccc0f, 端口 25", "263/client-800ccc0f token 84"),
        ("User Unknown in virtual alias table", "263/user-unknown part 72"),
        ("Error 0X00800CCC0F", "263/client-800ccc0f token 84"),
        ("您的服务器拒绝收件人之一。", "263/client-rcpt-refused part 86"),
        ("550 5.7.0 DT:SPM", "wanxiang/dt-spm-550 text 95"),
        ("\"554 RBL\"", "263/rbl text 95"),
        ("Remote host said: 550 User Unknown\nGiving up on 192.0.2.1.", "263/user-unknown exact 100"),
        ("552 Illegal Attachment", "wanxiang/illegal-attachment exact 100"),
        ("263/virus-deleted", "263/virus-deleted exact 100"),
        ("598", "263/keyword code 50"),
    ] {
        let all = found(&providers, text);
        assert_eq!(all.first().map(String::as_str), Some(first), "{text}: {all:?}");
    }
}

#[test]
fn what_happened_is_found_in_reasons_and_remedies() {
    let providers = providers(None);
    let full = ["21cn/capacity-exceed", "netease/mailbox-full", "xinnet/quota-mailbox-is-full"];
    for text in ["对方邮箱已满", "收件人的信箱满了", "The mailbox is full"] {
        let all = found(&providers, text);
        for rule in full {
            assert!(all.iter().any(|found| found.split(' ').next() == Some(rule)), "{text}: {all:#?}");
        }
    }
    assert_eq!(found(&providers, "对方邮箱已满")[0], "netease/mailbox-full meaning 45");
    for text in ["SPF", "空间不足", "账号被冻结", "virus", "IP 被列入黑名单"] {
        let all = found(&providers, text);
        assert!(all[0].contains(" meaning "), "{text}: {all:?}");
    }
    // What is known by its text needs no guesses.
    assert!(found(&providers, "598  mail rejected by keyword").iter().all(|found| !found.contains("meaning")));
    // A reply is rather some server's own than somebody's words.
    assert_eq!(found(&providers, "550 no valid mailbox on the planet, sir"), [""; 0]);
}

#[test]
fn a_name_is_found_however_it_is_written() {
    let providers = providers(None);
    for name in ["263/Keyword", " KEYWORD\n", "<keyword@263.mockmx.test>", "Keyword@263.MOCKMX.test"] {
        assert_eq!(found(&providers, name)[0], "263/keyword exact 100", "{name}");
    }
}

#[test]
fn what_nobody_says_is_not_known() {
    let providers = providers(None);
    for text in [
        "",
        "hello world",
        "250 Ok",
        "the quick brown fox jumps over the lazy dog",
        "  \n ",
        "599",
        "您好",
        "邮件",
        "今天天气很好",
        "发票怎么开",
    ] {
        assert_eq!(found(&providers, text), [""; 0], "{text:?}");
    }
}

const OWN: &str = r##"
name = "own"
[[rule]]
id = "spf"
stage = "mail"
trigger-only = true
reply = "550 MI:SPF"
[[rule]]
id = "sfq"
stage = "mail"
trigger-only = true
reply = "451 MI:SFQ 163 smtp7,{queue-id} {epoch},201,please see http://mail.example/help.htm?ip={ip}&time={epoch}"
[[rule]]
id = "quota"
stage = "rcpt"
trigger-only = true
reply = "452 4.2.2 The email account that you tried to reach is over quota\n4.2.2 <{recipient}> please try later"
[[rule]]
id = "little"
stage = "connect"
trigger-only = true
reply = "554 {ip} bad"
[[rule]]
id = "nothing"
stage = "connect"
trigger-only = true
reply = "556 "
[[rule]]
id = "anything"
stage = "message"
trigger-only = true
reply = "550 {subject}"
[[explain]]
id = "lost"
text = "lost connection with xxx while sending xxx"
stage = "network"
reason.en = "It broke."
"##;

#[test]
fn what_varies_is_filled_in() {
    let providers = providers(Some(OWN));
    let sfq = "451 MI:SFQ 163 smtp7,C8CowAAnpFyamC9fa52cAg--.56912S2 1596954778,201,please see http://mail.example/help.htm?ip=203.0.113.9&time=1596954778";
    for (text, first) in [
        (sfq, "own/sfq filled 98"),
        (&sfq["451 ".len()..], "own/sfq filled 90"),
        ("451 MI:SFQ 126 smtp3,AbC 15 gone", "own/sfq token 88"),
        ("454 MI:SFQ", "own/sfq token 76"),
        ("550 MI:SPF", "own/spf exact 100"),
        (
            "452-4.2.2 The email account that you tried to reach is over quota\r\n452 4.2.2 <a@b> please try later",
            "own/quota filled 98",
        ),
        (
            "452-4.2.2 The email account that you tried to reach is over quota 452-4.2.2 <a@b> please try later",
            "own/quota filled 98",
        ),
        (
            "lost connection with mx.example[192.0.2.1] while sending end of data -- message may be sent more than once",
            "own/lost filled 98",
        ),
    ] {
        let all = found(&providers, text);
        assert!(all.contains(&first.to_owned()), "{text}: {all:?}");
    }
    // A reply that is nothing but a placeholder is not everything's explanation.
    assert!(!found(&providers, "550 no such user").iter().any(|found| found.starts_with("own/anything")));
}

#[test]
fn a_hostile_text_costs_little() {
    let providers = providers(Some(OWN));
    let explainer = Explainer::new(&providers);
    for text in ["550 ".repeat(100_000), "550-".repeat(100_000), "a\n".repeat(100_000), "\u{202e}{{{".repeat(50_000)] {
        let found = explainer.explain(&text);
        assert!(found.len() < 1000);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_asked_for(text in "(\\PC|[0-9 :;.\\-\r\n]){0,120}", prefix in "(550[ -]|smtp;|<|0x)?") {
        // Patterns are made once: that takes longer than to look.
        static PROVIDERS: LazyLock<Vec<ProviderView>> = LazyLock::new(|| providers(None));
        static EXPLAINER: LazyLock<Explainer<'_>> = LazyLock::new(|| Explainer::new(&PROVIDERS));
        for statement in statements(format!("{prefix}{text}").as_bytes()) {
            for found in EXPLAINER.explain(&statement) {
                proptest::prop_assert!((20..=100).contains(&found.certainty));
            }
        }
    }
}
