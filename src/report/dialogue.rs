//! What was said in a session, as commands and their answers.

use crate::clock::Time;
use crate::journal::record::{Session, Speaker};

/// A session as its transcript tells it.
#[derive(Debug)]
pub(super) struct Dialogue<'a> {
    pub(super) session: &'a Session,
    /// The banner, or what came in its place.
    pub(super) greeting: Option<Answer<'a>>,
    pub(super) exchanges: Vec<Exchange<'a>>,
}

/// A command, or something else that the client said, and its answer.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) verb: Verb,
    /// The command line.
    pub(super) line: &'a str,
    pub(super) at: Time,
    /// TLS was in use.
    pub(super) tls: bool,
    /// The exchange with the EHLO or HELO that was last accepted before.
    pub(super) greeted: Option<usize>,
    /// Of a text: its size, once all of it had come.
    pub(super) bytes: Option<u64>,
    pub(super) bare_lf: bool,
    pub(super) answer: Option<Answer<'a>>,
}

/// What a client can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Auth,
    /// The answer to a challenge.
    Response,
    Bdat,
    Data,
    /// What follows 354, up to the final dot.
    Text,
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Rset,
    StartTls,
    Quit,
    Noop,
    Other,
}

/// A reply.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) code: u16,
    pub(super) lines: Vec<&'a str>,
    pub(super) at: Time,
    /// The client had sent more before it could read this.
    pub(super) ahead: bool,
    /// The line that ends it has come.
    whole: bool,
}

impl Answer<'_> {
    pub(super) const fn is_positive(&self) -> bool {
        self.code < 400
    }

    pub(super) const fn is_transient(&self) -> bool {
        self.code >= 400 && self.code < 500
    }

    /// Its first line.
    pub(super) fn text(&self) -> &str {
        self.lines.first().copied().unwrap_or_default()
    }

    /// The number of recipients is what is wrong, not the recipient (RFC 5321 §4.5.3.1.10).
    pub(super) fn is_recipient_limit(&self) -> bool {
        matches!(self.code, 450..=452 | 550..=552)
            && self.lines.iter().any(|line| line.to_ascii_lowercase().contains("too many"))
    }

    /// The dialogue is what is wrong, not the mail: a command out of order, unknown, or without what it needs.
    pub(super) const fn is_about_the_dialogue(&self) -> bool {
        matches!(self.code, 500 | 502..=504 | 530 | 538 | 555)
    }
}

impl Exchange<'_> {
    pub(super) fn code(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.code)
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::is_positive)
    }

    pub(super) fn is_refused(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_positive())
    }

    /// It ends a message: the text behind DATA, or the last chunk.
    pub(super) fn ends_message(&self) -> bool {
        match self.verb {
            Verb::Text => true,
            Verb::Bdat => self.line.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("LAST")),
            _ => false,
        }
    }
}

