//! TLS that fails, as a listener's setting says: what a sender must notice, and what it must do then.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::stream::Wire;
use super::tls::{Made, TlsError, leaf_params, serving};
use crate::clock::Time;
use crate::facts::TlsFault;

/// Days for which a certificate has been expired.
const EXPIRED_FOR: u64 = 30;

const DAY: u64 = 24 * 60 * 60;

/// A fatal alert (RFC 8446 §6): no version of TLS is known to both.
const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// What does a handshake with a certificate that is not good, where that is what is wrong.
pub(super) fn acceptor(fault: TlsFault, made: &Made, now: Time) -> Result<Option<TlsAcceptor>, TlsError> {
    let made_error = |error: rcgen::Error| TlsError::Made(error.to_string());
    let key = KeyPair::generate().map_err(made_error)?;
    let names = vec![
        SanType::DnsName("localhost".try_into().map_err(made_error)?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ];
    let (params, own) = match fault {
        TlsFault::Expired => {
            let then = now.unix_seconds().saturating_sub((EXPIRED_FOR + 90) * DAY);
            (leaf_params("localhost", names, Time::from_unix_seconds(then), 90), false)
        }
        TlsFault::WrongName => {
            let other = vec![SanType::DnsName("elsewhere.example".try_into().map_err(made_error)?)];
            (leaf_params("elsewhere.example", other, now, 825), false)
        }
        TlsFault::SelfSigned => (leaf_params("localhost", names, now, 825), true),
        TlsFault::TooOld | TlsFault::Broken => return Ok(None),
    };
    let chain = if own {
        vec![self_signed(params, &key).map_err(made_error)?]
    } else {
        made.issue(params, &key).map_err(made_error)?
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    serving(chain, key).map(Some).map_err(|error| TlsError::Made(error.to_string()))
}

fn self_signed(
    mut params: CertificateParams,
    key: &KeyPair,
) -> Result<tokio_rustls::rustls::pki_types::CertificateDer<'static>, rcgen::Error> {
    params.distinguished_name.push(DnType::OrganizationName, "self-signed by mockmx");
    params.use_authority_key_identifier_extension = false;
    Ok(params.self_signed(key)?.der().clone())
}

/// A handshake that comes to nothing: the client's first bytes are read, and answered with an alert or with nonsense.
pub(super) async fn refuse<S: Wire>(fault: TlsFault, wire: &mut S) -> io::Error {
    let mut hello = [0; 1024];
    let answer: &[u8] = if fault == TlsFault::TooOld { &PROTOCOL_VERSION } else { b"this is not TLS\r\n" };
    let talk = async {
        let _ = wire.read(&mut hello).await?;
        wire.write_all(answer).await?;
        wire.flush().await
    };
    match talk.await {
        Ok(()) => io::Error::other(format!("refused, for the listener's `tls-fault` is {fault}")),
        Err(error) => error,
    }
}
