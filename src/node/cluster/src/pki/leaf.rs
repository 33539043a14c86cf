//! Certificates of components: checks whether they are still valid, and issues them.

use certs::{Clock, Key, Leaf, Subject};
use control::User;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::authority::Authority;
use super::certificate::{Certificate, Reason};
use super::place::path;
use super::spec::LeafSpec;
use super::state::State;
use super::stored::{authority_key_id, covers, der, is_about, parse_validity, validity};
use crate::error::Error;
use crate::file::File;

/// A certificate and its key, both PEM.
#[derive(Debug)]
pub(crate) struct Pair {
    pub certificate: String,
    pub key: String,
    not_after_secs: u64,
    renew_at_secs: u64,
    issued: Option<Reason>,
    /// The previous certificate is not valid now, so nobody trusts a component that has loaded it.
    pub was_invalid: bool,
}

impl Pair {
    /// Returns its files; the key comes first, since a new key beside an old certificate is noticed at the
    /// next boot.
    pub fn files(&self, name: &str, owner: User) -> [File; 2] {
        let certificate = self.certificate.clone();
        [
            File::private(path(&format!("{name}.key")), owner, self.key.clone()),
            File { owner, ..File::public(path(&format!("{name}.crt")), certificate) },
        ]
    }

    /// Returns the facts for the node's status.
    pub fn status(&self, name: &str) -> Certificate {
        let (name, not_after_secs, renew_at_secs) =
            (name.to_owned(), self.not_after_secs, self.renew_at_secs);
        Certificate { name, not_after_secs, renew_at_secs, issued: self.issued }
    }
}

/// Keeps the existing certificate if it still matches `spec`, otherwise issues a new one.
pub(crate) fn keep_or_issue(
    spec: &LeafSpec,
    authority: &Authority,
    state: &State,
    clock: Clock,
) -> Result<Pair, Error> {
    let stored = |ending: &str| state.get(&path(&format!("{}.{ending}", spec.name)));
    let reason = match (stored("crt"), stored("key")) {
        (Some(certificate), Some(key)) => match check(spec, &authority.key_id, (certificate, key), clock) {
            Ok((from, until)) => {
                let renew_at_secs = renewal(from, until);
                let (certificate, key) = (certificate.to_owned(), key.to_owned());
                let (issued, was_invalid) = (None, false);
                return Ok(Pair {
                    certificate,
                    key,
                    not_after_secs: until,
                    renew_at_secs,
                    issued,
                    was_invalid,
                });
            }
            Err(reason) => reason,
        },
        _ => Reason::Missing,
    };
    let was_invalid = stored("crt").and_then(parse_validity);
    let was_invalid = was_invalid.is_some_and(|v| !covers(v.range_secs, clock.now_secs()));
    Ok(Pair { was_invalid, ..issue(spec, authority, clock, reason)? })
}

/// Issues a certificate with a new key.
pub(crate) fn issue(
    spec: &LeafSpec,
    authority: &Authority,
    clock: Clock,
    reason: Reason,
) -> Result<Pair, Error> {
    let not_after_secs = clock.end_secs(spec.life_secs).min(authority.not_after_secs());
    let leaf = Leaf {
        subject: Subject { common_name: &spec.common_name, organization: spec.organization.as_deref() },
        usage: spec.usage,
        names: &spec.names,
        not_after_secs,
    };
    let issued = authority.issuer.issue(&leaf, clock);
    let issued = issued.map_err(|source| Error::Issue { name: spec.name.clone(), source })?;
    let renew_at_secs = renewal(clock.now_secs(), not_after_secs);
    let (certificate, key) = (issued.certificate, issued.key);
    let issued = Some(reason);
    Ok(Pair { certificate, key, not_after_secs, renew_at_secs, issued, was_invalid: false })
}

/// Returns when two thirds of a validity are over.
pub(crate) fn renewal(from_secs: u64, until_secs: u64) -> u64 {
    from_secs + until_secs.saturating_sub(from_secs) / 3 * 2
}

/// Returns the validity of a stored certificate if it meets `spec`, otherwise what is wrong.
pub(crate) fn check(
    spec: &LeafSpec,
    authority_key: &[u8],
    (certificate, key): (&str, &str),
    clock: Clock,
) -> Result<(u64, u64), Reason> {
    let der = der(certificate).ok_or(Reason::Missing)?;
    let found = X509Certificate::from_der(&der).map_err(|_| Reason::Missing)?.1;
    let key = Key::from_pem(key).map_err(|_| Reason::Key)?;
    if found.public_key().subject_public_key.data.as_ref() != key.public_key() {
        return Err(Reason::Key);
    }
    if authority_key_id(&found) != Some(authority_key) {
        return Err(Reason::Authority);
    }
    if !is_about(&found, spec) {
        return Err(Reason::Contents);
    }
    let (from, until) = validity(&found);
    if clock.now_secs() < from {
        return Err(Reason::Clock);
    }
    if clock.now_secs() >= renewal(from, until) {
        return Err(Reason::Age);
    }
    Ok((from, until))
}
