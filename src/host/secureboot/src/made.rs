//! A newly created key with its certificate.

use certs::{Clock, Key, Subject};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::UnwrapErr;
use time::OffsetDateTime;

use crate::signer::Signer;
use crate::{Error, Result};

/// Length of the keys in bits. All firmware supports it; not all supports more.
const BITS: usize = 2048;
/// Validity of a certificate. Firmware does not check it, but tools do; a new certificate must be enrolled
/// again.
const LIFE_SECS: u64 = 20 * 365 * 86_400;

/// A key and its certificate.
pub(crate) struct Made {
    /// The private key, PEM.
    pub key: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// Signs with the key.
    pub signer: Signer,
}

/// Makes a key and a self-signed certificate.
pub(crate) fn make(subject: &str, now: OffsetDateTime) -> Result<Made> {
    let failed = |reason: String| Error::Make { what: format!("the key {subject:?}"), reason };
    // This library only makes the key; all signing uses the workspace's library for certificates.
    let key =
        RsaPrivateKey::new(&mut UnwrapErr(getrandom::SysRng), BITS).map_err(|e| failed(e.to_string()))?;
    let key = key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).map_err(|e| failed(e.to_string()))?;
    let pair = Key::from_rsa_pem(&key).map_err(|e| failed(e.to_string()))?;
    let subject = Subject { common_name: subject, organization: None };
    let clock = Clock::new(u64::try_from(now.unix_timestamp()).unwrap_or_default());
    let certificate =
        certs::self_signed(subject, &pair, clock, LIFE_SECS).map_err(|e| failed(e.to_string()))?;
    let signer = Signer::new(pair, &certificate.der).map_err(failed)?;
    Ok(Made { key: key.to_string(), certificate: certificate.pem, signer })
}