impl<'a> Dialogue<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        let mut dialogue = Self { session, greeting: None, exchanges: Vec::new() };
        let mut tls = false;
        for line in &session.transcript.lines {
            let text = line.text.as_str();
            match line.by {
                Speaker::Client if line.bare_lf && text.starts_with('(') => {
                    if let Some(last) = dialogue.exchanges.last_mut() {
                        last.bare_lf = true;
                    }
                }
                Speaker::Client => {
                    let verb = dialogue.verb(text);
                    dialogue.begin(verb, text, line.at, tls, line.bare_lf);
                }
                Speaker::Server => dialogue.hear(text, line.at, line.ahead, tls),
                Speaker::Mockmx if text.starts_with("(TLS") => tls = true,
                Speaker::Mockmx => {
                    let bytes = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(" bytes of text)"));
                    if let (Some(last), Some(bytes)) = (dialogue.exchanges.last_mut(), bytes) {
                        last.bytes = bytes.parse().ok();
                    }
                }
            }
        }
        dialogue
    }

    fn begin(&mut self, verb: Verb, line: &'a str, at: Time, tls: bool, bare_lf: bool) {
        let is_greeting = |exchange: &Exchange<'_>| matches!(exchange.verb, Verb::Ehlo | Verb::Helo);
        let greeted = match self.exchanges.last() {
            Some(last) if is_greeting(last) && last.is_accepted() => Some(self.exchanges.len() - 1),
            // What was said before TLS is forgotten (RFC 3207 §4.2).
            Some(last) if last.tls != tls => None,
            Some(last) => last.greeted,
            None => None,
        };
        self.exchanges.push(Exchange { verb, line, at, tls, greeted, bytes: None, bare_lf, answer: None });
    }

    fn hear(&mut self, text: &'a str, at: Time, ahead: bool, tls: bool) {
        let code = text.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
        let whole = text.as_bytes().get(3) != Some(&b'-');
        let answer = Answer { code, lines: vec![text], at, ahead, whole };
        let place = match self.exchanges.last_mut() {
            Some(last) => &mut last.answer,
            None => &mut self.greeting,
        };
        match place {
            None => *place = Some(answer),
            Some(begun) if !begun.whole => {
                begun.lines.push(text);
                (begun.whole, begun.ahead) = (whole, begun.ahead || ahead);
            }
            // Nobody asked: `421 timeout`.
            Some(_) => return,
        }
        if self.exchanges.last().is_some_and(|last| last.verb == Verb::Data && last.code() == 354) && whole {
            self.begin(Verb::Text, "", at, tls, false);
        }
    }

    fn verb(&self, line: &str) -> Verb {
        if self.exchanges.last().is_some_and(|last| last.code() == 334) {
            return Verb::Response;
        }
        let verb = line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "AUTH" => Verb::Auth,
            "BDAT" => Verb::Bdat,
            "DATA" => Verb::Data,
            "EHLO" => Verb::Ehlo,
            "HELO" => Verb::Helo,
            "MAIL" => Verb::Mail,
            "RCPT" => Verb::Rcpt,
            "RSET" => Verb::Rset,
            "STARTTLS" => Verb::StartTls,
            "QUIT" => Verb::Quit,
            "NOOP" | "VRFY" | "EXPN" | "HELP" => Verb::Noop,
            _ => Verb::Other,
        }
    }

    /// Whether an extension was offered to a command, and with which parameters.
    pub(super) fn offered(&self, exchange: &Exchange<'_>, keyword: &str) -> Option<&'a str> {
        let greeting = &self.exchanges.get(exchange.greeted?)?;
        if greeting.verb != Verb::Ehlo {
            return None;
        }
        let extensions = greeting.answer.iter().flat_map(|answer| answer.lines.iter().skip(1));
        let mut offers = extensions.filter_map(|line| line.get(4..));
        offers.find_map(|offer| {
            let (name, parameters) = offer.split_once(' ').unwrap_or((offer, ""));
            name.eq_ignore_ascii_case(keyword).then_some(parameters)
        })
    }

    /// mockmx ended the session, or somebody between: the client could not say QUIT any more.
    pub(super) fn was_cut(&self) -> bool {
        let ended = self.session.end.as_deref().unwrap_or_default();
        !matches!(ended, "closed by the client" | "timed out" | "client did not read")
            && !ended.starts_with("connection lost")
    }
}

/// The address in MAIL or RCPT, and the parameters behind it.
pub(super) fn path(line: &str) -> (&str, &str) {
    let Some((_, rest)) = line.split_once('<') else {
        let rest = line.split_once(':').map_or("", |(_, rest)| rest.trim_start());
        return rest.split_once(' ').unwrap_or((rest, ""));
    };
    let mut quoted = false;
    let mut escaped = false;
    let end = rest.char_indices().find(|&(_, c)| {
        let is_end = c == '>' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    });
    let Some((end, _)) = end else { return (rest, "") };
    let (path, parameters) = (&rest[..end], &rest[end + 1..]);
    // A source route is not part of the address (RFC 5321 §4.1.1.3).
    let address = path.strip_prefix('@').and_then(|route| route.split_once(':')).map_or(path, |(_, address)| address);
    (address, parameters)
}
