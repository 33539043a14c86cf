//! The operator's CA, certificates and keys as files in one directory.
//!
//! The CA signs two kinds of certificates, each valid for ten years: the operator's, which nodes accept, and
//! those of the node API, which all have the same name. ECDSA P-256, because making an RSA key takes seconds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use api::Credentials;
use certs::{Authority, Clock, Issued, Key, Leaf, Subject, Usage};
use files::{Access, NewFile};

use crate::hint::hinted;
use crate::output;

/// Files of the CA.
const CA: [&str; 2] = ["operator-ca.crt", "operator-ca.key"];
/// Files of the operator.
const OPERATOR: [&str; 2] = ["operator.crt", "operator.key"];
/// All files: the CA first.
pub const FILES: [&str; 4] = [CA[0], CA[1], OPERATOR[0], OPERATOR[1]];
/// Validity of every certificate: ten years.
const LIFE_SECS: u64 = 10 * 365 * 86_400;
/// Organization in every certificate.
const ORGANIZATION: &str = "ironhull";

/// Loads what a client of the node API needs from `dir`. Warns if others may read the key.
pub fn load(dir: &Path) -> Result<Credentials> {
    warn_of_readers(&dir.join(OPERATOR[1]));
    let failed = |path: &Path, e: std::io::Error| {
        hinted(
            format!("reading operator credentials {}: {e}", path.display()),
            "--credentials takes the directory that `ironhull config init` made",
        )
    };
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).map_err(|e| failed(&path, e))
    };
    let (ca, certificate) = (read(CA[0])?, read(OPERATOR[0])?);
    let key = files::read_pem(&dir.join(OPERATOR[1])).map_err(|e| match e {
        files::Error::Io { path, source, .. } => failed(&path, source),
        e => e.into(),
    })?;
    Ok(Credentials { ca, certificate, key })
}

/// Warns if others may read a key. This is not an error: a mounted secret may have no other mode.
fn warn_of_readers(key: &Path) {
    // A missing key is reported by the caller.
    let Ok(meta) = fs::metadata(key) else { return };
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let key = key.display();
        output::tell(&format!(
            "warning: operator key {key} is accessible to others: expected mode 600, found {mode:o}\nhint: chmod 600 {key}"
        ));
    }
}

/// Creates a CA and an operator certificate in `dir`, unless the CA exists; returns the CA.
///
/// If the CA exists without an operator certificate and key, those are created.
pub fn ensure(dir: &Path) -> Result<Issued> {
    let exists = CA.map(|name| dir.join(name).exists());
    let ca = match exists {
        [true, true] => {
            Issued { certificate: read(&dir.join(CA[0]))?, key: files::read_pem(&dir.join(CA[1]))? }
        }
        [false, false] => make_ca(dir)?,
        [true, false] => return Err(half(CA[1], CA[0])),
        [false, true] => return Err(half(CA[0], CA[1])),
    };
    match OPERATOR.map(|name| dir.join(name).exists()) {
        [true, true] => return Ok(ca),
        [false, false] => {}
        [true, false] => return Err(half(OPERATOR[1], OPERATOR[0])),
        [false, true] => return Err(half(OPERATOR[0], OPERATOR[1])),
    }
    let pair = issue(&ca, "operator", Usage::Client, &[])?;
    write_pair(dir, OPERATOR, &pair)?;
    Ok(ca)
}

/// Issues a server certificate and key for the node API.
pub fn issue_node(ca: &Issued) -> Result<Issued> {
    let names = [api::SERVER_NAME.to_owned()];
    issue(ca, "node", Usage::Server, &names)
}

/// Writes certificate and key to two files, both or none.
fn write_pair(dir: &Path, [certificate, key]: [&str; 2], pair: &Issued) -> Result<()> {
    let file = |name, text: &str, access| NewFile { path: dir.join(name), access, bytes: text.into() };
    files::create_new(&[
        file(key, &pair.key, Access::Private),
        file(certificate, &pair.certificate, Access::Public),
    ])?;
    Ok(())
}

/// Writes a node config, which contains a key and must not exist yet.
pub fn write_config(path: &Path, text: &str) -> Result<()> {
    let file = NewFile { path: path.to_owned(), access: Access::Private, bytes: text.into() };
    Ok(files::create_new(&[file])?)
}

/// Makes a CA; nothing is written.
pub fn new_ca() -> Result<Issued> {
    let ca = authority(Key::generate().context("making a key")?);
    let clock = clock()?;
    let certificate = ca.certificate(clock, clock.end_secs(LIFE_SECS)).context("making the operator CA")?;
    Ok(Issued { certificate, key: ca.key_pem() })
}

/// Makes a CA and writes it.
fn make_ca(dir: &Path) -> Result<Issued> {
    let pair = new_ca()?;
    write_pair(dir, CA, &pair)?;
    Ok(pair)
}

/// Returns the operator CA with this key.
fn authority(key: Key) -> Authority {
    Authority::new(Subject { common_name: "ironhull operator CA", organization: Some(ORGANIZATION) }, key)
}

/// Issues a certificate under `ca`.
fn issue(ca: &Issued, name: &str, usage: Usage, names: &[String]) -> Result<Issued> {
    let key = Key::from_pem(&ca.key).with_context(|| format!("reading {}", CA[1]))?;
    let clock = clock()?;
    let leaf = Leaf {
        subject: Subject { common_name: name, organization: Some(ORGANIZATION) },
        usage,
        names,
        not_after_secs: clock.end_secs(LIFE_SECS),
    };
    authority(key).issue(&leaf, clock).with_context(|| format!("signing certificate {name:?}"))
}

/// Returns the time of this machine's clock.
fn clock() -> Result<Clock> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("reading the clock")?;
    Ok(Clock::new(now.as_secs()))
}

/// Reads a file.
fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Returns the error that one file of a pair is missing.
fn half(missing: &str, there: &str) -> anyhow::Error {
    hinted(
        format!("the directory has {there} but no {missing}"),
        "restore the missing file, or use another directory",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_private_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let ca = ensure(dir.path()).unwrap();
        for name in [CA[1], OPERATOR[1]] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let before = load(dir.path()).unwrap();
        let again = ensure(dir.path()).unwrap();
        assert_eq!(again.certificate, ca.certificate);
        assert_eq!(load(dir.path()).unwrap().key, before.key);
        for name in [OPERATOR[1], CA[1]] {
            fs::remove_file(dir.path().join(name)).unwrap();
            assert!(ensure(dir.path()).unwrap_err().to_string().contains(name), "{name}");
        }
    }

    #[test]
    fn openssl_finds_each_certificate_fit_for_its_purpose() {
        let Some(openssl) = judges::find("openssl") else { return };
        let dir = tempfile::tempdir().unwrap();
        let node = issue_node(&ensure(dir.path()).unwrap()).unwrap();
        fs::write(dir.path().join("node.crt"), &node.certificate).unwrap();
        let verify = |purpose: &str, extra: &[&str], name: &str| {
            let mut line = openssl.command();
            line.current_dir(dir.path()).args([
                "verify",
                "-x509_strict",
                "-CAfile",
                CA[0],
                "-purpose",
                purpose,
            ]);
            line.args(extra).arg(name).output().unwrap()
        };
        let server = verify("sslserver", &["-verify_hostname", api::SERVER_NAME], "node.crt");
        assert!(server.status.success(), "{server:?}");
        assert!(verify("sslclient", &[], OPERATOR[0]).status.success());
        assert!(!verify("sslclient", &[], "node.crt").status.success());
    }
}
