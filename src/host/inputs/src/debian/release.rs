//! The signed head of a suite (`InRelease`): its signature is checked by `gpgv`, and only what gpgv says
//! was signed is read.

use std::fs;
use std::path::Path;

use super::control;
use super::lock::Release;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::http::Expected;
use crate::run::Tool;

/// Checks the signature of `bytes`, which came from `url`; returns the signed text.
///
/// One good signature is enough: a release is signed by the keys of several years, and a keyring rarely
/// has them all. A bad one is refused.
pub(super) fn verify(url: &str, bytes: &[u8], keyring: &Path) -> Result<String> {
    let failed =
        |reason: String| Error::Signature { url: url.to_owned(), keyring: keyring.to_owned(), reason };
    if !keyring.is_file() {
        return Err(failed("the keyring is not there".into()));
    }
    let dir = tempfile::tempdir().map_err(Error::io("making a directory in", std::env::temp_dir()))?;
    let (signed, plain) = (dir.path().join("InRelease"), dir.path().join("Release"));
    fs::write(&signed, bytes).map_err(Error::io("writing", &signed))?;
    // gpgv fails when one of several keys is unknown: its status lines tell more than its exit code.
    let script = r#"gpgv --status-fd 1 --keyring "$1" --output "$2" "$3" 2>/dev/null || true"#;
    let tool = Tool::new("sh").args(["-c", script, "gpgv"]).arg(keyring).arg(&plain).arg(&signed);
    let status = tool.output()?;
    judge(&status).map_err(failed)?;
    fs::read_to_string(&plain).map_err(Error::io("reading", &plain))
}

/// Decides by the status lines of gpgv.
fn judge(status: &str) -> std::result::Result<(), String> {
    let lines = || status.lines().filter_map(|l| l.strip_prefix("[GNUPG:] "));
    if let Some(bad) = lines().find(|l| l.starts_with("BADSIG ")) {
        return Err(format!("bad signature ({bad})"));
    }
    if lines().any(|l| l.starts_with("VALIDSIG ")) {
        return Ok(());
    }
    let unknown: Vec<_> = lines().filter_map(|l| l.strip_prefix("NO_PUBKEY ")).collect();
    Err(match unknown.is_empty() {
        true => "no valid signature".to_owned(),
        false => format!("the keyring has none of the keys it is signed with ({})", unknown.join(", ")),
    })
}

/// The parts of a release file that are needed.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) release: Release,
    /// What the compressed package index must be.
    pub(super) index: Expected,
}

impl PartialEq for Expected {
    fn eq(&self, other: &Expected) -> bool {
        (self.size, self.sha256) == (other.size, other.sha256)
    }
}

/// Reads the release file of `suite`; `index` is the path of the package index in it.
pub(super) fn parse(url: &str, text: &str, suite: &str, index: &str) -> Result<Head> {
    let error = |message: String| Error::Syntax { file: url.to_owned(), line: 1, message };
    let stanzas = control::parse(url, text)?;
    let stanza = stanzas.first().ok_or_else(|| error("expected a release file, found nothing".into()))?;
    let codename = stanza.need(url, "Codename")?;
    if codename != suite {
        return Err(error(format!("expected the release {suite:?}, found {codename:?}")));
    }
    let release = Release {
        codename: codename.to_owned(),
        version: stanza.need(url, "Version")?.to_owned(),
        date: stanza.need(url, "Date")?.to_owned(),
    };
    let found = stanza.need(url, "SHA256")?.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (sha256, size, path) = (words.next()?, words.next()?, words.next()?);
        (path == index)
            .then_some(Expected { size: size.parse().ok()?, sha256: sha256.parse::<Digest>().ok()? })
    });
    let index = found.ok_or_else(|| error(format!("expected the SHA256 of {index}")))?;
    Ok(Head { release, index })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_valid_signature_is_enough_and_a_bad_one_too_much() {
        let valid = "[GNUPG:] NEWSIG\n[GNUPG:] VALIDSIG AB\n";
        let unknown = "[GNUPG:] ERRSIG X\n[GNUPG:] NO_PUBKEY CAFE\n";
        let bad = "[GNUPG:] BADSIG X Debian\n";
        assert_eq!(judge(&format!("{valid}{unknown}")), Ok(()));
        for (status, reason) in [
            (format!("{valid}{bad}"), "bad signature (BADSIG X Debian)"),
            (unknown.to_owned(), "the keyring has none of the keys it is signed with (CAFE)"),
            (String::new(), "no valid signature"),
        ] {
            assert_eq!(judge(&status), Err(reason.to_owned()));
        }
    }

    #[test]
    fn finds_the_index_of_the_right_suite() {
        let hash = Digest::of(b"x");
        let text = format!(
            "Origin: Debian\nCodename: trixie\nVersion: 13.7\nDate: today\nMD5Sum:\n 11 5 main/P.xz\nSHA256:\n \
             {hash} 7 other\n {hash} 42 main/P.xz\n"
        );
        let head = parse("u", &text, "trixie", "main/P.xz").unwrap();
        assert_eq!(head.index, Expected { size: 42, sha256: hash });
        assert_eq!(head.release.version, "13.7");
        let wrong = parse("u", &text, "sid", "main/P.xz").unwrap_err().to_string();
        assert_eq!(wrong, "u:1: expected the release \"sid\", found \"trixie\"");
        assert!(parse("u", &text, "trixie", "main/Q.xz").is_err());
    }

    #[test]
    fn refuses_what_is_not_signed() {
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        if !judges::present(&["gpgv", keyring]) {
            return;
        }
        let keyring = Path::new(keyring);
        let error = verify("u", b"Codename: trixie\n", keyring).unwrap_err().to_string();
        assert!(error.contains("no valid signature"), "{error}");
        let missing = verify("u", b"", Path::new("/nowhere.gpg")).unwrap_err().to_string();
        assert!(missing.contains("/nowhere.gpg: the keyring is not there"), "{missing}");
    }
}
