//! The dialogue with a server (RFC 5321), in plain text: one message, to one recipient.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::content::Outgoing;
use super::replies::{Wire, kept};
use super::{Answer, Exchange, Hop, Outcome, Said};
use crate::reply::Reply;
use crate::smtp::is_path;
use crate::stage::Stage;

/// How long a server may take, by RFC 5321 §4.5.3.2: for a reply, for that to DATA, for a block of the message, and for
/// the reply to the message.
const REPLY: Duration = Duration::from_secs(5 * 60);
const DATA: Duration = Duration::from_secs(2 * 60);
const BLOCK: Duration = Duration::from_secs(3 * 60);
const MESSAGE: Duration = Duration::from_secs(10 * 60);

/// How long is waited for what changes nothing any more: a reply to QUIT, or one behind a connection that broke.
const FAREWELL: Duration = Duration::from_secs(2);

/// What ends an attempt short of its goal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The server said no.
    Refused(Reply),
    /// It can never work.
    Unable(String),
    /// It may work another time.
    Broken(String),
}

impl Halt {
    /// The outcome of the attempt at that host.
    pub(super) fn at(self, hop: &Hop) -> Outcome {
        let answer = |said| Answer { hop: hop.clone(), said };
        match self {
            Self::Refused(reply) if reply.code() >= 500 => Outcome::Failed(answer(Said::Reply(kept(&reply)))),
            Self::Refused(reply) => Outcome::Deferred(answer(Said::Reply(kept(&reply)))),
            Self::Unable(fault) => Outcome::Failed(answer(Said::Fault(fault))),
            Self::Broken(fault) => Outcome::Deferred(answer(Said::Fault(fault))),
        }
    }
}

/// Who sends to whom. Neither can end its line.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    from: &'a str,
    to: &'a str,
    smtputf8: bool,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(from: &'a str, to: &'a str, smtputf8: bool) -> Result<Self, Halt> {
        let wrong = (!from.is_empty() && !is_path(from)).then_some(from).or_else(|| (!is_path(to)).then_some(to));
        if let Some(path) = wrong {
            return Err(Halt::Unable(format!("`{path}` is no address")));
        }
        Ok(Self { from, to, smtputf8: smtputf8 || !from.is_ascii() || !to.is_ascii() })
    }
}

/// Hands the message over, and notes in `heard` what is said to each command. The server's reply to the message is what
/// was waited for: how it says goodbye is not.
pub(super) async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    local: IpAddr,
    envelope: &Envelope<'_>,
    message: &Outgoing,
    heard: &mut Vec<Exchange>,
) -> Result<Reply, Halt> {
    let mut dialogue = Dialogue { wire: Wire::new(stream), heard };
    let ended = dialogue.transaction(local, envelope, message).await;
    let wire = &mut dialogue.wire;
    if !matches!(ended, Err(Halt::Broken(_))) && wire.write(b"QUIT\r\n", FAREWELL).await.is_ok() {
        // A server that closes without a word has said enough.
        let _ = wire.reply(FAREWELL).await;
    }
    ended.map(|reply| kept(&reply))
}

/// A connection to a server, and what it has said.
struct Dialogue<'a, S> {
    wire: Wire<S>,
    heard: &'a mut Vec<Exchange>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    async fn transaction(&mut self, local: IpAddr, envelope: &Envelope<'_>, message: &Outgoing) -> Result<Reply, Halt> {
        completed(self.hear(Stage::Connect, "", REPLY).await?)?;
        let parameters = self.offered(local).await?.parameters(envelope, message)?;
        let mail = format!("MAIL FROM:<{}>{parameters}", envelope.from);
        completed(self.ask(Stage::Mail, &mail, REPLY).await?)?;
        completed(self.ask(Stage::Rcpt, &format!("RCPT TO:<{}>", envelope.to), REPLY).await?)?;
        let go_ahead = self.ask(Stage::Data, "DATA", DATA).await?;
        if go_ahead.code() != 354 {
            return Err(refused(go_ahead));
        }
        let written = match self.wire.write(&message.bytes, BLOCK).await {
            Ok(()) => self.wire.write(b".\r\n", BLOCK).await,
            broken => broken,
        };
        if let Err(broken) = written {
            // It may have said why before it closed.
            return Err(match self.hear(Stage::Message, ".", FAREWELL).await {
                Ok(reply) if !reply.is_positive() => Halt::Refused(reply),
                _ => broken,
            });
        }
        completed(self.hear(Stage::Message, ".", MESSAGE).await?)
    }

    /// Asks by EHLO, or by HELO where that is not known. mockmx's name is its address, for nothing else is true.
    async fn offered(&mut self, local: IpAddr) -> Result<Offered, Halt> {
        let name = match local.to_canonical() {
            IpAddr::V4(ip) => format!("[{ip}]"),
            IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
        };
        let reply = self.ask(Stage::Helo, &format!("EHLO {name}"), REPLY).await?;
        if reply.code() >= 500 {
            completed(self.ask(Stage::Helo, &format!("HELO {name}"), REPLY).await?)?;
            return Ok(Offered::default());
        }
        Ok(Offered::of(&completed(reply)?))
    }

    async fn ask(&mut self, stage: Stage, line: &str, patience: Duration) -> Result<Reply, Halt> {
        self.wire.write(format!("{line}\r\n").as_bytes(), patience).await?;
        self.hear(stage, line, patience).await
    }

    async fn hear(&mut self, stage: Stage, line: &str, patience: Duration) -> Result<Reply, Halt> {
        let reply = self.wire.reply(patience).await?;
        self.heard.push(Exchange { stage, command: line.to_owned(), reply: reply.clone() });
        Ok(reply)
    }
}

fn completed(reply: Reply) -> Result<Reply, Halt> {
    if (200..300).contains(&reply.code()) { Ok(reply) } else { Err(refused(reply)) }
}

/// A reply that is not the one that was wanted.
fn refused(reply: Reply) -> Halt {
    if reply.is_positive() {
        return Halt::Broken(format!("it answers what does not belong here: {}", kept(&reply)));
    }
    Halt::Refused(reply)
}

/// The extensions that a server offers, as far as they matter here.
#[derive(Debug, Default)]
struct Offered {
    eight_bit_mime: bool,
    size: bool,
    smtputf8: bool,
}

impl Offered {
    fn of(reply: &Reply) -> Self {
        let has = |keyword: &str| {
            let keywords = reply.lines().iter().skip(1).filter_map(|line| line.split(' ').next());
            keywords.into_iter().any(|offered| offered.eq_ignore_ascii_case(keyword))
        };
        Self { eight_bit_mime: has("8BITMIME"), size: has("SIZE"), smtputf8: has("SMTPUTF8") }
    }

    /// The parameters of MAIL. A message that would have to be changed to be sent fails (RFC 6152 §3, RFC 6531 §3.5).
    fn parameters(&self, envelope: &Envelope<'_>, message: &Outgoing) -> Result<String, Halt> {
        let lacks = |extension| Halt::Unable(format!("it does not offer {extension}, which the message needs"));
        let mut parameters = String::new();
        if self.size {
            parameters.push_str(&format!(" SIZE={}", message.size));
        }
        if message.is_eight_bit {
            parameters.push_str(self.eight_bit_mime.then_some(" BODY=8BITMIME").ok_or_else(|| lacks("8BITMIME"))?);
        }
        if envelope.smtputf8 {
            parameters.push_str(self.smtputf8.then_some(" SMTPUTF8").ok_or_else(|| lacks("SMTPUTF8"))?);
        }
        Ok(parameters)
    }
}
