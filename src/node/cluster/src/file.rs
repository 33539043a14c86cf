//! Planned files and directories: path, content, owner, mode.

use std::fmt;
use std::path::PathBuf;

use control::User;

/// A file that must exist with exactly this content.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Absolute path.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: User,
    /// Its content.
    pub contents: Vec<u8>,
}

impl File {
    /// A file of root's that everybody may read.
    #[must_use]
    pub fn public(path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        File { path: path.into(), mode: 0o644, owner: User::ROOT, contents: contents.into() }
    }

    /// A file that only `owner` may read and write.
    #[must_use]
    pub fn private(path: impl Into<PathBuf>, owner: User, contents: impl Into<Vec<u8>>) -> Self {
        File { path: path.into(), mode: 0o600, owner, contents: contents.into() }
    }
}

impl fmt::Debug for File {
    /// Leaves out the content, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let File { path, mode, owner, contents } = self;
        write!(f, "{} {mode:o} {}:{} {} bytes", path.display(), owner.uid, owner.gid, contents.len())
    }
}

/// A directory that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Absolute path. Missing parents are created too, accessible to all.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: User,
}

impl Directory {
    /// A directory of root's that everybody may enter.
    #[must_use]
    pub fn public(path: impl Into<PathBuf>) -> Self {
        Directory { path: path.into(), mode: 0o755, owner: User::ROOT }
    }

    /// A directory that only `owner` may enter.
    #[must_use]
    pub fn private(path: impl Into<PathBuf>, owner: User) -> Self {
        Directory { path: path.into(), mode: 0o700, owner }
    }
}
