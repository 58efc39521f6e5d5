//! One packet made of another.

use std::net::SocketAddr;

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, MX, PTR, SOA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record as Rr, RecordType};

use super::names::{Names, Told};
use crate::address::fold;
use crate::escape::Escaped;
use crate::identity::{Kind, Record, name_of};

/// The longest answer by UDP, whatever the asker says that it takes: no network cuts it into pieces (DNS flag day 2020).
const MOST_BY_UDP: u16 = 1232;

/// What every asker takes by UDP (RFC 1035 §4.2.1).
const LEAST_BY_UDP: u16 = 512;

/// Seconds for which an answer may be kept: a clock that is moved is seen at once.
const TTL: u32 = 0;

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) peer: SocketAddr,
    /// By TCP, where an answer has room.
    pub(crate) tcp: bool,
    /// This source has had enough answers for now, and is told to ask by TCP.
    pub(crate) often: bool,
}

/// The answer to a packet, if it gets one.
pub(crate) fn answer(names: &Names, packet: &[u8], asked: Asked) -> Option<Vec<u8>> {
    // An answer is never answered, or two servers could be made to talk to each other for ever.
    let [first, second, flags, ..] = *packet else { return None };
    if packet.len() < 12 || flags & 0x80 != 0 {
        return None;
    }
    let id = u16::from_be_bytes([first, second]);
    let Ok(request) = Message::from_vec(packet) else {
        return Message::error_msg(id, OpCode::from_u8(flags >> 3 & 15), ResponseCode::FormErr).to_vec().ok();
    };
    let reply = reply(names, &request, asked)?;
    let room = request.edns.as_ref().map_or(LEAST_BY_UDP, |edns| edns.max_payload().clamp(LEAST_BY_UDP, MOST_BY_UDP));
    let room = if asked.tcp { u16::MAX } else { room };
    let bytes = reply.to_vec().ok().filter(|bytes| bytes.len() <= usize::from(room));
    bytes.or_else(|| {
        if !asked.tcp {
            return reply.truncate().to_vec().ok();
        }
        let mut failure = Message::error_msg(id, OpCode::Query, ResponseCode::ServFail);
        failure.add_queries(request.queries.iter().cloned());
        failure.to_vec().ok()
    })
}

fn reply(names: &Names, request: &Message, asked: Asked) -> Option<Message> {
    let mut reply = Message::response(request.id, request.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    if let Some(edns) = &request.edns {
        let mut ours = Edns::new();
        ours.set_max_payload(MOST_BY_UDP).set_dnssec_ok(edns.flags().dnssec_ok);
        reply.set_edns(ours);
    }
    let code = match request.queries.as_slice() {
        _ if request.op_code != OpCode::Query || request.message_type != MessageType::Query => ResponseCode::NotImp,
        [query] => {
            reply.add_query(query.clone());
            match request.edns.as_ref().filter(|edns| edns.version() > 0) {
                Some(_) => ResponseCode::BADVERS,
                None if asked.often && !asked.tcp => {
                    reply.metadata.truncation = true;
                    ResponseCode::NoError
                }
                None => say(names, query, asked, &mut reply)?,
            }
        }
        _ => ResponseCode::FormErr,
    };
    reply.metadata.response_code = code;
    if let Some(edns) = &mut reply.edns {
        edns.set_rcode_high(code.high());
    }
    Some(reply)
}

/// Puts into the reply what is said of the name; returns the code, or nothing where nothing is to be answered.
fn say(names: &Names, query: &Query, asked: Asked, reply: &mut Message) -> Option<ResponseCode> {
    let kind = match query.query_type {
        RecordType::A => Some(Kind::A),
        RecordType::AAAA => Some(Kind::Aaaa),
        RecordType::MX => Some(Kind::Mx),
        RecordType::PTR => Some(Kind::Ptr),
        RecordType::TXT => Some(Kind::Txt),
        // Whole zones, and all that there is of a name, are of use to nobody but who wants long answers.
        RecordType::ANY | RecordType::AXFR | RecordType::IXFR => return Some(ResponseCode::Refused),
        _ => None,
    };
    if query.query_class != DNSClass::IN {
        return Some(ResponseCode::Refused);
    }
    let name = fold(&query.name.to_ascii());
    let told = names.look_up(&name, kind, asked.peer);
    tracing::debug!(peer = %asked.peer, tcp = asked.tcp, kind = %query.query_type, name = %Escaped(&name), ?told, "dns");
    let (top, code) = match told {
        Told::Nothing => return None,
        Told::Refused => return Some(ResponseCode::Refused),
        Told::Fails => return Some(ResponseCode::ServFail),
        Told::Records { truncated: true, .. } if !asked.tcp => {
            reply.metadata.authoritative = true;
            reply.metadata.truncation = true;
            return Some(ResponseCode::NoError);
        }
        Told::Records { records, top, .. } => {
            for record in records {
                let Some(data) = data(record) else { return Some(ResponseCode::ServFail) };
                reply.add_answer(Rr::from_rdata(query.name.clone(), TTL, data));
            }
            (top, ResponseCode::NoError)
        }
        Told::NoName { top } => (top, ResponseCode::NXDomain),
    };
    reply.metadata.authoritative = true;
    if query.query_type == RecordType::SOA && name == top {
        reply.answers.extend(start_of(top));
    } else if reply.answers.is_empty() {
        // By it an asker knows that this is all (RFC 2308 §2).
        reply.authorities.extend(start_of(top));
    }
    Some(code)
}

/// The record that says where a zone begins.
fn start_of(top: &str) -> Option<Rr> {
    let server = name_of("ns.dns.mockmx.test")?;
    let soa = SOA::new(server, name_of("postmaster.mockmx.test")?, 1, 3600, 600, 86_400, TTL);
    Some(Rr::from_rdata(name_or_root(top)?, TTL, RData::SOA(soa)))
}

fn data(record: Record) -> Option<RData> {
    Some(match record {
        Record::A(ip) => RData::A(A(ip)),
        Record::Aaaa(ip) => RData::AAAA(AAAA(ip)),
        Record::Mx(preference, exchange) => RData::MX(MX::new(preference, name_or_root(&exchange)?)),
        Record::Ptr(name) => RData::PTR(PTR(name_or_root(&name)?)),
        // A text is of strings of 255 bytes (RFC 7208 §3.3), and of one at least.
        Record::Txt(text) if text.is_empty() => RData::TXT(TXT::from_bytes(vec![&[]])),
        Record::Txt(text) => RData::TXT(TXT::from_bytes(text.chunks(255).collect())),
    })
}

fn name_or_root(text: &str) -> Option<Name> {
    if text.is_empty() { Some(Name::root()) } else { name_of(text) }
}
