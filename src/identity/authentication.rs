//! SPF, DKIM and DMARC by mail-auth.

use std::net::IpAddr;

use mail_auth::dkim::{self, DkimError};
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimOutput, DmarcOutput, Error, Parameters, SpfOutput};

use super::dns::{Answer, Kind, Known};
use super::lookups::{Lookups, at_once, authenticator};
use super::results::{Disposition, Dkim, DkimResult, Dmarc, DmarcResult, Signature, Spf, SpfResult};
use super::{Identity, Needs};
use crate::clock::Time;
use crate::facts::ReversePath;

/// Signatures of a message that are looked at. Each costs a key from DNS and a verification.
const SIGNATURES: usize = 10;

/// Names of header fields that a signature signs, times header fields of the message: each name is searched for in all.
const SEARCHES: usize = 1_000_000;

/// What SPF is evaluated for.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpfQuestion<'a> {
    pub(super) ip: IpAddr,
    pub(super) helo: &'a str,
    pub(super) sender: &'a ReversePath,
    /// The name of who receives, for the macro `r`.
    pub(super) host: &'a str,
}

impl SpfQuestion<'_> {
    /// Whether `known` is its answer.
    pub(super) fn is_answered_by(&self, known: &Spf) -> bool {
        known.helo == self.helo && known.sender == self.sender.to_string()
    }

    /// Evaluates SPF: of the sender's domain, or of the HELO name if the sender is null (RFC 7208 §2.4).
    pub(super) fn examine(&self, known: &Known<'_>) -> Spf {
        let Self { ip, helo, sender, host } = *self;
        let address = sender.address();
        let domain = address.map_or(helo, |address| address.domain());
        let path = address.map(|address| format!("{}@{}", address.local(), address.domain()));
        let parameters = match &path {
            Some(path) => SpfParameters::verify_mail_from(ip, helo, host, path),
            None => SpfParameters::verify_ehlo(ip, helo, host),
        };
        let lookups = Lookups::new(known, ip);
        let parameters = Parameters::new(parameters)
            .with_txt_cache(&lookups)
            .with_mx_cache(&lookups)
            .with_ipv4_cache(&lookups)
            .with_ipv6_cache(&lookups)
            .with_ptr_cache(&lookups);
        let output = authenticator().and_then(|authenticator| at_once(authenticator.check_host(parameters)));
        let result =
            lookups.overruled().unwrap_or_else(|| output.map_or(SpfResult::TempError, |output| result(&output)));
        Spf { domain: domain.to_owned(), result, helo: helo.to_owned(), sender: sender.to_string() }
    }
}

fn result(output: &SpfOutput) -> SpfResult {
    match output.result() {
        mail_auth::SpfResult::Pass => SpfResult::Pass,
        mail_auth::SpfResult::Fail => SpfResult::Fail,
        mail_auth::SpfResult::SoftFail => SpfResult::SoftFail,
        mail_auth::SpfResult::Neutral => SpfResult::Neutral,
        mail_auth::SpfResult::TempError => SpfResult::TempError,
        mail_auth::SpfResult::PermError => SpfResult::PermError,
        mail_auth::SpfResult::None => SpfResult::None,
    }
}

/// Evaluates DKIM of a message and, if it is needed, DMARC, for which SPF must be known.
pub(super) fn examine_message(
    identity: &mut Identity,
    needs: &Needs,
    raw: &[u8],
    (sender, now): (&ReversePath, Time),
    known: &Known<'_>,
) {
    let message = AuthenticatedMessage::parse(raw);
    let (Some(mut message), Some(authenticator)) = (message, authenticator()) else {
        // There is no header field, so nobody signed and nobody is From.
        identity.dkim = Some(Dkim::default());
        identity.dmarc = Some(Dmarc { domain: String::new(), result: DmarcResult::Unpublished });
        return;
    };
    let lookups = Lookups::new(known, IpAddr::from([0, 0, 0, 0]));
    let unreadable = unreadable(&message);
    let count = message.dkim_headers.len() + unreadable.len();
    let (too_long, message) = (without_long_ones(&mut message), message_at(message, now));
    let outputs = if count > SIGNATURES {
        Vec::new()
    } else {
        at_once(authenticator.verify_dkim(Parameters::new(&message).with_txt_cache(&lookups))).unwrap_or_default()
    };
    let mut signatures: Vec<_> = outputs.iter().map(signature).collect();
    if count > SIGNATURES {
        let why = format!("there are {count} signatures, and {SIGNATURES} are looked at at most");
        signatures.push(Signature { domain: String::new(), result: DkimResult::PermError, why });
    } else {
        let told = |why: &str| signatures.iter().any(|signature| signature.why == why);
        let untold: Vec<_> = unreadable.into_iter().filter(|signature| !told(&signature.why)).collect();
        signatures.extend(too_long.into_iter().chain(untold));
    }
    identity.dkim = Some(Dkim { signatures });
    if !needs.dmarc {
        return;
    }
    let spf = match &identity.spf {
        // Only the result is of use: the domain is given beside.
        Some(spf) if spf.result == SpfResult::Pass => mail_auth::SpfResult::Pass,
        Some(spf) if spf.result == SpfResult::TempError => mail_auth::SpfResult::TempError,
        _ => mail_auth::SpfResult::None,
    };
    let spf_output = SpfOutput::new(identity.spf.as_ref().map(|spf| spf.domain.clone()).unwrap_or_default());
    let spf_output = spf_output.with_result(spf);
    let helo = identity.spf.as_ref().map_or("", |spf| spf.domain.as_str());
    let parameters = DmarcParameters {
        message: &message,
        dkim_output: &outputs,
        dkim2_output: None,
        rfc5321_mail_from_domain: sender.address().map_or(helo, |address| address.domain()),
        spf_output: &spf_output,
    };
    let parameters = Parameters::new(parameters).with_txt_cache(&lookups).with_ipv4_cache(&lookups);
    let output = at_once(authenticator.verify_dmarc(parameters));
    identity.dmarc = Some(output.map_or_else(
        || Dmarc { domain: String::new(), result: DmarcResult::TempError },
        |output| Dmarc { domain: bounded(output.domain()), result: judged(&output, known) },
    ));
}

