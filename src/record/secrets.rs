//! What a client says with AUTH. It is kept in memory for the session alone, to be found in replies.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem::find;

use crate::smtp::is_mechanism;

/// As servers read it that are generous.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// With fewer bytes than this a secret would be found in many a word.
const SHORTEST: usize = 3;

/// A word that is none of base64 has more.
const SHORTEST_WORD: usize = 4;

/// The most that is remembered of a session. Behind it no reply is written down.
const MOST: usize = 32;

/// What was said.
#[derive(Default)]
pub(super) struct Secrets {
    texts: Vec<Vec<u8>>,
    /// There were more than are remembered.
    beyond: bool,
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
        let Ok(decoded) = BASE64.decode(response) else { return };
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
            "XOAUTH2" | "OAUTHBEARER" => {
                let words = decoded.split(|byte| matches!(byte, 1 | b' '));
                words.skip(1).for_each(|word| self.keep(word));
            }
            _ => {}
        }
        self.keep(&decoded);
    }

    /// A line that is no AUTH as it should be, and may hold a password all the same.
    pub(super) fn suspect(&mut self, line: &[u8]) {
        for word in line.split(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            let text = String::from_utf8_lossy(word);
            if word.len() < SHORTEST_WORD || text.eq_ignore_ascii_case("AUTH") || is_mechanism(&text) {
                continue;
            }
            self.keep(word);
            let Ok(decoded) = BASE64.decode(word) else { continue };
            decoded.split(|byte| matches!(byte, 0 | 1 | b' ')).for_each(|part| self.keep(part));
        }
    }

    /// Who logs in, where the mechanism says it plainly.
    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// Whether a reply repeats any of it, but for the login's name.
    pub(super) fn are_in(&self, reply: &[u8]) -> bool {
        self.beyond || self.texts.iter().any(|secret| find(reply, secret).is_some())
    }

    fn keep(&mut self, secret: &[u8]) {
        if secret.len() < SHORTEST || self.texts.iter().any(|known| known == secret) {
            return;
        }
        self.beyond |= self.texts.len() == MOST;
        if !self.beyond {
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
        let mut unpadded = Secrets::default();
        unpadded.begin("PLAIN", Some("AGJvYgBodW50ZXIyMw"));
        assert!(unpadded.are_in(b"535 hunter23") && unpadded.login() == Some("bob"));
        let mut token = Secrets::default();
        token.begin("XOAUTH2", Some("dXNlcj1ib2JAZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgeWEyOS50MGtlbgEB"));
        assert!(token.are_in(b"535 ya29.t0ken has expired") && !token.are_in(b"535 bob@example.com"));
    }

    #[test]
    fn a_line_that_is_misspelt_may_hold_one() {
        let mut secrets = Secrets::default();
        secrets.suspect(b"AUTH PLAIN AGJvYgBodW50ZXIy x");
        secrets.suspect(b"c2VjcmV0");
        for reply in ["500 AUTH PLAIN AGJvYgBodW50ZXIy x?", "500 hunter2", "500 c2VjcmV0?", "500 secret"] {
            assert!(secrets.are_in(reply.as_bytes()), "{reply}");
        }
        assert!(!secrets.are_in(b"500 5.5.1 AUTH PLAIN: unknown command"));
    }

    #[test]
    fn behind_more_than_is_remembered_nothing_is_written_down() {
        let mut secrets = Secrets::default();
        for _ in 0..100 {
            secrets.begin("PLAIN", Some("AGJvYgBodW50ZXIy"));
        }
        assert!(!secrets.are_in(b"250 ok"));
        (0..100).for_each(|number| secrets.begin("LOGIN", Some(&format!("number-{number}!"))));
        assert!(secrets.are_in(b"250 ok"));
    }
}
