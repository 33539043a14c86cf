//! The keys of a build. They are read and checked before any long step, so that errors in them are reported
//! at once.

use std::fs;
use std::path::Path;

use bundle::{BundleError, KeySet, PublicKey, SecretKey};
use config::{ImageProfile, SecureBoot};
use inputs::store::KeyBuilder;
use secureboot::Signer;

use crate::{Error, error::Result};

/// The keys of a build.
#[derive(Debug)]
pub(crate) struct Keys<'a> {
    /// Signs for Secure Boot.
    pub signer: Option<Signer>,
    /// The file with the key set trusted for bundles, unchanged.
    pub update: Option<Vec<u8>>,
    /// Keys that sign the bundle.
    pub bundle: &'a [SecretKey],
}

impl Keys<'_> {
    /// Reads the keys named in `profile`; `bundle` are those that sign its bundle.
    ///
    /// # Errors
    /// [`Error::SecureBoot`] or [`Error::UpdateKeys`] if a file has the wrong content, [`Error::File`] if it
    /// can't be read, [`Error::Format`] if a key would sign twice.
    pub(crate) fn load<'a>(profile: &ImageProfile, bundle: &'a [SecretKey]) -> Result<Keys<'a>> {
        if let Some(pair) = publics(bundle).windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::format("reading the keys")(BundleError::SignedTwice(pair[0])));
        }
        let load = |s: &SecureBoot| Signer::load(Path::new(&s.key), Path::new(&s.certificate));
        Ok(Keys {
            signer: profile.secure_boot.as_ref().map(load).transpose()?,
            update: profile.update_keys.as_ref().map(|path| key_set(Path::new(path))).transpose()?,
            bundle,
        })
    }

    /// Adds the keys to the cache key of a build. A private key is represented by its public key.
    pub(crate) fn add_to(&self, key: KeyBuilder) -> KeyBuilder {
        let key = key
            .with("signer", self.signer.as_ref().map(Signer::certificate).unwrap_or_default())
            .with("update keys", self.update.as_deref().unwrap_or_default());
        publics(self.bundle).iter().fold(key, |key, public| key.with("bundle key", public.to_string()))
    }
}

/// Returns the public keys, sorted, since signatures are in this order whatever the order of the keys.
fn publics(keys: &[SecretKey]) -> Vec<PublicKey> {
    let mut publics: Vec<_> = keys.iter().map(SecretKey::public).collect();
    publics.sort_unstable();
    publics
}

/// Reads a key set file; returns its unchanged content after checking it.
fn key_set(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(Error::file("reading update keys", path))?;
    KeySet::parse(&bytes).map_err(|source| Error::UpdateKeys { path: path.to_owned(), source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a profile with the update keys in this file.
    fn profile(update_keys: Option<&Path>) -> ImageProfile {
        let text = "apiVersion: ironhull.dev/v1\nkind: ImageProfile\nname: x\nrole: single\n\
                    kubernetes: { version: 1.36.3 }\nkernel: { config: [base] }\n";
        let profile = config::parse_profile("x.yaml", text).unwrap();
        ImageProfile { update_keys: update_keys.map(|p| p.display().to_string()), ..profile }
    }

    fn public(byte: u8) -> PublicKey {
        SecretKey::from_seed([byte; 32]).public()
    }

    #[test]
    fn another_key_set_is_another_build_and_goes_in_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        let text = KeySet::new(1, 1, vec![public(1)]).unwrap().to_json() + "\n ";
        fs::write(&a, &text).unwrap();
        fs::write(&b, KeySet::new(1, 1, vec![public(2)]).unwrap().to_json()).unwrap();
        let keys = [None, Some(&*a), Some(&*b)].map(|path| Keys::load(&profile(path), &[]).unwrap());
        assert_eq!(keys[1].update.as_deref(), Some(text.as_bytes()));
        let digests = keys.each_ref().map(|k| k.add_to(KeyBuilder::new("image", 1, "x")).finish().digest());
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
    }

    #[test]
    fn other_keys_sign_another_build_in_whatever_order_and_none_twice() {
        let digest = |seeds: &[u8]| {
            let keys: Vec<_> = seeds.iter().map(|s| SecretKey::from_seed([*s; 32])).collect();
            let keys = Keys::load(&profile(None), &keys)?.add_to(KeyBuilder::new("image", 1, "x"));
            Ok::<_, Error>(keys.finish().digest())
        };
        assert_eq!(digest(&[1, 2]).unwrap(), digest(&[2, 1]).unwrap());
        assert_ne!(digest(&[1]).unwrap(), digest(&[2]).unwrap());
        assert_ne!(digest(&[1]).unwrap(), digest(&[]).unwrap());
        let twice = digest(&[1, 2, 1]).unwrap_err().to_string();
        assert!(twice.ends_with(&format!("key {} has signed it already", public(1))), "{twice}");
    }

    #[test]
    fn what_is_no_key_set_is_told_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let missing = Keys::load(&profile(Some(&path)), &[]).unwrap_err();
        assert!(missing.to_string().contains("keys.json"), "{missing}");
        let unmet = KeySet { version: 1, threshold: 2, keys: vec![public(1)] }.to_json();
        for bad in [unmet.as_str(), "", "{}", &public(1).to_pem()] {
            fs::write(&path, bad).unwrap();
            let error = Keys::load(&profile(Some(&path)), &[]).unwrap_err();
            assert!(matches!(error, Error::UpdateKeys { .. }), "{error}");
            assert!(error.to_string().contains("keys.json: reading a key set: "), "{error}");
            assert!(error.hint().is_some_and(|h| h.contains("bundle keyset")));
        }
    }
}
