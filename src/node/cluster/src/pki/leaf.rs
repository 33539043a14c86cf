//! Certificates of components: when one is still good, and how one is made.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use control::User;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::authority::{Authority, new_key};
use super::table::path;
use super::{Certificate, State};
use crate::error::Error;
use crate::file::File;

/// Life of a certificate: one year.
pub(crate) const LIFE_SECS: u64 = 365 * 86_400;
/// How long before it is made a certificate begins, for peers whose clocks are behind.
const BACKDATED_SECS: u64 = 3600;
/// The latest time that is believed: 9000-01-01. X.509 ends with the year 9999.
const LATEST_SECS: u64 = 221_845_392_000;

/// The time that certificates are made by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(u64);

impl Clock {
    pub fn new(now_secs: u64) -> Self {
        Clock(now_secs.min(LATEST_SECS))
    }

    /// When something made now ends.
    pub fn end_secs(self, life_secs: u64) -> u64 {
        self.0.saturating_add(life_secs).min(LATEST_SECS)
    }

    /// Sets the time from which and until which `params` are valid.
    pub fn set_validity(self, params: &mut CertificateParams, end_secs: u64) {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(self.0.saturating_sub(BACKDATED_SECS));
        params.not_after = epoch + Duration::from_secs(end_secs);
    }
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    Server,
    Client,
    /// For etcd's peers alone, which dial with the certificate that they answer with.
    Both,
}

impl Usage {
    fn server(self) -> bool {
        self != Usage::Client
    }

    fn client(self) -> bool {
        self != Usage::Server
    }
}

/// What a certificate shall be.
#[derive(Debug)]
pub(crate) struct LeafSpec {
    /// Name of its files below the PKI directory, without ending.
    pub name: String,
    pub common_name: String,
    pub organization: Option<String>,
    pub usage: Usage,
    /// DNS names and addresses, in any order, repeated or not.
    pub names: Vec<String>,
    pub life_secs: u64,
}

/// Why a certificate was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was none, or none that could be read.
    Missing,
    /// Its key was not its key.
    Key,
    /// Another authority had issued it.
    Authority,
    /// Its subject, names, addresses or usage had changed.
    Contents,
    /// Two thirds of its life were over.
    Age,
    /// It was not valid yet: the clock went back.
    Clock,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Missing => "there was none",
            Reason::Key => "its key did not match",
            Reason::Authority => "its authority changed",
            Reason::Contents => "names or addresses changed",
            Reason::Age => "two thirds of its life were over",
            Reason::Clock => "it was not valid yet",
        })
    }
}

/// A certificate and its key, both PEM.
#[derive(Debug)]
pub(crate) struct Pair {
    pub certificate: String,
    pub key: String,
    not_after_secs: u64,
    renew_at_secs: u64,
    issued: Option<Reason>,
}

impl Pair {
    /// Its files, the key first: a new key beside an old certificate is noticed at the next boot.
    pub fn files(&self, name: &str, owner: User) -> [File; 2] {
        let certificate = self.certificate.clone();
        [
            File::private(path(&format!("{name}.key")), owner, self.key.clone()),
            File { owner, ..File::public(path(&format!("{name}.crt")), certificate) },
        ]
    }

    /// For the node's status.
    pub fn status(&self, name: &str) -> Certificate {
        let renew_at_secs = Some(self.renew_at_secs);
        Certificate {
            name: name.to_owned(),
            not_after_secs: self.not_after_secs,
            renew_at_secs,
            issued: self.issued,
        }
    }
}

/// Keeps the certificate that is there if it is still as `spec` wants it, or issues it anew.
pub(crate) fn keep_or_issue(
    spec: &LeafSpec,
    authority: &Authority,
    state: &State,
    clock: Clock,
) -> Result<Pair, Error> {
    let stored = |ending: &str| state.get(&path(&format!("{}.{ending}", spec.name)));
    let reason = match (stored("crt"), stored("key")) {
        (Some(certificate), Some(key)) => match check(spec, authority, (certificate, key), clock) {
            Ok((from, until)) => {
                let renew_at_secs = renewal(from, until);
                let (certificate, key) = (certificate.to_owned(), key.to_owned());
                return Ok(Pair { certificate, key, not_after_secs: until, renew_at_secs, issued: None });
            }
            Err(reason) => reason,
        },
        _ => Reason::Missing,
    };
    issue(spec, authority, clock, reason)
}

