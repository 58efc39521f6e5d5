//! How a session is tried again from a terminal.

use std::fmt;
use std::net::SocketAddr;

use super::visitor::Visitor;
use crate::facts::{Role, TlsMode};
use crate::http::api::Api;
use crate::http::json;
use crate::journal::record::{Session, Verdict};
use crate::policy::RuleView;
use crate::settings::ListenerSettings;
use crate::stage::Stage;

/// Any password makes the rule speak that the login names.
const PASSWORD: &str = "x";

/// A way to try it again, as text to be copied.
pub(super) struct Retry {
    pub(super) tool: &'static str,
    pub(super) text: String,
}

/// What a client says, and where.
struct Mail {
    server: Server,
    /// The login that names the rule. Its password is anything.
    login: Option<String>,
    from: String,
    to: String,
    helo: Option<String>,
}

/// Where a client finds a listener.
struct Server {
    /// The name or address, without brackets.
    host: String,
    port: u16,
    tls: TlsMode,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The ways to have a verdict again: by the rule's name, or with the same envelope where it has none.
pub(super) fn retries(
    api: &Api,
    v: &Visitor,
    session: &Session,
    verdict: &Verdict,
    rule: Option<&RuleView>,
) -> Vec<Retry> {
    let generation = api.generation();
    let listener = generation.settings.listeners.iter().find(|listener| listener.name == session.listener);
    let Some((listener, address)) = listener.and_then(|known| Some((known, api.address(&known.name)?))) else {
        return Vec::new();
    };
    let mut mail = Mail {
        server: server(v, listener, address, session.tls.is_some()),
        login: None,
        from: verdict.from.clone().or_else(|| session.senders.last().cloned()).unwrap_or_default(),
        to: verdict.to.first().or_else(|| session.recipients.last()).cloned().unwrap_or_default(),
        helo: session.helo.as_ref().map(|helo| helo.name.clone()).filter(|name| !name.is_empty()),
    };
    if let Some(rule) = rule {
        // Whoever could log in there can do so again.
        name(&mut mail, rule, verdict.stage == Stage::Auth);
    }
    if mail.to.is_empty() {
        "user@example.com".clone_into(&mut mail.to);
    }
    ways(&mail)
}

/// The ways to have a rule speak by its name.
pub(super) fn by_name(api: &Api, v: &Visitor, rule: &RuleView) -> Vec<Retry> {
    let generation = api.generation();
    let listeners = &generation.settings.listeners;
    let is_usual = |listener: &&ListenerSettings| listener.tls_fault.is_none() && listener.rule.is_none();
    let is_mx = |listener: &&ListenerSettings| listener.role == Role::Mx && listener.tls != TlsMode::Implicit;
    let takes_logins = |listener: &&ListenerSettings| listener.role == Role::Submission;
    let login = listeners.iter().filter(is_usual).find(takes_logins).filter(|_| rule.stage == Stage::Auth);
    let listener = login.or_else(|| listeners.iter().filter(is_usual).find(is_mx)).or_else(|| listeners.first());
    let Some((listener, address)) = listener.and_then(|known| Some((known, api.address(&known.name)?))) else {
        return Vec::new();
    };
    let mut mail = Mail {
        server: server(v, listener, address, login.is_some()),
        login: None,
        from: "sender@example.org".to_owned(),
        to: "user@example.com".to_owned(),
        helo: None,
    };
    name(&mut mail, rule, login.is_some());
    ways(&mail)
}

/// Where the visitor finds a listener. What listens on all addresses is found where this page was.
fn server(v: &Visitor, listener: &ListenerSettings, address: SocketAddr, with_tls: bool) -> Server {
    let tls = match listener.tls {
        TlsMode::StartTls if !with_tls => TlsMode::None,
        tls => tls,
    };
    Server { host: v.host_of(address.ip()), port: address.port(), tls }
}

/// What a client is told to connect to.
pub(super) fn place(v: &Visitor, address: SocketAddr) -> String {
    Server { host: v.host_of(address.ip()), port: address.port(), tls: TlsMode::None }.to_string()
}

/// Has a mail make a rule fire, at the rule's own stage.
fn name(mail: &mut Mail, rule: &RuleView, with_login: bool) {
    match rule.stage {
        Stage::Helo => mail.helo = Some(rule.trigger.replacen('@', ".", 1)),
        Stage::Auth if with_login => mail.login = Some(rule.trigger_login()),
        Stage::Mail => mail.from.clone_from(&rule.trigger),
        _ => mail.to.clone_from(&rule.trigger),
    }
}

fn ways(mail: &Mail) -> Vec<Retry> {
    let ways = [("swaks", swaks(mail)), ("curl", curl(mail)), ("Python", python(mail))];
    ways.into_iter().filter_map(|(tool, text)| Some(Retry { tool, text: text? })).collect()
}

fn quoted(text: &str) -> Option<String> {
    // A NUL stands in no command line.
    shlex::try_quote(text).ok().map(Into::into)
}

fn swaks(mail: &Mail) -> Option<String> {
    let tls = match mail.server.tls {
        TlsMode::None => "",
        TlsMode::StartTls => " --tls",
        TlsMode::Implicit => " --tls-on-connect",
    };
    let login = match &mail.login {
        Some(login) => format!(" --auth PLAIN --auth-user {} --auth-password {PASSWORD}", quoted(login)?),
        None => String::new(),
    };
    let helo = match &mail.helo {
        Some(helo) => format!(" --helo {}", quoted(helo)?),
        None => String::new(),
    };
    let from = if mail.from.is_empty() { "'<>'".to_owned() } else { quoted(&mail.from)? };
    // Shells take brackets for a pattern.
    let server = quoted(&mail.server.to_string())?;
    Some(format!("swaks --server {server}{tls}{login}{helo} --from {from} --to {}", quoted(&mail.to)?))
}

fn curl(mail: &Mail) -> Option<String> {
    // The certificate may be one that nobody else knows.
    let (tls, scheme) = match mail.server.tls {
        TlsMode::None => ("", "smtp"),
        TlsMode::StartTls => ("-k --ssl-reqd ", "smtp"),
        TlsMode::Implicit => ("-k ", "smtps"),
    };
    let login = match &mail.login {
        Some(login) => format!(" --user {}", quoted(&format!("{login}:{PASSWORD}"))?),
        None => String::new(),
    };
    let helo =
        mail.helo.as_deref().filter(|helo| helo.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)));
    let helo = helo.map(|helo| format!("/{helo}")).unwrap_or_default();
    let url = quoted(&format!("{scheme}://{}{helo}", mail.server))?;
    let [from, to] = [&mail.from, &mail.to].map(|address| quoted(&format!("<{address}>")));
    Some(format!(
        "printf 'Subject: test\\r\\n\\r\\ntest\\r\\n' | curl {tls}{url}{login} --mail-from {} --mail-rcpt {} -T -",
        from?, to?
    ))
}

