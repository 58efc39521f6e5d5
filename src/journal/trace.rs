//! The header fields that a receiving server puts in front of a message (RFC 5321 §4.4).

use std::fmt::Write;

use super::record::Message;

/// The longest name that is repeated from HELO: RFC 5321 §4.5.3.1.2 allows a domain no more.
const LONGEST_NAME: usize = 255;

/// `Return-Path` and `Received` for the copy of one recipient, each line ended by CR LF.
pub(super) fn trace(message: &Message, recipient: &str) -> String {
    let mut trace = format!("Return-Path: <{}>\r\n", plain(&message.from));
    let name = message.helo.as_ref().map(|helo| name(&helo.name)).filter(|name| !name.is_empty());
    let _ = write!(trace, "Received: from {} ({})\r\n", name.as_deref().unwrap_or("unknown"), literal(message));
    if let Some(tls) = &message.tls {
        let _ = write!(trace, "\t(using {} with cipher {})\r\n", tls.version, tls.cipher);
    }
    let host = if message.host.is_empty() { "localhost" } else { &message.host };
    let _ = write!(trace, "\tby {host} (mockmx) with {} id {}\r\n", protocol(message), message.queue_id);
    let _ = write!(trace, "\tfor <{}>;\r\n\t{}\r\n", plain(recipient), message.received.rfc5322());
    trace
}

/// The keyword of RFC 3848, or of RFC 6531 §3.7.3 where the transaction asked for SMTPUTF8.
fn protocol(message: &Message) -> String {
    let extended = message.helo.as_ref().is_some_and(|helo| helo.extended);
    if !extended {
        return "SMTP".to_owned();
    }
    let base = if message.parameters.utf8 { "UTF8SMTP" } else { "ESMTP" };
    let secure = if message.tls.is_some() { "S" } else { "" };
    let authenticated = if message.login.is_some() { "A" } else { "" };
    format!("{base}{secure}{authenticated}")
}

/// The client's address as a literal (RFC 5321 §4.1.3).
fn literal(message: &Message) -> String {
    match message.peer.ip() {
        std::net::IpAddr::V4(address) => format!("[{address}]"),
        std::net::IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// The name of HELO with everything replaced that would end the clause or open another.
fn name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    name.chars().take(LONGEST_NAME).map(|c| if is_plain(c) { c } else { '?' }).collect()
}

/// An address without what would end the line.
fn plain(address: &str) -> String {
    address.replace(char::is_control, "?")
}
