//! The certificates of a node that has joined its cluster: which there are, when they are due, and what is asked for.
//!
//! The node makes its keys and asks the cluster for certificates; whether it gets them is decided elsewhere
//! ([`crate::approval`]). Each is kept in one file with its key, since two files are not replaced at once: with an old
//! certificate beside a new key the node would have no identity left with which to ask again. The key of a request is
//! kept before the request is made, so that a node that was interrupted asks for the same again.

use std::path::PathBuf;

use certs::{Clock, Key, Subject, Usage};
use control::User;
use ring::digest::{SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::certificate::{Certificate, Reason};
use super::leaf::{check, renewal};
use super::place::{PKI_DIRECTORY, path};
use super::spec::{LIFE_SECS, LeafSpec};
use super::state::State;
use super::stored::{der, parse_validity, subject_key_id};
use super::{Pki, table};
use crate::error::Error;
use crate::facts::Facts;
use crate::file::{Directory, File};

/// Directory of the node's certificates.
pub(crate) const DIRECTORY: &str = "/state/pki/kubelet";
/// The certificate with which the node is a client of the API server, with its key.
pub const CLIENT_PATH: &str = "/state/pki/kubelet/client.pem";
/// The certificate with which the kubelet answers, with its key.
pub(crate) const SERVER_PATH: &str = "/state/pki/kubelet/server.pem";
/// The certificate of the cluster's authority.
pub const AUTHORITY_PATH: &str = "/state/pki/kubelet/ca.crt";
/// Signers of the cluster, and what they want to be asked for.
pub(crate) const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
pub(crate) const SERVER_SIGNER: &str = "kubernetes.io/kubelet-serving";
/// Characters of a key's digest in the name of a request.
const DIGEST_CHARS: usize = 12;

/// A certificate of a node that has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For the node as a client of the API server.
    Client,
    /// For its kubelet as a server.
    Server,
}

/// What is asked of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Name of the object; the same key has the same name.
    pub name: String,
    /// The signer.
    pub signer: &'static str,
    /// The usages, as the signer wants them.
    pub usages: [&'static str; 2],
    /// The request, PEM.
    pub pem: String,
}

impl Kind {
    /// All, in the order in which they can be had: a node without the first can't ask for the second.
    pub const ALL: [Kind; 2] = [Kind::Client, Kind::Server];

    /// Returns its name in the status.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Client => "kubelet/client",
            Kind::Server => "kubelet/server",
        }
    }

    /// Returns the path of the key of a request on its way.
    #[must_use]
    pub fn pending_path(self) -> PathBuf {
        path(&format!("{}-next.key", self.name()))
    }

    /// Returns the file with a certificate and its key, both PEM.
    #[must_use]
    pub fn file(self, certificate: &str, key: &str) -> File {
        let both = format!("{}\n{}\n", certificate.trim(), key.trim());
        File::private(self.path(), User::ROOT, both)
    }

    fn path(self) -> PathBuf {
        path(&format!("{}.pem", self.name()))
    }

    fn spec(self, facts: &Facts) -> LeafSpec {
        LeafSpec {
            name: self.name().to_owned(),
            common_name: format!("{}{}", crate::approval::NODE_PREFIX, facts.node.hostname),
            organization: Some(crate::approval::NODES_GROUP.to_owned()),
            usage: match self {
                Kind::Client => Usage::Client,
                Kind::Server => Usage::Server,
            },
            names: match self {
                Kind::Client => Vec::new(),
                Kind::Server => table::node_names(facts),
            },
            life_secs: LIFE_SECS,
        }
    }

    /// Returns why the certificate must be asked for; `None` if the one in `state` is as it should be.
    #[must_use]
    pub fn due(self, facts: &Facts, state: &State) -> Option<Reason> {
        self.stored(facts, state).err()
    }

    /// Returns begin and end of the stored certificate, or what is wrong with it.
    fn stored(self, facts: &Facts, state: &State) -> Result<(u64, u64), Reason> {
        let authority = state.get(AUTHORITY_PATH.as_ref()).and_then(der).ok_or(Reason::Missing)?;
        let (_, authority) = X509Certificate::from_der(&authority).map_err(|_| Reason::Missing)?;
        let authority = subject_key_id(&authority).ok_or(Reason::Missing)?;
        let both = state.get(&self.path()).and_then(split).ok_or(Reason::Missing)?;
        check(&self.spec(facts), authority, both, Clock::new(facts.sane_now_secs()))
    }

    /// Returns whether the stored certificate can still be used, be it due or not.
    #[must_use]
    pub fn is_usable(self, facts: &Facts, state: &State) -> bool {
        let stored = state.get(&self.path()).and_then(split).and_then(|(crt, _)| parse_validity(crt));
        stored.is_some_and(|v| super::stored::covers(v.range_secs, facts.sane_now_secs()))
    }

    /// Returns the request for it with a key, PEM.
    ///
    /// # Errors
    /// [`Error::Key`] if the key can't be read, [`Error::Issue`] if it does not sign.
    pub fn request(self, facts: &Facts, key_pem: &str) -> Result<Request, Error> {
        let key = Key::from_pem(key_pem)
            .map_err(|e| Error::Key { path: self.pending_path(), reason: e.to_string() })?;
        let spec = self.spec(facts);
        let subject = Subject { common_name: &spec.common_name, organization: spec.organization.as_deref() };
        let pem = certs::request(subject, spec.usage, &spec.names, &key);
        let digest = data_encoding::HEXLOWER.encode(digest(&SHA256, &key.public_key_info()).as_ref());
        let (kind, signer, usage) = match self {
            Kind::Client => ("client", CLIENT_SIGNER, "client auth"),
            Kind::Server => ("server", SERVER_SIGNER, "server auth"),
        };
        let digest = digest.get(..DIGEST_CHARS).unwrap_or_default();
        Ok(Request {
            name: format!("ironhull-{}-{kind}-{digest}", facts.node.hostname),
            signer,
            usages: ["digital signature", usage],
            pem: pem.map_err(|source| Error::Issue { name: spec.name, source })?,
        })
    }
}

