//! Mail on its way out, by SMTP, to the hosts that the settings name and to no other: notifications; and, to the host
//! that its user names, what `mockmx reproduce --resend` sends once ([`once`]).
//!
//! [`Relay::attempt`] hands one message to one server and tells what came of it; [`run()`] does so for an outbox, a few
//! at a time and again until a server takes the message or its time is up. `hop` is where mail goes, `schedule` when it
//! is tried again, `content` how a message goes over the wire, `replies` what a server says, `client` the dialogue.
//!
//! No loop can come of it: a message that has been through [`MOST_RECEIVED`] servers is not sent, none is sent to a
//! listener of this mockmx but by [`once`], and all that mockmx writes has the null return path or is an abuse report, and about
//! neither does another mockmx write anything (`notification::hindrance`).

mod client;
mod content;
mod hop;
mod replies;
mod run;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use self::client::{Envelope, Halt};
use self::content::Outgoing;
use crate::address::fold;
use crate::escape::Escaped;
use crate::reply::Reply;
use crate::settings::OutboxSettings;
use crate::stage::Stage;

pub use content::MOST_RECEIVED;
pub(crate) use hop::is_listener;
pub use hop::{HOP_HELP, Hop};
pub use run::{Entry, Outbox, Report, run};
pub use schedule::Schedule;

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(30);

/// How long [`once`] may take in all.
const ONCE: Duration = Duration::from_secs(10 * 60);

/// Where mail goes, by the settings.
#[derive(Clone, Debug, Default)]
pub struct Relay {
    everywhere: Option<Hop>,
    domains: BTreeMap<String, Option<Hop>>,
    schedule: Schedule,
    listeners: Vec<SocketAddr>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has taken the message.
    Relayed(Answer),
    /// It has not, and may do so later.
    Deferred(Answer),
    /// It never will.
    Failed(Answer),
}

/// Who said what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The host that was asked, as the settings name it.
    pub hop: Hop,
    /// What ended the attempt.
    pub said: Said,
}

/// What ended an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A reply of the server, of no more than 20 lines of 500 characters. It is a stranger's: show it by `Display`.
    Reply(Reply),
    /// What stood in the way, in mockmx's words.
    Fault(String),
}

/// A command, and what the server said to it. Both are a stranger's: show them by `Escaped`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The stage that the command belongs to.
    pub stage: Stage,
    /// The command without its line end: empty for the greeting, a dot for the message.
    pub command: String,
    /// The reply, whole.
    pub reply: Reply,
}

impl Relay {
    /// What the settings name. `listeners` is where this mockmx takes mail, as it is bound: it sends none to itself.
    #[must_use]
    pub fn new(settings: &OutboxSettings, listeners: Vec<SocketAddr>) -> Self {
        Self {
            everywhere: settings.relay.clone(),
            domains: settings.relays.clone(),
            schedule: settings.schedule,
            listeners,
        }
    }

    /// Where mail to this address goes; nowhere if the settings name no host for it.
    #[must_use]
    pub fn route(&self, to: &str) -> Option<&Hop> {
        let domain = to.rsplit_once('@').map(|(_, domain)| fold(domain));
        let named = domain.and_then(|domain| self.domains.get(&domain));
        named.map_or(self.everywhere.as_ref(), Option::as_ref)
    }

    /// Whether the settings name any host.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.everywhere.is_some() || self.domains.values().any(Option::is_some)
    }

    /// When a message is tried again.
    #[must_use]
    pub const fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Tries to hand a message to the host that is named for its recipient; `None` if there is none.
    ///
    /// `from` is empty for the null return path. `raw` goes out as it is but for what RFC 5321 §2.3.8 forbids: a bare
    /// CR or LF becomes a line end. If this is dropped before it is done, the server may have taken the message or not.
    pub async fn attempt(&self, from: &str, to: &str, raw: &[u8], smtputf8: bool) -> Option<Outcome> {
        let hop = self.route(to)?;
        Some(outcome(hop, self.deliver(hop, from, to, raw, smtputf8).await))
    }

    async fn deliver(&self, hop: &Hop, from: &str, to: &str, raw: &[u8], smtputf8: bool) -> Result<Reply, Halt> {
        let envelope = Envelope::new(from, to, smtputf8)?;
        let outgoing = Outgoing::new(raw)?;
        let (stream, local, peer) = connect(hop).await?;
        if self.listeners.iter().any(|&listener| is_listener(listener, peer, Some(local))) {
            return Err(Halt::Unable(format!("{peer} is a listener of this mockmx: the mail would come back")));
        }
        client::deliver(stream, local, &envelope, &outgoing, &mut Vec::new()).await
    }
}

/// Hands a message to that host alone, once, and tells what it said to each command. `from` is empty for the null return
/// path; `raw` goes out as [`Relay::attempt`] says. It takes ten minutes at most.
pub async fn once(hop: &Hop, from: &str, to: &str, raw: &[u8], smtputf8: bool) -> (Outcome, Vec<Exchange>) {
    let mut heard = Vec::new();
    let delivery = async {
        let envelope = Envelope::new(from, to, smtputf8)?;
        let outgoing = Outgoing::new(raw)?;
        let (stream, local, _) = connect(hop).await?;
        client::deliver(stream, local, &envelope, &outgoing, &mut heard).await
    };
    let ended = timeout(ONCE, delivery).await;
    let ended = ended.unwrap_or_else(|_| Err(Halt::Broken("it takes longer than ten minutes".to_owned())));
    (outcome(hop, ended), heard)
}

/// A connection to a host, with the address that it comes from and that which it goes to.
async fn connect(hop: &Hop) -> Result<(TcpStream, IpAddr, SocketAddr), Halt> {
    let connected = timeout(CONNECT, TcpStream::connect((hop.host.as_str(), hop.port))).await;
    let stream = connected
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| Halt::Broken(format!("cannot connect: {error}")))?;
    let addresses = stream.local_addr().and_then(|local| Ok((local.ip(), stream.peer_addr()?)));
    let (local, peer) = addresses.map_err(|error| Halt::Broken(error.to_string()))?;
    Ok((stream, local, peer))
}

fn outcome(hop: &Hop, ended: Result<Reply, Halt>) -> Outcome {
    match ended {
        Ok(reply) => Outcome::Relayed(Answer { hop: hop.clone(), said: Said::Reply(reply) }),
        Err(halt) => halt.at(hop),
    }
}

impl Outcome {
    /// What was said, and by whom.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        match self {
            Self::Relayed(answer) | Self::Deferred(answer) | Self::Failed(answer) => answer,
        }
    }

    /// Its name: `relayed`, `deferred` or `failed`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Relayed(_) => "relayed",
            Self::Deferred(_) => "deferred",
            Self::Failed(_) => "failed",
        }
    }
}

/// On one line, safe to show: `mx.example.com:25 said 550 5.1.1 no such user`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Said::Reply(_) => write!(f, "{} said {}", self.hop, self.said),
            Said::Fault(_) => write!(f, "{}: {}", self.hop, self.said),
        }
    }
}

/// On one line, safe to show.
impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => Escaped(&reply.to_string()).fmt(f),
            Self::Fault(fault) => Escaped(fault).fmt(f),
        }
    }
}
