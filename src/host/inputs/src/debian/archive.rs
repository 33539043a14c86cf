//! The archives of a release that packages come from: the release itself, which changes with a point release
//! every other month, and its security archive, which has urgent fixes.
//!
//! Updates that are neither (`trixie-updates`: time zones, virus patterns) are left out: they come with the
//! next point release.

/// One archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archive {
    /// The release.
    Main,
    /// Its security updates.
    Security,
}

impl Archive {
    /// Both archives, in order of preference if they have the same package.
    pub const ALL: [Archive; 2] = [Archive::Main, Archive::Security];

    /// Returns its name in the lock.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Archive::Main => "main",
            Archive::Security => "security",
        }
    }

    /// Returns the archive with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Archive> {
        Archive::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Returns the suite that images are made from, which is also the codename in the release file.
    pub(super) fn suite(self) -> &'static str {
        match self {
            Archive::Main => "trixie",
            Archive::Security => "trixie-security",
        }
    }
}
