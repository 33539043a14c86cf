//! Reads the facts in an existing certificate.

use std::collections::BTreeSet;
use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::spec::LeafSpec;

/// Returns whether subject, names and usage are those of `spec`.
pub(crate) fn is_about(found: &X509Certificate, spec: &LeafSpec) -> bool {
    let subject = found.subject();
    let common_name = subject.iter_common_name().next().and_then(|a| a.as_str().ok());
    let organization = subject.iter_organization().next().and_then(|a| a.as_str().ok());
    let wanted: BTreeSet<String> = spec.names.iter().cloned().collect();
    let usage = found.extended_key_usage().ok().flatten();
    let usage = usage.map_or((false, false), |u| (u.value.server_auth, u.value.client_auth));
    common_name == Some(&spec.common_name)
        && organization == spec.organization.as_deref()
        && names(found) == wanted
        && usage == (spec.usage.server(), spec.usage.client())
}

/// Returns the names and addresses in a certificate, as text.
fn names(found: &X509Certificate) -> BTreeSet<String> {
    let Ok(Some(extension)) = found.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => address(bytes),
        other => other.to_string(),
    };
    extension.value.general_names.iter().map(text).collect()
}

/// Formats an address of 4 or 16 bytes.
fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return IpAddr::from(v4).to_string();
    }
    <[u8; 16]>::try_from(bytes).map_or_else(|_| String::new(), |v6| IpAddr::from(v6).to_string())
}

/// Returns the key identifier of the authority that issued a certificate.
pub(crate) fn authority_key_id<'a>(found: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    found.extensions().iter().find_map(|e| match e.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|k| k.0),
        _ => None,
    })
}

/// Returns the key identifier of an authority's own certificate.
pub(crate) fn subject_key_id<'a>(found: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    found.extensions().iter().find_map(|e| match e.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    })
}

/// Returns begin and end of a certificate's validity, in seconds since 1970.
pub(crate) fn validity(found: &X509Certificate) -> (u64, u64) {
    let secs = |t: i64| u64::try_from(t).unwrap_or_default();
    let validity = found.validity();
    (secs(validity.not_before.timestamp()), secs(validity.not_after.timestamp()))
}

/// What an authority checks in its stored certificate.
#[derive(Debug)]
pub(crate) struct Validity {
    /// Begin and end, in seconds since 1970.
    pub range_secs: (u64, u64),
    pub public_key: Vec<u8>,
}

/// Returns whether a certificate with this validity is valid at `now_secs`; begin and end are included.
pub(crate) fn covers((from_secs, until_secs): (u64, u64), now_secs: u64) -> bool {
    (from_secs..=until_secs).contains(&now_secs)
}

/// Parses validity and key of a certificate; `None` if it is malformed.
pub(crate) fn parse_validity(pem: &str) -> Option<Validity> {
    let der = der(pem)?;
    let found = X509Certificate::from_der(&der).ok()?.1;
    let public_key = found.public_key().subject_public_key.data.to_vec();
    Some(Validity { range_secs: validity(&found), public_key })
}

/// Decodes a PEM certificate.
pub(crate) fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    (pem.label == "CERTIFICATE").then_some(pem.contents)
}
