//! Commands (RFC 5321 §4.1).

use crate::address::Address;
use crate::facts::{MailParameters, RcptParameters, ReversePath};

use super::extension::{Extension, Extensions};
use super::parameters;
use super::path::Path;
use super::persona::Canned;

/// A command that follows the grammar.
#[derive(Debug, PartialEq)]
pub(crate) enum Command<'a> {
    /// The name may be empty.
    Helo {
        extended: bool,
        name: &'a str,
    },
    Mail {
        sender: ReversePath,
        parameters: MailParameters,
    },
    Rcpt {
        recipient: Address,
        parameters: RcptParameters,
    },
    Data,
    Bdat {
        size: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
}

/// The longest verb that is worth a look.
const LONGEST_VERB: usize = 32;

/// The first word of a line, in upper case; a part of it if it is no verb at all.
pub(super) fn verb(line: &[u8]) -> String {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()).min(LONGEST_VERB);
    String::from_utf8_lossy(&line[..end]).to_ascii_uppercase()
}

impl<'a> Command<'a> {
    /// Parses a command line without its end.
    ///
    /// Verbs and keywords are taken in any case, blanks at either end are ignored, and a blank may stand behind the
    /// colon of MAIL and RCPT, all of which senders do.
    ///
    /// # Errors
    /// The reply that says what is wrong.
    pub(crate) fn parse(line: &'a [u8], offered: Extensions) -> Result<Self, Canned> {
        let line = std::str::from_utf8(line).map_err(|_| Canned::BadUtf8)?;
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(Canned::Syntax);
        }
        let line = line.trim_matches(BLANKS);
        let (verb, rest) = line.split_once(BLANKS).unwrap_or((line, ""));
        let rest = rest.trim_start_matches(BLANKS);
        let alone = |command| if rest.is_empty() { Ok(command) } else { Err(Canned::WrongParameters) };
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => Ok(Self::Helo { extended: true, name: rest }),
            "HELO" => Ok(Self::Helo { extended: false, name: rest }),
            "MAIL" => mail(rest, offered),
            "RCPT" => rcpt(rest, offered),
            "DATA" => alone(Self::Data),
            "BDAT" if offered.contains(Extension::Chunking) => bdat(rest),
            "RSET" => alone(Self::Rset),
            "NOOP" => Ok(Self::Noop),
            "QUIT" => alone(Self::Quit),
            "VRFY" if rest.is_empty() => Err(Canned::WrongParameters),
            "VRFY" => Ok(Self::Vrfy),
            "EXPN" => Ok(Self::Expn),
            "HELP" => Ok(Self::Help),
            "STARTTLS" => alone(Self::StartTls),
            "AUTH" => auth(rest),
            "ATRN" | "BURL" | "ETRN" | "SAML" | "SEND" | "SOML" | "TURN" => Err(Canned::NotImplemented),
            "" => Err(Canned::Syntax),
            _ => Err(Canned::UnknownCommand),
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Whether the beginning of a line, as far as it has come, is that of an HTTP request: a web page must not be able to
/// post mail.
pub(crate) fn is_http(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 10] =
        [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"PATCH ", b"TRACE ", b"PRI "];
    METHODS.iter().any(|method| line.get(..method.len()).is_some_and(|verb| verb.eq_ignore_ascii_case(method)))
}

fn mail(rest: &str, offered: Extensions) -> Result<Command<'_>, Canned> {
    let path = after_keyword(rest, "FROM:").ok_or(Canned::MailSyntax)?;
    let (path, rest) = Path::parse(path).ok_or(Canned::SenderSyntax)?;
    let sender = match path {
        Path::Null => ReversePath::Null,
        Path::Mailbox(address) => ReversePath::Mailbox(address),
        Path::Postmaster(_) => return Err(Canned::SenderSyntax),
    };
    Ok(Command::Mail { sender, parameters: parameters::mail(rest, offered)? })
}

fn rcpt(rest: &str, offered: Extensions) -> Result<Command<'_>, Canned> {
    let path = after_keyword(rest, "TO:").ok_or(Canned::RcptSyntax)?;
    let (path, rest) = Path::parse(path).ok_or(Canned::RecipientSyntax)?;
    let recipient = match path {
        Path::Null => return Err(Canned::RecipientSyntax),
        Path::Mailbox(address) | Path::Postmaster(address) => address,
    };
    Ok(Command::Rcpt { recipient, parameters: parameters::rcpt(rest, offered)? })
}

/// What follows `keyword`, if anything does.
fn after_keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(keyword.len())?;
    let rest = rest.trim_start_matches(BLANKS);
    (start.eq_ignore_ascii_case(keyword) && !rest.is_empty()).then_some(rest)
}

/// `size [LAST]` (RFC 3030 §2).
fn bdat(rest: &str) -> Result<Command<'_>, Canned> {
    let mut words = rest.split_ascii_whitespace();
    let size = words.next().and_then(parameters::size).ok_or(Canned::WrongParameters)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(Canned::WrongParameters),
    };
    if words.next().is_some() { Err(Canned::WrongParameters) } else { Ok(Command::Bdat { size, last }) }
}

