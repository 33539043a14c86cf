//! Authorities, and what they issue.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::clock::Clock;
use crate::key::{CertError, Key};

/// Who a certificate is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its common name.
    pub common_name: &'a str,
    /// Its organization.
    pub organization: Option<&'a str>,
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// To answer as a server.
    Server,
    /// To ask as a client.
    Client,
    /// For peers that dial with the certificate that they answer with.
    Both,
}

impl Usage {
    /// Returns whether a server may show it.
    #[must_use]
    pub fn server(self) -> bool {
        self != Usage::Client
    }

    /// Returns whether a client may show it.
    #[must_use]
    pub fn client(self) -> bool {
        self != Usage::Server
    }
}

/// What a certificate shall be.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// Who it is about.
    pub subject: Subject<'a>,
    /// What it may be used for.
    pub usage: Usage,
    /// DNS names and addresses, in any order, repeated or not.
    pub names: &'a [String],
    /// When it ends, in seconds since 1970.
    pub not_after_secs: u64,
}

/// A certificate with its key, both PEM.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key, PKCS #8.
    pub key: String,
}

impl fmt::Debug for Issued {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// An authority: a name and a key. A certificate names its issuer by these two, so that its own certificate is not
/// needed to issue.
pub struct Authority {
    params: CertificateParams,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("name", &self.params.distinguished_name).finish_non_exhaustive()
    }
}

