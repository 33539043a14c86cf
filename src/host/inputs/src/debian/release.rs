//! The signed head of a suite (`InRelease`): `gpgv` checks its signature, and only the text that gpgv
//! verified is used. A release file that has expired or is older than the last one is refused: a mirror could
//! withhold fixes by serving an old signed one.

use std::fs;
use std::path::{Path, PathBuf};

use super::control;
use super::date::Date;
use super::lock;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::http::Expected;
use crate::run::Tool;

/// Maximum length of the signed text; Debian's has 140 KB.
const MAX_TEXT_BYTES: u64 = 8 << 20;

/// Checks the signature of `bytes`, which came from `url`; returns the signed text.
///
/// One good signature is enough: a release is signed with several keys, and a keyring rarely has them all. A
/// bad signature is refused. `VALIDSIG` alone is not enough: gpgv also prints it for an expired key or
/// signature and for a revoked key.
pub(super) fn verify(url: &str, bytes: &[u8], keyring: &Path) -> Result<String> {
    let failed =
        |reason: String| Error::Signature { url: url.to_owned(), keyring: keyring.to_owned(), reason };
    if !keyring.is_file() {
        return Err(failed("the keyring is not there".into()));
    }
    let dir = tempfile::tempdir().map_err(Error::io("making a directory in", std::env::temp_dir()))?;
    let (signed, plain) = (dir.path().join("InRelease"), dir.path().join("Release"));
    fs::write(&signed, bytes).map_err(Error::io("writing", &signed))?;
    // gpgv fails if one of several keys is unknown, so its status lines are used, not its exit code. It
    // writes the decompressed text before it checks a signature, and a few hundred bytes decompress to
    // gigabytes; hence the limit, in units of 512 bytes.
    let script = r#"ulimit -c 0; ulimit -f "$4"
        gpgv --status-fd 1 --keyring "$1" --output "$2" "$3" 2>/dev/null || true"#;
    let blocks = (MAX_TEXT_BYTES / 512).to_string();
    let tool = Tool::new("sh").args(["-c", script, "gpgv"]).arg(as_path(keyring)).arg(&plain).arg(&signed);
    let status = tool.arg(blocks).output()?;
    let unpacked = fs::metadata(&plain).map_or(0, |found| found.len());
    if unpacked >= MAX_TEXT_BYTES {
        return Err(failed(format!("it unpacks to more than {unpacked} bytes")));
    }
    judge(&status).map_err(failed)?;
    fs::read_to_string(&plain).map_err(Error::io("reading", &plain))
}

/// Returns a keyring as a path with a slash: gpgv looks for a plain name in its own directory.
fn as_path(keyring: &Path) -> PathBuf {
    std::path::absolute(keyring).unwrap_or_else(|_| keyring.to_owned())
}

/// Decides according to the status lines of gpgv. Spec: GnuPG, doc/DETAILS.
fn judge(status: &str) -> std::result::Result<(), String> {
    let lines = || status.lines().filter_map(|l| l.strip_prefix("[GNUPG:] "));
    if let Some(bad) = lines().find(|l| l.starts_with("BADSIG ")) {
        return Err(format!("bad signature ({bad})"));
    }
    // Each signature has one line with its verdict, followed by VALIDSIG if it is correct.
    let (mut verdict, mut reasons) = ("", Vec::new());
    for line in lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "GOODSIG" | "EXPSIG" | "EXPKEYSIG" | "REVKEYSIG" => {
                verdict = word;
                reasons.extend(flaw(word).map(|flaw| format!("{flaw} ({rest})")));
            }
            "VALIDSIG" if verdict == "GOODSIG" => match weak_hash(rest) {
                None => return Ok(()),
                Some(hash) => reasons.push(format!("signed over {hash}, which can be forged")),
            },
            "NO_PUBKEY" => reasons.push(format!("the keyring lacks the key {rest}")),
            _ => {}
        }
    }
    match reasons.is_empty() {
        true => Err("no valid signature".to_owned()),
        false => Err(format!("no valid signature: {}", reasons.join(", "))),
    }
}

/// Returns what a verdict says is wrong; `None` if the signature is good.
fn flaw(verdict: &str) -> Option<&'static str> {
    match verdict {
        "EXPSIG" => Some("the signature has expired"),
        "EXPKEYSIG" => Some("the key has expired"),
        "REVKEYSIG" => Some("the key was revoked"),
        _ => None,
    }
}

/// Returns the hash of a signature if it is too weak, according to the fields of `VALIDSIG`.
fn weak_hash(fields: &str) -> Option<&'static str> {
    // RFC 4880, 9.4.
    match fields.split(' ').nth(7)? {
        "1" => Some("MD5"),
        "2" => Some("SHA-1"),
        "3" => Some("RIPEMD-160"),
        _ => None,
    }
}

/// Which indexes are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// Only an index that has not expired and is not older than the one that the lock was made from.
    #[default]
    Current,
    /// Any signed index: for a snapshot of the archive, or to go back.
    Any,
}

/// The needed fields of a release file.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) codename: String,
    pub(super) version: String,
    pub(super) date: Date,
    /// From then on the archive has a newer one; absent if the archive rarely changes.
    pub(super) valid_until: Option<Date>,
    /// Size and hash of the compressed package index.
    pub(super) index: Expected,
}

impl Head {
    /// Refuses a release file from `url` that has expired at `now` (seconds since 1970), or is older than
    /// `before`.
    pub(super) fn check_age(&self, url: &str, before: Option<&Date>, now: u64) -> Result<()> {
        let url = || url.to_owned();
        if let Some(until) = self.valid_until.as_ref().filter(|until| until.epoch() < now) {
            return Err(Error::Expired { url: url(), until: until.to_string() });
        }
        match before {
            Some(before) if self.date.epoch() < before.epoch() => {
                Err(Error::Older { url: url(), found: self.date.to_string(), before: before.to_string() })
            }
            _ => Ok(()),
        }
    }
}

