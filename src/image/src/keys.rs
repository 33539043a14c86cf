//! The keys that a profile names, read before the first long build: what is wrong with them is told at once.

use std::fs;
use std::path::Path;

use bundle::KeySet;
use config::{ImageProfile, SecureBoot};
use inputs::store::KeyBuilder;
use secureboot::Signer;

use crate::{Error, error::Result};

/// The keys of a build.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What signs for Secure Boot.
    pub signer: Option<Signer>,
    /// The file with the key set that vouches for bundles, byte for byte.
    pub update: Option<Vec<u8>>,
}

impl Keys {
    /// Reads what `profile` names.
    ///
    /// # Errors
    /// [`Error::SecureBoot`] and [`Error::UpdateKeys`] if a file is not what it should be, [`Error::File`] if it
    /// can't be read.
    pub(crate) fn load(profile: &ImageProfile) -> Result<Keys> {
        let load = |s: &SecureBoot| Signer::load(Path::new(&s.key), Path::new(&s.certificate));
        Ok(Keys {
            signer: profile.secure_boot.as_ref().map(load).transpose()?,
            update: profile.update_keys.as_ref().map(|path| key_set(Path::new(path))).transpose()?,
        })
    }

    /// Adds the keys to the key of a build. A private key is known by its public half.
    pub(crate) fn add_to(&self, key: KeyBuilder) -> KeyBuilder {
        key.with("signer", self.signer.as_ref().map(Signer::certificate).unwrap_or_default())
            .with("update keys", self.update.as_deref().unwrap_or_default())
    }
}

/// Reads a key set; returns the file as it is.
fn key_set(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(Error::file("reading update keys", path))?;
    KeySet::parse(&bytes).map_err(|source| Error::UpdateKeys { path: path.to_owned(), source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bundle::{PublicKey, SecretKey};

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
        let keys = [None, Some(&*a), Some(&*b)].map(|path| Keys::load(&profile(path)).unwrap());
        assert_eq!(keys[1].update.as_deref(), Some(text.as_bytes()));
        let digests = keys.each_ref().map(|k| k.add_to(KeyBuilder::new("image", 1, "x")).finish().digest());
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
    }

    #[test]
    fn what_is_no_key_set_is_told_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let missing = Keys::load(&profile(Some(&path))).unwrap_err();
        assert!(missing.to_string().contains("keys.json"), "{missing}");
        let unmet = KeySet { version: 1, threshold: 2, keys: vec![public(1)] }.to_json();
        for bad in [unmet.as_str(), "", "{}", &public(1).to_pem()] {
            fs::write(&path, bad).unwrap();
            let error = Keys::load(&profile(Some(&path))).unwrap_err();
            assert!(matches!(error, Error::UpdateKeys { .. }), "{error}");
            assert!(error.to_string().contains("keys.json: reading a key set: "), "{error}");
            assert!(error.hint().is_some_and(|h| h.contains("bundle keyset")));
        }
    }
}
