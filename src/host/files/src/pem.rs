//! Reads a key or a certificate: exactly one PEM block, since the first of several may not be the one meant.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// Maximum length of a file; an RSA key with 16384 bits has 13 KiB.
const MAX_BYTES: u64 = 64 << 10;

/// Reads a file with exactly one PEM block, an unencrypted key or a certificate. Its kind and content are
/// checked by the caller.
///
/// # Errors
/// [`Error::Io`] if it can't be read; [`Error::Pem`] if it contains no block, several blocks, or an encrypted
/// key.
pub fn read_pem(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(Error::io("reading", path))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= MAX_BYTES);
    let text = text.ok_or("expected one PEM block, found something else");
    let checked = text.and_then(|text| check(&text).map(|()| text));
    checked.map_err(|reason| Error::Pem { path: path.to_owned(), reason })
}

/// Checks a text; the error does not quote it, since it may be a key.
fn check(text: &str) -> std::result::Result<(), &'static str> {
    let labels = || text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN "));
    if labels().any(|l| l.starts_with("ENCRYPTED ")) || text.contains("\nProc-Type: 4,ENCRYPTED") {
        return Err(
            "expected a key that can be used, found one that is encrypted\nhint: `openssl pkey -in FILE \
                    -out PLAIN` decrypts it",
        );
    }
    // `openssl ecparam` writes such a block in front of the key that it belongs to.
    match labels().filter(|l| !l.starts_with("EC PARAMETERS-")).count() {
        0 => Err("expected one PEM block, found none"),
        1 => Ok(()),
        _ => Err("expected one PEM block, found several\nhint: give each key a file of its own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n";

    #[test]
    fn one_block_is_read_and_anything_else_told() {
        let lab = tempfile::tempdir().unwrap();
        let path = lab.path().join("key");
        let legacy = KEY.replace("YWJj", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nYWJj");
        for (text, expected) in [
            (KEY.to_owned(), ""),
            (format!("Bag Attributes\n{KEY}"), ""),
            (KEY.replace('\n', "\r\n"), ""),
            (format!("-----BEGIN EC PARAMETERS-----\nYWJj\n-----END EC PARAMETERS-----\n{KEY}"), ""),
            (KEY.repeat(2), "found several"),
            (KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"), "encrypted"),
            (legacy, "encrypted"),
            (String::new(), "found none"),
            ("x".repeat(100_000), "something else"),
        ] {
            std::fs::write(&path, &text).unwrap();
            match read_pem(&path) {
                Ok(read) => assert_eq!((&*read, expected), (&*text, "")),
                Err(e) => assert!(!expected.is_empty() && e.to_string().contains(expected), "{e}"),
            }
        }
        std::fs::write(&path, b"\xff").unwrap();
        assert!(matches!(read_pem(&path), Err(Error::Pem { .. })));
    }
}
