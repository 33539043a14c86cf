//! The certificates of a node that holds the cluster's authorities.
//!
//! Everything lies below [`PKI_DIRECTORY`]: `ca/` for root alone, and one directory per component that
//! belongs to its user and holds what it needs and nothing else, copies included. The keys of authorities and of
//! service accounts are made once; certificates are renewed when they are missing, at two thirds
//! of their validity, when the clock shows that they were made by a wrong one, and when names, addresses or the
//! authority changed. ECDSA P-256 throughout; each certificate is for a server or for a client, not for both (but for
//! etcd's peers, which are).

mod authority;
mod certificate;
mod leaf;
pub mod member;
mod place;
mod spec;
mod state;
mod stored;
mod table;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Reason};
pub use place::PKI_DIRECTORY;
pub(crate) use place::path;
pub use state::State;
pub use table::KUBELET_CLIENT_GROUP;

use crate::duties::Duties;
use crate::error::Error;
use crate::facts::Facts;
use crate::file::{Directory, File};
use crate::kubeconfig;
use authority::Authority;
use certs::{Clock, Usage};
use spec::LeafSpec;
use table::Ca;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Group of the operators' certificates; a built-in manifest makes it cluster admin.
pub const OPERATORS_GROUP: &str = "ironhull:operators";
/// The certificates as they shall be.
#[derive(Debug)]
pub struct Pki {
    /// Directories to make.
    pub directories: Vec<Directory>,
    /// All files, whether they change or not; keys stand before their certificates.
    pub files: Vec<File>,
    /// Each certificate, for the node's status.
    pub certificates: Vec<Certificate>,
    /// A certificate that was there is not valid now: the clock has moved over one of its ends. Components that run
    /// must be restarted, since they read an authority only when they start.
    pub was_invalid: bool,
    /// What issues kubeconfigs; none on a node that has joined.
    issuer: Option<Issuer>,
}

/// The cluster's name, its authority, and the time of the plan.
#[derive(Debug)]
struct Issuer {
    cluster: String,
    authority: Authority,
    clock: Clock,
}

/// Returns from when until when each certificate of a PEM text is valid, in seconds since 1970; what can't be read is
/// left out.
#[must_use]
pub fn validities_secs(pem: &str) -> Vec<(u64, u64)> {
    let blocks = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes());
    let blocks = blocks.flatten().filter(|b| b.label == "CERTIFICATE");
    blocks.filter_map(|b| validity_secs(&b.contents)).collect()
}

/// Returns from when until when a certificate is valid, DER, in seconds since 1970; `None` if it can't be read.
#[must_use]
pub fn validity_secs(der: &[u8]) -> Option<(u64, u64)> {
    X509Certificate::from_der(der).ok().map(|(_, found)| stored::validity(&found))
}

/// Decides all certificates from what is there; makes keys, but writes nothing.
///
/// # Errors
/// [`Error::LostKey`] or [`Error::Key`] when an authority is damaged: a new one would be another cluster.
/// [`Error::Issue`] when a certificate can't be made.
pub fn plan(duties: Duties, facts: &Facts, state: &State) -> Result<Pki, Error> {
    let clock = Clock::new(facts.sane_now_secs());
    let authority = |ca| Authority::load_or_make(ca, state, clock.backdated_to(facts.build_time_secs));
    let kubernetes = authority(Ca::Kubernetes)?;
    let front_proxy = authority(Ca::FrontProxy)?;
    let etcd = authority(Ca::Etcd)?;
    let mut files = Vec::new();
    let mut certificates = Vec::new();
    let mut was_invalid = false;
    for authority in [&kubernetes, &front_proxy, &etcd] {
        was_invalid |= authority.was_invalid;
        files.extend(authority.files());
        certificates.push(authority.status());
    }
    files.extend(authority::service_account_files(state)?);
    for entry in table::leaves(duties, facts) {
        let authority = match entry.ca {
            Ca::Kubernetes => &kubernetes,
            Ca::FrontProxy => &front_proxy,
            Ca::Etcd => &etcd,
        };
        let pair = leaf::keep_or_issue(&entry.spec, authority, state, clock)?;
        was_invalid |= pair.was_invalid;
        certificates.push(pair.status(&entry.spec.name));
        files.extend(pair.files(&entry.spec.name, entry.owner));
    }
    for copy in table::copies(duties, facts.cluster.spec.storage.kind) {
        let original = path(copy.original);
        let contents = files.iter().find(|f| f.path == original).map(|f| f.contents.clone());
        let contents = contents.expect("what is copied is made above");
        files.push(File { path: path(copy.to), mode: copy.mode, owner: copy.owner, contents });
    }
    let directories = table::directories(duties, facts.cluster.spec.storage.kind);
    let issuer = Issuer { cluster: facts.cluster.metadata.name.clone(), authority: kubernetes, clock };
    Ok(Pki { directories, files, certificates, was_invalid, issuer: Some(issuer) })
}

impl Pki {
    /// Makes a kubeconfig with a new certificate of its own for an operator, who is `user` in audit logs.
    ///
    /// `server` is the URL under which the operator reaches the API server; the certificate ends
    /// `valid_secs` after the time of the plan.
    ///
    /// # Errors
    /// [`Error::Issue`] when the certificate can't be made, [`Error::NoAuthority`] on a node that has joined.
    pub fn operator_kubeconfig(&self, user: &str, server: &str, valid_secs: u64) -> Result<String, Error> {
        let Issuer { cluster, authority, clock } = self.issuer.as_ref().ok_or(Error::NoAuthority)?;
        let spec = LeafSpec {
            name: format!("operator {user}"),
            common_name: user.to_owned(),
            organization: Some(OPERATORS_GROUP.to_owned()),
            usage: Usage::Client,
            names: Vec::new(),
            life_secs: valid_secs,
        };
        let pair = leaf::issue(&spec, authority, *clock, Reason::Missing)?;
        let embedded = kubeconfig::Embedded {
            authority: authority.certificate(),
            certificate: &pair.certificate,
            key: &pair.key,
        };
        Ok(kubeconfig::embedded(cluster, server, user, &embedded))
    }

    /// Seconds since 1970 when the first certificate reaches two thirds of its life: plan again then.
    #[must_use]
    pub fn next_renewal_secs(&self) -> u64 {
        self.certificates.iter().map(|c| c.renew_at_secs).min().unwrap_or(u64::MAX)
    }
}
