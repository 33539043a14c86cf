//! Certificate authorities and the service account key: created once, then kept.
//!
//! The key defines an authority. Its certificate is signed again, with the same name and key, when it is missing (a
//! power cut between the two), does not cover the present, ends in an unlikely time, or two thirds of its life are
//! over: what verifies under the one certificate verifies under the other. It begins when the image was built, the
//! earliest time that a node believes, so that one made while the clock was ahead is valid once the clock is right.

use certs::{Clock, Key, Subject};
use control::User;

use super::certificate::{Certificate, Reason};
use super::place::path;
use super::state::State;
use super::stored::{covers, parse_validity};
use super::table::Ca;
use crate::error::Error;
use crate::file::File;

/// Life of an authority: ten years.
pub(crate) const LIFE_SECS: u64 = 10 * 365 * 86_400;
/// How much later than one made now a certificate may end. More was made by a clock that was ahead.
const AHEAD_SECS: u64 = 86_400;

/// An authority with its key.
#[derive(Debug)]
pub(crate) struct Authority {
    ca: Ca,
    certificate: String,
    /// Identifies the key in what it signs.
    pub key_id: Vec<u8>,
    /// What signs.
    pub issuer: certs::Authority,
    not_after_secs: u64,
    issued: Option<Reason>,
    /// The certificate that was there is not valid now: what has read it trusts nothing.
    pub was_invalid: bool,
}

impl Authority {
    /// Takes the authority from `state`, or makes it when neither key nor certificate is there. A certificate made
    /// now begins as `clock` is backdated.
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
            File::private(path(&format!("ca/{name}.key")), User::ROOT, self.issuer.key_pem()),
            File::public(path(&format!("ca/{name}.crt")), self.certificate.clone()),
        ]
    }

    /// For the node's status.
    pub fn status(&self) -> Certificate {
        let name = format!("ca/{}", self.ca.name());
        let (not_after_secs, renew_at_secs) = (self.not_after_secs, renewal(self.not_after_secs));
        Certificate { name, not_after_secs, renew_at_secs, issued: self.issued }
    }
}

/// When an authority that ends at `until_secs` is signed again: a third of its life before, which is longer than the
/// life of anything it issues.
fn renewal(until_secs: u64) -> u64 {
    until_secs.saturating_sub(LIFE_SECS / 3)
}

/// Returns why a certificate with this validity is to be signed again, if it is.
fn due((from_secs, until_secs): (u64, u64), clock: Clock) -> Option<Reason> {
    if clock.now_secs() < from_secs || until_secs > clock.end_secs(LIFE_SECS + AHEAD_SECS) {
        return Some(Reason::Clock);
    }
    (clock.now_secs() >= renewal(until_secs)).then_some(Reason::Age)
}

/// The key that signs service account tokens, and its public half.
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

/// Makes a key.
fn new_key(name: &str) -> Result<Key, Error> {
    Key::generate().map_err(|source| Error::Issue { name: name.to_owned(), source })
}

/// Reads a key that must be good.
fn load_key(name: &str, pem: &str) -> Result<Key, Error> {
    Key::from_pem(pem).map_err(|e| Error::Key { path: path(name), reason: e.to_string() })
}
