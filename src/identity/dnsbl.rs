//! DNS block lists (RFC 5782).

use std::net::IpAddr;

use super::dns::{Answer, Kind, Known, Record, reversed};
use super::results::Listing;

/// Asks a list for a client. A list that fails does not have it. What is not within 127.0.0.0/8 is no answer of a list
/// (RFC 5782 §2.1), but of somebody who answers everything.
pub(super) fn look_up(list: &str, client: IpAddr, known: &Known<'_>) -> Listing {
    let name = format!("{}.{list}", reversed(client));
    let mut listing = Listing { list: list.to_owned(), address: None, text: String::new() };
    let Answer::Records(records) = known.ask(&name, Kind::A) else { return listing };
    listing.address = records.iter().find_map(|record| match record {
        Record::A(address) if address.is_loopback() => Some(*address),
        _ => None,
    });
    if listing.address.is_some() {
        let text = known.texts(&name).ok().and_then(|texts| texts.into_iter().next()).unwrap_or_default();
        listing.text = String::from_utf8_lossy(&text).into_owned();
    }
    listing
}
