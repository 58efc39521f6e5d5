//! What was said, line by line, for whoever wants to read it later. Never a password.

/// What stands in place of what might be one.
const HIDDEN: &str = "(not shown)";

/// Commands that nobody takes for a password.
const VERBS: [&str; 14] = [
    "AUTH", "BDAT", "DATA", "EHLO", "EXPN", "HELO", "HELP", "MAIL", "NOOP", "QUIT", "RCPT", "RSET", "STARTTLS", "VRFY",
];

/// SASL mechanisms that clients try.
const MECHANISMS: [&str; 12] = [
    "ANONYMOUS",
    "CRAM-MD5",
    "DIGEST-MD5",
    "EXTERNAL",
    "GSSAPI",
    "LOGIN",
    "NTLM",
    "OAUTHBEARER",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "XOAUTH2",
];

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// By the client.
    Client {
        /// Without its end.
        text: String,
        /// A bare LF ended it, or stands in it.
        bare_lf: bool,
    },
    /// By the server, one line of a reply.
    Server {
        /// Without its end.
        text: String,
        /// The client had sent more before it could read this.
        ahead: bool,
    },
}

/// Which command lines may hold a password.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    /// The latest command was AUTH. What follows it without being a command is a response that came too early or too
    /// late.
    after_auth: bool,
}

/// What of a line may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Nothing.
    Nothing,
    /// What stands behind AUTH, with which it begins, and its mechanism.
    Response,
    /// All of it.
    Anything,
}

/// The lines since they were last taken.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: Vec<Spoken>,
    passwords: Passwords,
}

impl Passwords {
    /// Looks at the next command line.
    pub(crate) fn look(&mut self, line: &[u8]) -> Holds {
        let text = String::from_utf8_lossy(line);
        let verb = text.split_ascii_whitespace().next().unwrap_or_default();
        let is_known = VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb));
        // `AUTHPLAIN`, `AUTH=PLAIN`: a mistake that has a password in it all the same.
        let is_auth = verb.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("AUTH"));
        // So has AUTH behind what a telnet or an editor put there, or behind a bare CR that was to end a line.
        let is_odd = !is_known || text.contains(|c: char| c.is_control() && c != '\t');
        let holds_auth = !is_auth && is_odd && line.windows(4).any(|word| word.eq_ignore_ascii_case(b"AUTH"));
        if is_known || is_auth || holds_auth {
            self.after_auth = is_auth || holds_auth;
        }
        match () {
            () if is_auth => Holds::Response,
            () if holds_auth || !is_known && self.after_auth => Holds::Anything,
            () => Holds::Nothing,
        }
    }

    /// Takes note of a line that was thrown away. It may have been AUTH.
    pub(crate) const fn too_long(&mut self) {
        self.after_auth = true;
    }
}

