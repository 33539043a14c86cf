//! A key with its certificate, ready to sign.

use std::fmt;
use std::path::Path;

use certs::Key;
use formats::authenticode::{Certificate, Unsigned};
use formats::efivar::Update;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{Error, Result};

/// Signs with an RSA key and its certificate.
pub struct Signer {
    key: Key,
    certificate: Certificate,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Signer {
    /// Loads a key and its certificate, both PEM.
    ///
    /// # Errors
    /// [`Error::Pem`] if a file can't be read or is not one PEM block, [`Error::Read`] if it is not an RSA
    /// key or not a certificate, [`Error::OtherKey`] if they do not belong together.
    pub fn load(key: &Path, certificate: &Path) -> Result<Signer> {
        let bad = |what, path: &Path, reason: String| Error::Read { what, path: path.to_owned(), reason };
        let text = files::read_pem(key).map_err(Error::Pem)?;
        let pair = Key::from_rsa_pem(&text);
        let pair = pair.map_err(|e| bad("key", key, e.to_string()))?;
        let text = files::read_pem(certificate).map_err(Error::Pem)?;
        let pem = Pem::iter_from_buffer(text.as_bytes()).next();
        let pem = pem.ok_or_else(|| bad("certificate", certificate, "expected PEM, found none".into()))?;
        let pem = pem.map_err(|e| bad("certificate", certificate, e.to_string()))?;
        let public = pair.public_key_info();
        let signer = Signer::new(pair, &pem.contents).map_err(|e| bad("certificate", certificate, e))?;
        let (_, parsed) = X509Certificate::from_der(&pem.contents)
            .map_err(|e| bad("certificate", certificate, e.to_string()))?;
        if parsed.public_key().raw != public {
            return Err(Error::OtherKey { key: key.to_owned(), certificate: certificate.to_owned() });
        }
        Ok(signer)
    }

    /// Combines a key and its certificate, DER; the error is the reason.
    pub(crate) fn new(key: Key, der: &[u8]) -> std::result::Result<Signer, String> {
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|e| e.to_string())?;
        let (issuer, serial) = (parsed.issuer().as_raw().to_vec(), parsed.raw_serial().to_vec());
        let der = der[..der.len() - rest.len()].to_vec();
        Ok(Signer { key, certificate: Certificate { der, issuer, serial } })
    }

    /// Returns the certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate.der
    }

    /// Signs an EFI program; the same program gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Program`] if it is not an EFI program or already signed, [`Error::Sign`] if signing fails.
    pub fn sign_program(&self, program: &[u8]) -> Result<Vec<u8>> {
        let unsigned = Unsigned::parse(program)?;
        let signature = self.sign(&unsigned.message())?;
        Ok(unsigned.sign(&self.certificate, &signature)?)
    }

    /// Signs an update of a firmware variable.
    pub(crate) fn sign_update(&self, update: &Update<'_>) -> Result<Vec<u8>> {
        Ok(update.sign(&self.certificate, &self.sign(&update.message())?))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.key.sign(message).map_err(|e| Error::Sign(e.to_string()))
    }
}
