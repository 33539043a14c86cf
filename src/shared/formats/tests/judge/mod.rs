//! Foreign tools that judge what the writers make.
//!
//! A tool that is not installed makes its test a loud `SKIPPED` line, and a failure where `CI` is set.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A foreign tool.
#[derive(Debug)]
pub struct Judge {
    path: PathBuf,
}

/// Finds `name`, also where only root's path leads; tells if it is missing.
pub fn find(name: &str) -> Option<Judge> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(more).map(|d| d.join(name)).find(|p| p.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed, and CI needs it");
        println!("SKIPPED: {name} is not installed");
        eprintln!("SKIPPED: {name} is not installed");
    }
    found.map(|path| Judge { path })
}

impl Judge {
    /// Runs the tool; returns whether it was content, and all it said.
    pub fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> (bool, String) {
        let output = Command::new(&self.path).args(arguments).env("LC_ALL", "C").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs the tool, which must be content; returns all it said.
    #[track_caller]
    pub fn agrees<S: AsRef<OsStr> + std::fmt::Debug>(&self, arguments: &[S]) -> String {
        let (content, said) = self.ask(arguments);
        assert!(content, "{} {arguments:?}:\n{said}", self.path.display());
        said
    }
}

/// Returns the path as text, for arguments.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns bytes that look random and are always the same.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next());
    }
    bytes.truncate(length);
    bytes
}

/// Returns the SHA-256 of `bytes` in hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Calls `check` with `good` cut off and with bits flipped, at some hundred places each.
pub fn damaged(good: &[u8], mut check: impl FnMut(&[u8])) {
    let step = (good.len() / 300).max(1);
    for at in (0..good.len().min(4096)).chain((0..good.len()).step_by(step)) {
        let mut bad = good.to_vec();
        for byte in [good[at] ^ 1, good[at] ^ 0x80, 0xff] {
            bad[at] = byte;
            check(&bad);
        }
    }
    for length in (0..good.len()).step_by(step) {
        check(&good[..length]);
    }
}
