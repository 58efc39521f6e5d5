//! What a client says with AUTH. It is kept in memory for the session alone, to be found in replies.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem::find;

/// With fewer bytes than this a secret would be found in many a word.
const SHORTEST: usize = 3;

/// The most that is remembered of a session.
const MOST: usize = 32;

/// What was said.
#[derive(Default)]
pub(super) struct Secrets {
    texts: Vec<Vec<u8>>,
    login: Option<String>,
    /// The mechanism under way, and how many responses came.
    mechanism: String,
    responses: usize,
}

impl Secrets {
    /// An exchange begins, maybe with a first response.
    pub(super) fn begin(&mut self, mechanism: &str, initial: Option<&str>) {
        self.mechanism = mechanism.to_ascii_uppercase();
        self.responses = 0;
        self.login = None;
        if let Some(response) = initial {
            self.response(response.as_bytes());
        }
    }

    /// The client answers a challenge.
    pub(super) fn response(&mut self, response: &[u8]) {
        self.responses += 1;
        let response = response.trim_ascii();
        self.keep(response);
        let Ok(decoded) = BASE64_STANDARD.decode(response) else { return };
        match self.mechanism.as_str() {
            "PLAIN" => {
                let mut parts = decoded.split(|byte| *byte == 0).skip(1);
                self.login = parts.next().map(|login| String::from_utf8_lossy(login).into_owned());
                parts.for_each(|password| self.keep(password));
            }
            "LOGIN" if self.responses == 1 => {
                self.login = Some(String::from_utf8_lossy(&decoded).into_owned());
                return;
            }
            _ => {}
        }
        self.keep(&decoded);
    }

    /// Who logs in, where the mechanism says it plainly.
    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// Whether a reply repeats any of it, but for the login's name.
    pub(super) fn are_in(&self, reply: &[u8]) -> bool {
        self.texts.iter().any(|secret| find(reply, secret).is_some())
    }

    fn keep(&mut self, secret: &[u8]) {
        if secret.len() >= SHORTEST && self.texts.len() < MOST {
            self.texts.push(secret.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_however_it_was_said() {
        let mut plain = Secrets::default();
        plain.begin("plain", Some("AGJvYkBleGFtcGxlLmNvbQBodW50ZXIy"));
        assert_eq!(plain.login(), Some("bob@example.com"));
        let mut login = Secrets::default();
        login.begin("LOGIN", None);
        login.response(b"Ym9iQGV4YW1wbGUuY29t");
        login.response(b"aHVudGVyMg==\r");
        assert_eq!(login.login(), Some("bob@example.com"));
        for secrets in [plain, login] {
            assert!(secrets.are_in(b"535 hunter2 is wrong") && !secrets.are_in(b"535 bob@example.com is not known"));
        }
        let mut broken = Secrets::default();
        broken.begin("LOGIN", Some("no base64!"));
        assert!(broken.are_in(b"501 no base64!") && broken.login().is_none());
    }
}