/// Whether that is a SASL mechanism that clients try.
pub(crate) fn is_mechanism(name: &str) -> bool {
    MECHANISMS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Transcript {
    /// Notes a command line.
    pub(super) fn command(&mut self, line: &[u8], bare_lf: bool) {
        let text = String::from_utf8_lossy(line);
        let text = match self.passwords.look(line) {
            Holds::Response => auth(&text),
            Holds::Anything => HIDDEN.to_owned(),
            Holds::Nothing => text.into_owned(),
        };
        self.client(text, bare_lf);
    }

    /// Notes the answer to a challenge.
    pub(super) fn response(&mut self, line: &[u8], bare_lf: bool) {
        self.client(if line == b"*" { "*".to_owned() } else { HIDDEN.to_owned() }, bare_lf);
    }

    /// Notes a line that was thrown away.
    pub(super) fn too_long(&mut self) {
        self.passwords.too_long();
        self.client("(a line that is too long)".to_owned(), false);
    }

    /// Notes that the text of a message has bare LFs.
    pub(super) fn bare_text(&mut self) {
        self.client("(a text with bare LFs)".to_owned(), true);
    }

    /// Notes the lines of a reply. `ahead`: the client had sent more before it.
    pub(super) fn reply(&mut self, text: &str, ahead: bool) {
        self.lines.extend(text.lines().map(|line| Spoken::Server { text: line.to_owned(), ahead }));
    }

    fn client(&mut self, text: String, bare_lf: bool) {
        self.lines.push(Spoken::Client { text, bare_lf });
    }

    /// The lines since the last call.
    pub(super) fn take(&mut self) -> Vec<Spoken> {
        std::mem::take(&mut self.lines)
    }
}

/// AUTH and its mechanism. What else stands there is not shown.
fn auth(text: &str) -> String {
    let mut words = text.split_ascii_whitespace();
    let (verb, mechanism) = (words.next().unwrap_or_default(), words.next());
    let named = mechanism.filter(|name| is_mechanism(name));
    let hidden = verb.len() > 4 || words.next().is_some() || mechanism.is_some() != named.is_some();
    let shown = [verb.get(..4), named, hidden.then_some(HIDDEN)];
    shown.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[&str]) -> Vec<String> {
        let mut transcript = Transcript::default();
        lines.iter().for_each(|line| transcript.command(line.as_bytes(), false));
        let text = |spoken| match spoken {
            Spoken::Client { text, .. } | Spoken::Server { text, .. } => text,
        };
        transcript.take().into_iter().map(text).collect()
    }

    #[test]
    fn a_password_is_never_shown() {
        for (line, wanted) in [
            ("AUTH PLAIN AGFAYi5jAHNlY3JldA==", "AUTH PLAIN (not shown)"),
            ("auth login YUBiLmM=", "auth login (not shown)"),
            ("AUTH LOGIN", "AUTH LOGIN"),
            ("AUTH AGFAYi5jAHNlY3JldA==", "AUTH (not shown)"),
            ("AUTHPLAIN AGFAYi5jAHNlY3JldA==", "AUTH (not shown)"),
            ("AUTH=PLAIN AGFAYi5jAHNlY3JldA==", "AUTH (not shown)"),
            ("  AUTH  PLAIN  x", "AUTH PLAIN (not shown)"),
            ("AUTH", "AUTH"),
            ("AUTH\u{b}PLAIN\u{b}AGFAYi5jAHNlY3JldA==", "AUTH (not shown)"),
            ("\0AUTH PLAIN AGFAYi5jAHNlY3JldA==", "(not shown)"),
            ("\u{feff}AUTH PLAIN AGFAYi5jAHNlY3JldA==", "(not shown)"),
            ("XAUTH PLAIN AGFAYi5jAHNlY3JldA==", "(not shown)"),
            ("EHLO a\rauth PLAIN AGFAYi5jAHNlY3JldA==", "(not shown)"),
            ("MAIL FROM:<a@b.c>\tAUTH=<>", "MAIL FROM:<a@b.c>\tAUTH=<>"),
            ("EHLO auth.example", "EHLO auth.example"),
        ] {
            assert_eq!(shown(&[line]), [wanted], "{line}");
        }
    }

    #[test]
    fn what_follows_auth_and_is_no_command_may_be_a_password() {
        let lines = ["AUTH LOGIN", "YUBiLmM=", "c2VjcmV0", "MAIL FROM:<a@b.c>", "c2VjcmV0"];
        let wanted = ["AUTH LOGIN", "(not shown)", "(not shown)", "MAIL FROM:<a@b.c>", "c2VjcmV0"];
        assert_eq!(shown(&lines), wanted);
        // A misspelt one is followed by the same.
        for misspelt in ["AUTHENTICATE LOGIN", "AUTH=LOGIN", "\0AUTH LOGIN", "EHLO a\rAUTH LOGIN"] {
            assert_eq!(shown(&[misspelt, "c2VjcmV0"])[1], "(not shown)", "{misspelt}");
        }
        let mut transcript = Transcript::default();
        transcript.too_long();
        transcript.command(b"c2VjcmV0", false);
        assert!(matches!(&transcript.take()[1], Spoken::Client { text, .. } if text == HIDDEN));
    }
}
