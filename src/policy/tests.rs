//! What the loader says of packs that are wrong, and of settings that change packs.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::problem::Problem;
use crate::settings::{Flags, Settings};

/// The problems of a pack, a line each.
fn problems(pack: &str) -> Vec<String> {
    let problems = Policy::check("x.toml", &format!("name = \"x\"\n{pack}")).err().unwrap_or_default();
    // The placeholders that there are instead have a test of their own.
    let said = |problem: &Problem| problem.to_string().split("; there are {").next().unwrap_or_default().to_owned();
    problems.0.iter().map(said).collect()
}

/// The problems of settings, without the file's name.
fn settings_problems(text: &str) -> Vec<String> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let nothing: [(OsString, OsString); 0] = [];
    let settings = Settings::load(&Flags::default().config(Some(file.path().to_owned())), nothing, Path::new(""));
    let problems = Policy::load(&settings.unwrap()).err().unwrap_or_default();
    let name = file.path().display().to_string();
    problems.0.iter().map(|problem| problem.to_string().replace(&name, "settings")).collect()
}

#[test]
fn the_built_in_packs_have_no_problem_and_say_everything_to_people() {
    assert_eq!(settings_problems(""), [""; 0]);
    let nothing: [(OsString, OsString); 0] = [];
    let settings = Settings::load(&Flags::default(), nothing, Path::new("")).unwrap();
    for provider in Policy::load(&settings).unwrap().providers() {
        for rule in provider.rules {
            let said = [&rule.reason_zh, &rule.reason_en, &rule.remedy_en, &rule.source];
            assert!(said.iter().all(|text| text.is_some()), "{}/{}", provider.id, rule.id);
            assert!(rule.line > 0 && rule.file.ends_with(".toml"));
        }
        for text in provider.explanations {
            let said = [&text.reason_zh, &text.reason_en, &text.source];
            assert!(said.iter().all(|text| text.is_some()), "{}/{}", provider.id, text.id);
        }
    }
}

#[test]
fn all_problems_of_a_pack_are_found_at_once() {
    let found = problems(
        r#"
nmae = "y"
extensions = ["SIZE", "XCLIENT"]
[replies]
banner = "220 {who}"
greeting = "220 hello"
[lists]
unused = ["a"]
[prisons.p]
key = "{subject}"
time = ["20m", "15m"]
[[rule]]
id = "Upper"
stage = "rcpt"
reply = "250 fine"
[[rule]]
id = "one"
stage = "recipient"
[[rule]]
id = "two"
stage = "mail"
when.recipient = "a@b"
when.peer = ["10.0.0.0/40"]
when.sender = "nobody"
reply = "55 short"
[[rule]]
id = "two"
stage = "connect"
when.rate = { messages = 3, per = "soon", key = "{sender}" }
lock = "q"
"#,
    );
    assert_eq!(
        found,
        [
            "x.toml:3: there is no key `nmae` here",
            "x.toml:4: mockmx has no SMTP extension `XCLIENT`",
            "x.toml:6: there is no placeholder {who}",
            "x.toml:7: mockmx has no reply `greeting`",
            "x.toml:9: no rule uses the list `unused`",
            "x.toml:12: a span of times begins with the shorter one",
            "x.toml:14: this cannot be a rule's id",
            "x.toml:16: a refusal has a code from 400 to 599, not 250",
            "x.toml:19: there is no such stage",
            "x.toml:23: `recipient` is not known at stage mail; it is from stage rcpt on",
            "x.toml:24: expected a network as `203.0.113.0/24` or an IP address, found \"10.0.0.0/40\"",
            "x.toml:25: expected an address as `name@example.com`, `@example.com` or `name@`, found \"nobody\"",
            "x.toml:26: a reply begins with a code of three digits from 200 to 599",
            "x.toml:27: the rule does nothing: it needs `reply`, `then`, `folder`, `replace`, `bounce`, `raw` or `delay`",
            "x.toml:28: there are two rules `two`",
            "x.toml:30: a rate is written as `{ messages = 30, per = \"1m\", key = \"{sender}\" }`",
            "x.toml:30: messages are counted at stage mail or data or message, not at stage connect",
            "x.toml:30: expected a time as \"20m\" or \"1h 30m\", found \"soon\"",
            "x.toml:30: {sender} is not known at stage connect",
            "x.toml:31: there is no prison `q`",
        ]
    );
}

