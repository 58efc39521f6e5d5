//! The SASL exchanges of AUTH (RFC 4954): PLAIN (RFC 4616), and LOGIN, which no RFC describes and most clients use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::persona::Canned;

/// Octets of a response with its end, which RFC 4954 §4 asks a server to take.
pub(super) const RESPONSE_LENGTH: usize = 12_288 + 2;

/// What the client is asked for.
pub(super) enum Exchange {
    /// Login and password in one.
    Plain,
    /// The login.
    LoginName,
    /// The password of that login.
    LoginPassword(String),
}

/// What a response leads to.
pub(super) enum Outcome {
    /// The next question.
    Challenge(Exchange),
    /// All that is needed.
    Credentials { login: String, password: String },
    /// The end, with that reply.
    Failed(Canned),
}

impl Exchange {
    /// The exchange of a mechanism, by its name in any case.
    pub(super) fn named(mechanism: &str) -> Option<Self> {
        match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Some(Self::Plain),
            "LOGIN" => Some(Self::LoginName),
            _ => None,
        }
    }

    /// What goes out behind 334, in base64: `Username:` and `Password:` for LOGIN.
    pub(super) const fn challenge(&self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::LoginName => "VXNlcm5hbWU6",
            Self::LoginPassword(_) => "UGFzc3dvcmQ6",
        }
    }

    /// Takes the initial response, which is `=` if it is empty.
    pub(super) fn initial(self, response: &str) -> Outcome {
        self.decoded(if response == "=" { "" } else { response })
    }

    /// Takes the line that answers the challenge.
    pub(super) fn respond(self, line: &[u8]) -> Outcome {
        match std::str::from_utf8(line) {
            Ok("*") => Outcome::Failed(Canned::AuthAborted),
            Ok(line) => self.decoded(line.trim_end()),
            Err(_) => Outcome::Failed(Canned::AuthMalformed),
        }
    }

    fn decoded(self, base64: &str) -> Outcome {
        let text = STANDARD.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else { return Outcome::Failed(Canned::AuthMalformed) };
        match self {
            Self::Plain => plain(&text),
            Self::LoginName if text.is_empty() => Outcome::Failed(Canned::AuthMalformed),
            Self::LoginName => Outcome::Challenge(Self::LoginPassword(text)),
            Self::LoginPassword(login) => Outcome::Credentials { login, password: text },
        }
    }
}

/// `[authzid] NUL authcid NUL passwd`. Nobody may act for somebody else, so the two identities must not differ.
fn plain(text: &str) -> Outcome {
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(acting), Some(login), Some(password), None) if !login.is_empty() => {
            if !acting.is_empty() && !acting.eq_ignore_ascii_case(login) {
                return Outcome::Failed(Canned::AuthFailed);
            }
            Outcome::Credentials { login: login.to_owned(), password: password.to_owned() }
        }
        _ => Outcome::Failed(Canned::AuthMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Challenge(exchange) => format!("334 {}", exchange.challenge()),
            Outcome::Credentials { login, password } => format!("{login} with {password}"),
            Outcome::Failed(canned) => canned.name().to_owned(),
        }
    }

    #[test]
    fn plain_takes_both_at_once() {
        for (text, expected) in [
            ("\0a@b.c\0secret", "a@b.c with secret"),
            ("A@b.c\0a@b.c\0secret", "a@b.c with secret"),
            ("x@b.c\0a@b.c\0secret", "auth-failed"),
            ("\0用户\0密码", "用户 with 密码"),
            ("\0a\0", "a with "),
            ("\0\0secret", "auth-malformed"),
            ("a\0secret", "auth-malformed"),
            ("\0a\0b\0c", "auth-malformed"),
            ("", "auth-malformed"),
        ] {
            let line = STANDARD.encode(text);
            assert_eq!(told(&Exchange::Plain.respond(line.as_bytes())), expected, "{text:?}");
        }
    }

    #[test]
    fn login_asks_twice() {
        let Outcome::Challenge(next) = Exchange::LoginName.respond(b"YUBiLmM=") else { panic!() };
        assert_eq!(next.challenge(), "UGFzc3dvcmQ6");
        assert_eq!(told(&next.respond(b"c2VjcmV0 ")), "a@b.c with secret");
        assert_eq!(told(&Exchange::LoginName.initial("YUBiLmM=")), "334 UGFzc3dvcmQ6");
        assert_eq!(told(&Exchange::LoginName.initial("=")), "auth-malformed");
    }

    #[test]
    fn what_is_no_response() {
        for line in [&b"YUBiLmM"[..], b"Y", b"a b", b"\xff", b"/w==", b"=", b"**"] {
            assert_eq!(told(&Exchange::LoginName.respond(line)), "auth-malformed", "{line:?}");
        }
        assert_eq!(told(&Exchange::LoginName.respond(b"*")), "auth-aborted");
        assert!(Exchange::named("CRAM-MD5").is_none());
        assert!(Exchange::named("login").is_some());
    }
}
