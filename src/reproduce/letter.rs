//! The mail that failed, to be sent again, and how what is said then compares with the bounce.

use std::fmt;

use super::reply::bare;
use super::{Extent, Failure, Returned, Sure};
use crate::message::header_section;
use crate::reply::Reply;
use crate::stage::Stage;

/// A mail to be sent again, with its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The envelope's sender, as far as the bounce says; else the address in From.
    pub from: String,
    /// The recipient, as the sender called it.
    pub to: String,
    /// What goes out.
    pub bytes: Vec<u8>,
    /// How much of the mail that is.
    pub extent: Extent,
    /// Whether it needs SMTPUTF8.
    pub smtputf8: bool,
    /// What is compared.
    failure: Failure,
}

/// Why a mail cannot be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// Nothing was returned, or not so that its bytes are known.
    #[error("the mail that failed is not in it, or not so that its bytes are known")]
    NoMail,
    /// Nobody is named.
    #[error("the recipient is not known")]
    NoRecipient,
    /// Nobody is named.
    #[error("the sender is not known")]
    NoSender,
}

/// How a reply compares with that of the bounce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The mail was taken: if a bounce follows, it comes from whoever took it.
    Accepted,
    /// The reply is the same, at the same stage.
    Same,
    /// It is the same; the bounce does not say the stage, and another was guessed.
    Placed(Stage),
    /// It is the same at another stage than the bounce says.
    Elsewhere(Stage),
    /// It is another.
    Other,
    /// The bounce has no reply.
    Unknown,
}

impl Letter {
    /// The mail of a failure. Of a header alone, a mail without a body is made.
    ///
    /// # Errors
    /// If the bounce does not have the mail, or its envelope.
    pub fn new(failure: &Failure) -> Result<Self, LetterError> {
        let original = failure.original.as_ref().ok_or(LetterError::NoMail)?;
        let Returned { bytes, extent, smtputf8 } = original.returned.as_ref().ok_or(LetterError::NoMail)?;
        let to = failure.original_recipient.as_ref().or(failure.recipient.as_ref()).ok_or(LetterError::NoRecipient)?;
        let from = original.sender.as_ref().or(original.from.as_ref()).ok_or(LetterError::NoSender)?;
        let bytes = match extent {
            Extent::Header => [header_section(bytes).trim_ascii_end(), b"\r\n\r\n"].concat(),
            _ => bytes.to_vec(),
        };
        let (from, to) = (from.clone(), to.clone());
        Ok(Self { from, to, bytes, extent: *extent, smtputf8: *smtputf8, failure: failure.clone() })
    }

    /// Compares what was said at that stage with what the bounce says.
    #[must_use]
    pub fn compare(&self, stage: Stage, reply: &Reply) -> Comparison {
        let (Some(heard), Some(staged)) = (&self.failure.reply, self.failure.staged()) else {
            return if reply.is_positive() { Comparison::Accepted } else { Comparison::Unknown };
        };
        if reply.is_positive() {
            return Comparison::Accepted;
        }
        if reply.code() != heard.reply.code() || bare(reply) != bare(&heard.reply) {
            return Comparison::Other;
        }
        match staged.sure {
            _ if stage == staged.stage => Comparison::Same,
            Sure::Guess => Comparison::Placed(staged.stage),
            _ => Comparison::Elsewhere(staged.stage),
        }
    }
}

impl Comparison {
    /// Whether all is as the bounce lets expect.
    #[must_use]
    pub const fn is_expected(self) -> bool {
        matches!(self, Self::Accepted | Self::Same | Self::Placed(_))
    }
}

/// For people.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted: if a bounce follows, it comes from that server"),
            Self::Same => f.write_str("the same reply at the same stage"),
            Self::Placed(stage) => {
                write!(f, "the same reply; the bounce does not say its stage, and {stage} was a guess")
            }
            Self::Elsewhere(stage) => write!(f, "the same reply, but the bounce has it at stage {stage}"),
            Self::Other => f.write_str("another reply than that of the bounce"),
            Self::Unknown => f.write_str("refused; the bounce has no reply to compare that with"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::find;

    fn letter(text: &str) -> Letter {
        let bounce = format!(
            "From: MAILER-DAEMON@x.test\r\nTo: me@example.org\r\nSubject: x\r\n\r\n{text}\r\n\r\n\
             --- Below this line is a copy of the message.\r\n\r\nFrom: I <me@example.org>\r\n\r\nHello\r\n"
        );
        Letter::new(&find(bounce.as_bytes()).failures[0]).unwrap()
    }

    #[test]
    fn replies_are_compared_without_white_space() {
        let said = letter(
            "<a@example.com>: host mx[192.0.2.1] said: 550-5.1.1 no 550\r\n    5.1.1 such (in reply to RCPT TO)",
        );
        assert_eq!((said.from.as_str(), said.to.as_str()), ("me@example.org", "a@example.com"));
        assert_eq!(said.bytes, b"From: I <me@example.org>\r\n\r\nHello\r\n");
        let guessed = letter("<a@example.com>: 550 5.1.1 no such");
        let compared = |letter: &Letter, stage, reply: &str| letter.compare(stage, &Reply::parse(reply).unwrap());
        assert_eq!(compared(&said, Stage::Rcpt, "550 5.1.1 no\n5.1.1 such"), Comparison::Same);
        assert_eq!(compared(&said, Stage::Message, "550 5.1.1 no\n5.1.1  such"), Comparison::Elsewhere(Stage::Rcpt));
        assert_eq!(compared(&said, Stage::Rcpt, "550 5.1.1 nobody"), Comparison::Other);
        assert_eq!(compared(&said, Stage::Rcpt, "554 5.1.1 no\n5.1.1 such"), Comparison::Other);
        assert_eq!(compared(&said, Stage::Message, "250 ok"), Comparison::Accepted);
        assert_eq!(compared(&guessed, Stage::Rcpt, "550 5.1.1 no such"), Comparison::Same);
        assert_eq!(compared(&guessed, Stage::Message, "550 5.1.1 no such"), Comparison::Placed(Stage::Rcpt));
        let expected = |comparison: Comparison| comparison.is_expected();
        assert!(expected(Comparison::Placed(Stage::Rcpt)) && !expected(Comparison::Elsewhere(Stage::Rcpt)));
    }

    #[test]
    fn what_is_not_there_is_not_sent() {
        let of = |bounce: &str| Letter::new(&find(bounce.as_bytes()).failures[0]).unwrap_err();
        assert_eq!(of("<a@example.com>: host mx[192.0.2.1] said: 550 no"), LetterError::NoMail);
        let behind = "--- Below this line is a copy of the message.\n\n";
        let bounce = format!("<a@example.com> said: 550 no\n\n{behind}From: a@b.example\n\nx\n");
        assert!(Letter::new(&find(bounce.as_bytes()).failures[0]).is_ok());
        // As it was quoted, or passed on in another charset, it is not as it was.
        let quoted: String = bounce.lines().map(|line| format!("> {line}\n")).collect();
        assert_eq!(of(&quoted), LetterError::NoMail);
        let utf16: Vec<_> = format!("\u{feff}{bounce}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(Letter::new(&find(&utf16).failures[0]).unwrap_err(), LetterError::NoMail);
        assert_eq!(of(&format!("said: 550 no\n\n{behind}From: a@b\n\nx")), LetterError::NoRecipient);
        assert_eq!(of(&format!("<a@example.com> said: 550 no\n\n{behind}Subject: a\n\nx")), LetterError::NoSender);
    }
}
