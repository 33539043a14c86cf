//! TLS of the node API: our certificate, and clients under the operator CA only.
//!
//! A clock that is in doubt does not lock an operator out: see [`Doubt`]. TLS 1.3 alone; no tickets and no session cache: connections are few, memory is dear.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use config::NodeApi;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};

use crate::timekeeper::Doubt;

/// Makes the server's side of TLS from the node config.
///
/// # Errors
/// If a certificate or the key is no PEM, or they don't belong together. The key is never in the text.
pub fn server_config(api: &NodeApi, doubt: Doubt) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in certificates(&api.certificate_authority).context("reading api.certificateAuthority")? {
        roots.add(authority).context("reading api.certificateAuthority")?;
    }
    let chain = certificates(&api.certificate).context("reading api.certificate")?;
    let key = PrivateKeyDer::from_pem_slice(api.key.expose().as_bytes())
        .map_err(|_| anyhow::anyhow!("reading api.key: expected a private key as PEM"))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .context("reading api.certificateAuthority")?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choosing TLS versions")?
        .with_client_cert_verifier(Arc::new(Verifier { strict: verifier, doubt }))
        .with_single_cert(chain, key)
        .context("using api.certificate with api.key")?;
    Ok(without_sessions(config))
}

/// Makes the server's side of TLS in maintenance: a certificate that only the pairing code vouches for, and clients that
/// show none.
///
/// # Errors
/// If the key can't be used with the certificate.
pub fn maintenance_config(certificate_der: Vec<u8>, key_pem: &str) -> Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|_| anyhow::anyhow!("reading the key of maintenance: expected a private key as PEM"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choosing TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate_der)], key)
        .context("using the certificate of maintenance with its key")?;
    Ok(without_sessions(config))
}

/// Keeps no sessions: connections are few, memory is dear.
fn without_sessions(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// Judges clients as rustls does, but by the time that the clock's [`Doubt`] allows.
#[derive(Debug)]
struct Verifier {
    strict: Arc<dyn ClientCertVerifier>,
    doubt: Doubt,
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.strict.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // Whatever can't be read is refused below, at any time.
        let validity = cluster::validity_secs(end_entity).unwrap_or((0, u64::MAX));
        let at = self.doubt.judge_at_secs(now.as_secs(), validity);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
        self.strict.verify_client_cert(end_entity, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}

/// All certificates of a PEM text, at least one.
///
/// # Errors
/// If it is no PEM, or has no certificate.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.context("expected PEM")?;
    ensure!(!found.is_empty(), "expected a certificate as PEM, found none");
    Ok(found)
}
