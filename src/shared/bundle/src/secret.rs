//! Private keys, and PEM for private and public keys: PKCS #8 and SubjectPublicKeyInfo of RFC 8410.
//!
//! Version 1 of PKCS #8, without the public key, which every tool reads. Files are handled by the callers.

use pem::Pem;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::error::BundleError;
use crate::key::{PublicKey, Signature};

/// DER in front of the 32 bytes of a private key.
const PRIVATE: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
/// DER in front of the 32 bytes of a public key.
const PUBLIC: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const PRIVATE_TAG: &str = "PRIVATE KEY";
const PUBLIC_TAG: &str = "PUBLIC KEY";

/// A private key.
pub struct SecretKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// [`BundleError::Key`] if the system provides no random numbers.
    pub fn generate() -> Result<SecretKey, BundleError> {
        let mut seed = [0; 32];
        let filled = SystemRandom::new().fill(&mut seed);
        filled.map_err(|_| wrong("the system gives no random numbers"))?;
        Ok(SecretKey::from_seed(seed))
    }

    /// Returns the key with this seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> SecretKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed");
        SecretKey { seed, pair }
    }

    /// Returns the public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let bytes = self.pair.public_key().as_ref().try_into();
        PublicKey::from_bytes(bytes.expect("a public key has 32 bytes"))
    }

    /// Signs the bytes of a manifest. The same key and bytes give the same signature.
    #[must_use]
    pub fn sign(&self, manifest: &[u8]) -> Signature {
        let bytes = self.pair.sign(manifest).as_ref().try_into();
        Signature { key: self.public(), bytes: bytes.expect("a signature has 64 bytes") }
    }

    /// Returns the private key as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        to_pem(PRIVATE_TAG, &PRIVATE, &self.seed)
    }

    /// Parses a key from PEM.
    ///
    /// # Errors
    /// [`BundleError::Key`] if it is not one Ed25519 private key of PKCS #8, version 1.
    pub fn from_pem(text: &str) -> Result<SecretKey, BundleError> {
        let seed = from_pem(text, PRIVATE_TAG, &PRIVATE);
        seed.map(SecretKey::from_seed).ok_or_else(|| wrong("expected one Ed25519 private key as PEM"))
    }
}

impl PublicKey {
    /// Returns the key as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        to_pem(PUBLIC_TAG, &PUBLIC, self.as_bytes())
    }

    /// Parses a key from PEM.
    ///
    /// # Errors
    /// [`BundleError::Key`] if it is not one Ed25519 public key.
    pub fn from_pem(text: &str) -> Result<PublicKey, BundleError> {
        let reason = || "expected one Ed25519 public key as PEM".to_owned();
        let bytes = from_pem(text, PUBLIC_TAG, &PUBLIC);
        let bytes = bytes.ok_or_else(|| BundleError::Key { what: "public key", reason: reason() })?;
        Ok(PublicKey::from_bytes(bytes))
    }
}

/// Returns a key with its DER prefix as PEM, with line feeds as line ends.
fn to_pem(tag: &str, front: &[u8], key: &[u8; 32]) -> String {
    let pem = Pem::new(tag, [front, key].concat());
    pem::encode_config(&pem, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

/// Returns the key after its DER prefix.
fn from_pem(text: &str, tag: &str, front: &[u8]) -> Option<[u8; 32]> {
    let blocks = pem::parse_many(text).ok()?;
    // If there are several, it is unknown which one is meant.
    let [pem] = &blocks[..] else { return None };
    (pem.tag() == tag).then_some(pem)?.contents().strip_prefix(front)?.try_into().ok()
}

/// Returns the error for an invalid private key, without its content.
fn wrong(reason: &str) -> BundleError {
    BundleError::Key { what: "private key", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_one_is_not_the_other() {
        let key = SecretKey::from_seed([7; 32]);
        let (secret, public) = (key.to_pem(), key.public().to_pem());
        assert_eq!(SecretKey::from_pem(&secret).unwrap().public(), key.public());
        assert_eq!(PublicKey::from_pem(&public).unwrap(), key.public());
        assert!(SecretKey::from_pem(&public).is_err());
        assert!(SecretKey::from_pem(&secret.repeat(2)).is_err());
        assert!(PublicKey::from_pem(&public.repeat(2)).is_err());
        assert!(PublicKey::from_pem(&secret).is_err());
        assert!(SecretKey::from_pem("-----BEGIN PRIVATE KEY-----").is_err());
        assert_ne!(SecretKey::generate().unwrap().public(), SecretKey::generate().unwrap().public());
        assert!(!format!("{key:?}").contains("seed"));
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        // RFC 8032, 7.1, test 1.
        let seed = crate::hex::parse("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = SecretKey::from_seed(seed.unwrap());
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(key.public().to_string(), public);
        let signature = key.sign(b"");
        assert_eq!(signature.bytes[..4], [0xe5, 0x56, 0x43, 0x00]);
        assert!(signature.is_of(b"") && !signature.is_of(b"x"));
    }
}
