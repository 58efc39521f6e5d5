//! How a session is tried again from a terminal.

use std::net::SocketAddr;

use crate::facts::{Role, TlsMode};
use crate::http::api::Api;
use crate::http::json;
use crate::journal::record::{Session, Verdict};
use crate::policy::RuleView;
use crate::settings::ListenerSettings;
use crate::stage::Stage;

/// A way to try it again, as text to be copied.
pub(super) struct Retry {
    pub(super) tool: &'static str,
    pub(super) text: String,
}

/// What a client says.
struct Mail {
    server: SocketAddr,
    from: String,
    to: String,
    helo: Option<String>,
}

/// The ways to have a verdict again: by the rule's name, or with the same envelope where it has none.
pub(super) fn retries(api: &Api, session: &Session, verdict: &Verdict, rule: Option<&RuleView>) -> Vec<Retry> {
    let Some(server) = api.address(&session.listener) else { return Vec::new() };
    let mut mail = Mail {
        server,
        from: verdict.from.clone().or_else(|| session.senders.last().cloned()).unwrap_or_default(),
        to: verdict.to.first().or_else(|| session.recipients.last()).cloned().unwrap_or_default(),
        helo: session.helo.as_ref().map(|helo| helo.name.clone()).filter(|name| !name.is_empty()),
    };
    if let Some(rule) = rule {
        name(&mut mail, rule);
    }
    if mail.to.is_empty() {
        "user@example.com".clone_into(&mut mail.to);
    }
    ways(&mail)
}

/// The ways to have a rule speak by its name.
pub(super) fn by_name(api: &Api, rule: &RuleView) -> Vec<Retry> {
    let generation = api.generation();
    let listeners = &generation.settings.listeners;
    let is_plain = |listener: &&ListenerSettings| {
        let is_mx = listener.role == Role::Mx && listener.tls != TlsMode::Implicit;
        is_mx && listener.tls_fault.is_none() && listener.rule.is_none()
    };
    let listener = listeners.iter().find(is_plain).or_else(|| listeners.first());
    let Some(server) = listener.and_then(|listener| api.address(&listener.name)) else { return Vec::new() };
    let mut mail =
        Mail { server, from: "sender@example.org".to_owned(), to: "user@example.com".to_owned(), helo: None };
    name(&mut mail, rule);
    ways(&mail)
}

/// Has a mail make a rule fire, at the rule's own stage.
fn name(mail: &mut Mail, rule: &RuleView) {
    match rule.stage {
        Stage::Helo => mail.helo = Some(rule.trigger.replacen('@', ".", 1)),
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
    let helo = match &mail.helo {
        Some(helo) => format!(" --helo {}", quoted(helo)?),
        None => String::new(),
    };
    let from = if mail.from.is_empty() { "'<>'".to_owned() } else { quoted(&mail.from)? };
    Some(format!("swaks --server {}{helo} --from {from} --to {}", mail.server, quoted(&mail.to)?))
}

fn curl(mail: &Mail) -> Option<String> {
    let helo =
        mail.helo.as_deref().filter(|helo| helo.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)));
    let helo = helo.map(|helo| format!("/{helo}")).unwrap_or_default();
    let [from, to] = [&mail.from, &mail.to].map(|address| quoted(&format!("<{address}>")));
    Some(format!(
        "printf 'Subject: test\\r\\n\\r\\ntest\\r\\n' | curl smtp://{}{helo} --mail-from {} --mail-rcpt {} -T -",
        mail.server, from?, to?
    ))
}

fn python(mail: &Mail) -> Option<String> {
    // A JSON string in ASCII is a Python string, too, but for characters beyond U+FFFF, which are left as they are.
    let literal = |text: &str| json::text(&text).ok();
    let helo = match &mail.helo {
        Some(helo) => format!(", local_hostname={}", literal(helo)?),
        None => String::new(),
    };
    let (host, port) = (literal(&mail.server.ip().to_string())?, mail.server.port());
    Some(format!(
        "import smtplib\n\nwith smtplib.SMTP({host}, {port}{helo}) as server:\n    server.sendmail({}, {}, \"Subject: test\\r\\n\\r\\ntest\\r\\n\")",
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
            server: ([127, 0, 0, 1], 2525).into(),
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
}
