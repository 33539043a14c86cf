//! Public keys and signatures: Ed25519, RFC 8032.

use std::fmt;

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::hex::Hash;

/// Bytes of a public key and a signature in a bundle.
pub(crate) const SIGNATURE_BYTES: usize = 96;

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(Hash);

/// A signature, and the key that allegedly made it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The key.
    pub key: PublicKey,
    /// The signature over the manifest's bytes.
    pub bytes: [u8; 64],
}

impl PublicKey {
    /// Returns the key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> PublicKey {
        PublicKey(Hash(bytes))
    }

    /// Returns the key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }

    /// Parses 64 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<PublicKey> {
        crate::hex::parse(text).map(PublicKey::from_bytes)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Signature {
    /// Returns whether this is the key's valid signature of `message`.
    #[must_use]
    pub fn is_of(&self, message: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key.as_bytes()).verify(message, &self.bytes).is_ok()
    }

    /// Returns key and signature as bytes.
    #[cfg(feature = "builder")]
    pub(crate) fn to_bytes(self) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes[..32].copy_from_slice(self.key.as_bytes());
        bytes[32..].copy_from_slice(&self.bytes);
        bytes
    }

    /// Parses key and signature.
    pub(crate) fn from_bytes(bytes: &[u8; SIGNATURE_BYTES]) -> Signature {
        let mut key = [0; 32];
        key.copy_from_slice(&bytes[..32]);
        let mut signature = [0; 64];
        signature.copy_from_slice(&bytes[32..]);
        Signature { key: PublicKey::from_bytes(key), bytes: signature }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("key", &self.key).finish_non_exhaustive()
    }
}
