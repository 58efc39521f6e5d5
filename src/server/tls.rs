//! The certificate that mockmx shows: one from PEM files, or one made at start.
//!
//! What is made has a CA of its own, whose certificate can be written to a file, so that strict clients can trust it
//! instead of being told to trust anything. The CA is made once and kept over reloads.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::clock::Time;
use crate::settings::TlsSettings;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A CA, made at start, and the certificate that it issued for this machine.
pub(crate) struct Made {
    authority: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
    #[cfg(test)]
    leaf: String,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

/// Without the key.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Made {
    /// Makes a CA and a certificate for localhost, 127.0.0.1 and ::1, valid from the day before `now`: ten years and,
    /// for some clients refuse what is valid for longer, 825 days.
    pub(crate) fn new(now: Time) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "mockmx test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, now, 3650);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        let params = leaf_params("localhost", names, now, 825);
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &authority)?;

        let chain = vec![leaf.der().clone(), authority.der().clone()];
        Ok(Self {
            authority: authority.pem(),
            #[cfg(test)]
            leaf: leaf.pem(),
            chain,
            key: key.serialize_der(),
            issuer: authority,
        })
    }

    /// A certificate that the CA issues, and the CA's behind it.
    pub(super) fn issue(
        &self,
        params: CertificateParams,
        key: &KeyPair,
    ) -> Result<Vec<CertificateDer<'static>>, rcgen::Error> {
        Ok(vec![params.signed_by(key, &self.issuer)?.der().clone(), self.issuer.der().clone()])
    }

    /// The CA's certificate, in PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    #[cfg(test)]
    pub(crate) fn chain_pem(&self) -> String {
        self.leaf.clone() + &self.authority
    }

    #[cfg(test)]
    pub(crate) fn key_pem(&self) -> String {
        KeyPair::try_from(self.key.as_slice()).unwrap().serialize_pem()
    }
}

/// What does the handshake: with the PEM files of the settings, read now, or with what was made.
pub(crate) fn acceptor(settings: &TlsSettings, made: &Made) -> Result<TlsAcceptor, TlsError> {
    let (chain, key, source) = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let (chain, key_der) = (read_chain(certificate)?, read_key(key)?);
            (chain, key_der, Some((certificate.clone(), key.clone())))
        }
        (None, None) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key.clone()));
            (made.chain.clone(), key, None)
        }
        (Some(certificate), None) => return Err(TlsError::KeyMissing(certificate.clone())),
        (None, Some(key)) => return Err(TlsError::CertificateMissing(key.clone())),
    };
    serving(chain, key).map_err(|error| match source {
        Some((certificate, key)) => TlsError::Pair { certificate, key, error: error.to_string() },
        None => TlsError::Made(error.to_string()),
    })
}

/// What does the handshake with this certificate.
pub(super) fn serving(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, tokio_rustls::rustls::Error> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12, &TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A server's certificate that is not issued yet.
pub(super) fn leaf_params(name: &str, names: Vec<SanType>, from: Time, days: u32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = names;
    // A stated "no CA" brings the subject key identifier along.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, from, days);
    params
}

/// Writes the CA's certificate where the settings want it.
pub(crate) fn write_authority(settings: &TlsSettings, made: &Made) -> Result<(), TlsError> {
    let Some(file) = &settings.write_ca else { return Ok(()) };
    if let Some(certificate) = &settings.certificate {
        return Err(TlsError::NotOurs { file: file.clone(), certificate: certificate.clone() });
    }
    std::fs::write(file, made.authority())
        .map_err(|error| TlsError::Write { file: file.clone(), reason: reason(&error) })
}

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A key without a certificate.
    #[error("the key {0} has no certificate beside it")]
    CertificateMissing(PathBuf),
    /// A certificate without a key.
    #[error("the certificate {0} has no key beside it")]
    KeyMissing(PathBuf),
    /// A PEM file that cannot be read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate and a key that cannot be used, or not together.
    #[error("cannot use the certificate {certificate} with the key {key}: {error}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Made(String),
    /// A CA to be written that mockmx does not have.
    #[error("cannot write a CA to {file}: the certificate comes from {certificate}, whose CA is not mockmx's")]
    NotOurs {
        /// Where it was to be written.
        file: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The CA cannot be written.
    #[error("cannot write {file}: {reason}")]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

fn read_chain(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |reason| TlsError::Read { file: file.clone(), reason };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(pem_reason(&error)))?;
    let chain = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(pem_reason(&error)))?;
    if chain.is_empty() { Err(wrong("it holds no certificate in PEM".to_owned())) } else { Ok(chain) }
}

fn read_key(file: &PathBuf) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| {
        let reason = match &error {
            pem::Error::NoItemsFound => "it holds no private key in PEM that is not encrypted".to_owned(),
            other => pem_reason(other),
        };
        TlsError::Read { file: file.clone(), reason }
    })
}

fn pem_reason(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => reason(error),
        other => other.to_string(),
    }
}

/// An error of the system in lower case, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind().to_string() {
        kind if error.raw_os_error().is_some() && kind != "uncategorized error" => kind,
        _ => error.to_string(),
    }
}

fn valid(params: &mut CertificateParams, now: Time, days: u32) {
    // The day before, for a client whose clock is a little behind.
    let from = Time::from_unix_seconds(now.unix_seconds().saturating_sub(DAY.as_secs()));
    let date = |time: Time| {
        let second = i64::try_from(time.unix_seconds()).unwrap_or(i64::MAX);
        let timestamp = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX);
        let date = jiff::tz::TimeZone::UTC.to_datetime(timestamp).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = date(from);
    params.not_after = date(from.after(DAY * (days - 1)));
}