/// `mechanism [initial-response]` (RFC 4954 §4).
fn auth(rest: &str) -> Result<Command<'_>, Canned> {
    let mut words = rest.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) => Ok(Command::Auth { mechanism, initial }),
        _ => Err(Canned::WrongParameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command<'_>, Canned> {
        Command::parse(line.as_bytes(), Extensions::all())
    }

    #[test]
    fn commands_are_understood() {
        for (line, command) in [
            ("EHLO client.example", Command::Helo { extended: true, name: "client.example" }),
            ("helo a", Command::Helo { extended: false, name: "a" }),
            ("HELO", Command::Helo { extended: false, name: "" }),
            ("EHLO [127.0.0.1] ", Command::Helo { extended: true, name: "[127.0.0.1]" }),
            ("data", Command::Data),
            ("DATA \t", Command::Data),
            ("BDAT 0", Command::Bdat { size: 0, last: false }),
            ("bdat 86 last", Command::Bdat { size: 86, last: true }),
            ("BDAT 99999999999999999999", Command::Bdat { size: u64::MAX, last: false }),
            ("RSET", Command::Rset),
            ("NOOP", Command::Noop),
            ("  NOOP x y", Command::Noop),
            ("QUIT", Command::Quit),
            ("VRFY postmaster", Command::Vrfy),
            ("EXPN staff", Command::Expn),
            ("HELP", Command::Help),
            ("HELP mail", Command::Help),
            ("StartTLS", Command::StartTls),
            ("AUTH PLAIN", Command::Auth { mechanism: "PLAIN", initial: None }),
            ("AUTH LOGIN  YQ==", Command::Auth { mechanism: "LOGIN", initial: Some("YQ==") }),
            ("AUTH PLAIN =", Command::Auth { mechanism: "PLAIN", initial: Some("=") }),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn mail_and_rcpt_are_understood_as_senders_write_them() {
        for (line, expected) in [
            ("MAIL FROM:<>", ""),
            ("MAIL FROM:<a@b.c>", "a@b.c"),
            ("mail from: <a@b.c>", "a@b.c"),
            ("MAIL  From:\t<a@b.c> SIZE=10", "a@b.c"),
            ("MAIL FROM:a@b.c", "a@b.c"),
            ("mail from:<admin@用户公司域名>", "admin@用户公司域名"),
        ] {
            let Ok(Command::Mail { sender, .. }) = parse(line) else { panic!("{line}") };
            assert_eq!(sender.to_string(), expected, "{line}");
        }
        for (line, expected) in [
            ("RCPT TO:<a@b.c>", "a@b.c"),
            ("rcpt to: <@x:a@b.c> NOTIFY=NEVER", "a@b.c"),
            ("RCPT TO:<Postmaster>", "Postmaster"),
            ("RCPT TO:a@b.c", "a@b.c"),
        ] {
            let Ok(Command::Rcpt { recipient, .. }) = parse(line) else { panic!("{line}") };
            assert_eq!(recipient.as_str(), expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, wrong) in [
            ("", Canned::Syntax),
            ("   ", Canned::Syntax),
            ("NOOP\r", Canned::Syntax),
            ("NO\0OP", Canned::Syntax),
            ("NOOP \u{85}", Canned::Syntax),
            ("MAIL FROM:<a\r@b.c>", Canned::Syntax),
            ("FOO", Canned::UnknownCommand),
            ("MAILFROM:<a@b.c>", Canned::UnknownCommand),
            ("ＮＯＯＰ", Canned::UnknownCommand),
            ("ETRN x", Canned::NotImplemented),
            ("DATA x", Canned::WrongParameters),
            ("RSET x", Canned::WrongParameters),
            ("QUIT x", Canned::WrongParameters),
            ("STARTTLS x", Canned::WrongParameters),
            ("VRFY", Canned::WrongParameters),
            ("AUTH", Canned::WrongParameters),
            ("AUTH PLAIN a b", Canned::WrongParameters),
            ("BDAT", Canned::WrongParameters),
            ("BDAT x", Canned::WrongParameters),
            ("BDAT -1", Canned::WrongParameters),
            ("BDAT 1 FIRST", Canned::WrongParameters),
            ("BDAT 1 LAST x", Canned::WrongParameters),
            ("BDAT 123456789012345678901", Canned::WrongParameters),
            ("MAIL", Canned::MailSyntax),
            ("MAIL FROM:", Canned::MailSyntax),
            ("MAIL TO:<a@b.c>", Canned::MailSyntax),
            ("MAIL 用户", Canned::MailSyntax),
            ("RCPT FROM:<a@b.c>", Canned::RcptSyntax),
            ("MAIL FROM:<a>", Canned::SenderSyntax),
            ("MAIL FROM:<Postmaster>", Canned::SenderSyntax),
            ("MAIL FROM:<a@b.c>SIZE=1", Canned::SenderSyntax),
            ("RCPT TO:<>", Canned::RecipientSyntax),
            ("RCPT TO:<a@b@c>", Canned::RecipientSyntax),
            ("MAIL FROM:<a@b.c> FOO", Canned::UnknownParameter),
            ("RCPT TO:<a@b.c> SIZE=1", Canned::UnknownParameter),
            ("MAIL FROM:<a@b.c> SIZE=x", Canned::WrongParameters),
        ] {
            assert_eq!(parse(line), Err(wrong), "{line}");
        }
        assert_eq!(Command::parse(b"MAIL FROM:<\xd3\xc3@b.c>", Extensions::all()), Err(Canned::BadUtf8));
        assert_eq!(Command::parse(b"BDAT 1", Extensions::none()), Err(Canned::UnknownCommand));
    }

    #[test]
    fn http_is_known_by_its_method() {
        for line in ["GET / HTTP/1.1", "POST ", "connect a:25 HTTP/1.1", "PRI * HTTP/2.0"] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in ["", "GET", "GETX ", "NOOP ", " GET /"] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }
}
