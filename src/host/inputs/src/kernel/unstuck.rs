//! A kernel option that Kconfig did not keep.

use std::fmt;

/// An option whose value differs from the requested one after Kconfig resolved all dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstuck {
    /// The fragment that sets it.
    pub file: String,
    /// Line number in it, from 1.
    pub line: usize,
    /// `CONFIG_…`.
    pub option: String,
    /// Requested value; `n` for not set.
    pub wanted: String,
    /// Actual value; `n` for not set.
    pub found: String,
}

impl fmt::Display for Unstuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unstuck { file, line, option, wanted, found } = self;
        write!(f, "{file}:{line}: {option}: wanted {wanted}, found {found}")
    }
}
