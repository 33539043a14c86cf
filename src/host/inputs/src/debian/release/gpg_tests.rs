//! Tests with the real gpgv and with keys made by the real gpg: valid, expired, revoked, unknown.

use std::fs;
use std::process::Command;

use super::*;

/// The signed text.
const TEXT: &str = "Codename: trixie\n";

/// A home directory of gpg with one key.
pub(in crate::debian) struct Gpg {
    home: tempfile::TempDir,
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent keeps running after gpg.
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

/// Returns whether the tools are installed; prints a message if not.
pub(in crate::debian) fn installed() -> bool {
    judges::present(&["gpg", "gpgv", "gpgconf", "xz"])
}

impl Gpg {
    /// Makes a key as of `time`, in gpg's format, that expires after `expires`.
    pub(in crate::debian) fn new(time: &str, expires: &str) -> Gpg {
        // In /tmp, since the path of the agent's socket must be short.
        let gpg = Gpg { home: tempfile::tempdir_in("/tmp").unwrap() };
        let make = ["--faked-system-time", time, "--passphrase", "", "--quick-generate-key", "t@example.org"];
        gpg.run(&[&make[..], &["ed25519", "sign", expires]].concat());
        gpg
    }

    fn run(&self, args: &[&str]) -> Vec<u8> {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(self.home.path()).args(["--batch", "--yes", "--quiet", "--pinentry-mode"]);
        let output = gpg.arg("loopback").args(args).current_dir(self.home.path()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Signs a text as of `time`.
    pub(in crate::debian) fn sign_text(&self, text: &str, time: &str) -> Vec<u8> {
        fs::write(self.home.path().join("text"), text).unwrap();
        self.run(&["--faked-system-time", time, "--clear-sign", "--output", "-", "text"])
    }

    /// Signs [`TEXT`] as of `time`.
    fn sign(&self, time: &str, more: &[&str]) -> Vec<u8> {
        fs::write(self.home.path().join("text"), TEXT).unwrap();
        self.run(&[&["--faked-system-time", time], more, &["--clear-sign", "--output", "-", "text"]].concat())
    }

    pub(in crate::debian) fn keyring(&self) -> PathBuf {
        let path = self.home.path().join("keyring.gpg");
        fs::write(&path, self.run(&["--export"])).unwrap();
        path
    }
}

#[track_caller]
fn refused(signed: &[u8], keyring: &Path, reason: &str) {
    let error = verify("u", signed, keyring).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn takes_a_sound_signature_and_no_other_text() {
    if !installed() {
        return;
    }
    let gpg = Gpg::new("20250101T000000!", "never");
    let signed = gpg.sign("20250102T000000!", &[]);
    assert_eq!(verify("u", &signed, &gpg.keyring()).unwrap(), TEXT);
    let changed = String::from_utf8(signed.clone()).unwrap().replace("trixie", "trixje");
    refused(changed.as_bytes(), &gpg.keyring(), "bad signature (BADSIG ");
    refused(&signed, &Gpg::new("20250101T000000!", "never").keyring(), "the keyring lacks the key ");
    refused(TEXT.as_bytes(), &gpg.keyring(), "no valid signature");
    refused(&signed, Path::new("/nowhere.gpg"), "/nowhere.gpg: the keyring is not there");
    let weak = gpg.sign("20250102T000000!", &["--allow-weak-digest-algos", "--digest-algo", "SHA1"]);
    refused(&weak, &gpg.keyring(), "SHA-1");
}

#[test]
fn what_unpacks_to_gigabytes_is_cut_off() {
    if !installed() {
        return;
    }
    let gpg = Gpg::new("20250101T000000!", "never");
    let text = fs::File::create(gpg.home.path().join("text")).unwrap();
    text.set_len(2 * MAX_TEXT_BYTES).unwrap();
    let packed = gpg.run(&["--compress-algo", "bzip2", "--store", "--output", "-", "text"]);
    assert!(packed.len() < 4096, "{}", packed.len());
    refused(&packed, &gpg.keyring(), "it unpacks to more than 8388608 bytes");
}

#[test]
fn refuses_keys_and_signatures_that_have_expired() {
    if !installed() {
        return;
    }
    // Signed while the key was valid, so that only its expiry since then matters.
    let key = Gpg::new("20200101T000000!", "1y");
    refused(&key.sign("20200102T000000!", &[]), &key.keyring(), "the key has expired (");
    let signature = Gpg::new("20200101T000000!", "never");
    let signed = signature.sign("20200102T000000!", &["--default-sig-expire", "1d"]);
    refused(&signed, &signature.keyring(), "the signature has expired (");
}

#[test]
fn refuses_a_key_that_was_revoked() {
    if !installed() {
        return;
    }
    let gpg = Gpg::new("20250101T000000!", "never");
    let signed = gpg.sign("20250102T000000!", &[]);
    // gpg creates the revocation certificate with the key, disabled by a colon against accidental use.
    let folder = gpg.home.path().join("openpgp-revocs.d");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs::write(&file, text).unwrap();
    gpg.run(&["--import", &file.display().to_string()]);
    refused(&signed, &gpg.keyring(), "the key was revoked (");
}
