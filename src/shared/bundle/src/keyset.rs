//! The keys trusted to sign bundles, how many of them must sign, and how one set replaces another. Pure.

use serde::{Deserialize, Serialize};

use crate::error::BundleError;
use crate::format::MAX_SIGNATURES;
use crate::key::{PublicKey, Signature};

/// A set of keys with a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySet {
    /// Number of the set; a set is followed only by one with a higher number.
    pub version: u32,
    /// How many of the keys must sign.
    pub threshold: u32,
    /// The keys, strictly ascending.
    pub keys: Vec<PublicKey>,
}

impl KeySet {
    /// Makes a set; the order of `keys` does not matter.
    ///
    /// # Errors
    /// [`BundleError::Key`] if there are none or too many, one is there twice, or the threshold can't be met.
    pub fn new(version: u32, threshold: u32, mut keys: Vec<PublicKey>) -> Result<KeySet, BundleError> {
        keys.sort_unstable();
        let set = KeySet { version, threshold, keys };
        set.sound().map_err(wrong)?;
        Ok(set)
    }

    /// Parses a set from JSON.
    ///
    /// # Errors
    /// [`BundleError::Key`] if it is none, or as [`KeySet::new`].
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

    /// Returns how many keys of the set signed `manifest`.
    ///
    /// Keys that are not in the set are passed over: those of the next set sign too when sets change.
    ///
    /// # Errors
    /// [`BundleError::BadSignature`] if a known key's signature is not one of `manifest`, however many
    /// others are good; [`BundleError::TooFewSignatures`] if they are fewer than the threshold.
    pub fn verify(&self, manifest: &[u8], signatures: &[Signature]) -> Result<usize, BundleError> {
        let mut good = Vec::new();
        for signature in signatures.iter().filter(|s| self.keys.contains(&s.key)) {
            if !signature.is_of(manifest) {
                return Err(BundleError::BadSignature { key: signature.key });
            }
            // One key counts once, whatever the caller holds.
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

    /// Returns the set in force after a bundle that this set verified and that brings `next`: `next` if
    /// its version is higher, else `None`.
    ///
    /// # Errors
    /// [`BundleError::KeySet`] if `next` is not sound, not signed by its own keys as well (a set whose
    /// keys without a holder would lock out every later bundle), or another set under the same version.
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

    /// Says what is wrong with the set.
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

/// Wraps what is wrong with a set of the operator's.
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
