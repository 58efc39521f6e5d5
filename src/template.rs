//! Texts with placeholders, filled in from the facts of a session: replies, and the keys that counters are kept by.

use std::fmt::{self, Write as _};

use crate::clock::Time;
use crate::facts::Facts;
use crate::reply::{Reply, ReplyError};
use crate::stage::Stage;

/// A text with placeholders, as `<{sender}>: Access denied`. `{{` and `}}` stand for the braces themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Value(Placeholder),
    /// An id in this form.
    Id(Box<str>),
    /// The time in this format of strftime.
    Time(Box<str>),
}

impl Part {
    /// What stands between braces.
    fn named(name: &str) -> Result<Self, TemplateError> {
        if let Some(form) = name.strip_prefix("id:") {
            let fits = !form.is_empty() && !form.contains(char::is_control);
            return fits.then(|| Self::Id(form.into())).ok_or(TemplateError::Id);
        }
        if let Some(format) = name.strip_prefix("time:") {
            let wrong = |why| TemplateError::Time(format.to_owned(), why);
            let shown = Time::default().format(format).map_err(wrong)?;
            // What stands in a reply has no line end.
            let fits = !format.is_empty() && !shown.contains(char::is_control);
            return fits
                .then(|| Self::Time(format.into()))
                .ok_or_else(|| wrong("it has to fit into a line".to_owned()));
        }
        let found = Placeholder::ALL.into_iter().find(|placeholder| placeholder.name() == name);
        found.map(Self::Value).ok_or_else(|| TemplateError::Unknown(name.to_owned()))
    }

    fn write(&self, facts: &Facts, host: &str, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Value(placeholder) => placeholder.write(facts, host, out),
            Self::Id(form) => out.push_str(&facts.id_like(form)),
            // The format was tried when it was read.
            Self::Time(format) => out.push_str(&facts.started.format(format).unwrap_or_default()),
        }
    }
}

/// A value taken from the facts. Its name in a template is the variant's in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The block list that has the client: of those that the rule asks, the first.
    Dnsbl,
    /// Seconds since the Unix epoch at the beginning of the session.
    Epoch,
    /// The name given with EHLO or HELO.
    Helo,
    /// The name that the listener's persona goes by.
    Host,
    /// The client's IP address.
    Ip,
    /// An id for the message in the form of Coremail's, as `C8CowAAnpFyamC9fa52cAg--.56912S2`, fixed by session and
    /// transaction.
    CoremailId,
    /// The token that Coremail gives with EHLO, fixed by the session.
    CoremailToken,
    /// The listener's name.
    Listener,
    /// The client's network: the /24 of an IPv4 address, the /64 of an IPv6 address.
    Network,
    /// A number from 1 to 20 that stands for one of a provider's machines, fixed by the session.
    Node,
    /// Who is logged in, or tries to.
    Login,
    /// An id for the message, in the form of Postfix's.
    QueueId,
    /// The recipient being judged, else the first one.
    Recipient,
    /// Its domain.
    RecipientDomain,
    /// The sender; nothing for the null sender.
    Sender,
    /// Its domain.
    SenderDomain,
    /// The session's number.
    Session,
    /// The message's subject as a person reads it.
    Subject,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::CoremailId,
        Self::CoremailToken,
        Self::Dnsbl,
        Self::Epoch,
        Self::Helo,
        Self::Host,
        Self::Ip,
        Self::Listener,
        Self::Login,
        Self::Network,
        Self::Node,
        Self::QueueId,
        Self::Recipient,
        Self::RecipientDomain,
        Self::Sender,
        Self::SenderDomain,
        Self::Session,
        Self::Subject,
    ];

    /// The name between the braces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoremailId => "coremail-id",
            Self::CoremailToken => "coremail-token",
            Self::Dnsbl => "dnsbl",
            Self::Epoch => "epoch",
            Self::Helo => "helo",
            Self::Host => "host",
            Self::Ip => "ip",
            Self::Listener => "listener",
            Self::Login => "login",
            Self::Network => "network",
            Self::Node => "node",
            Self::QueueId => "queue-id",
            Self::Recipient => "recipient",
            Self::RecipientDomain => "recipient-domain",
            Self::Sender => "sender",
            Self::SenderDomain => "sender-domain",
            Self::Session => "session",
            Self::Subject => "subject",
        }
    }

    /// The earliest stage at which it has a value.
    #[must_use]
    pub const fn from_stage(self) -> Stage {
        match self {
            Self::CoremailId
            | Self::CoremailToken
            | Self::Dnsbl
            | Self::Epoch
            | Self::Host
            | Self::Ip
            | Self::Listener
            | Self::Network
            | Self::Node
            | Self::Session => Stage::Connect,
            Self::Helo => Stage::Helo,
            Self::Login => Stage::Auth,
            Self::QueueId | Self::Sender | Self::SenderDomain => Stage::Mail,
            Self::Recipient | Self::RecipientDomain => Stage::Rcpt,
            Self::Subject => Stage::Message,
        }
    }

    /// Whether it has a value at `stage`.
    #[must_use]
    pub fn known_at(self, stage: Stage) -> bool {
        stage.knows(self.from_stage())
    }

    fn write(self, facts: &Facts, host: &str, out: &mut String) {
        let sender = || facts.envelope.sender.as_ref().and_then(|sender| sender.address());
        let text = match self {
            Self::Epoch => return write_to(out, facts.started.unix_seconds()),
            Self::CoremailId => return write_to(out, facts.coremail_id()),
            Self::CoremailToken => return write_to(out, facts.coremail_token()),
            Self::Ip => return write_to(out, facts.peer.ip()),
            Self::Network => return write_to(out, facts.network()),
            Self::Node => return write_to(out, facts.session.0 % 20 + 1),
            Self::QueueId => return write_to(out, facts.queue_id()),
            Self::Session => return write_to(out, facts.session),
            Self::Dnsbl => {
                facts.identity.as_ref().and_then(|identity| identity.listed()).map_or("", |listing| &listing.list)
            }
            Self::Helo => facts.helo.as_ref().map_or("", |helo| &helo.name),
            Self::Host => host,
            Self::Listener => &facts.listener.name,
            Self::Login => match (&facts.attempt, &facts.login) {
                (Some(attempt), _) => &attempt.login,
                (None, login) => login.as_deref().unwrap_or_default(),
            },
            Self::Recipient => facts.recipient().map_or("", |recipient| recipient.as_str()),
            Self::RecipientDomain => facts.recipient().map_or("", |recipient| recipient.domain()),
            Self::Sender => sender().map_or("", |sender| sender.as_str()),
            Self::SenderDomain => sender().map_or("", |sender| sender.domain()),
            Self::Subject => facts.message.as_ref().map_or("", |message| &message.subject),
        };
        out.push_str(text);
    }
}

