//! TLS with a strict client, and PEM files.

use std::io;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::tcp::{Running, start};
use super::*;
use crate::clock::Time;
use crate::facts::TlsFault;

async fn handshake(
    stream: TcpStream,
    authority: &str,
    name: &'static str,
    version: &'static SupportedProtocolVersion,
) -> io::Result<Client<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Client::new(connector.connect(ServerName::try_from(name).unwrap(), stream).await?))
}

fn server() -> Running {
    let listeners = vec![listener("submission", TlsMode::StartTls), listener("smtps", TlsMode::Implicit)];
    start(Settings { listeners, ..settings() })
}

#[tokio::test]
async fn starttls_and_implicit_tls_with_the_made_authority() {
    let server = server();
    for (name, version, label) in
        [("localhost", &TLS13, "TLSv1.3"), ("127.0.0.1", &TLS12, "TLSv1.2"), ("::1", &TLS13, "TLSv1.3")]
    {
        let mut plain = server.connect("submission").await;
        assert_eq!(plain.code().await, "220");
        assert_eq!(plain.ask("EHLO client.example").await, "250");
        assert_eq!(plain.ask("STARTTLS").await, "220");
        let mut client = handshake(plain.stream, &server.authority, name, version).await.unwrap();
        client.begin_data().await;
        assert_eq!(client.ask("body\r\n.").await, "250");
        assert_eq!(client.ask("QUIT").await, "221");
        assert_eq!(client.rest().await, "", "TLS is closed in order");

        let plain = server.connect("smtps").await;
        let mut client = handshake(plain.stream, &server.authority, name, version).await.unwrap();
        assert_eq!(client.code().await, "220");
        client.begin_data().await;
        assert_eq!(client.ask("body\r\n.").await, "250");
        let tls = messages(&server.journal).await.last().unwrap().0.tls.clone().unwrap();
        assert_eq!(tls.version, label);
        assert!(tls.cipher.starts_with("TLS"), "{}", tls.cipher);
    }
}

#[tokio::test]
async fn what_is_pipelined_behind_starttls_is_never_run() {
    let server = server();
    let mut plain = server.connect("submission").await;
    assert_eq!(plain.code().await, "220");
    assert_eq!(plain.ask("EHLO client.example").await, "250");
    plain.send("STARTTLS\r\nMAIL FROM:<smuggled@example.org>\r\n").await;
    assert_eq!(plain.code().await, "220");
    let mut client = handshake(plain.stream, &server.authority, "localhost", &TLS13).await.unwrap();
    // Neither the greeting nor the transaction is remembered.
    assert_eq!(client.ask("EHLO client.example").await, "250");
    assert_eq!(client.ask("RCPT TO:<b@example.net>").await, "503");
}

#[tokio::test]
async fn who_speaks_no_tls_on_the_tls_port_is_left() {
    let server = server();
    let mut client = server.connect("smtps").await;
    client.send("EHLO client.example\r\n").await;
    let mut rest = Vec::new();
    // An alert may come, no reply ever.
    let _ = client.stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 16 && !rest.starts_with(b"220"), "{rest:?}");
}

fn pem_files(made: &Made) -> (TempDir, TlsSettings) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.chain_pem()).unwrap();
    std::fs::write(&key, made.key_pem()).unwrap();
    (folder, TlsSettings { certificate: Some(certificate), key: Some(key), write_ca: None })
}

#[test]
fn pem_files_are_used_and_what_is_wrong_with_them_is_told() {
    let now = Time::from_unix_seconds(1_800_000_000);
    let (made, other) = (Made::new(now).unwrap(), Made::new(now).unwrap());
    let (folder, settings) = pem_files(&made);
    tls::acceptor(&settings, &other).unwrap();
    let error = |settings: &TlsSettings| tls::acceptor(settings, &made).err().unwrap().to_string();
    let (certificate, key) = (settings.certificate.clone().unwrap(), settings.key.clone().unwrap());

    assert_eq!(
        error(&TlsSettings { key: Some(folder.path().join("none.pem")), ..settings.clone() }),
        format!("cannot read {}: entity not found", folder.path().join("none.pem").display())
    );
    assert_eq!(
        error(&TlsSettings { certificate: Some(key.clone()), ..settings.clone() }),
        format!("cannot read {}: it holds no certificate in PEM", key.display())
    );
    assert_eq!(
        error(&TlsSettings { key: Some(certificate.clone()), ..settings.clone() }),
        format!("cannot read {}: it holds no private key in PEM that is not encrypted", certificate.display())
    );
    std::fs::write(&key, other.key_pem()).unwrap();
    let mismatch = error(&settings);
    let wanted = format!("cannot use the certificate {} with the key {}: ", certificate.display(), key.display());
    assert!(mismatch.starts_with(&wanted), "{mismatch}");
    assert_eq!(
        error(&TlsSettings { key: None, ..settings.clone() }),
        format!("the certificate {} has no key beside it", certificate.display())
    );
}

#[test]
fn the_authority_is_written_unless_it_is_not_ours() {
    let made = Made::new(Time::from_unix_seconds(1_800_000_000)).unwrap();
    let (folder, files) = pem_files(&made);
    let file = folder.path().join("ca.pem");
    let settings = TlsSettings { write_ca: Some(file.clone()), ..TlsSettings::default() };
    tls::write_authority(&settings, &made).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), made.authority());
    let settings = TlsSettings { write_ca: Some(file), ..files };
    assert!(matches!(tls::write_authority(&settings, &made), Err(TlsError::NotOurs { .. })));
    let nowhere = folder.path().join("no/ca.pem");
    let settings = TlsSettings { write_ca: Some(nowhere.clone()), ..TlsSettings::default() };
    let error = tls::write_authority(&settings, &made).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {}: entity not found", nowhere.display()));
}

#[tokio::test]
async fn tls_fails_as_the_listener_says() {
    let listeners = TlsFault::ALL
        .iter()
        .map(|fault| ListenerSettings { tls_fault: Some(*fault), ..listener(fault.name(), TlsMode::Implicit) });
    let server = start(Settings { listeners: listeners.collect(), ..settings() });
    for (fault, wanted) in [
        (TlsFault::Expired, "certificate expired"),
        (TlsFault::WrongName, "certificate not valid for name"),
        (TlsFault::SelfSigned, "invalid peer certificate: "),
        (TlsFault::TooOld, "fatal alert: ProtocolVersion"),
        (TlsFault::Broken, "corrupt message"),
    ] {
        let stream = server.connect(fault.name()).await.stream;
        let Err(error) = handshake(stream, &server.authority, "localhost", &TLS13).await else { panic!("{fault}") };
        assert!(error.to_string().contains(wanted), "{fault}: {error}");
    }
}
