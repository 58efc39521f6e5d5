//! A real resolver, for names that are in no zone.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use mail_auth::hickory_resolver::TokioResolver;
use mail_auth::hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail_auth::hickory_resolver::net::{DnsError, NetError};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::task::JoinSet;

use super::dns::{Answer, Kind, Question, Record};
use crate::address::fold;

/// How long the server may take for one try.
const TRY: Duration = Duration::from_secs(2);

/// Questions that are asked at once.
const AT_ONCE: usize = 16;

/// A resolver of the settings.
#[derive(Clone)]
pub struct Resolver {
    resolver: TokioResolver,
    server: SocketAddr,
}

impl Resolver {
    /// Asks the DNS server at that address, by UDP and if need be by TCP. Nothing is sent yet.
    ///
    /// # Errors
    /// If hickory cannot be set up.
    pub fn new(server: SocketAddr) -> Result<Self, String> {
        let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut name_server.connections {
            connection.port = server.port();
        }
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
        let mut options = ResolverOpts::default();
        options.timeout = TRY;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build().map_err(|error| error.to_string())?;
        Ok(Self { resolver, server })
    }

    /// The answers. One that cannot be had is a failure.
    pub(super) async fn answer(&self, questions: BTreeSet<Question>) -> HashMap<Question, Answer> {
        let mut answers = HashMap::new();
        let mut questions = questions.into_iter();
        let mut asked = JoinSet::new();
        loop {
            while asked.len() < AT_ONCE
                && let Some(question) = questions.next()
            {
                let resolver = self.resolver.clone();
                asked.spawn(async move {
                    let answer = ask(&resolver, &question).await;
                    (question, answer)
                });
            }
            match asked.join_next().await {
                None => return answers,
                Some(Ok((question, answer))) => drop(answers.insert(question, answer)),
                // A task that panicked leaves its question unanswered; it is asked again, and given up in the end.
                Some(Err(_)) => {}
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.server).finish()
    }
}

async fn ask(resolver: &TokioResolver, question: &Question) -> Answer {
    let Some(name) = name_of(&question.name) else { return Answer::NoName };
    let kind = match question.kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Ptr => RecordType::PTR,
        Kind::Txt => RecordType::TXT,
    };
    let lookup = match resolver.lookup(name, kind).await {
        Ok(lookup) => lookup,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            return match none.response_code {
                ResponseCode::NXDomain => Answer::NoName,
                ResponseCode::NoError => Answer::NoData,
                code => Answer::Failed(code.to_string()),
            };
        }
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let records = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::A(address) => Some(Record::A(address.0)),
        RData::AAAA(address) => Some(Record::Aaaa(address.0)),
        RData::MX(mx) => Some(Record::Mx(mx.preference, fold(&mx.exchange.to_ascii()))),
        RData::PTR(ptr) => Some(Record::Ptr(fold(&ptr.0.to_ascii()))),
        RData::TXT(text) => Some(Record::Txt(text.txt_data.iter().flat_map(|part| part.iter().copied()).collect())),
        _ => None,
    });
    // A chain of aliases comes with its records.
    let records: Vec<_> = records.filter(|record| record.kind() == question.kind).collect();
    if records.is_empty() { Answer::NoData } else { Answer::Records(records) }
}

/// The name, label by label: hickory takes no underscore within a name beyond ASCII, as keys of DKIM have.
pub(crate) fn name_of(text: &str) -> Option<Name> {
    let label = |label: &str| match label.is_ascii() {
        true => Some(label.as_bytes().to_vec()),
        false => idna::domain_to_ascii(label).ok().map(String::into_bytes),
    };
    let labels: Vec<_> = text.split('.').map(label).collect::<Option<_>>()?;
    let mut name = Name::from_labels(labels.iter().map(Vec::as_slice)).ok()?;
    name.set_fqdn(true);
    Some(name)
}
