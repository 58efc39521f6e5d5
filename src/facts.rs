//! All that a rule may look at: who connected where, what was said, and what came.
//!
//! The session owns its facts and changes them as the client speaks; a rule reads them. They hold what the client
//! said, never what mockmx concluded.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::address::Address;
use crate::clock::Time;
use crate::identity::Identity;
use crate::lane::LaneName;
use crate::message::MessageFacts;

/// What is known of a session so far.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The session's own number.
    pub session: SessionId,
    /// Where the client connected.
    pub listener: Arc<Listener>,
    /// The client's address.
    pub peer: SocketAddr,
    /// When the session began, on mockmx's clock.
    pub started: Time,
    /// TLS, once it is in use.
    pub tls: Option<Tls>,
    /// The latest HELO or EHLO.
    pub helo: Option<Helo>,
    /// The login being judged at stage `auth`.
    pub attempt: Option<Attempt>,
    /// Who is logged in, without the lane that the login named.
    pub login: Option<String>,
    /// The lane that the login named.
    pub login_lane: Option<LaneName>,
    /// The lane that the session is in now.
    pub lane: LaneName,
    /// The mail transaction under way.
    pub envelope: Envelope,
    /// The message, once it is complete.
    pub message: Option<Arc<MessageFacts>>,
    /// At stage `command`: the verb, in upper case.
    pub command: Option<String>,
    /// At stage `fault`: the name of the reply that the session would give, as `unknown-command`.
    pub fault: Option<&'static str>,
    /// Who the sender is by DNS, as far as rules asked for it.
    pub identity: Option<Arc<Identity>>,
    /// How often things happened in this session.
    pub counts: Counts,
}

impl Facts {
    /// The facts of a session that has just begun.
    #[must_use]
    pub fn new(session: SessionId, listener: Arc<Listener>, peer: SocketAddr, started: Time) -> Self {
        Self {
            session,
            lane: listener.lane.clone().unwrap_or_default(),
            listener,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            started,
            tls: None,
            helo: None,
            attempt: None,
            login: None,
            login_lane: None,
            envelope: Envelope::default(),
            message: None,
            command: None,
            fault: None,
            identity: None,
            counts: Counts::default(),
        }
    }

    /// The recipient that a rule speaks of: the one being judged, else the first accepted.
    #[must_use]
    pub fn recipient(&self) -> Option<&Address> {
        self.envelope.candidate.as_ref().or_else(|| self.envelope.recipients.first())
    }

    /// The client's network, as providers count by it: /24 of IPv4, /64 of IPv6.
    #[must_use]
    pub fn network(&self) -> IpNet {
        let length = if self.peer.is_ipv4() { 24 } else { 64 };
        IpNet::new_assert(self.peer.ip(), length).trunc()
    }

    /// An id for the message under way, in the form of Coremail's: `C8CowAAnpFyamC9fa52cAg--.56912S2`.
    #[must_use]
    pub fn coremail_id(&self) -> String {
        let number = self.number().wrapping_mul(0x9E37_79B9_7F4B_7C15);
        let bytes = [number, self.started.unix_nanos()].map(u64::to_be_bytes).concat();
        let id = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let (process, serial) = (10_000 + number % 90_000, 2 + self.counts.transactions.saturating_sub(1));
        format!("{}--.{process}S{serial}", id.replace(['-', '_'], "A"))
    }

    /// The token of Coremail's EHLO, as 163.com gives it: of its 72 characters, six change from session to session.
    #[must_use]
    pub fn coremail_token(&self) -> String {
        let number = self.session.0.wrapping_mul(0x9E37_79B9_7F4B_7C15);
        let letters = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(number.to_be_bytes());
        let first = if number & 1 == 0 { 'F' } else { 'r' };
        format!("1Uxr2xKj7kG0xkI17xGrU7I0s8FY2U3Uj8Cz28x1UUUUU7Ic2I0Y2U{first}{}UCa0xDrUUUUj", &letters[..5])
    }

    /// An id in the form of another: a digit for each digit, a letter for each letter, which is a hexadecimal one if all
    /// of the form's are, and all else as it is. Fixed by session and transaction.
    #[must_use]
    pub fn id_like(&self, form: &str) -> String {
        let letters: u64 = if form.chars().all(|c| !c.is_ascii_alphabetic() || c.is_ascii_hexdigit()) { 6 } else { 26 };
        let mut state = form.bytes().fold(self.number(), |state, byte| state.rotate_left(7) ^ u64::from(byte));
        let mut below = |most: u64| {
            // splitmix64: each character has bits of its own.
            state = state.wrapping_add(0x9E37_79B9_7F4B_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((mixed ^ (mixed >> 31)) % most) as u8
        };
        let like = |c: char| match c {
            '0'..='9' => char::from(b'0' + below(10)),
            'a'..='z' => char::from(b'a' + below(letters)),
            'A'..='Z' => char::from(b'A' + below(letters)),
            other => other,
        };
        form.chars().map(like).collect()
    }

    /// A number of its own for each session and transaction.
    fn number(&self) -> u64 {
        (self.session.0 << 16) | u64::from(self.counts.transactions & 0xFFFF)
    }

    /// An id for the message under way, in the form of Postfix's, fixed by session and transaction.
    #[must_use]
    pub fn queue_id(&self) -> String {
        // Eleven hexadecimal digits are 44 bits. Multiplying by an odd number spreads the ids over them, and keeps apart
        // what was apart: 2^28 sessions of 2^16 transactions each.
        format!("{:011X}", self.number().wrapping_mul(0x9E37_79B9_7F4B_7C15) & ((1 << 44) - 1))
    }
}

/// The number of a session, unique while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A listener as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name in the settings, or `smtp`, `submission`, `smtps` for the three of the command line.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How it uses TLS.
    pub tls: TlsMode,
    /// The one provider that answers here, if the settings name one.
    pub provider: Option<String>,
    /// The rule that answers every session here, if the settings name one.
    pub trigger: Option<String>,
    /// The lane of every session here, if the settings name one.
    pub lane: Option<LaneName>,
}

