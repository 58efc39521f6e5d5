//! Every rule answers to its name, at its own stage, on an otherwise innocent session.

use base64::Engine as _;
use mockmx::policy::{Policy, RuleView};
use mockmx::stage::Stage;

use super::player::Player;
use super::script::Script;

/// A scenario that names the rule `provider/rule` by the earliest thing that the client says at the rule's stage.
fn scenario(provider: &str, rule: &RuleView) -> String {
    let (id, name) = (&rule.id, format!("{provider}/{}", rule.id));
    let host = format!("{id}.{provider}.mockmx.test");
    let address = format!("{id}@{provider}.mockmx.test");
    let neutral = "provider = \"neutral\"\n\nsession a smtp\nS: 220 mockmx.test ESMTP mockmx\n";
    let helo = "C: HELO a\nS: 250 mockmx.test\n";
    let mail = "C: MAIL FROM:<a@example.org>\nS: 250 2.1.0 Ok\n";
    let rcpt = format!("C: RCPT TO:<{address}>\nS: 250 2.1.5 Ok\n");
    let data = "C: DATA\nS: 354 End data with <CR><LF>.<CR><LF>\nC: Subject: innocent\nC:\nC: innocent\nC: .\n";
    let said = match rule.stage {
        Stage::Connect | Stage::Command | Stage::Fault => {
            let listener = "name = \"a\"\naddress = \"127.0.0.1:0\"";
            let greeted = match rule.stage {
                Stage::Connect => "",
                Stage::Command => "S: ANY\nC: NOOP\n",
                _ => "S: ANY\nC: WHAT\n",
            };
            format!("[[listener]]\n{listener}\nrule = \"{name}\"\n\nsession a a\n{greeted}")
        }
        Stage::Helo => format!("{neutral}C: HELO {host}\n"),
        Stage::Auth => {
            // AUTH is offered on submission alone, and this provider answers to anybody's login.
            let login = base64(&format!("\0{id}@{provider}\0x"));
            neutral.replace("session a smtp", "session a submission")
                + helo
                + format!("C: AUTH PLAIN {login}\n").as_str()
        }
        Stage::Mail => format!("{neutral}{helo}C: MAIL FROM:<{address}>\n"),
        Stage::Rcpt => format!("{neutral}{helo}{mail}C: RCPT TO:<{address}>\n"),
        Stage::Data => format!("{neutral}{helo}{mail}{rcpt}C: DATA\n"),
        Stage::Message => format!("{neutral}{helo}{mail}{rcpt}{data}"),
    };
    let sender = if rule.stage == Stage::Mail { address.as_str() } else { "a@example.org" };
    let outcome = match (&rule.reply, rule.action) {
        _ if rule.later.is_some() => "S: 250 2.0.0 Ok: queued as QUEUE\n".to_owned(),
        (Some(reply), _) => filled_in(reply, rule.stage, sender, &address),
        (None, "drop") => "dropped\n".to_owned(),
        (None, "reset") => "reset\n".to_owned(),
        (None, "stall") => "stalled\n".to_owned(),
        // What breaks the network around a positive answer is no affair of the core.
        (None, action) if action.starts_with("refuse") => "S: ANY\n".to_owned(),
        (None, _) if rule.stage == Stage::Rcpt => "S: 250 2.1.5 Ok\n".to_owned(),
        (None, _) if rule.stage == Stage::Data => "S: 354 End data with <CR><LF>.<CR><LF>\n".to_owned(),
        (None, action) => {
            let fate = match action {
                "discard" => "discarded",
                "replace" => "replaced",
                _ if rule.id == "local-delivery" => "inbox",
                _ => "folder unknown",
            };
            format!("S: 250 2.0.0 Ok: queued as QUEUE\nfate {address} {fate}\n")
        }
    };
    format!("{said}{outcome}rule {name} named\n")
}

/// The reply as it must go out.
fn filled_in(reply: &str, stage: Stage, sender: &str, recipient: &str) -> String {
    // The built-in packs look at this list alone.
    let (ip, list) = ("127.0.0.1", "rbl.mockmx.test");
    // What the first transaction of the first session is called, on the scenarios' first day, and what the session is
    // called before it.
    let (node, epoch) = ("2", "1201824000");
    let coremail = match stage {
        Stage::Connect => "eblAS3wVAAAQrbyPeooAAA--.57408S2",
        _ => "FAD5BPtgfBUQrbyPeooAAA--.19813S2",
    };
    let values = [
        ("{sender}", sender),
        ("{recipient}", recipient),
        ("{recipient-domain}", recipient.split_once('@').map_or("", |(_, domain)| domain)),
        ("{ip}", ip),
        ("{dnsbl}", list),
        ("{node}", node),
        ("{epoch}", epoch),
        ("{coremail-id}", coremail),
    ];
    let text = values.iter().fold(reply.to_owned(), |text, (name, value)| text.replace(name, value));
    let (code, text) = text.split_at(3);
    let lines: Vec<_> = text[1..].split('\n').collect();
    let last = lines.len() - 1;
    let line = |(number, line)| format!("S: {code}{}{line}\n", if number == last { ' ' } else { '-' });
    lines.into_iter().enumerate().map(line).collect()
}

fn base64(text: &str) -> String {
    base64::prelude::BASE64_STANDARD.encode(text)
}

fn play(text: &str) -> Result<(), String> {
    let script = Script::parse(text)?;
    let mut player = Player::new(&script)?;
    for step in &script.steps {
        player.play(step).map_err(|error| format!("line {}: {error}", step.line))?;
    }
    player.finish()
}

#[test]
fn every_rule_answers_to_its_name() {
    let policy = Policy::load(&Script::parse("").unwrap().settings().unwrap()).unwrap();
    let (mut count, mut failures) = (0, Vec::new());
    for provider in policy.providers() {
        for rule in &provider.rules {
            let text = scenario(&provider.id, rule);
            count += 1;
            if let Err(error) = play(&text) {
                failures.push(format!("{}/{}: {error} in\n{text}", provider.id, rule.id));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(count > 30, "rules found: {count}");
}
