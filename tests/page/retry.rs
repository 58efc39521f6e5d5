//! What a page gives to be copied does the same again.

use std::process::Command;

use super::{Looked, between};
use crate::api::text;

/// A pack with a rule that a login names.
const OWN: &str = r#"
name = "own"
host = "mx.own.example"
[[rule]]
id = "frozen"
stage = "auth"
trigger-only = true
reply = "535 {login} is frozen"
"#;

/// Runs all that a page gives to be copied: each must have the rule speak again.
fn run_all(looked: &Looked, path: &str, rule: &str, stage: &str) {
    let page = looked.page(path);
    let retries: Vec<_> = page.split("<div class=\"retry\">").skip(1).collect();
    assert_eq!(retries.len(), 3, "{page}");
    for retry in retries {
        let said = looked.0.items(&format!("verdicts?rule={rule}")).len();
        let plain = between(retry, "<code>", "</code>")[0];
        let plain = plain.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">");
        let program = if plain.starts_with("import ") { ["python3", "-c"] } else { ["sh", "-c"] };
        let done = Command::new(program[0]).args([program[1], &plain]).output().unwrap();
        let verdicts = looked.0.items(&format!("verdicts?rule={rule}"));
        // A client may try several ways to log in.
        assert!(verdicts.len() > said, "{plain}: {done:?}");
        assert_eq!(text(&verdicts[0], "/stage"), stage, "{plain}");
    }
}

#[test]
fn where_tls_begins_with_the_first_byte_it_is_spoken_from_the_first_byte() {
    let looked = Looked::start();
    let server = looked.0.serving.address("smtps").to_string();
    let to = "keyword@263.mockmx.test";
    let sent = ["--server", &server, "--tls-on-connect", "--from", "a@example.org", "--to", to];
    Command::new("swaks").args(sent).output().unwrap();
    let session = looked.0.items("sessions?rule=263/keyword").remove(0);
    run_all(&looked, &format!("/sessions/{}", text(&session, "/id")), "263/keyword", "message");
}

#[test]
fn a_rule_that_a_login_names_is_named_by_a_login() {
    let packs = tempfile::tempdir().unwrap();
    std::fs::write(packs.path().join("own.toml"), OWN).unwrap();
    let looked = Looked::start_set(&format!("policies = [{:?}]", packs.path()));
    run_all(&looked, "/providers/own/frozen", "own/frozen", "auth");
    // The first client tried one way.
    let session = looked.0.items("sessions?rule=own/frozen").pop().unwrap();
    run_all(&looked, &format!("/sessions/{}", text(&session, "/id")), "own/frozen", "auth");
}
