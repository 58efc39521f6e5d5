//! What a client says to make one rule fire, and what must come.

use std::fmt;

use mockmx::clock::Clock;
use mockmx::explain::pattern;
use mockmx::policy::RuleView;
use mockmx::stage::Stage;

use super::client::Heard;

/// The steps of a session that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Connection,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    Data,
    Message,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "the connection",
            Self::Ehlo => "EHLO",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
        })
    }
}

/// The session that makes a rule fire.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    pub(super) rule: &'a RuleView,
    pub(super) helo: String,
    pub(super) login: Option<String>,
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    pub(super) subject: String,
    /// Where the answer is expected, if there is to be one.
    pub(super) at: Step,
}

/// How a rule answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected<'a> {
    /// Every reply is positive.
    Acceptance,
    /// No whole reply, or the end of the connection behind it.
    Break,
    End,
    Reply {
        reply: &'a str,
        closes: bool,
    },
    Reset,
    Silence,
}

impl<'a> Plan<'a> {
    /// The session for a rule; `number` tells the rules of one run apart. With recipients in `to` the sender names the
    /// rule, else it is what the rule's stage asks for.
    pub(super) fn new(provider: &str, rule: &'a RuleView, to: &[String], number: usize) -> Self {
        // A sender of its own, for a rate or a prison must not know it from the rule before.
        let innocent = format!("try.{number}.{}@example.net", Clock::system().now().unix_nanos());
        let mut plan = Self {
            rule,
            helo: "client.example.net".to_owned(),
            login: None,
            sender: innocent,
            recipients: to.to_vec(),
            subject: format!("mockmx try {provider}/{}", rule.id),
            at: Step::Rcpt,
        };
        let named_by_sender = !to.is_empty() || rule.stage == Stage::Mail;
        match rule.stage {
            Stage::Helo => {
                plan.helo = rule.trigger.replacen('@', ".", 1);
                plan.at = Step::Ehlo;
            }
            Stage::Auth => {
                plan.login = Some(format!("{}@{provider}", rule.id));
                plan.at = Step::Auth;
            }
            _ if named_by_sender => rule.trigger.clone_into(&mut plan.sender),
            _ => plan.recipients = vec![rule.trigger.clone()],
        }
        if plan.recipients.is_empty() {
            plan.recipients = vec!["recipient@example.net".to_owned()];
        }
        match rule.stage {
            Stage::Connect | Stage::Command | Stage::Fault if named_by_sender => plan.at = Step::Mail,
            Stage::Mail => plan.at = Step::Mail,
            Stage::Data => plan.at = Step::Data,
            Stage::Message => plan.at = Step::Message,
            Stage::Connect | Stage::Command | Stage::Fault | Stage::Rcpt | Stage::Helo | Stage::Auth => {}
        }
        plan
    }

    /// Names a rule of stage auth by the recipient, for a server that offers no AUTH here.
    pub(super) fn without_login(&mut self) {
        self.login = None;
        self.recipients = vec![self.rule.trigger.clone()];
        self.at = Step::Rcpt;
    }

    /// The rule's own stage is over when it is named.
    pub(super) fn is_late(&self) -> bool {
        match self.rule.stage {
            Stage::Connect | Stage::Command | Stage::Fault => true,
            Stage::Auth => self.at != Step::Auth,
            _ => false,
        }
    }

    /// The server is to say nothing at all where the answer would be.
    pub(super) fn expects_silence(&self) -> bool {
        self.expected() == Expected::Silence
    }

    /// Every reply is to be positive, and what the rule does comes behind them.
    pub(super) fn expects_acceptance(&self) -> bool {
        self.expected() == Expected::Acceptance
    }

    /// Whether the connection has to end behind the reply.
    pub(super) fn expects_close(&self) -> bool {
        matches!(self.expected(), Expected::Reply { closes: true, .. })
    }

