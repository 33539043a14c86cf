//! TLS of the node API: our certificate, and clients under the operator CA only.
//!
//! TLS 1.3 alone; no tickets and no session cache: connections are few, memory is dear.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use config::NodeApi;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

/// Makes the server's side of TLS from the node config.
///
/// # Errors
/// If a certificate or the key is no PEM, or they don't belong together. The key is never in the text.
pub fn server_config(api: &NodeApi) -> Result<Arc<ServerConfig>> {
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
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choosing TLS versions")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .context("using api.certificate with api.key")?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// All certificates of a PEM text, at least one.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.context("expected PEM")?;
    ensure!(!found.is_empty(), "expected a certificate as PEM, found none");
    Ok(found)
}
