//! The archives of a release that packages come from: the release itself, which changes with a point release
//! every other month, and its security archive, which has urgent fixes.
//!
//! Corrections that are neither (`trixie-updates`: time zones, virus patterns) are left out: they come with
//! the next point release.

/// One archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archive {
    /// The release.
    Main,
    /// Its security updates.
    Security,
}

impl Archive {
    /// Both, the one whose package is taken first where they have the same.
    pub const ALL: [Archive; 2] = [Archive::Main, Archive::Security];

    /// Returns the name as in the lock.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Archive::Main => "main",
            Archive::Security => "security",
        }
    }

    /// Returns the archive of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Archive> {
        Archive::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Returns the suite that images are made of; it is the release file's codename too.
    pub(super) fn suite(self) -> &'static str {
        match self {
            Archive::Main => "trixie",
            Archive::Security => "trixie-security",
        }
    }
}
