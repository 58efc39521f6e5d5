//! A host that mail is handed to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::address::parse_domain;

/// What is shown beside a text that is no host with a port.
pub const HOP_HELP: &str = "a relay is `mail.example.com:25`, `192.0.2.1:25` or `[2001:db8::1]:25`";

/// A server: a name or an address, and a port. The name is looked up as the system does it, not by MX records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// The name, or the address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Hop {
    /// The addresses that it can be known to have without asking anybody.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let ips = match self.host.parse() {
            Ok(ip) => vec![ip],
            Err(_) if self.host == "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Err(_) => Vec::new(),
        };
        ips.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect()
    }
}

impl FromStr for Hop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no host with a port");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match (bare, host.parse::<Ipv4Addr>()) {
            (Some(bare), _) => bare.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_string(),
            (None, Ok(ip)) => ip.to_string(),
            (None, Err(_)) => parse_domain(host).map_err(|_| wrong())?,
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whether a connection to `peer` ends at `listener`. `local` is the address that the connection comes from, once it is
/// there: a machine that reaches `peer` from the same address reaches itself.
pub(crate) fn is_listener(listener: SocketAddr, peer: SocketAddr, local: Option<IpAddr>) -> bool {
    let (ours, theirs) = (listener.ip().to_canonical(), peer.ip().to_canonical());
    // A connection to 0.0.0.0 or :: is one to this machine.
    let here = theirs.is_loopback() || theirs.is_unspecified() || local.is_some_and(|ip| ip.to_canonical() == theirs);
    let same = ours == theirs || here && ours.is_unspecified() || theirs.is_unspecified() && ours.is_loopback();
    listener.port() == peer.port() && listener.port() != 0 && same
}