impl PartialEq for Expected {
    fn eq(&self, other: &Expected) -> bool {
        (self.size, self.sha256) == (other.size, other.sha256)
    }
}

/// Parses the release file of `suite`; `index` is the path of the package index in it.
pub(super) fn parse(url: &str, text: &str, suite: &str, index: &str) -> Result<Head> {
    let error = |message: String| Error::Syntax { file: url.to_owned(), line: 1, message };
    let stanzas = control::parse(url, text)?;
    let stanza = stanzas.first().ok_or_else(|| error("expected a release file, found nothing".into()))?;
    let codename = stanza.need(url, "Codename")?;
    if codename != suite {
        return Err(error(format!("expected the release {suite:?}, found {codename:?}")));
    }
    let version = stanza.need(url, "Version")?.to_owned();
    stanza.need(url, "Date")?;
    let date = lock::date(url, stanza, "Date")?.expect("the field is there");
    let valid_until = lock::date(url, stanza, "Valid-Until")?;
    let found = stanza.need(url, "SHA256")?.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (sha256, size, path) = (words.next()?, words.next()?, words.next()?);
        (path == index)
            .then_some(Expected { size: size.parse().ok()?, sha256: sha256.parse::<Digest>().ok()? })
    });
    let index = found.ok_or_else(|| error(format!("expected the SHA256 of {index}")))?;
    Ok(Head { codename: codename.to_owned(), version, date, valid_until, index })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status line of a correct signature that uses the hash with this number.
    fn valid(hash: u8) -> String {
        format!("[GNUPG:] VALIDSIG AB 2026-11-28 1795834381 0 4 0 1 {hash} 01 CD\n")
    }

    #[test]
    fn one_valid_signature_is_enough_and_a_bad_one_too_much() {
        let good = format!("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG X Debian\n{}", valid(8));
        let unknown = "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG X\n[GNUPG:] NO_PUBKEY CAFE\n";
        let bad = "[GNUPG:] BADSIG X Debian\n";
        let expired = format!("[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG X Debian\n{}", valid(8));
        for status in [good.clone(), format!("{good}{unknown}"), format!("{expired}{good}")] {
            assert_eq!(judge(&status), Ok(()));
        }
        for (status, reason) in [
            (format!("{good}{bad}"), "bad signature (BADSIG X Debian)"),
            (unknown.to_owned(), "no valid signature: the keyring lacks the key CAFE"),
            (String::new(), "no valid signature"),
            (valid(8), "no valid signature"),
            (format!("{expired}{}", valid(8)), "no valid signature: the key has expired (X Debian)"),
            (
                format!("[GNUPG:] GOODSIG X\n{}", valid(2)),
                "no valid signature: signed over SHA-1, which can be forged",
            ),
        ] {
            assert_eq!(judge(&status), Err(reason.to_owned()));
        }
    }

    #[test]
    fn a_keyring_in_the_working_directory_is_no_name_to_gpgv() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(as_path(Path::new("keys.gpg")), here.join("keys.gpg"));
        assert_eq!(as_path(Path::new("/usr/share/keys.gpg")), Path::new("/usr/share/keys.gpg"));
    }

    #[test]
    fn finds_the_index_of_the_right_suite() {
        let hash = Digest::of(b"x");
        let text = format!(
            "Origin: Debian\nCodename: trixie\nVersion: 13.7\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nValid-Until: Sat, 19 Sep 2026 07:55:41 UTC\nMD5Sum:\n 11 5 main/P.xz\nSHA256:\n \
             {hash} 7 other\n {hash} 42 main/P.xz\n"
        );
        let head = parse("u", &text, "trixie", "main/P.xz").unwrap();
        assert_eq!(head.index, Expected { size: 42, sha256: hash });
        assert_eq!(head.version, "13.7");
        let undated = text.replace("Valid-Until: Sat, 19", "Valid-Until: 19");
        let error = parse("u", &undated, "trixie", "main/P.xz").unwrap_err().to_string();
        assert!(error.starts_with("u:1: Valid-Until: expected a date such as"), "{error}");
        let wrong = parse("u", &text, "sid", "main/P.xz").unwrap_err().to_string();
        assert_eq!(wrong, "u:1: expected the release \"sid\", found \"trixie\"");
        assert!(parse("u", &text, "trixie", "main/Q.xz").is_err());
    }

    #[test]
    fn refuses_what_is_out_of_date_or_older_than_before() {
        let date = |day| Date::parse(&format!("Sat, {day} Sep 2026 07:55:41 UTC")).unwrap();
        let head = Head {
            codename: "trixie".into(),
            version: "13.7".into(),
            date: date("12"),
            valid_until: Some(date("19")),
            index: Expected { size: 1, sha256: Digest::of(b"x") },
        };
        let now = date("19").epoch();
        for before in [None, Some(date("11")), Some(date("12"))] {
            head.check_age("u", before.as_ref(), now).unwrap();
        }
        let expired = head.check_age("u", None, now + 1).unwrap_err().to_string();
        assert!(expired.starts_with("checking u: expired on Sat, 19 Sep 2026"), "{expired}");
        let older = head.check_age("u", Some(&date("13")), now).unwrap_err().to_string();
        assert!(older.contains("expected one from Sat, 13"), "{older}");
    }
}

#[cfg(test)]
pub(super) mod gpg_tests;