/// A domain as a message names it, for people: a field of a megabyte is none, and nobody reads it.
fn bounded(domain: &str) -> String {
    domain.chars().take(255).collect()
}

/// The signatures that cannot be read. mail-auth tells of some only.
fn unreadable(message: &AuthenticatedMessage<'_>) -> Vec<Signature> {
    let is_signature = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"DKIM-Signature");
    let errors = message.errors.iter().filter(|header| is_signature(header.name));
    let why = errors.map(|header| header.header.to_string());
    why.map(|why| Signature { domain: String::new(), result: DkimResult::Neutral, why }).collect()
}

/// Takes out the signatures that sign more than is looked for.
fn without_long_ones(message: &mut AuthenticatedMessage<'_>) -> Vec<Signature> {
    let fields = message.headers.len();
    let is_long = |signature: &dkim::Signature| signature.h.len().saturating_mul(fields) > SEARCHES;
    let long = message.dkim_headers.extract_if(.., |header| is_long(&header.header));
    let why = || "it signs too many header fields".to_owned();
    long.map(|header| Signature { domain: bounded(&header.header.d), result: DkimResult::PermError, why: why() })
        .collect()
}

/// The message with signatures that have expired by mockmx's clock, or never do: mail-auth goes by the system's.
fn message_at(mut message: AuthenticatedMessage<'_>, now: Time) -> AuthenticatedMessage<'_> {
    for header in &mut message.dkim_headers {
        let signature = &mut header.header;
        let expired = signature.x != 0 && (signature.x <= signature.t || signature.x <= now.unix_seconds());
        signature.x = u64::from(expired);
    }
    message
}

fn signature(output: &DkimOutput<'_>) -> Signature {
    let (result, why) = match output.result() {
        mail_auth::DkimResult::None => (DkimResult::None, None),
        mail_auth::DkimResult::Pass => (DkimResult::Pass, None),
        // A body that was changed fails its signature (RFC 8601 §2.7.1), as a header that was changed does.
        mail_auth::DkimResult::Neutral(why @ Error::Dkim(DkimError::FailedBodyHashMatch))
        | mail_auth::DkimResult::Fail(why) => (DkimResult::Fail, Some(why)),
        mail_auth::DkimResult::Neutral(why) => (DkimResult::Neutral, Some(why)),
        mail_auth::DkimResult::PermError(why) => (DkimResult::PermError, Some(why)),
        mail_auth::DkimResult::TempError(why) => (DkimResult::TempError, Some(why)),
    };
    let domain = output.signature().map(|signature| bounded(&signature.d)).unwrap_or_default();
    let why = why.map(|why| match why {
        // What the library for cryptography says is of no use to people.
        Error::Crypto(_) => "the signature does not fit the message and the key".to_owned(),
        why => why.to_string(),
    });
    Signature { domain, result, why: why.unwrap_or_default() }
}

/// What DMARC comes to.
fn judged(output: &DmarcOutput, known: &Known<'_>) -> DmarcResult {
    let results = [output.spf_result(), output.dkim_result()];
    if results.contains(&&mail_auth::DmarcResult::Pass) {
        return DmarcResult::Pass;
    }
    if results.iter().any(|result| matches!(result, mail_auth::DmarcResult::TempError(_))) {
        return DmarcResult::TempError;
    }
    if results.iter().any(|result| matches!(result, mail_auth::DmarcResult::PermError(_))) {
        return DmarcResult::PermError;
    }
    let policy = match output.policy() {
        _ if output.dmarc_record().is_none() => return DmarcResult::Unpublished,
        policy => of_missing_subdomain(output, known).unwrap_or(policy),
    };
    DmarcResult::Fail(match policy {
        Policy::Reject => Disposition::Reject,
        Policy::Quarantine => Disposition::Quarantine,
        Policy::None | Policy::Unspecified => Disposition::None,
    })
}

/// The policy for a subdomain that does not exist (`np`), which mail-auth cannot tell by its caches.
fn of_missing_subdomain(output: &DmarcOutput, known: &Known<'_>) -> Option<Policy> {
    let (record, domain) = (output.dmarc_record()?, output.domain());
    let own = known.texts(&format!("_dmarc.{domain}")).is_ok();
    if own || record.np == record.sp || known.ask(domain, Kind::A) != Answer::NoName {
        return None;
    }
    Some(match (record.np, record.t) {
        (Policy::Reject, true) => Policy::Quarantine,
        (Policy::Quarantine, true) => Policy::None,
        (policy, _) => policy,
    })
}
