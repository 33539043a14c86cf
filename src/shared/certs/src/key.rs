//! Private keys.

use std::fmt;

use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, SigningKey};

/// What the library says of a key that it does not take, or of a certificate that it does not make.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CertError(#[from] rcgen::Error);

/// A private key.
pub struct Key(pub(crate) KeyPair);

impl fmt::Debug for Key {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Key {
    /// Makes a key, ECDSA P-256.
    ///
    /// # Errors
    /// [`CertError`] if the system provides no random numbers.
    pub fn generate() -> Result<Key, CertError> {
        Ok(Key(KeyPair::generate()?))
    }

    /// Reads a key, PEM.
    ///
    /// # Errors
    /// If it is none, or of a kind that does not sign here.
    pub fn from_pem(pem: &str) -> Result<Key, CertError> {
        Ok(Key(KeyPair::from_pem(pem)?))
    }

    /// Reads an RSA key, PKCS #8 as PEM, that signs SHA-256.
    ///
    /// # Errors
    /// If it is none, or shorter than 2048 bits or longer than 4096.
    pub fn from_rsa_pem(pem: &str) -> Result<Key, CertError> {
        Ok(Key(KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256)?))
    }

    /// Returns the key, PKCS #8 as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// Returns the bits of the public key, as they stand in a certificate.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.0.public_key_raw()
    }

    /// Returns the public key with its kind (`SubjectPublicKeyInfo`), DER.
    #[must_use]
    pub fn public_key_info(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// Returns the public key, PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        self.0.public_key_pem()
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// [`CertError`] if the signing library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CertError> {
        Ok(self.0.sign(message)?)
    }
}
