//! What a provider says where no rule speaks.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::reply::Reply;
use crate::template::ReplyTemplate;

use super::extension::{Extension, Extensions};

/// Writes each canned reply once: variant, name, enhanced code, code and text.
macro_rules! canned {
    ($($variant:ident $name:literal $enhanced:literal $text:literal)*) => {
        /// A reply that the session gives by itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Canned {
            $(#[doc = concat!("`", $text, "`, by the name of `", $name, "`.")] $variant,)*
        }

        impl Canned {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name used in packs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The reply's template where a persona has no other.
            #[must_use]
            pub const fn default_text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The enhanced code (RFC 3463) of the default text; empty for the replies that have none (RFC 2034 §4).
            #[must_use]
            pub const fn enhanced(self) -> &'static str {
                match self { $(Self::$variant => $enhanced,)* }
            }
        }
    };
}

canned! {
    AuthAborted "auth-aborted" "5.7.0" "501 Error: authentication aborted"
    AuthFailed "auth-failed" "5.7.8" "535 Error: authentication failed"
    AuthMalformed "auth-malformed" "5.5.2" "501 Error: malformed authentication response"
    AuthMechanism "auth-mechanism" "5.5.4" "504 Error: unknown authentication mechanism"
    AuthNeedsTls "auth-needs-tls" "5.7.11" "538 Error: encryption is required for authentication, use STARTTLS"
    AuthNotOffered "auth-not-offered" "5.5.1" "503 Error: authentication is not enabled here"
    AuthOk "auth-ok" "2.7.0" "235 Authentication successful"
    AuthRepeated "auth-repeated" "5.5.1" "503 Error: already authenticated"
    AuthTooLong "auth-too-long" "5.5.6" "500 Error: authentication response too long"
    BadSequence "bad-sequence" "5.5.1" "503 Error: bad sequence of commands"
    BadUtf8 "bad-utf8" "5.5.2" "500 Error: bad UTF-8 syntax"
    Banner "banner" "" "220 {host} ESMTP mockmx"
    Chunk "chunk" "2.0.0" "250 Ok"
    Data "data" "" "354 End data with <CR><LF>.<CR><LF>"
    Ehlo "ehlo" "" "250 {host}"
    Expn "expn" "5.5.1" "502 Error: EXPN is not implemented"
    Helo "helo" "" "250 {host}"
    HeloFirst "helo-first" "5.5.1" "503 Error: send HELO or EHLO first"
    HeloSyntax "helo-syntax" "5.5.4" "501 Syntax: HELO hostname"
    Help "help" "2.0.0" "214 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH"
    LineTooLong "line-too-long" "5.5.2" "500 Error: line too long"
    LocalError "local-error" "4.3.0" "451 {host} Error: local error in processing"
    Mail "mail" "2.1.0" "250 Ok"
    MailFirst "mail-first" "5.5.1" "503 Error: need MAIL command"
    MailSyntax "mail-syntax" "5.5.4" "501 Syntax: MAIL FROM:<address>"
    Message "message" "2.0.0" "250 Ok: queued as {queue-id}"
    MessageTooBig "message-too-big" "5.3.4" "552 Error: message size exceeds the limit"
    NestedMail "nested-mail" "5.5.1" "503 Error: nested MAIL command"
    Noop "noop" "2.0.0" "250 Ok"
    NoRecipients "no-recipients" "5.5.1" "554 Error: no valid recipients"
    NotImplemented "not-implemented" "5.5.1" "502 Error: command not implemented"
    Quit "quit" "2.0.0" "221 Bye"
    Rcpt "rcpt" "2.1.5" "250 Ok"
    RcptSyntax "rcpt-syntax" "5.5.4" "501 Syntax: RCPT TO:<address>"
    RecipientSyntax "recipient-syntax" "5.1.3" "501 Error: bad recipient address syntax"
    Rset "rset" "2.0.0" "250 Ok"
    SenderSyntax "sender-syntax" "5.1.7" "501 Error: bad sender address syntax"
    Shutdown "shutdown" "4.3.2" "421 {host} Service shutting down"
    StartTls "starttls" "2.0.0" "220 Ready to start TLS"
    StartTlsNotOffered "starttls-not-offered" "5.5.1" "502 Error: TLS is not offered here"
    StartTlsRepeated "starttls-repeated" "5.5.1" "503 Error: TLS is already in use"
    Syntax "syntax" "5.5.2" "500 Error: bad syntax"
    Timeout "timeout" "4.4.2" "421 {host} Error: timeout"
    TooManyConnections "too-many-connections" "4.7.0" "421 {host} Error: too many connections"
    TooManyErrors "too-many-errors" "4.7.0" "421 {host} Error: too many errors"
    TooManyFailedLogins "too-many-failed-logins" "4.7.0" "421 {host} Error: too many failed logins"
    TooManyRecipients "too-many-recipients" "4.5.3" "452 Error: too many recipients"
    UnknownCommand "unknown-command" "5.5.2" "500 Error: command not recognized"
    UnknownParameter "unknown-parameter" "5.5.4" "555 Error: unsupported parameter"
    Utf8NotDeclared "utf8-not-declared" "5.6.7" "553 Error: a UTF-8 address needs SMTPUTF8 with MAIL"
    Vrfy "vrfy" "2.0.0" "252 Cannot verify the user, but will take the message and try to deliver it"
    WrongParameters "wrong-parameters" "5.5.4" "501 Error: syntax error in parameters"
}