fn write_to(out: &mut String, value: impl fmt::Display) {
    // Writing into a string cannot fail.
    let _ = write!(out, "{value}");
}

/// A piece of a template as it is written.
pub(crate) enum Piece<'t> {
    /// Text, with doubled braces made single.
    Text(String),
    /// What stands between braces.
    Name(&'t str),
}

/// Takes a template apart.
///
/// # Errors
/// If a brace is left open or alone.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..];
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            plain.push_str(&brace[..1]);
            rest = after;
            continue;
        }
        let (name, after) =
            brace.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or(TemplateError::Brace)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Name(name));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// If a brace is left open or alone, or if a placeholder's name is unknown.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let part = |piece| match piece {
            Piece::Text(text) => Ok(Part::Text(text.into())),
            Piece::Name(name) => Part::named(name),
        };
        let parts = pieces(text)?.into_iter().map(part).collect::<Result<_, _>>()?;
        Ok(Self(parts))
    }

    /// The placeholders used.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.0.iter().filter_map(|part| match part {
            Part::Value(placeholder) => Some(*placeholder),
            Part::Text(_) | Part::Id(_) | Part::Time(_) => None,
        })
    }

    /// Fills it in for a counter or a prison, where two ways to write one address are one: in lower case, addresses by
    /// their [`Address::key`](crate::address::Address::key).
    #[must_use]
    pub fn key(&self, facts: &Facts, host: &str) -> String {
        let mut out = String::new();
        for part in &self.0 {
            let address = match part {
                Part::Value(Placeholder::Sender) => facts.envelope.sender.as_ref().and_then(|sender| sender.address()),
                Part::Value(Placeholder::Recipient) => facts.recipient(),
                _ => None,
            };
            match address {
                Some(address) => out.push_str(&address.key()),
                None => part.write(facts, host, &mut out),
            }
        }
        out.to_lowercase()
    }

    /// Fills it in. `host` is the name of the persona that speaks.
    #[must_use]
    pub fn render(&self, facts: &Facts, host: &str) -> String {
        let mut out = String::new();
        self.write(facts, host, &mut out);
        out
    }

    fn write(&self, facts: &Facts, host: &str, out: &mut String) {
        self.0.iter().for_each(|part| part.write(facts, host, out));
    }
}

/// The template as it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Value(placeholder) => write!(f, "{{{}}}", placeholder.name())?,
                Part::Id(form) => write!(f, "{{id:{form}}}")?,
                Part::Time(format) => write!(f, "{{time:{format}}}")?,
            }
        }
        Ok(())
    }
}

/// A reply with placeholders in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTemplate {
    code: u16,
    lines: Vec<Template>,
}