fn python(mail: &Mail) -> Option<String> {
    // A JSON string in ASCII is a Python string, too, but for characters beyond U+FFFF, which are left as they are.
    let literal = |text: &str| json::text(&text).ok();
    let helo = match &mail.helo {
        Some(helo) => format!(", local_hostname={}", literal(helo)?),
        None => String::new(),
    };
    let (class, start) = match mail.server.tls {
        TlsMode::None => ("SMTP", ""),
        TlsMode::StartTls => ("SMTP", "    server.starttls()\n"),
        TlsMode::Implicit => ("SMTP_SSL", ""),
    };
    let login = match &mail.login {
        Some(login) => format!("    server.login({}, \"{PASSWORD}\")\n", literal(login)?),
        None => String::new(),
    };
    let (host, port) = (literal(&mail.server.host)?, mail.server.port);
    Some(format!(
        "import smtplib\n\nwith smtplib.{class}({host}, {port}{helo}) as server:\n{start}{login}    server.sendmail({}, {}, \"Subject: test\\r\\n\\r\\ntest\\r\\n\")",
        literal(&mail.from)?,
        literal(&mail.to)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_chose_stays_one_word() {
        let mail = Mail {
            server: Server { host: "127.0.0.1".to_owned(), port: 2525, tls: TlsMode::None },
            login: None,
            from: String::new(),
            to: "a'; rm -rf \"$HOME\" #@example.com".to_owned(),
            helo: Some("$(id)".to_owned()),
        };
        let told: Vec<_> = ways(&mail).into_iter().map(|retry| retry.text).collect();
        let words = shlex::split(&told[0]).unwrap();
        assert_eq!(words, ["swaks", "--server", "127.0.0.1:2525", "--helo", "$(id)", "--from", "<>", "--to", &mail.to]);
        let words = shlex::split(&told[1]).unwrap();
        let url = words.iter().position(|word| word == "smtp://127.0.0.1:2525").unwrap();
        let rest = ["--mail-from", "<>", "--mail-rcpt", &format!("<{}>", mail.to), "-T", "-"];
        assert_eq!(words[url + 1..], rest);
        assert!(told[2].contains(r#"sendmail("", "a'; rm -rf \"$HOME\" #@example.com", "#), "{}", told[2]);
        assert!(swaks(&Mail { to: "a\0b".to_owned(), ..mail }).is_none());
    }

    #[test]
    fn a_client_speaks_as_the_listener_wants_it() {
        let told = |host: &str, tls| {
            let mail = Mail {
                server: Server { host: host.to_owned(), port: 465, tls },
                login: Some("slow@263".to_owned()),
                from: "a@example.org".to_owned(),
                to: "user@example.com".to_owned(),
                helo: None,
            };
            ways(&mail).into_iter().map(|retry| retry.text).collect::<Vec<_>>()
        };
        let with = |text: &str, parts: &[&str]| assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        let implicit = told("::1", TlsMode::Implicit);
        with(&implicit[0], &["--server '[::1]:465' --tls-on-connect ", "--auth-user slow@263 --auth-password x "]);
        with(&implicit[1], &["curl -k 'smtps://[::1]:465' --user slow@263:x "]);
        with(&implicit[2], &["SMTP_SSL(\"::1\", 465)", "    server.login(\"slow@263\", \"x\")\n"]);
        let later = told("mx.test", TlsMode::StartTls);
        with(&later[0], &["--server mx.test:465 --tls "]);
        with(&later[1], &["curl -k --ssl-reqd smtp://mx.test:465 "]);
        with(&later[2], &["SMTP(\"mx.test\", 465)", "    server.starttls()\n    server.login("]);
    }
}