#[test]
fn a_bounce_says_what_goes_with_its_kind() {
    let found = problems(
        r#"
[[rule]]
id = "a"
stage = "message"
bounce = "250 fine"
[[rule]]
id = "b"
stage = "rcpt"
when.recipient = "b@"
bounce = { kind = "failed", status = "4.1.1", text = "x" }
[[rule]]
id = "c"
stage = "message"
when.recipient = "c@"
bounce = { kind = "lost" }
[[rule]]
id = "d"
stage = "message"
when.recipient = "d@"
bounce = [{ kind = "out-of-office" }, { kind = "delivered", recipient = "nobody", afer = "1m" }]
[[rule]]
id = "e"
stage = "message"
when.recipient = "e@"
bounce = []
[[rule]]
id = "f"
stage = "message"
when.rate = { messages = 3, per = "1m", key = "{sender}" }
bounce = [{ kind = "delayed", reply = "550 x" }]
[[rule]]
id = "g"
stage = "message"
when.recipient = "g@"
bounce = [
    { kind = "lost", reply = "550 x", afer = "1m" },
    { kind = "failed", status = "5" },
    { kind = "out-of-office", text = "{" },
]
"#,
    );
    assert_eq!(
        found,
        [
            "x.toml:6: what is failed was told a code from 400 to 599, not 250",
            "x.toml:7: a message can be filed, discarded, replaced or bounced at stage message, not at stage rcpt",
            "x.toml:11: what is failed has a `reply`: what a server said",
            "x.toml:11: expected a status code as \"5.1.1\", found \"4.1.1\"",
            "x.toml:11: `text` does not go with kind failed",
            "x.toml:16: expected \"failed\" or \"delayed\" or \"relayed\" or \"delivered\" or \"out-of-office\" or \
             \"read-receipt\" or \"abuse-report\", found \"lost\"",
            "x.toml:21: who is out of office says so in `text`",
            "x.toml:21: expected \"tracker\" or an address as \"name@example.com\", found \"nobody\"",
            "x.toml:21: there is no key `afer` here",
            "x.toml:26: a bounce tells 1 to 10 things, one after the other",
            "x.toml:27: a rule that files, discards, replaces or bounces is asked for each recipient, so it cannot count",
            "x.toml:31: what is delayed was told a code from 400 to 499, not 550",
            "x.toml:37: expected \"failed\" or \"delayed\" or \"relayed\" or \"delivered\" or \"out-of-office\" or \
             \"read-receipt\" or \"abuse-report\", found \"lost\"",
            "x.toml:37: there is no key `afer` here",
            "x.toml:38: expected a status code as \"5.1.1\", found \"5\"",
            "x.toml:39: a brace is left open; write {{ or }} for the character itself",
        ]
    );
}

#[test]
fn an_explanation_has_a_text_a_stage_and_a_reason() {
    let found = problems(
        r#"
[[explain]]
id = "sound"
text = ["lost connection with xxx", "{host} is gone"]
stage = "network"
reason.zh = "断"
[[explain]]
id = "sound"
text = []
stage = "nowhere"
[[explain]]
id = "a b"
text = ["", "{who}"]
stage = "client"
reason.en = "it"
because = "x"
"#,
    );
    let found: Vec<_> = found.iter().map(|text| text.split("; there are").next().unwrap()).collect();
    assert_eq!(
        found,
        [
            "x.toml:8: it explains nothing: `reason.zh` or `reason.en` is missing",
            "x.toml:9: there are two explanations `sound`",
            "x.toml:11: there is no such stage",
            "x.toml:13: this cannot be an explanation's id",
            "x.toml:14: the text is empty",
            "x.toml:14: there is no placeholder {who}",
            "x.toml:17: there is no key `because` here",
        ]
    );
}

#[test]
fn a_problem_is_drawn_with_its_line() {
    let problems = Policy::check("x.toml", "name = \"x\"\n[[rule]]\nid = \"a\"\nstage = \"rcpt\"\nreply = \"55 no\"\n");
    assert_eq!(
        problems.unwrap_err().0[0].render(false),
        "\
error: a reply begins with a code of three digits from 200 to 599
 --> x.toml:5:9
  |
5 | reply = \"55 no\"
  |         ^^^^^^^"
    );
}

