//! Creates the keys of a machine's owner and the files to enrol them.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use files::{Access, NewFile};
use formats::efivar::{Time, Update, signature_list};
use formats::gpt::Guid;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::made::{Made, make};
use crate::{Error, Result};

/// Names of the keys, as of the firmware's variables. Each key authorizes the next one; the last one signs
/// programs.
pub const NAMES: [&str; 3] = ["PK", "KEK", "db"];
/// Their names in the certificates.
const TITLES: [&str; 3] = ["platform key", "key exchange key", "signature key"];
/// File name extensions of each key's files.
const ENDINGS: [&str; 5] = ["key", "crt", "cer", "esl", "auth"];

/// Creates three keys in `dir`, whose certificates name `owner`; returns the paths of all files.
///
/// For each key: `.key`, the private key (PEM, mode 600); `.crt` and `.cer`, the certificate (PEM and DER);
/// `.esl`, the certificate as a signature list for the variable; `.auth`, that list signed, as firmware
/// accepts it. The directory is created if it does not exist.
///
/// # Errors
/// [`Error::Make`] if a key can't be made; [`Error::File`] if the directory can't be created;
/// [`Error::Files`] if a file exists already or can't be written. No file of a key is left then; the
/// directory may be.
pub fn create(dir: &Path, owner: &str) -> Result<Vec<PathBuf>> {
    let names = NAMES.iter().flat_map(|name| ENDINGS.map(|ending| format!("{name}.{ending}")));
    files::check_absent(&names.map(|name| dir.join(name)).collect::<Vec<_>>())?;
    let now = OffsetDateTime::now_utc();
    let keys =
        TITLES.iter().map(|title| make(&format!("{owner} {title}"), now)).collect::<Result<Vec<_>>>()?;
    let files = files_of(dir, &keys, time_of(now)?)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::File { doing: "making directory", path: dir.to_owned(), source })?;
    files::create_new(&files)?;
    Ok(files.into_iter().map(|file| file.path).collect())
}

/// Returns the files of all keys; they depend only on the keys and the time.
fn files_of(dir: &Path, keys: &[Made], time: Time) -> Result<Vec<NewFile>> {
    let owner = keys.first().map_or(Guid([0; 16]), |platform| owner_guid(platform.signer.certificate()));
    let mut files = Vec::new();
    for (i, (name, key)) in NAMES.iter().zip(keys).enumerate() {
        let der = key.signer.certificate();
        let list = signature_list(owner, der);
        let above = &keys[i.saturating_sub(1)].signer;
        let update = above.sign_update(&Update { variable: name, content: &list, time })?;
        let public = |ending: &str, bytes: &[u8]| NewFile {
            path: dir.join(format!("{name}.{ending}")),
            access: Access::Public,
            bytes: bytes.to_vec(),
        };
        files.extend([
            NewFile { access: Access::Private, ..public("key", key.key.as_bytes()) },
            public("crt", key.certificate.as_bytes()),
            public("cer", der),
            public("esl", &list),
            public("auth", &update),
        ]);
    }
    Ok(files)
}

/// Returns the owner GUID for the signature lists, derived from the platform key.
fn owner_guid(certificate: &[u8]) -> Guid {
    let hash = Sha256::digest(certificate);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // Version 8, variant 1: a GUID with custom content.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Guid(bytes)
}

/// Returns a time in the firmware's format.
fn time_of(now: OffsetDateTime) -> Result<Time> {
    let year = u16::try_from(now.year());
    let year = year.map_err(|e| Error::Make { what: "a date".into(), reason: e.to_string() })?;
    let (hour, minute, second) = now.to_hms();
    Ok(Time { year, month: now.month().into(), day: now.day(), hour, minute, second })
}
