//! The keys trusted to sign bundles, how many of them must sign, and how one set replaces another. Pure.

use serde::{Deserialize, Serialize};

use crate::error::BundleError;
use crate::format::MAX_SIGNATURES;
use crate::key::{PublicKey, Signature};

/// A set of keys with a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySet {
    /// Version of the set; it can be replaced only by a set with a higher one.
    pub version: u32,
    /// Number of keys that must sign.
    pub threshold: u32,
    /// The keys, in strictly ascending order.
    pub keys: Vec<PublicKey>,
}

impl KeySet {
    /// Makes a set; the order of `keys` does not matter.
    ///
    /// # Errors
    /// [`BundleError::Key`] if there are no keys or too many, one appears twice, or the threshold is 0 or
    /// exceeds their number.
    pub fn new(version: u32, threshold: u32, mut keys: Vec<PublicKey>) -> Result<KeySet, BundleError> {
        keys.sort_unstable();
        let set = KeySet { version, threshold, keys };
        set.sound().map_err(wrong)?;
        Ok(set)
    }

    /// Parses a set from JSON.
    ///
    /// # Errors
    /// [`BundleError::Key`] if it is not the JSON of a set, or for the reasons of [`KeySet::new`].
    pub fn parse(json: &[u8]) -> Result<KeySet, BundleError> {
        let set: KeySet = serde_json::from_slice(json).map_err(|e| wrong(e.to_string()))?;
        set.sound().map_err(wrong)?;
        Ok(set)
    }

    /// Returns the set as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a key set is plain data") + "\n"
    }

    /// Returns how many keys of the set have signed `manifest`.
    ///
    /// Signatures by keys that are not in the set are ignored: when a set is replaced, keys of the new one
    /// sign too.
    ///
    /// # Errors
    /// [`BundleError::BadSignature`] if the signature of a key in the set is not valid for `manifest`, even
    /// if enough others are; [`BundleError::TooFewSignatures`] if fewer keys than the threshold have signed.
    pub fn verify(&self, manifest: &[u8], signatures: &[Signature]) -> Result<usize, BundleError> {
        let mut good = Vec::new();
        for signature in signatures.iter().filter(|s| self.keys.contains(&s.key)) {
            if !signature.is_of(manifest) {
                return Err(BundleError::BadSignature { key: signature.key });
            }
            // Each key counts once, even if the caller passes duplicates.
            if !good.contains(&signature.key) {
                good.push(signature.key);
            }
        }
        let threshold = usize::try_from(self.threshold).unwrap_or(usize::MAX);
        if good.is_empty() || good.len() < threshold {
            return Err(BundleError::TooFewSignatures {
                valid: good.len(),
                threshold,
                unknown: signatures.iter().filter(|s| !self.keys.contains(&s.key)).count(),
                version: self.version,
            });
        }
        Ok(good.len())
    }

    /// Returns the set in force after a bundle that this set has verified and that contains `next`: `next` if
    /// its version is higher, otherwise `None`.
    ///
    /// # Errors
    /// [`BundleError::KeySet`] if `next` is invalid, is not signed by enough of its own keys (if nobody had
    /// these keys, no later bundle could be installed), or differs from this set with the same version.
    pub fn followed_by(
        &self,
        next: &KeySet,
        manifest: &[u8],
        signatures: &[Signature],
    ) -> Result<Option<KeySet>, BundleError> {
        let refuse = |what: String| BundleError::KeySet { what };
        next.sound().map_err(refuse)?;
        if next.version < self.version || next == self {
            return Ok(None);
        }
        if next.version == self.version {
            return Err(refuse(format!("is another one of the same version, {}", self.version)));
        }
        next.verify(manifest, signatures)
            .map_err(|e| refuse(format!("of version {} did not sign too: {e}", next.version)))?;
        Ok(Some(next.clone()))
    }

    /// Checks the set; the error is the reason.
    pub(crate) fn sound(&self) -> Result<(), String> {
        let (count, threshold) = (self.keys.len() as u64, u64::from(self.threshold));
        if count == 0 || count > u64::from(MAX_SIGNATURES) {
            return Err(format!("has {count} keys, expected 1 to {MAX_SIGNATURES}"));
        }
        if !self.keys.is_sorted_by(|a, b| a < b) {
            return Err("has a key twice, or its keys are not in ascending order".to_owned());
        }
        if threshold == 0 || threshold > count {
            return Err(format!("has the threshold {threshold}, expected 1 to {count}"));
        }
        Ok(())
    }
}

/// Returns the error for an invalid set of the operator's.
fn wrong(reason: String) -> BundleError {
    BundleError::Key { what: "key set", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PublicKey {
        PublicKey::from_bytes([byte; 32])
    }

    #[test]
    fn sets_that_nobody_could_meet_are_refused() {
        assert!(KeySet::new(1, 1, vec![]).is_err());
        assert!(KeySet::new(1, 0, vec![key(1)]).is_err());
        assert!(KeySet::new(1, 2, vec![key(1)]).is_err());
        assert!(KeySet::new(1, 1, vec![key(1), key(1)]).is_err());
        assert!(KeySet::new(1, 1, (0..17).map(key).collect()).is_err());
        let set = KeySet::new(1, 2, vec![key(2), key(1)]).unwrap();
        assert_eq!(KeySet::parse(set.to_json().as_bytes()).unwrap(), set);
    }
}
