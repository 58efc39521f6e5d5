//! Addresses that other test servers taught testers, and what they ask for here. They work at every listener unless the
//! settings say `habits = false`.
//!
//! - Mailtrap: `bounce+550+no+such+user@any.example` is refused at RCPT with `550 no such user`.
//! - BadSMTP: `rcpt550_5.1.1@any.example` is refused at RCPT with 550 5.1.1, `mail…` as a sender at MAIL, `data…` as a
//!   recipient at DATA.
//! - The mailbox simulator of Amazon SES: `bounce@` and `suppressionlist@simulator.amazonses.com` are refused at RCPT;
//!   `success@` is taken, and so are `ooto@` and `complaint@`, whose answers come later than the 250.

use crate::address::{Address, fold};
use crate::facts::Facts;
use crate::reply::Reply;
use crate::stage::Stage;

/// The reply that an address of the session asks for at `stage`, and the address.
pub(crate) fn asked(stage: Stage, facts: &Facts) -> Option<(Reply, &Address)> {
    let envelope = &facts.envelope;
    let sender = envelope.sender.as_ref().and_then(|sender| sender.address());
    let (addresses, verb) = match stage {
        Stage::Mail => (sender.map(std::slice::from_ref).unwrap_or_default(), "mail"),
        Stage::Rcpt => (envelope.candidate.as_slice(), "rcpt"),
        Stage::Data => (envelope.recipients.as_slice(), "data"),
        _ => return None,
    };
    let ask = |address| {
        let local = fold(Address::local(address));
        let reply = coded(&local, verb);
        let at_rcpt = || mailtrap(&local).or_else(|| simulator(&local, address.domain()));
        Some((if stage == Stage::Rcpt { reply.or_else(at_rcpt) } else { reply }?, address))
    };
    addresses.iter().find_map(ask)
}

/// `bounce+550+no+such+user`.
fn mailtrap(local: &str) -> Option<Reply> {
    let rest = local.strip_prefix("bounce+")?;
    let (code, text) = rest.split_once('+').unwrap_or((rest, "refused+as+asked"));
    refusal(code, &text.replace('+', " "))
}

/// `rcpt550_5.1.1`.
fn coded(local: &str, verb: &str) -> Option<Reply> {
    let rest = local.strip_prefix(verb)?;
    let (code, enhanced) = rest.split_once('_').unwrap_or((rest, ""));
    let mut parts = enhanced.split('.');
    let well_formed = enhanced.is_empty()
        || parts.clone().count() == 3 && parts.all(|part| part.len() <= 3 && part.parse::<u16>().is_ok());
    if !well_formed {
        return None;
    }
    refusal(code, format!("{enhanced} refused as {local} asks").trim_start())
}

fn simulator(local: &str, domain: &str) -> Option<Reply> {
    if domain != "simulator.amazonses.com" {
        return None;
    }
    match local {
        "bounce" => refusal("550", "5.1.1 user unknown"),
        "suppressionlist" => refusal("550", "5.1.1 the address is on the suppression list"),
        _ => None,
    }
}

fn refusal(code: &str, text: &str) -> Option<Reply> {
    let reply = Reply::parse(&format!("{code} {text}")).ok()?;
    (code.len() == 3 && !reply.is_positive()).then_some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_address_asks_for_nothing() {
        for local in ["bounce", "bounce+", "bounce+250+ok", "bounce+600", "bounce+55", "bounce+5500", "rcpt", "rcpt220"]
        {
            assert_eq!(mailtrap(local).or_else(|| coded(local, "rcpt")), None, "{local}");
        }
        for local in ["rcpt550_5", "rcpt550_5.1", "rcpt550_a.b.c", "rcpt550_5.1.1.1", "rcpt550x", "receipt550"] {
            assert_eq!(coded(local, "rcpt"), None, "{local}");
        }
    }
}
