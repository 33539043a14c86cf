//! Certificate authorities and the service account key: created once, then kept.
//!
//! The key defines an authority. Its certificate is signed again, with the same name and key, if it is
//! missing (a power cut between the two), does not cover the present, ends at an implausible time, or two
//! thirds of its validity are over: whatever verifies with one of these certificates verifies with the other.
//! It begins when the image was built, the earliest time that a node trusts, so that one made while the clock
//! was ahead is valid once the clock is right.

use certs::{Clock, Key, Subject};
use control::User;

use super::certificate::{Certificate, Reason};
use super::place::path;
use super::state::State;
use super::stored::{covers, parse_validity};
use super::table::Ca;
use crate::error::Error;
use crate::file::File;

/// Validity of an authority: ten years.
pub(crate) const LIFE_SECS: u64 = 10 * 365 * 86_400;
/// How much later than a new certificate a stored one may end. If it ends later, it was made while the clock
/// was ahead.
const AHEAD_SECS: u64 = 86_400;

/// An authority with its key.
#[derive(Debug)]
pub(crate) struct Authority {
    ca: Ca,
    certificate: String,
    /// Identifies the key in the certificates that it signs.
    pub key_id: Vec<u8>,
    /// Issues certificates.
    pub issuer: certs::Authority,
    not_after_secs: u64,
    issued: Option<Reason>,
    /// The previous certificate is not valid now, so a component that has loaded it trusts nobody.
    pub was_invalid: bool,
}

impl Authority {
    /// Loads the authority from `state`, or creates it if there is neither key nor certificate. A new
    /// certificate begins at the time to which `clock` is backdated.
    ///
    /// # Errors
    /// [`Error::LostKey`] if there is a certificate without a key, [`Error::Key`] if the key can't be parsed,
    /// [`Error::Issue`] if key or certificate can't be made. Nothing is written.
    pub fn load_or_make(ca: Ca, state: &State, clock: Clock) -> Result<Self, Error> {
        let (crt, key) = (format!("ca/{}.crt", ca.name()), format!("ca/{}.key", ca.name()));
        let stored = state.get(&path(&crt)).and_then(|pem| Some((pem, parse_validity(pem)?)));
        let key = match state.get(&path(&key)) {
            Some(pem) => load_key(&key, pem)?,
            None if state.get(&path(&crt)).is_none() => new_key(&key)?,
            None => return Err(Error::LostKey { name: ca.name() }),
        };
        let stored = stored.filter(|(_, validity)| validity.public_key == key.public_key());
        let issuer = certs::Authority::new(subject(ca), key);
        let due = stored.as_ref().map_or(Some(Reason::Missing), |(_, v)| due(v.range_secs, clock));
        let was_invalid = stored.as_ref().is_some_and(|(_, v)| !covers(v.range_secs, clock.now_secs()));
        let (certificate, not_after_secs) = match stored {
            Some((pem, validity)) if due.is_none() => (pem.to_owned(), validity.range_secs.1),
            _ => {
                let end_secs = clock.end_secs(LIFE_SECS);
                let made = issuer.certificate(clock, end_secs);
                (made.map_err(|source| Error::Issue { name: crt, source })?, end_secs)
            }
        };
        let key_id = issuer.key_id();
        Ok(Authority { ca, certificate, key_id, issuer, not_after_secs, issued: due, was_invalid })
    }

    /// Returns its certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Returns the end of its validity, in seconds since 1970.
    pub fn not_after_secs(&self) -> u64 {
        self.not_after_secs
    }

    /// Returns its files, readable only by root; the key comes first.
    pub fn files(&self) -> [File; 2] {
        let name = self.ca.name();
        [
            File::private(path(&format!("ca/{name}.key")), User::ROOT, self.issuer.key_pem()),
            File::public(path(&format!("ca/{name}.crt")), self.certificate.clone()),
        ]
    }

    /// Returns the facts for the node's status.
    pub fn status(&self) -> Certificate {
        let name = format!("ca/{}", self.ca.name());
        let (not_after_secs, renew_at_secs) = (self.not_after_secs, renewal(self.not_after_secs));
        Certificate { name, not_after_secs, renew_at_secs, issued: self.issued }
    }
}

/// Returns when an authority that ends at `until_secs` is signed again: a third of its validity before, which
/// is longer than the validity of anything it issues.
fn renewal(until_secs: u64) -> u64 {
    until_secs.saturating_sub(LIFE_SECS / 3)
}

/// Returns why a certificate with this validity must be signed again; `None` if it need not.
fn due((from_secs, until_secs): (u64, u64), clock: Clock) -> Option<Reason> {
    if clock.now_secs() < from_secs || until_secs > clock.end_secs(LIFE_SECS + AHEAD_SECS) {
        return Some(Reason::Clock);
    }
    (clock.now_secs() >= renewal(until_secs)).then_some(Reason::Age)
}

/// Returns the key that signs service account tokens, and its public key.
pub(crate) fn service_account_files(state: &State) -> Result<[File; 2], Error> {
    const NAME: &str = "ca/service-account.key";
    let key = match state.get(&path(NAME)) {
        Some(pem) => load_key(NAME, pem)?,
        None => new_key(NAME)?,
    };
    Ok([
        File::private(path(NAME), User::ROOT, key.to_pem()),
        File::public(path("ca/service-account.pub"), key.public_key_pem()),
    ])
}

/// Returns the name of an authority.
fn subject(ca: Ca) -> Subject<'static> {
    Subject { common_name: ca.common_name(), organization: None }
}

/// Generates a key.
fn new_key(name: &str) -> Result<Key, Error> {
    Key::generate().map_err(|source| Error::Issue { name: name.to_owned(), source })
}

/// Parses a key; the error names it.
fn load_key(name: &str, pem: &str) -> Result<Key, Error> {
    Key::from_pem(pem).map_err(|e| Error::Key { path: path(name), reason: e.to_string() })
}