impl Canned {
    /// The reply of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|canned| canned.name() == name)
    }
}

/// How a provider speaks: its name, the extensions that it offers, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persona {
    /// The name that it goes by.
    pub host: String,
    /// What it offers, as far as the listener has it too.
    pub extensions: Extensions,
    replies: BTreeMap<Canned, Words>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    template: ReplyTemplate,
    enhanced: &'static str,
}

impl Persona {
    /// The persona of no provider: every extension, and the default words.
    #[must_use]
    pub fn neutral(host: impl Into<String>) -> Self {
        let words = |canned: Canned| {
            let template = ReplyTemplate::parse(canned.default_text()).ok()?;
            Some((canned, Words { template, enhanced: canned.enhanced() }))
        };
        let replies = Canned::ALL.iter().copied().filter_map(words).collect();
        Self { host: host.into(), extensions: Extensions::all(), replies }
    }

    /// Gives it its own words, which go out as they are, without an enhanced code ahead of them.
    pub fn set(&mut self, canned: Canned, template: ReplyTemplate) {
        self.replies.insert(canned, Words { template, enhanced: "" });
    }

    /// Its words for a reply, before a session has filled them in.
    #[must_use]
    pub fn template(&self, canned: Canned) -> Option<&ReplyTemplate> {
        self.replies.get(&canned).map(|words| &words.template)
    }

    /// The reply in its words. An enhanced code stands ahead of each line if it offers ENHANCEDSTATUSCODES.
    #[must_use]
    pub fn reply(&self, canned: Canned, facts: &Facts) -> Reply {
        // A test shows that every default text is a template, so that this is never said.
        let Some(words) = self.replies.get(&canned) else { return Reply::new(451, canned.name()) };
        if words.enhanced.is_empty() || !self.extensions.contains(Extension::EnhancedStatusCodes) {
            return words.template.render(facts, &self.host);
        }
        words.template.render_enhanced(words.enhanced, facts, &self.host)
    }
}

/// The neutral one, by the name of `localhost`.
impl Default for Persona {
    fn default() -> Self {
        Self::neutral("localhost")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::tests::facts;

    #[test]
    fn every_default_text_is_a_reply_with_a_fitting_enhanced_code() {
        let persona = Persona::neutral("mx.example");
        for &canned in Canned::ALL {
            assert_eq!(Canned::named(canned.name()), Some(canned));
            let words = &persona.replies[&canned];
            let class = words.template.code() / 100;
            assert!(words.enhanced.is_empty() || words.enhanced.starts_with(&class.to_string()), "{canned:?}");
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(canned.name().chars().all(kebab), "{canned:?}");
        }
    }

    #[test]
    fn own_words_go_out_as_they_are() {
        let mut persona = Persona::neutral("mx.example");
        assert_eq!(persona.reply(Canned::Mail, &facts()).to_string(), "250 2.1.0 Ok");
        assert_eq!(persona.reply(Canned::Banner, &facts()).to_string(), "220 mx.example ESMTP mockmx");
        persona.set(Canned::Mail, ReplyTemplate::parse("250 {host} Mail OK").unwrap());
        assert_eq!(persona.reply(Canned::Mail, &facts()).to_string(), "250 mx.example Mail OK");
        persona.extensions = Extensions::none();
        assert_eq!(persona.reply(Canned::Rcpt, &facts()).to_string(), "250 Ok");
    }

    #[test]
    fn an_enhanced_code_stands_on_each_line() {
        let mut persona = Persona::neutral("mx.example");
        let template = ReplyTemplate::parse("550 one\ntwo").unwrap();
        persona.replies.insert(Canned::Expn, Words { template, enhanced: "5.5.1" });
        assert_eq!(persona.reply(Canned::Expn, &facts()).lines(), ["5.5.1 one", "5.5.1 two"]);
    }
}