impl ReplyTemplate {
    /// Parses `554 <{sender}>: Access denied`; see [`Reply::parse`].
    ///
    /// # Errors
    /// If it is no reply, or if one of its placeholders is wrong.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let reply = Reply::parse(text)?;
        let lines = reply.lines().iter().map(|line| Template::parse(line)).collect::<Result<_, _>>()?;
        Ok(Self { code: reply.code(), lines })
    }

    /// The three digits.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The placeholders used.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.lines.iter().flat_map(Template::placeholders)
    }

    /// Fills it in. `host` is the name of the persona that speaks.
    #[must_use]
    pub fn render(&self, facts: &Facts, host: &str) -> Reply {
        Reply::with_lines(self.code, self.lines.iter().map(|line| line.render(facts, host)).collect())
    }

    /// The same with an enhanced code (RFC 2034) in front of each line.
    #[must_use]
    pub(crate) fn render_enhanced(&self, enhanced: &str, facts: &Facts, host: &str) -> Reply {
        let line = |line: &Template| {
            let mut out = format!("{enhanced} ");
            line.write(facts, host, &mut out);
            out
        };
        Reply::with_lines(self.code, self.lines.iter().map(line).collect())
    }
}

/// The reply as it was written; a line break begins the next line.
impl fmt::Display for ReplyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        for (index, line) in self.lines.iter().enumerate() {
            write!(f, "{}{line}", if index > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace alone.
    #[error("a brace is left open; write {{{{ or }}}} for the character itself")]
    Brace,
    /// No form of an id.
    #[error("{{id:…}} has the form of an id, as {{id:4XyzAB12}}")]
    Id,
    /// The text is no reply.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// No format of a time.
    #[error("`{0}` is no format as strftime has it: {1}")]
    Time(String, String),
    /// There is no such placeholder.
    #[error("there is no placeholder {{{0}}}; there are {known}", known = known())]
    Unknown(String),
}

fn known() -> String {
    let names = Placeholder::ALL.map(|placeholder| format!("{{{}}}", placeholder.name())).join(" ");
    format!("{names} {{id:FORM}} {{time:FORMAT}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::clock::Time;
    use crate::facts::{Listener, ReversePath, Role, SessionId, TlsMode, loopback};

    fn facts() -> Facts {
        let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
        let mut facts = Facts::new(SessionId(7), listener.into(), loopback(), Time::from_unix_seconds(1_201_824_000));
        facts.envelope.sender = Address::parse("admin@Example.com").map(ReversePath::Mailbox);
        facts
    }

    #[test]
    fn placeholders_are_filled_in() {
        let reply = ReplyTemplate::parse("554 <{sender}>: {{{ip}}} {sender-domain} {epoch}").unwrap();
        let reply = reply.render(&facts(), "mx");
        assert_eq!(reply.to_string(), "554 <admin@Example.com>: {127.0.0.1} example.com 1201824000");
    }

    #[test]
    fn ids_and_times_have_the_form_that_is_written() {
        let text = "220 mx {time:%a, %d %b %Y %H:%M:%S %z} id={id:1rAbCd-0004Xy-2Z} {{id:x}}";
        let template = ReplyTemplate::parse(text).unwrap();
        assert_eq!(template.to_string(), text);
        let said = template.render(&facts(), "mx").to_string();
        let rest = said.strip_prefix("220 mx Fri, 01 Feb 2008 00:00:00 +0000 id=").unwrap_or_else(|| panic!("{said}"));
        assert!(rest.ends_with(" {id:x}") && rest.len() == 16 + 7 && !rest.starts_with("1rAbCd"), "{said}");
        assert_eq!(Template::parse("{id:}"), Err(TemplateError::Id));
        for wrong in ["{time:}", "{time:%}", "{time:%!}", "{time:%n}"] {
            assert!(matches!(Template::parse(wrong), Err(TemplateError::Time(..))), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_the_same_however_the_address_is_written() {
        let template = Template::parse("{ip}+{sender}").unwrap();
        for (raw, local) in [("Pr@X.org.", "Pr"), (r#""pr"@x.org"#, "pr"), (r#""p\r"@X.ORG"#, "pr")] {
            let mut facts = facts();
            let domain = raw.rsplit_once('@').unwrap().1;
            facts.envelope.sender = Some(ReversePath::Mailbox(Address::new(raw, local, domain)));
            assert_eq!(template.key(&facts, "mx"), "127.0.0.1+pr@x.org", "{raw}");
        }
    }

    #[test]
    fn a_wrong_template_is_explained() {
        assert_eq!(Template::parse("{sender"), Err(TemplateError::Brace));
        assert_eq!(Template::parse("a}b"), Err(TemplateError::Brace));
        let error = Template::parse("{Sender}").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no placeholder {Sender}; there are {coremail-id} {coremail-token}"),
            "{error}"
        );
    }

    #[test]
    fn each_placeholder_is_known_from_its_stage_on() {
        assert!(Placeholder::Sender.known_at(Stage::Mail) && !Placeholder::Sender.known_at(Stage::Helo));
        assert!(Placeholder::Ip.known_at(Stage::Command) && !Placeholder::Sender.known_at(Stage::Command));
    }
}