impl Authority {
    /// An authority of this name and key, which issues no other authorities.
    #[must_use]
    pub fn new(subject: Subject<'_>, key: Key) -> Authority {
        let mut params = params(subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = Issuer::new(params.clone(), key.0);
        Authority { params, issuer }
    }

    /// Returns its key, PKCS #8 as PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Returns what identifies the key in what it signs.
    #[must_use]
    pub fn key_id(&self) -> Vec<u8> {
        self.params.key_identifier(self.issuer.key())
    }

    /// Makes its own certificate, PEM, that ends at `not_after_secs` since 1970.
    ///
    /// # Errors
    /// [`CertError`] if the signing library fails.
    pub fn certificate(&self, clock: Clock, not_after_secs: u64) -> Result<String, CertError> {
        let mut params = self.params.clone();
        clock.set_validity(&mut params, not_after_secs);
        Ok(params.self_signed(self.issuer.key())?.pem())
    }

    /// Issues a certificate with a new key.
    ///
    /// # Errors
    /// If a name is not ASCII, or the key does not sign.
    pub fn issue(&self, leaf: &Leaf<'_>, clock: Clock) -> Result<Issued, CertError> {
        let mut params = leaf_params(leaf, clock)?;
        params.use_authority_key_identifier_extension = true;
        let key = Key::generate()?;
        let certificate = params.signed_by(&key.0, &self.issuer)?.pem();
        Ok(Issued { certificate, key: key.to_pem() })
    }
}

/// Returns what a certificate says of its leaf, whoever signs it.
fn leaf_params(leaf: &Leaf<'_>, clock: Clock) -> Result<CertificateParams, CertError> {
    let mut params = params(leaf.subject);
    for name in leaf.names.iter().collect::<BTreeSet<_>>() {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if leaf.usage.server() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if leaf.usage.client() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    clock.set_validity(&mut params, leaf.not_after_secs);
    Ok(params)
}

/// Makes a request for a certificate for `key` (PKCS #10), PEM: what an authority elsewhere shall issue. When that ends is
/// the authority's decision.
///
/// # Errors
/// If a name is not ASCII, or the key does not sign.
pub fn request(subject: Subject<'_>, usage: Usage, names: &[String], key: &Key) -> Result<String, CertError> {
    let leaf = Leaf { subject, usage, names, not_after_secs: 0 };
    Ok(leaf_params(&leaf, Clock::new(0))?.serialize_request(&key.0)?.pem()?)
}

/// A certificate that its own key has signed.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// The certificate, PEM.
    pub pem: String,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

/// Makes a certificate that `key` signs itself, for what it signs else: no authority.
///
/// # Errors
/// [`CertError`] if the signing library fails.
pub fn self_signed(
    subject: Subject<'_>,
    key: &Key,
    clock: Clock,
    life_secs: u64,
) -> Result<SelfSigned, CertError> {
    let mut params = params(subject);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    clock.set_validity(&mut params, clock.end_secs(life_secs));
    let certificate = params.self_signed(&key.0)?;
    Ok(SelfSigned { pem: certificate.pem(), der: certificate.der().to_vec() })
}

/// Makes a certificate that `key` signs itself, for peers who know the key: no authority.
///
/// # Errors
/// If a name is not ASCII, or the key does not sign.
pub fn self_signed_leaf(leaf: &Leaf<'_>, key: &Key, clock: Clock) -> Result<SelfSigned, CertError> {
    let certificate = leaf_params(leaf, clock)?.self_signed(&key.0)?;
    Ok(SelfSigned { pem: certificate.pem(), der: certificate.der().to_vec() })
}

/// Returns what all certificates about `subject` have in common.
fn params(subject: Subject<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject.common_name);
    if let Some(organization) = subject.organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::certificate::X509Certificate;
    use x509_parser::prelude::FromDer;

    const NOW: u64 = 1_790_000_000;

    fn der(pem: &str) -> Vec<u8> {
        x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap().1.contents
    }

    fn authority(key: Key) -> Authority {
        Authority::new(Subject { common_name: "ca", organization: Some("o") }, key)
    }

    #[test]
    fn what_is_issued_is_narrow_and_of_its_authority() {
        let (ca, clock) = (authority(Key::generate().unwrap()), Clock::new(NOW));
        let ca_der = der(&ca.certificate(clock, NOW + 50).unwrap());
        let (_, ca_found) = X509Certificate::from_der(&ca_der).unwrap();
        let names = ["b.example", "10.0.0.1", "b.example"].map(str::to_owned);
        let subject = Subject { common_name: "x", organization: None };
        let leaf = Leaf { subject, usage: Usage::Server, names: &names, not_after_secs: NOW + 9 };
        let issued = ca.issue(&leaf, clock).unwrap();
        let leaf_der = der(&issued.certificate);
        let (_, found) = X509Certificate::from_der(&leaf_der).unwrap();
        assert_eq!(found.issuer().as_raw(), ca_found.subject().as_raw());
        assert_eq!((found.subject().to_string().as_str(), found.is_ca()), ("CN=x", false));
        assert!(ca_found.is_ca());
        let usage = found.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth);
        let names = found.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 2);
        let life = found.validity();
        let (from, until) = (life.not_before.timestamp(), life.not_after.timestamp());
        assert_eq!((from, until), (1_790_000_000 - 3600, 1_790_000_009));
        assert!(!format!("{issued:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_authority_is_its_name_and_key() {
        let ca = authority(Key::generate().unwrap());
        let again = authority(Key::from_pem(&ca.key_pem()).unwrap());
        assert_eq!(ca.key_id(), again.key_id());
        assert_ne!(ca.key_id(), authority(Key::generate().unwrap()).key_id());
        assert!(Key::from_pem("junk").is_err());
    }

    #[test]
    fn a_backdated_certificate_begins_early_and_ends_as_any_other() {
        let (ca, clock) = (authority(Key::generate().unwrap()), Clock::new(NOW));
        let begin = |clock: Clock| {
            let der = der(&ca.certificate(clock, NOW + 50).unwrap());
            let life = X509Certificate::from_der(&der).unwrap().1.validity().clone();
            assert_eq!(life.not_after.timestamp(), 1_790_000_050);
            life.not_before.timestamp()
        };
        assert_eq!(begin(clock.backdated_to(1_500_000_000)), 1_500_000_000);
        // Never later than without.
        assert_eq!(begin(clock.backdated_to(NOW)), 1_790_000_000 - 3600);
    }

    #[test]
    fn a_leaf_that_signs_itself_is_its_own_issuer_and_no_authority() {
        let key = Key::generate().unwrap();
        let subject = Subject { common_name: "x", organization: None };
        let names = ["b.example".to_owned()];
        let leaf = Leaf { subject, usage: Usage::Server, names: &names, not_after_secs: NOW + 9 };
        let made = self_signed_leaf(&leaf, &key, Clock::new(NOW).backdated_to(0)).unwrap();
        let (_, found) = X509Certificate::from_der(&made.der).unwrap();
        assert_eq!(found.issuer().as_raw(), found.subject().as_raw());
        assert_eq!(found.public_key().raw, key.public_key_info());
        assert_eq!((found.is_ca(), found.validity().not_before.timestamp()), (false, 0));
        assert_eq!(der(&made.pem), made.der);
    }

    #[test]
    fn no_clock_leaves_the_calendar_of_certificates() {
        let clock = Clock::new(u64::MAX);
        let ca = authority(Key::generate().unwrap());
        assert!(ca.certificate(clock, clock.end_secs(u64::MAX)).is_ok());
    }
}
