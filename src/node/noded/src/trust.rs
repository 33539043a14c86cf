//! Which servers this program trusts as a client of `https`.

use std::sync::Arc;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Certificate authorities of the image.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Returns trust in the authorities of the image.
pub fn of_image() -> TlsConfig {
    // Without authorities no https server is trusted; http needs none.
    let pem = std::fs::read(AUTHORITIES).unwrap_or_default();
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}
