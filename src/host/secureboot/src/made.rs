//! One key with its certificate, as created.

use certs::{Clock, Key, Subject};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::UnwrapErr;
use time::OffsetDateTime;

use crate::signer::Signer;
use crate::{Error, Result};

/// Length of the keys. All firmware takes it; not all takes more.
const BITS: usize = 2048;
/// Life of a certificate. Firmware does not look at it, tools do; a new one means to enrol again.
const LIFE_SECS: u64 = 20 * 365 * 86_400;

/// A key and its certificate.
pub(crate) struct Made {
    /// The private key, PEM.
    pub key: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// Who signs with it.
    pub signer: Signer,
}

/// Makes a key and a certificate that it signs itself.
pub(crate) fn make(subject: &str, now: OffsetDateTime) -> Result<Made> {
    let failed = |reason: String| Error::Make { what: format!("the key {subject:?}"), reason };
    // Only made by this library; all signing is done by the one that the workspace has for certificates.
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