#[test]
fn a_rule_that_can_never_fire_is_a_problem() {
    let never = |found: Vec<String>| found.iter().filter(|text| text.contains("can never fire")).count();
    let all = "[[rule]]\nid = \"all\"\nstage = \"rcpt\"\nreply = \"550 no\"\n";
    let one = "[[rule]]\nid = \"one\"\nstage = \"rcpt\"\nwhen.recipient = \"a@\"\nreply = \"550 no\"\n";
    let narrow =
        "[[rule]]\nid = \"two\"\nstage = \"rcpt\"\nwhen.recipient = \"a@\"\nwhen.tls = true\nreply = \"550 no\"\n";
    let named = "[[rule]]\nid = \"named\"\nstage = \"rcpt\"\ntrigger-only = true\nreply = \"550 no\"\n";
    assert_eq!(never(problems(&format!("{one}{all}"))), 0);
    assert_eq!(never(problems(&format!("{all}{one}"))), 1);
    assert_eq!(never(problems(&format!("{one}{narrow}"))), 1);
    assert_eq!(never(problems(&format!("{narrow}{one}"))), 0);
    assert_eq!(never(problems(&format!("{all}{named}"))), 0);
    assert_eq!(never(problems(&format!("{}{one}", all.replace("reply = \"550 no\"", "delay = \"1s\"")))), 0);
    assert_eq!(never(problems("[[rule]]\nid = \"a\"\nstage = \"rcpt\"\nwhen.recipient = []\nreply = \"550 no\"\n")), 1);
    let dated = |dates: &str| all.replace("reply", &format!("{dates}\nreply"));
    let (between, later) = ("since = \"2012-01-01\"\nuntil = \"2015-01-01\"", "since = \"2015-01-01\"");
    assert_eq!(never(problems(&format!("{}{one}", dated(between)))), 0);
    let one_later = one.replace("reply", &format!("{later}\nreply"));
    assert_eq!(never(problems(&format!("{}{one_later}", dated(between)))), 0);
    assert_eq!(never(problems(&format!("{}{one_later}", dated("since = \"2012-01-01\"")))), 1);
}

#[test]
fn settings_change_packs_in_one_line() {
    let text =
        "providers.263.rules.too-frequent.when.rate.messages = 2\nproviders.263.lists.overseas = [\"127.0.0.9\"]\n";
    assert_eq!(settings_problems(text), [""; 0]);
    assert_eq!(settings_problems("providers.263.rules.rbl.enabled = false"), [""; 0]);
    assert_eq!(
        settings_problems("providers.263.rules.too-frequent.when.rate.messages = 0\nproviders.264.name = \"x\"\n"),
        [
            "settings:1: a rate counts one kind of thing, and at least one of it",
            "settings:2: there is no provider `264`",
        ]
    );
    assert_eq!(
        settings_problems("providers.263.rules.nothing.when.tls = true"),
        ["settings:1: the pack has no rule `nothing`"]
    );
    assert_eq!(
        settings_problems("providers.263.rules.rbl.reply = \"5 x\""),
        ["settings:1: a reply begins with a code of three digits from 200 to 599"]
    );
}

#[test]
fn names_of_providers_and_rules_must_be_there() {
    let text = "\
provider = \"nobody\"
[[listener]]
name = \"a\"
address = \"127.0.0.1:0\"
provider = \"none\"
[[listener]]
name = \"b\"
address = \"127.0.0.1:0\"
rule = \"263/none\"
[[mailbox]]
address = \"a@b.example\"
rule = \"263/nothing\"
";
    assert_eq!(
        settings_problems(text),
        [
            "settings:1: there is no provider `nobody`",
            "settings:2: there is no provider `none`",
            "settings:6: there is no rule `263/none`",
            "settings:12: there is no rule `263/nothing`"
        ]
    );
}

#[test]
fn what_is_no_domain_is_a_problem() {
    assert_eq!(
        problems("domains = [\"BAD domain\", \"dup.test\", \"DUP.test\", \"\"]"),
        [
            "x.toml:2: `BAD domain` is no domain",
            "x.toml:2: the domain dup.test is there twice",
            "x.toml:2: `` is no domain"
        ]
    );
    assert_eq!(
        settings_problems("[[domain]]\nname = \"x y\"\n[[domain]]\nname = \"x.example\"\nprovider = \"nope\"\n"),
        ["settings:2: `x y` is no domain", "settings:5: there is no provider `nope`"]
    );
}
