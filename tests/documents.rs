//! Every row of the five documents is held against the packs, so that none can go missing: `tests/data/documents.tsv`
//! has a row for each reply, alias and behaviour that was found in them.

use std::collections::BTreeMap;

use mockmx::policy::{Policy, ProviderView};
use mockmx::settings::{Flags, Settings};

/// Rows that another rule of the pack answers, by row.
const BY_ANOTHER_RULE: [(&str, &str); 21] = [
    ("263/client-rcpt-refused", "user-unknown"),
    ("263/content-reject-subject", "content-reject"),
    ("263/keyword-submission", "keyword"),
    ("263/keyword-mx", "keyword"),
    ("263/client-800ccc61", "keyword"),
    ("263/client-800ccc0f", "info-sender-drop"),
    ("263/client-800ccc69", "user-unknown"),
    ("263/client-800ccc78", "sender-in-prison"),
    ("263/client-800ccc79", "user-unknown"),
    ("263/user-not-local-in", "user-not-local"),
    ("263/user-not-local-out", "user-not-local-abroad"),
    ("263/mailbox-quota", "mailbox-exceed"),
    ("263/user-reject-rule", "user-refuses-sender"),
    ("263/domain-reject-rule", "domain-refuses-sender"),
    ("263/overseas-relay-refused", "blocked-by-rbl"),
    ("netease/generic-wrong-address", "invalid-user"),
    ("netease/generic-server-refuses", "wm-bli"),
    ("netease/generic-recipient-blacklist", "recipient-blacklist"),
    ("netease/generic-mailbox-full", "mailbox-full"),
    ("netease/generic-too-big", "size"),
    ("netease/generic-spam", "dt-spm-451"),
];

/// Rows that no rule answers, and why.
const WITHOUT_RULE: [(&str, &str); 9] = [
    ("263/client-800c133", "the mail program's own store is full: nothing that a server does"),
    ("263/client-800ccc0d", "a name that does not resolve: for the name server"),
    ("263/client-800ccc0e", "nobody listens: for broken networks"),
    ("263/client-800ccc90", "the login is refused by the accounts, with 535"),
    ("263/client-800ccc92", "the login is refused by the accounts, with 535"),
    ("263/smtp-no-connect-domestic", "no connection: for broken networks"),
    ("netease/generic-maintenance", "no server answers: for broken networks"),
    ("netease/generic-network", "no connection: for broken networks"),
    ("netease/generic-client-protocol", "the mail program speaks another protocol: nothing that a server does"),
];

struct Row {
    name: String,
    provider: String,
    id: String,
    text: String,
}

fn rows() -> Vec<Row> {
    let table = include_str!("data/documents.tsv");
    let row = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        let (provider, id) = (columns[0].to_owned(), columns[1].to_owned());
        Row { name: format!("{provider}/{id}"), provider, id, text: columns[5].to_owned() }
    };
    table.lines().skip(1).map(row).collect()
}

fn providers() -> Vec<ProviderView> {
    let settings = Settings::load(&Flags::default(), [], std::path::Path::new("")).unwrap();
    Policy::load(&settings).unwrap().providers()
}

/// A reply without its code, and without what varies in it.
fn words(text: &str) -> String {
    let rest = text.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())).map_or(text, |_| &text[3..]);
    let mut plain = String::new();
    let mut depth = 0;
    for c in rest.replace("552-5.7.0", "5.7.0").chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let varying = [
        "***@***",
        "***",
        "kail.com.cn",
        "<xxx@xxx.com>",
        "<admin@用户公司域名>",
        "121.14.129.38",
        "xxxx",
        "xxx",
        "<>",
    ];
    let plain = varying.iter().fold(plain, |text, varying| text.replace(varying, ""));
    plain.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

#[test]
fn every_row_of_the_documents_is_answered_or_has_a_reason() {
    let providers = providers();
    let mut counts: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut missing = Vec::new();
    for row in &rows() {
        let pack = providers.iter().find(|provider| provider.id == row.provider).unwrap();
        let other = BY_ANOTHER_RULE.iter().find(|(name, _)| *name == row.name).map(|(_, rule)| *rule);
        let rule = pack.rules.iter().find(|rule| rule.id == other.unwrap_or(&row.id));
        let explained = pack.explanations.iter().any(|explanation| explanation.id == row.id);
        let excused = WITHOUT_RULE.iter().any(|(name, _)| *name == row.name);
        let [rows, named, real, told] = counts.entry(row.provider.clone()).or_default();
        *rows += 1;
        *named += usize::from(rule.is_some());
        *real += usize::from(rule.is_some_and(|rule| !rule.trigger_only));
        *told += usize::from(rule.is_some() || explained);
        if rule.is_some() == excused {
            missing.push(format!("{}: a rule or a reason, and not both", row.name));
        }
        // The words stand in the rule's reply, or the text is explained by itself.
        let reply = rule.and_then(|rule| rule.reply.as_deref()).map(words).unwrap_or_default();
        if !row.text.is_empty() && !excused && !explained && !reply.starts_with(&words(&row.text)) {
            missing.push(format!("{}: {:?} is not in {reply:?}", row.name, words(&row.text)));
        }
    }
    println!("provider, rows, by name, by the real trigger, by explanation: {counts:?}");
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    let rows = |provider: &str| counts[provider][0];
    let counted = ["21cn", "263", "netease", "wanxiang", "xinnet"].map(rows);
    assert_eq!(counted, [16, 38, 35, 34, 43]);
}

#[test]
fn the_exceptions_are_about_rows_that_there_are() {
    let rows = rows();
    let names = BY_ANOTHER_RULE.iter().map(|(name, _)| name).chain(WITHOUT_RULE.iter().map(|(name, _)| name));
    for name in names {
        assert!(rows.iter().any(|row| row.name == *name), "{name}");
    }
}