impl Listener {
    /// A listener of which the settings say nothing more.
    #[must_use]
    pub fn plain(name: &str, role: Role, tls: TlsMode) -> Self {
        Self { name: name.to_owned(), role, tls, provider: None, trigger: None, lane: None }
    }
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Takes mail for its own domains from anybody, as port 25 of an MX does.
    Mx,
    /// Takes mail from its own users (RFC 6409), as ports 587 and 465 do.
    Submission,
}

/// How a listener uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    None,
    /// After STARTTLS (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// How TLS fails on a listener whose settings want it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate has expired.
    Expired,
    /// The certificate is for another name.
    WrongName,
    /// The certificate is signed by nobody but itself.
    SelfSigned,
    /// The handshake ends as at a server that knows only older versions.
    TooOld,
    /// What answers is no TLS.
    Broken,
}

impl TlsFault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Expired, Self::WrongName, Self::SelfSigned, Self::TooOld, Self::Broken];

    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::WrongName => "wrong-name",
            Self::SelfSigned => "self-signed",
            Self::TooOld => "too-old",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// TLS as it was agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tls {
    /// `TLSv1.3`.
    pub version: String,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
}

/// The client's greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Helo {
    /// Whether it was EHLO.
    pub extended: bool,
    /// The name given; empty if none was.
    pub name: String,
}

/// A login whose password was looked at but that is not yet answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The login name, without the lane that it named.
    pub login: String,
    /// The lane that it named.
    pub lane: Option<LaneName>,
    /// Whether the password was right.
    pub valid: bool,
}

/// A mail transaction (RFC 5321 §3.3).
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The sender, once MAIL was said: judged at stage `mail`, accepted after it.
    pub sender: Option<ReversePath>,
    /// The recipient being judged.
    pub candidate: Option<Address>,
    /// The recipients accepted so far.
    pub recipients: Vec<Address>,
    /// What MAIL said with its parameters.
    pub parameters: MailParameters,
    /// For each accepted recipient, what RCPT said with its parameters.
    pub recipient_parameters: Vec<RcptParameters>,
}

/// The sender of MAIL FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReversePath {
    /// `<>`: a bounce or another message that must not be answered.
    Null,
    /// A mailbox.
    Mailbox(Address),
}

impl ReversePath {
    /// The mailbox, unless the path is null.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Mailbox(address) => Some(address),
        }
    }
}

/// The address without brackets; nothing for the null path.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().map_or(Ok(()), |address| address.fmt(f))
    }
}

/// Parameters of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct MailParameters {
    /// SIZE (RFC 1870), in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// BODY=8BITMIME or BODY=BINARYMIME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// RET (RFC 3461): `FULL` or `HDRS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<String>,
    /// ENVID (RFC 3461), decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
}

/// Parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RcptParameters {
    /// NOTIFY (RFC 3461), as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// ORCPT (RFC 3461), decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
}

/// Counts over a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Command lines.
    pub commands: u32,
    /// Replies of class 5 to a command that was unknown, malformed or out of order.
    pub errors: u32,
    /// Logins refused.
    pub failed_logins: u32,
    /// Transactions begun.
    pub transactions: u32,
    /// Messages accepted.
    pub messages: u32,
    /// Recipients refused.
    pub refused_recipients: u32,
}

/// A peer for tests and previews.
#[must_use]
pub const fn loopback() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_id_has_the_form_of_another() {
        let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
        let mut facts = Facts::new(SessionId(7), listener.into(), loopback(), Time::default());
        let mut seen = HashSet::new();
        for session in 0..100 {
            facts.session = SessionId(session);
            let id = facts.id_like("1rAbCd-0004Xy-2Z");
            let same = |(made, form): (char, char)| match form {
                '0'..='9' => made.is_ascii_digit(),
                'a'..='z' => made.is_ascii_lowercase(),
                'A'..='Z' => made.is_ascii_uppercase(),
                other => made == other,
            };
            assert!(id.len() == 16 && id.chars().zip("1rAbCd-0004Xy-2Z".chars()).all(same), "{id}");
            assert_eq!(id, facts.id_like("1rAbCd-0004Xy-2Z"));
            assert!(facts.id_like("4F00A").chars().all(|c| c.is_ascii_hexdigit()));
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn queue_ids_never_collide() {
        let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
        let mut facts = Facts::new(SessionId(0), listener.into(), loopback(), Time::default());
        let mut seen = HashSet::new();
        for session in 0..200 {
            facts.session = SessionId(session);
            for transactions in 0..200 {
                facts.counts.transactions = transactions;
                assert!(seen.insert(facts.queue_id()));
            }
        }
    }
}
