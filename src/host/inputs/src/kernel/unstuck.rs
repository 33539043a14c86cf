//! A kernel option that Kconfig did not keep.

use std::fmt;

/// An option that is not as wanted after all dependencies were resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstuck {
    /// Fragment that wants it.
    pub file: String,
    /// Line in it, from 1.
    pub line: usize,
    /// `CONFIG_…`.
    pub option: String,
    /// Value wanted; `n` for not set.
    pub wanted: String,
    /// Value found; `n` for not set.
    pub found: String,
}

impl fmt::Display for Unstuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unstuck { file, line, option, wanted, found } = self;
        write!(f, "{file}:{line}: {option}: wanted {wanted}, found {found}")
    }
}
