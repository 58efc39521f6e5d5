use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::document::Value;

/// A folder with a `mockmx.toml`, and what is laid over it.
struct Given {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, &'static str)>,
    flags: Flags,
}

fn given(file: &str) -> Given {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mockmx.toml"), file).unwrap();
    Given { folder, environment: Vec::new(), flags: Flags::default() }
}

impl Given {
    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn flag(mut self, flag: &str, value: &str) -> Self {
        self.flags = self.flags.set(flag, [value]);
        self
    }

    fn load(&self) -> Result<Settings, Problems> {
        let environment = self.environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Settings::load(&self.flags, environment, &self.folder.path().join("mockmx.toml"))
    }

    fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// All the problems as they are drawn, with the folder's name taken out.
    fn drawn(&self) -> String {
        let problems = self.load().unwrap_err();
        let drawn: Vec<_> = problems.0.iter().map(|problem| problem.render(false)).collect();
        drawn.join("\n\n").replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn addresses(settings: &Settings) -> Vec<String> {
    settings.listeners.iter().map(|listener| format!("{} {}", listener.name, listener.address)).collect()
}

#[test]
fn without_a_file_the_defaults_hold() {
    let settings = Settings::load(&Flags::default(), [], Path::new("/nowhere/mockmx.toml")).unwrap();
    assert_eq!(addresses(&settings), ["smtp 127.0.0.1:2525", "submission 127.0.0.1:2587", "smtps 127.0.0.1:2465"]);
    assert_eq!(settings.http.unwrap().to_string(), "127.0.0.1:8025");
    assert_eq!(settings.limits, ServerLimits::default());
    assert_eq!(settings.log, LogSettings::default());
    assert_eq!(settings.outbox, OutboxSettings::default());
    assert!(settings.outbox.relay.is_none() && settings.outbox.relays.is_empty(), "nothing leaves mockmx");
    assert!(settings.accounts.any && !settings.auth_without_tls);
    assert!(settings.provider.is_none() && settings.file.is_none());
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let file =
        "smtp = 1001\nsubmission = 1002\nsmtps = 1003\nhttp = \"off\"\n\n[limits]\nidle = \"1m\"\ndrain = \"1m\"\n";
    let settings = given(file)
        .variable("MOCKMX_SUBMISSION", "2002")
        .variable("MOCKMX_SMTPS", "2003")
        .variable("MOCKMX_LIMITS__IDLE", "2m")
        .flag("--smtps", "3003")
        .settings();
    assert_eq!(addresses(&settings), ["smtp 127.0.0.1:1001", "submission 127.0.0.1:2002", "smtps 127.0.0.1:3003"]);
    assert_eq!(settings.http, None);
    assert_eq!(settings.limits.idle, Duration::from_secs(120));
    assert_eq!(settings.limits.drain, Duration::from_secs(60));
    let places: Vec<_> = settings.listeners.iter().map(|listener| listener.place.to_string()).collect();
    assert!(places[0].ends_with("mockmx.toml:1"), "{places:?}");
    assert_eq!(places[1..], ["MOCKMX_SUBMISSION", "--smtps"]);
}

#[test]
fn a_flag_adds_to_a_list_and_a_variable_replaces_it() {
    let names = |settings: Settings| settings.hosted.into_iter().map(|(domain, _)| domain).collect::<Vec<_>>();
    let file = "hosted = [\"a.test\", \"b.test\"]";
    assert_eq!(names(given(file).flag("--hosted", "C.test").settings()), ["a.test", "b.test", "c.test"]);
    assert_eq!(names(given("hosted = \"a.test\"").flag("--hosted", "c.test").settings()), ["a.test", "c.test"]);
    let replaced = given(file).variable("MOCKMX_HOSTED", "d.test, e.test,").flag("--hosted", "c.test");
    assert_eq!(names(replaced.settings()), ["d.test", "e.test", "c.test"]);
}

#[test]
fn a_path_in_the_file_starts_at_the_file() {
    let given =
        given("policies = [\"packs\", \"/etc/packs\"]\n[tls]\nwrite-ca = \"ca.pem\"\n").flag("--policies", "mine");
    let settings = given.settings();
    let paths: Vec<_> = settings.policies.iter().map(|(path, _)| path.as_path()).collect();
    assert_eq!(paths, [&given.folder.path().join("packs"), Path::new("/etc/packs"), Path::new("mine")]);
    assert_eq!(settings.tls.write_ca, Some(given.folder.path().join("ca.pem")));
}

#[test]
fn a_variable_is_text_until_something_else_is_wanted() {
    let settings = given("")
        .variable("MOCKMX_ACCOUNTS__ANY", "false")
        .variable("MOCKMX_AUTH__WITHOUT_TLS", "true")
        .variable("MOCKMX_LIMITS__RECIPIENTS", "7")
        .variable("MOCKMX_LIMITS__MESSAGE", "10 MiB")
        .variable("MOCKMX_PROVIDER", "263")
        .settings();
    assert!(!settings.accounts.any && settings.auth_without_tls);
    assert_eq!(settings.limits.session.recipients, 7);
    assert_eq!(settings.limits.session.message, 10 * 1024 * 1024);
    assert_eq!(settings.provider.unwrap().0, "263");
}

#[test]
fn variables_that_are_empty_or_not_ours_are_passed_over() {
    let settings = given("smtp = 1001")
        .variable("MOCKMX_SMTP", "")
        .variable("MOCKMX_PORT", "tcp://10.0.0.1:2525")
        .variable("MOCKMX_PORT_2525_TCP_ADDR", "10.0.0.1")
        .variable("MOCKMX_SERVICE_HOST", "10.0.0.1")
        .variable("PATH", "/bin")
        .settings();
    assert_eq!(addresses(&settings)[0], "smtp 127.0.0.1:1001");
}

#[test]
fn accounts_close_the_door_unless_any_login_is_wanted() {
    let one = "[[account]]\nlogin = \"A@example.com\"\npassword = \"x\"\n";
    let accounts = given(one).settings().accounts;
    assert!(!accounts.any && accounts.admit("a@EXAMPLE.com", "x") && !accounts.admit("b@example.com", "x"));
    assert!(given(&format!("accounts.any = true\n{one}")).settings().accounts.any);
}

#[test]
fn a_listener_takes_the_tls_of_its_role_unless_told() {
    let file = r#"
        [[listener]]
        name = "mx2"
        address = 0
        provider = "263"
        rule = "263/frequency"

        [[listener]]
        name = "msa"
        address = "[::1]:0"
        role = "submission"

        [[listener]]
        name = "strict"
        address = ":0"
        tls = "starttls"
    "#;
    let listeners = given(file).settings().listeners.split_off(3);
    let modes: Vec<_> = listeners.iter().map(|listener| (listener.role, listener.tls)).collect();
    use {Role::*, TlsMode::*};
    assert_eq!(modes, [(Mx, None), (Submission, StartTls), (Mx, StartTls)]);
    assert_eq!(listeners[0].rule.as_deref(), Some("263/frequency"));
    assert_eq!(listeners[2].address.to_string(), "0.0.0.0:0");
}

#[test]
fn domains_mailboxes_and_providers_are_passed_on_with_their_places() {
    let file = "[[domain]]\nname = \"a\"\n[[mailbox]]\nx = 1\n[[mailbox]]\nx = 2\n[providers.263]\nanything = 1.5\n";
    let settings = given(file).settings();
    assert_eq!((settings.domains.len(), settings.mailboxes.len()), (1, 2));
    assert_eq!(settings.mailboxes[1].place.line(), 5);
    let providers = settings.providers.unwrap();
    assert_eq!(providers.place.line(), 7);
    let Value::Table(entries) = &providers.value else { panic!() };
    assert_eq!(entries["263"].place.line(), 7);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let file = r#"smtp = "mail.example.com:25"
smtps = true
hosted = ["ok.test", "not a domain", 5]
provder = "263"
policies = { a = 1 }

[[listener]]
name = "smtp"
address = 0

[[listener]]
name = "a b"
adress = "127.0.0.1:0"
role = "mta"
rule = "keyword"

[[listener]]
name = "mx2"
address = "127.0.0.1:2587"
provider = "263"
rule = "wanxiang/keyword"

[[account]]
login = "a@example.com"
password = 12345

[limits]
idle = 5
drain = "1 fortnight"
message = "35 MiBs"
recipients = 0
command-line = "1 KB"
text-lines = 1000

[tls]
certificate = "cert.pem"

[log]
format = "xml"
filter = "mockmx=loud"

[auth]
without-tls = "yes"
"#;
    let given = given(file)
        .variable("MOCKMX_LIMIT__IDLE", "5m")
        .variable("MOCKMX_COLOUR", "yes")
        .variable("MOCKMX_LIMITS__ERRORS", "ten")
        .variable("MOCKMX_ACCOUNTS__ANY", "maybe")
        .flag("--http", "x")
        .flag("--hosted", "*.test");
    insta::assert_snapshot!(given.drawn());
}

#[test]
fn a_file_that_is_no_toml_is_shown_where_it_breaks() {
    insta::assert_snapshot!(given("smtp = 1001\nhttp = \n\n[limits\nidle = \"5\n").drawn());
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let mut given = given("");
    given.flags = Flags::default().config(Some("/nowhere/a.toml".into()));
    assert_eq!(given.drawn(), "error: --config: cannot read /nowhere/a.toml: no such file or directory");
    given.flags = Flags::default();
    let given = given.variable("MOCKMX_CONFIG", "/nowhere/b.toml");
    assert_eq!(given.drawn(), "error: MOCKMX_CONFIG: cannot read /nowhere/b.toml: no such file or directory");
}

#[test]
fn bytes_that_are_no_text_are_a_problem() {
    let given = given("");
    let file = given.folder.path().join("mockmx.toml");
    fs::write(&file, b"smtp = \"\xff\"").unwrap();
    assert!(given.drawn().contains("cannot read mockmx.toml: stream did not contain valid UTF-8"), "{}", given.drawn());
}

#[test]
fn two_listeners_cannot_share_an_address() {
    let drawn = given("http = 2525").drawn();
    assert!(drawn.contains("`smtp` and `http` both listen on 127.0.0.1:2525"), "{drawn}");
    assert!(drawn.contains("mockmx.toml:1:8"), "{drawn}");
    given("smtp = 0\nhttp = 0").settings();
    let all_off = given("smtp = \"off\"\nsubmission = \"off\"\nsmtps = \"off\"").drawn();
    assert!(all_off.contains("every listener is switched off"), "{all_off}");
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let given = given("[tls]\ncertificate = \"cert.pem\"\nwrite-ca = \"ca.pem\"\n");
    fs::write(given.folder.path().join("cert.pem"), "").unwrap();
    insta::assert_snapshot!(given.drawn());
    fs::write(given.folder.path().join("key.pem"), "").unwrap();
    fs::write(given.folder.path().join("mockmx.toml"), "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n")
        .unwrap();
    assert_eq!(given.settings().tls.key, Some(given.folder.path().join("key.pem")));
}

#[test]
fn what_could_be_read_is_returned_beside_the_problems() {
    let given = given("smtp = \"x\"\nhosted = [\"a.test\"]\n");
    let (settings, problems) = Settings::examine(&given.flags, [], &given.folder.path().join("mockmx.toml"));
    assert_eq!((problems.0.len(), settings.hosted.len()), (1, 1));
}

#[test]
fn keys_have_names_of_their_own() {
    let mut names: Vec<_> =
        KEYS.iter().flat_map(|key| [Some(key.variable()), key.flag.map(str::to_owned)]).flatten().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.contains(&"MOCKMX_AUTH__WITHOUT_TLS".to_owned()));
}

#[test]
fn http_beyond_this_machine_needs_a_token_or_says_that_it_is_open() {
    for address in ["0.0.0.0:8025", "[::]:8025", "192.0.2.1:80"] {
        let problems = given("").flag("--http", address).load().unwrap_err();
        assert_eq!(problems.to_string(), format!("--http: `http` on {address} can be asked by other machines"));
        assert!(given("").flag("--http", address).flag("--http-open", "true").load().is_ok());
        assert!(given("").flag("--http", address).variable("MOCKMX_HTTP_TOKEN", "secret").load().is_ok());
    }
    for address in ["127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "off"] {
        assert!(given("").flag("--http", address).load().is_ok(), "{address}");
    }
}

#[test]
fn a_token_is_never_shown() {
    let given = given("http-token = \"to ken\"\nhttp-hosts = [\"MX.Example\"]\n");
    let problems = given.load().unwrap_err();
    assert_eq!(problems.to_string(), "built in: `http-token` is no token");
    assert!(!given.drawn().contains("to ken"), "{}", given.drawn());
    let given = given.flag("--http-token", "secret");
    let settings = given.settings();
    assert_eq!(settings.http_token.as_ref().map(Secret::reveal), Some("secret"));
    assert_eq!(settings.http_hosts, ["mx.example"]);
    assert!(!format!("{settings:?} {:?}", given.flags).contains("secret"));
}

#[test]
fn a_relay_is_named_for_all_or_for_a_domain() {
    let file = "[outbox]\nrelay = 'mail.example.com:25'\nretry = '5m'\ngive-up = '0s'\n\
                [outbox.relays]\n'A.test' = '127.0.0.1:2526'\n'公司.中国' = 'off'\n";
    let outbox = given(file).settings().outbox;
    assert_eq!(outbox.relay.unwrap().to_string(), "mail.example.com:25");
    assert_eq!(outbox.relays["a.test"].as_ref().unwrap().to_string(), "127.0.0.1:2526");
    assert_eq!(outbox.relays["公司.中国"], None);
    assert_eq!((outbox.schedule.retry, outbox.schedule.give_up), (Duration::from_secs(300), Duration::ZERO));
    let off = given(file).variable("MOCKMX_OUTBOX__RELAY", "off").settings().outbox;
    assert!(off.relay.is_none() && off.relays.len() == 2);
}

#[test]
fn what_is_wrong_with_a_relay_is_said_where_it_stands() {
    let file = r#"smtp = ":2525"
submission = "[::1]:2587"

[outbox]
relay = "localhost:2525"
retry = "10ms"
give-up = "1y"
relaies = {}

[outbox.relays]
"a.test" = "mail.example.com"
"not a domain" = "127.0.0.1:25"
"b.test" = "localhost:2587"
"c.test" = "127.0.0.1:2587"
"A.test" = "off"
"d.test" = 25
"e.test" = "192.0.2.1:0"
"#;
    insta::assert_snapshot!(given(file).drawn());
}

#[test]
fn the_journal_is_somewhere_and_bounded() {
    let settings = given("journal = 'sqlite:journal.db'\nkeep-sessions = 5\nkeep-for = '24h'\n").settings();
    let JournalSettings { location, place, keep } = settings.journal;
    assert!(matches!(location, Location::Sqlite(file) if file.is_absolute() && file.ends_with("journal.db")));
    assert!(place.to_string().ends_with("mockmx.toml:1"));
    let day = Some(Duration::from_secs(24 * 60 * 60));
    assert_eq!(keep, Keep { sessions: 5, age: day, ..Keep::default() });
    let settings = given("journal = 'memory'").variable("MOCKMX_JOURNAL", "postgres://u:secret@h/d").settings();
    assert_eq!(settings.journal.location.to_string(), "postgres://u@h:5432/d");
    assert_eq!(settings.journal.place, Place::Variable("MOCKMX_JOURNAL".to_owned()));
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn what_is_wrong_with_the_journal_is_said_without_its_password() {
    let problems =
        given("journal = 'postgres://u:secret@h:port/d'\nkeep-sessions = 0\nkeep-bytes = '1 B'\nkeep-for = 'x'\n");
    let problems = problems.load().unwrap_err();
    assert_eq!(problems.0.len(), 4, "{problems}");
    let drawn: String = problems.0.iter().map(|problem| problem.render(false)).collect();
    assert!(drawn.contains("cannot be read") && !drawn.contains("secret"), "{drawn}");
    let problems = given("").flag("--journal", "mysql://u:secret@h/d").load().unwrap_err();
    assert!(!problems.0[0].render(false).contains("secret"), "{problems}");
}
