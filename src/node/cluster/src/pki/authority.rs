//! Certificate authorities and the service account key: made once, then kept.
//!
//! The key is what makes an authority. A certificate that is missing beside it (a power cut between the
//! two) is made again from it: same name, same key, so everything issued stays valid.

use control::User;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::leaf::{Clock, Reason, parse_validity};
use super::table::{Ca, path};
use super::{Certificate, State};
use crate::error::Error;
use crate::file::File;

/// Life of an authority: ten years.
const LIFE_SECS: u64 = 10 * 365 * 86_400;

/// An authority with its key.
#[derive(Debug)]
pub(crate) struct Authority {
    ca: Ca,
    certificate: String,
    key_pem: String,
    /// Identifies the key in what it signs.
    pub key_id: Vec<u8>,
    pub issuer: Issuer<'static, KeyPair>,
    not_after_secs: u64,
    issued: Option<Reason>,
}

impl Authority {
    /// Takes the authority from `state`, or makes it when neither key nor certificate is there.
    pub fn load_or_make(ca: Ca, state: &State, clock: Clock) -> Result<Self, Error> {
        let (crt, key) = (format!("ca/{}.crt", ca.name()), format!("ca/{}.key", ca.name()));
        let stored = state.get(&path(&crt)).and_then(|pem| Some((pem, parse_validity(pem)?)));
        let key = match state.get(&path(&key)) {
            Some(pem) => load_key(&key, pem)?,
            None if state.get(&path(&crt)).is_none() => new_key(&key)?,
            None => return Err(Error::LostKey { name: ca.name() }),
        };
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, ca.common_name());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        clock.set_validity(&mut params, clock.end_secs(LIFE_SECS));
        let key_id = params.key_identifier(&key);
        let kept = stored.filter(|(_, validity)| validity.public_key == key.public_key_raw());
        let (certificate, not_after_secs, issued) = match kept {
            Some((pem, validity)) => (pem.to_owned(), validity.not_after_secs, None),
            None => {
                let made = params.self_signed(&key);
                let made = made.map_err(|source| Error::Issue { name: crt, source })?;
                (made.pem(), clock.end_secs(LIFE_SECS), Some(Reason::Missing))
            }
        };
        let key_pem = key.serialize_pem();
        let issuer = Issuer::new(params, key);
        Ok(Authority { ca, certificate, key_pem, key_id, issuer, not_after_secs, issued })
    }

    /// Its certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// When it ends, in seconds since 1970.
    pub fn not_after_secs(&self) -> u64 {
        self.not_after_secs
    }

    /// Its files, both for root alone; the key first.
    pub fn files(&self) -> [File; 2] {
        let name = self.ca.name();
        [
            File::private(path(&format!("ca/{name}.key")), User::ROOT, self.key_pem.clone()),
            File::public(path(&format!("ca/{name}.crt")), self.certificate.clone()),
        ]
    }

    /// For the node's status.
    pub fn status(&self) -> Certificate {
        let name = format!("ca/{}", self.ca.name());
        Certificate { name, not_after_secs: self.not_after_secs, renew_at_secs: None, issued: self.issued }
    }
}

/// The key that signs service account tokens, and its public half.
pub(crate) fn service_account_files(state: &State) -> Result<[File; 2], Error> {
    const NAME: &str = "ca/service-account.key";
    let key = match state.get(&path(NAME)) {
        Some(pem) => load_key(NAME, pem)?,
        None => new_key(NAME)?,
    };
    Ok([
        File::private(path(NAME), User::ROOT, key.serialize_pem()),
        File::public(path("ca/service-account.pub"), key.public_key_pem()),
    ])
}

/// Makes a key, ECDSA P-256.
pub(crate) fn new_key(name: &str) -> Result<KeyPair, Error> {
    KeyPair::generate().map_err(|source| Error::Issue { name: name.to_owned(), source })
}

/// Reads a key that must be good.
fn load_key(name: &str, pem: &str) -> Result<KeyPair, Error> {
    KeyPair::from_pem(pem).map_err(|e| Error::Key { path: path(name), reason: e.to_string() })
}