/// Issues a certificate with a new key.
pub(crate) fn issue(
    spec: &LeafSpec,
    authority: &Authority,
    clock: Clock,
    reason: Reason,
) -> Result<Pair, Error> {
    let failed = |source| Error::Issue { name: spec.name.clone(), source };
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, spec.common_name.as_str());
    if let Some(organization) = &spec.organization {
        params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
    }
    for name in spec.names.iter().collect::<BTreeSet<_>>() {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(failed)?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if spec.usage.server() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if spec.usage.client() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    params.use_authority_key_identifier_extension = true;
    let not_after_secs = clock.end_secs(spec.life_secs).min(authority.not_after_secs());
    clock.set_validity(&mut params, not_after_secs);
    let key = new_key(&spec.name)?;
    let certificate = params.signed_by(&key, &authority.issuer).map_err(failed)?.pem();
    let renew_at_secs = renewal(clock.0, not_after_secs);
    Ok(Pair { certificate, key: key.serialize_pem(), not_after_secs, renew_at_secs, issued: Some(reason) })
}

/// When two thirds of a life are over.
fn renewal(from_secs: u64, until_secs: u64) -> u64 {
    from_secs + until_secs.saturating_sub(from_secs) / 3 * 2
}

/// Returns from when until when a stored certificate is valid if it is as wanted, otherwise what is wrong.
fn check(
    spec: &LeafSpec,
    authority: &Authority,
    (certificate, key): (&str, &str),
    clock: Clock,
) -> Result<(u64, u64), Reason> {
    let der = der(certificate).ok_or(Reason::Missing)?;
    let found = X509Certificate::from_der(&der).map_err(|_| Reason::Missing)?.1;
    let key = KeyPair::from_pem(key).map_err(|_| Reason::Key)?;
    if found.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        return Err(Reason::Key);
    }
    if authority_key_id(&found) != Some(authority.key_id.as_slice()) {
        return Err(Reason::Authority);
    }
    if !is_about(&found, spec) {
        return Err(Reason::Contents);
    }
    let (from, until) = validity(&found);
    if clock.0 < from {
        return Err(Reason::Clock);
    }
    if clock.0 >= renewal(from, until) {
        return Err(Reason::Age);
    }
    Ok((from, until))
}

/// Whether subject, names and usage are those of `spec`.
fn is_about(found: &X509Certificate, spec: &LeafSpec) -> bool {
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

/// The names and addresses in a certificate, as text.
fn names(found: &X509Certificate) -> BTreeSet<String> {
    let Ok(Some(extension)) = found.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => address(bytes),
        other => other.to_string(),
    };
    extension.value.general_names.iter().map(text).collect()
}

/// An address of 4 or 16 bytes as text.
fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return IpAddr::from(v4).to_string();
    }
    <[u8; 16]>::try_from(bytes).map_or_else(|_| String::new(), |v6| IpAddr::from(v6).to_string())
}

/// The key identifier of the authority that issued a certificate.
fn authority_key_id<'a>(found: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    found.extensions().iter().find_map(|e| match e.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|k| k.0),
        _ => None,
    })
}

/// From when until when a certificate is valid, in seconds since 1970.
fn validity(found: &X509Certificate) -> (u64, u64) {
    let secs = |t: i64| u64::try_from(t).unwrap_or_default();
    let validity = found.validity();
    (secs(validity.not_before.timestamp()), secs(validity.not_after.timestamp()))
}

/// What [`Authority`] asks of its stored certificate.
#[derive(Debug)]
pub(crate) struct Validity {
    pub not_after_secs: u64,
    pub public_key: Vec<u8>,
}

/// Reads end and key of a certificate; `None` when it can't be read.
pub(crate) fn parse_validity(pem: &str) -> Option<Validity> {
    let der = der(pem)?;
    let found = X509Certificate::from_der(&der).ok()?.1;
    let public_key = found.public_key().subject_public_key.data.to_vec();
    Some(Validity { not_after_secs: validity(&found).1, public_key })
}

/// The bytes of a PEM certificate.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    (pem.label == "CERTIFICATE").then_some(pem.contents)
}
