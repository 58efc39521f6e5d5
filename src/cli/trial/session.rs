//! The session that makes one rule fire.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mockmx::clock::Clock;

use super::client::{Client, Heard};
use super::plan::{Plan, Step};

/// How long a server that is to say nothing has to hold out. It would answer within a few milliseconds.
const SILENCE: Duration = Duration::from_secs(1);

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) smtp: String,
    pub(super) submission: String,
    /// How long an answer may take.
    pub(super) patience: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Whoever listens did not even greet.
    pub(super) is_mute: bool,
    /// How it was answered as the pack says, or why it was not.
    pub(super) answer: Result<String, String>,
}

/// Has the session of `plan`, and prints it if it is to be shown.
///
/// # Errors
/// If there is no connection.
pub(super) async fn run(mut plan: Plan<'_>, addresses: &Addresses, is_shown: bool) -> anyhow::Result<Outcome> {
    let address = if plan.login.is_some() { &addresses.submission } else { &addresses.smtp };
    let mut client = Client::connect(address, addresses.patience, is_shown).await?;
    let (step, heard) = talk(&mut client, &mut plan).await;
    let after =
        if plan.expects_close() && matches!(heard, Heard::Reply(_)) { Some(client.hear(None).await) } else { None };
    let answer = plan.judge(step, &heard, after.as_ref());
    if matches!(heard, Heard::Reply(_)) && after.is_none() {
        client.say("QUIT").await;
        client.hear(None).await;
    }
    Ok(Outcome { is_mute: step == Step::Connection && heard == Heard::Silence, answer })
}

/// Goes through the session up to the first answer that is not positive, or the last.
async fn talk(client: &mut Client, plan: &mut Plan<'_>) -> (Step, Heard) {
    let banner = client.hear(None).await;
    if !banner.is_positive() {
        return (Step::Connection, banner);
    }
    let ehlo = ask(client, plan, Step::Ehlo, &format!("EHLO {}", plan.helo)).await;
    if !ehlo.is_positive() {
        return (Step::Ehlo, ehlo);
    }
    if plan.login.is_some() && !offers_plain(&ehlo) {
        plan.without_login();
    }
    let mut commands = Vec::new();
    if let Some(login) = &plan.login {
        commands.push((Step::Auth, format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{login}\0password")))));
    }
    commands.push((Step::Mail, format!("MAIL FROM:<{}>", plan.sender)));
    commands.extend(plan.recipients.iter().map(|recipient| (Step::Rcpt, format!("RCPT TO:<{recipient}>"))));
    commands.push((Step::Data, "DATA".to_owned()));
    commands.push((Step::Message, message(plan)));
    let mut last = (Step::Ehlo, ehlo);
    for (step, command) in commands {
        last = (step, ask(client, plan, step, &command).await);
        if !last.1.is_positive() {
            break;
        }
    }
    last
}

async fn ask(client: &mut Client, plan: &Plan<'_>, step: Step, command: &str) -> Heard {
    client.say(command).await;
    let patience = (plan.expects_silence() && step == plan.at).then_some(SILENCE);
    client.hear(patience).await
}

/// Whether the reply to EHLO offers AUTH PLAIN.
fn offers_plain(ehlo: &Heard) -> bool {
    let Heard::Reply(reply) = ehlo else { return false };
    let offers = |line: &str| {
        let mut words = line.get(4..).unwrap_or_default().split_ascii_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH"))
            && words.any(|word| word.eq_ignore_ascii_case("PLAIN"))
    };
    reply.lines().any(offers)
}

/// A message that nobody has anything against, with the dot that ends it.
fn message(plan: &Plan<'_>) -> String {
    let now = Clock::system().now();
    let to: Vec<_> = plan.recipients.iter().map(|recipient| format!("<{recipient}>")).collect();
    [
        format!("Date: {}", now.rfc5322()),
        format!("From: <{}>", plan.sender),
        format!("To: {}", to.join(",\n ")),
        format!("Message-ID: <{}@{}>", now.unix_nanos(), "client.example.net"),
        format!("Subject: {}", plan.subject),
        String::new(),
        "An innocent message. One of its addresses, its login or its EHLO name names a rule.".to_owned(),
        ".".to_owned(),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_plain_is_looked_for_as_a_word() {
        let offers = |text: &str| offers_plain(&Heard::Reply(text.to_owned()));
        assert!(offers("250-mx\r\n250 AUTH LOGIN PLAIN\r\n"));
        for text in ["250 mx\r\n", "250-mx\r\n250 AUTH LOGIN\r\n", "250 AUTHPLAIN\r\n", "250\r\n", "25"] {
            assert!(!offers(text), "{text:?}");
        }
    }
}