    fn expected(&self) -> Expected<'a> {
        match (self.rule.action, &self.rule.reply) {
            _ if self.rule.breaks => Expected::Break,
            ("drop", _) => Expected::End,
            ("reset", _) => Expected::Reset,
            ("stall", _) => Expected::Silence,
            (action, Some(reply)) if action.starts_with("refuse") => {
                Expected::Reply { reply, closes: action.contains("close") }
            }
            _ => Expected::Acceptance,
        }
    }

    /// Whether what came at `step`, the first answer that was not positive or else the last, is what the rule says.
    /// `after` is what came behind it, where the connection has to end.
    ///
    /// # Errors
    /// What was expected, and what came.
    pub(super) fn judge(&self, step: Step, heard: &Heard, after: Option<&Heard>) -> Result<String, String> {
        let expected = self.expected();
        let as_expected = match expected {
            Expected::Acceptance => step == Step::Message && heard.is_positive(),
            // Behind 354 it shows in the message.
            Expected::Break => (step == self.at || step == Step::Message) && !heard.is_positive(),
            Expected::End => step == self.at && *heard == Heard::End,
            // Where data is under way, one system says reset and another says end.
            Expected::Reset => step == self.at && matches!(heard, Heard::Reset),
            Expected::Silence => step == self.at && *heard == Heard::Silence,
            Expected::Reply { reply, closes } => {
                let closed = matches!(after, Some(Heard::End | Heard::Reset));
                let same = matches!(heard, Heard::Reply(heard) if self.is_reply(reply, heard));
                step == self.at && same && (!closes || closed)
            }
        };
        if as_expected {
            return Ok(match expected {
                Expected::Acceptance => {
                    let follows = self.rule.later.as_deref().unwrap_or(self.rule.action);
                    format!("accepts the message, as its pack says; what follows ({follows}) is not looked at")
                }
                _ if self.is_late() => format!("answered as its pack says, late, at {step}"),
                _ => format!("answered as its pack says, at {step}"),
            });
        }
        let wanted = match expected {
            Expected::Acceptance => "the message to be accepted".to_owned(),
            Expected::Break => format!("the network to break at {}", self.at),
            Expected::End => format!("{} at {}", Heard::End.describe(), self.at),
            Expected::Reset => format!("{} at {}", Heard::Reset.describe(), self.at),
            Expected::Silence => format!("silence at {}", self.at),
            Expected::Reply { reply, closes } => {
                let closes = if closes { " and the end of the connection" } else { "" };
                format!("`{}`{closes} at {}", mockmx::escape::Escaped(reply), self.at)
            }
        };
        Err(format!("expected {wanted}, but {} came at {step}", heard.describe()))
    }

    /// Whether a reply is, to the byte, the one that a pack writes.
    fn is_reply(&self, template: &str, heard: &str) -> bool {
        let Some((code, text)) = template.split_at_checked(3) else { return false };
        let wanted: Vec<_> = text.strip_prefix(' ').unwrap_or(text).split('\n').collect();
        let Some(lines) = heard.strip_suffix("\r\n").map(|heard| heard.split("\r\n").collect::<Vec<_>>()) else {
            return false;
        };
        let last = wanted.len() - 1;
        let same = |(number, (line, wanted)): (usize, (&&str, &&str))| {
            let text =
                line.strip_prefix(code).and_then(|rest| rest.strip_prefix(if number == last { ' ' } else { '-' }));
            let pattern = pattern::exact(wanted, |name| self.value(name));
            text.zip(pattern).is_some_and(|(text, pattern)| pattern.is_match(text))
        };
        lines.len() == wanted.len() && lines.iter().zip(&wanted).enumerate().all(same)
    }

    /// The value that a placeholder must have in this session, if it can be told.
    fn value(&self, name: &str) -> Option<String> {
        let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        match name {
            "helo" => Some(self.helo.clone()),
            "login" => Some(self.login.clone().unwrap_or_default()),
            "sender" => Some(self.sender.clone()),
            "sender-domain" => domain(&self.sender),
            "recipient" => self.recipients.first().cloned(),
            "recipient-domain" => domain(self.recipients.first()?),
            "subject" => Some(self.subject.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(stage: Stage, action: &'static str, reply: Option<&str>) -> RuleView {
        RuleView {
            id: "r".to_owned(),
            stage,
            action,
            reply: reply.map(str::to_owned),
            later: None,
            manner: None,
            breaks: false,
            period: mockmx::policy::Period::default(),
            trigger_only: true,
            trigger: "r@p.mockmx.test".to_owned(),
            reason_zh: None,
            reason_en: None,
            remedy_zh: None,
            remedy_en: None,
            source: None,
            note: None,
            file: String::new(),
            line: 1,
        }
    }

    fn reply(text: &str) -> Heard {
        Heard::Reply(text.to_owned())
    }

    #[test]
    fn each_stage_is_named_by_what_is_said_there() {
        let to = ["a@b".to_owned()];
        for (stage, at, at_with_to) in [
            (Stage::Connect, Step::Rcpt, Step::Mail),
            (Stage::Helo, Step::Ehlo, Step::Ehlo),
            (Stage::Auth, Step::Auth, Step::Auth),
            (Stage::Mail, Step::Mail, Step::Mail),
            (Stage::Rcpt, Step::Rcpt, Step::Rcpt),
            (Stage::Data, Step::Data, Step::Data),
            (Stage::Message, Step::Message, Step::Message),
            (Stage::Command, Step::Rcpt, Step::Mail),
            (Stage::Fault, Step::Rcpt, Step::Mail),
        ] {
            let rule = rule(stage, "refuse", Some("550 no"));
            let plan = Plan::new("p", &rule, &[], 1);
            assert_eq!((plan.at, plan.recipients.len()), (at, 1));
            let plan = Plan::new("p", &rule, &to, 1);
            assert_eq!((plan.at, plan.recipients), (at_with_to, to.to_vec()));
        }
    }

    #[test]
    fn a_reply_is_compared_to_the_byte() {
        let rule = rule(Stage::Rcpt, "refuse", Some("550 <{recipient}>  at {epoch}\nbye"));
        let plan = Plan::new("p", &rule, &[], 1);
        let judge = |text: &str| plan.judge(Step::Rcpt, &reply(text), None).is_ok();
        assert!(judge("550-<r@p.mockmx.test>  at 15\r\n550 bye\r\n"));
        for text in [
            "550-<r@p.mockmx.test> at 15\r\n550 bye\r\n",
            "550-<r@p.mockmx.test>  at 15\r\n550 bye \r\n",
            "550-<r@p.mockmx.test>  at 15\r\n550-bye\r\n",
            "550-<r@p.mockmx.test>  at 15\r\n551 bye\r\n",
            "550-<x@p.mockmx.test>  at 15\r\n550 bye\r\n",
            "550-<r@p.mockmx.test>  at 15\r\n550 bye",
            "550-<r@p.mockmx.test>  at 15\r\n",
        ] {
            assert!(!judge(text), "{text:?}");
        }
        assert!(plan.judge(Step::Mail, &reply("550-<r@p.mockmx.test>  at 15\r\n550 bye\r\n"), None).is_err());
    }

    #[test]
    fn what_is_no_reply_is_expected_as_well() {
        let judge = |action, step, heard: &Heard, after: Option<&Heard>| {
            let text = action == "refuse and close";
            let rule = rule(Stage::Rcpt, action, text.then_some("421 no"));
            Plan::new("p", &rule, &[], 1).judge(step, heard, after)
        };
        assert!(judge("drop", Step::Rcpt, &Heard::End, None).is_ok());
        assert!(judge("drop", Step::Rcpt, &Heard::Reset, None).is_err());
        assert!(judge("reset", Step::Rcpt, &Heard::Reset, None).is_ok());
        assert!(judge("stall", Step::Rcpt, &Heard::Silence, None).is_ok());
        assert!(judge("discard", Step::Message, &reply("250 Ok\r\n"), None).is_ok());
        assert!(judge("file", Step::Rcpt, &reply("550 no\r\n"), None).is_err());
        assert!(judge("refuse and close", Step::Rcpt, &reply("421 no\r\n"), Some(&Heard::End)).is_ok());
        assert!(judge("refuse and close", Step::Rcpt, &reply("421 no\r\n"), Some(&Heard::Silence)).is_err());
        let why = judge("drop", Step::Mail, &reply("550 a\tb\r\n"), None).unwrap_err();
        assert_eq!(why, "expected the end of the connection at RCPT, but `550 a\\tb` came at MAIL");
    }
}
