//! A name server for what mockmx knows: the zones of packs and settings, and the domains of providers.
//!
//! It stands where a sender's resolver would ask the world, so that the sender meets what can go wrong there. It knows
//! what it knows and nothing else: every other name is refused, and nobody is ever asked.
//!
//! `names` says what there is to say of a name, [`answer()`] makes one packet of another without I/O, `udp` and `tcp` are
//! the sockets. What a stranger can make it do is bounded: packets and answers are small, ANY is refused, each source
//! has so many answers a second by UDP and so many connections, and no connection is waited for longer than it should.

mod answer;
mod names;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) use self::answer::{Asked, answer};
pub(crate) use self::names::Names;
pub(crate) use self::tcp::tcp;
pub(crate) use self::udp::udp;

/// Who is counted as one: an address, or a network of IPv6 that one machine has for itself.
fn source(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        four => four,
    }
}

/// The address of this machine that a peer reaches it at, where it listens on all of them.
fn reached_by(peer: SocketAddr, listening: IpAddr) -> IpAddr {
    if !listening.is_unspecified() {
        return listening;
    }
    let any: IpAddr = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Nothing is sent: the system only says which way it would go.
    let route = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(peer)?;
        socket.local_addr()
    });
    route.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip().to_canonical())
}