/// Returns whether two certificates, PEM, are of one authority: have the same key. False if one can't be read.
#[must_use]
pub fn is_same_authority(one: &str, other: &str) -> bool {
    let key = |pem| parse_validity(pem).map(|v| v.public_key);
    key(one).is_some_and(|k| key(other) == Some(k))
}

/// Returns the certificates that a node that has joined has.
pub(crate) fn plan(facts: &Facts, state: &State) -> Pki {
    let status = |kind: Kind| {
        let (certificate, _) = state.get(&kind.path()).and_then(split)?;
        let (from, until) = parse_validity(certificate)?.range_secs;
        let renew_at_secs = if kind.due(facts, state).is_some() { 0 } else { renewal(from, until) };
        let name = kind.name().to_owned();
        Some(Certificate { name, not_after_secs: until, renew_at_secs, issued: None })
    };
    Pki {
        directories: directories(),
        files: Vec::new(),
        certificates: Kind::ALL.into_iter().filter_map(status).collect(),
        was_invalid: false,
        issuer: None,
    }
}

/// Returns the directories of a node's certificates.
#[must_use]
pub fn directories() -> Vec<Directory> {
    vec![Directory::public(PKI_DIRECTORY), Directory::private(DIRECTORY, User::ROOT)]
}

/// Splits a file into certificate and key.
fn split(both: &str) -> Option<(&str, &str)> {
    both.split_at_checked(both.find("-----BEGIN PRIVATE KEY-----")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::{NOW, facts, node};
    use config::ClusterConfig;

    const YEAR: u64 = 365 * 86_400;

    /// Issues what a node asks for, as the cluster would.
    fn issue(kind: Kind, facts: &Facts, authority: &certs::Authority) -> (String, String) {
        let spec = kind.spec(facts);
        let subject = Subject { common_name: &spec.common_name, organization: spec.organization.as_deref() };
        let (usage, names, not_after_secs) = (spec.usage, &spec.names[..], NOW + YEAR);
        let leaf = certs::Leaf { subject, usage, names, not_after_secs };
        let issued = authority.issue(&leaf, Clock::new(NOW)).unwrap();
        (issued.certificate, issued.key)
    }

    #[test]
    fn a_certificate_is_due_until_it_is_there_and_again_when_something_changes() {
        let (node, cluster) = (node(), ClusterConfig::default());
        let facts = Facts { server: Some("https://10.0.0.1:6443"), ..facts(&node, &cluster) };
        let ca = Subject { common_name: "ca", organization: None };
        let authority = certs::Authority::new(ca, Key::generate().unwrap());
        let ca_pem = authority.certificate(Clock::new(NOW), NOW + 10 * YEAR).unwrap();
        let mut files = vec![File::public(AUTHORITY_PATH, ca_pem)];
        for kind in Kind::ALL {
            assert_eq!(kind.due(&facts, &State::with(&files)), Some(Reason::Missing));
            let (certificate, key) = issue(kind, &facts, &authority);
            files.push(kind.file(&certificate, &key));
            assert_eq!(kind.due(&facts, &State::with(&files)), None);
        }
        let state = State::with(&files);
        let pki = plan(&facts, &state);
        assert_eq!(pki.certificates.len(), 2);
        assert!(pki.next_renewal_secs() > NOW + YEAR / 2 && pki.next_renewal_secs() < NOW + YEAR);
        assert!(pki.operator_kubeconfig("x", "https://x", 60).is_err());
        let later = Facts { now_secs: NOW + YEAR * 3 / 4, ..facts };
        assert_eq!(Kind::Client.due(&later, &state), Some(Reason::Age));
        assert!(Kind::Client.is_usable(&later, &state));
        assert!(!Kind::Client.is_usable(&Facts { now_secs: NOW + 2 * YEAR, ..facts }, &state));
        let address = [std::net::Ipv4Addr::new(10, 9, 9, 9)];
        let moved = Facts { address: address[0], addresses: &address, ..facts };
        assert_eq!(Kind::Server.due(&moved, &state), Some(Reason::Contents));
        assert_eq!(Kind::Client.due(&moved, &state), None);
        let (other, _) = issue(Kind::Client, &facts, &certs::Authority::new(ca, Key::generate().unwrap()));
        let (_, key) = issue(Kind::Client, &facts, &authority);
        let mixed = [files[0].clone(), Kind::Client.file(&other, &key)];
        assert_eq!(Kind::Client.due(&facts, &State::with(&mixed)), Some(Reason::Key));
    }

    #[test]
    fn the_same_key_asks_by_the_same_name() {
        let (node, cluster) = (node(), ClusterConfig::default());
        let facts = facts(&node, &cluster);
        let key = Key::generate().unwrap().to_pem();
        let first = Kind::Client.request(&facts, &key).unwrap();
        assert!(first.name.starts_with("ironhull-node1-client-"), "{first:?}");
        assert_eq!(first.name, Kind::Client.request(&facts, &key).unwrap().name);
        let other = Kind::Client.request(&facts, &Key::generate().unwrap().to_pem()).unwrap();
        assert_ne!(first.name, other.name);
        assert!(Kind::Server.request(&facts, "junk").is_err());
    }
}
