//! Which CVEs an update fixes: those that Debian's changelog names between two versions.
//!
//! Every package contains its changelog, so this needs no source but the archive. A CVE number assigned after
//! the upload is not in it. Spec: Debian Policy 4.4 (changelog) and 12.7 (where it is installed).

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::member;
use super::version;
use crate::error::{Error, Result};

/// Maximum size of an uncompressed changelog in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The number of a CVE; sorted by year and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cve {
    year: u32,
    number: u64,
}

impl fmt::Display for Cve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CVE-{}-{:04}", self.year, self.number)
    }
}

/// Returns the uncompressed changelog in the .deb of `package`.
pub(super) fn of_package(deb: &Path, package: &str) -> Result<String> {
    let broken = |e: std::io::Error| Error::Archive { path: deb.to_owned(), message: e.to_string() };
    let folder = Path::new("usr/share/doc").join(package);
    let mut upstream = None;
    let mut archive = tar::Archive::new(member::open_data(deb)?);
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path);
        let Some(name) = path.strip_prefix(&folder).ok().and_then(Path::to_str) else { continue };
        // A native package has one changelog; a binary rebuild has a second one.
        if !matches!(name, "changelog.Debian.gz" | "changelog.gz") {
            continue;
        }
        let mut bytes = Vec::new();
        GzDecoder::new(entry).take(MAX_BYTES).read_to_end(&mut bytes).map_err(broken)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if name == "changelog.Debian.gz" {
            return Ok(text);
        }
        upstream = Some(text);
    }
    upstream.ok_or_else(|| Error::NoSuchFile {
        package: package.to_owned(),
        path: folder.join("changelog.Debian.gz").display().to_string(),
    })
}

/// Returns the CVEs of the entries after version `old` up to `new`; both are versions of the source package.
pub(super) fn cves(changelog: &str, old: &str, new: &str) -> BTreeSet<Cve> {
    let mut found = BTreeSet::new();
    let mut within = false;
    for line in changelog.lines() {
        if let Some(version) = heading(line) {
            within = version::compare(version, old).is_gt() && version::compare(version, new).is_le();
        } else if within {
            found.extend(named(line));
        }
    }
    found
}

/// Returns the version in the first line of an entry: `glibc (2.41-12) unstable; urgency=medium`.
fn heading(line: &str) -> Option<&str> {
    if line.starts_with(char::is_whitespace) {
        return None;
    }
    let (source, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    (!source.contains(' ') && rest.contains(';')).then_some(version)
}

/// Finds the CVE numbers in a line.
fn named(line: &str) -> impl Iterator<Item = Cve> + '_ {
    line.match_indices("CVE-").filter_map(|(at, found)| {
        let (year, rest) = line[at + found.len()..].split_once('-')?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let sound = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) && digits >= 4;
        sound.then_some(Cve { year: year.parse().ok()?, number: rest[..digits].parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "glibc (2.41-12+deb13u5) trixie-security; urgency=medium

  * debian/patches/x: fix a heap overflow (CVE-2026-0003, CVE-2026-12345).
    Closes: #1; see CVE-2026-0003.

 -- A <a@example.org>  Sat, 12 Sep 2026 07:55:41 +0200

glibc (2.41-12+deb13u4) trixie; urgency=medium

  * [CVE-2025-8058]: double free. CVE-2025-, CVE-25-1234, CVE-2025-123

 -- A <a@example.org>  Sat, 12 Jul 2026 07:55:41 +0200

glibc (2.41-12) unstable; urgency=medium

  * CVE-2024-33599

 -- A <a@example.org>  Sat, 12 Jul 2025 07:55:41 +0200
";

    #[test]
    fn names_what_lies_between_two_versions() {
        let between = |old: &str, new: &str| {
            cves(CHANGELOG, old, new).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(between("2.41-12+deb13u4", "2.41-12+deb13u5"), "CVE-2026-0003 CVE-2026-12345");
        assert_eq!(between("2.41-12", "2.41-12+deb13u4"), "CVE-2025-8058");
        assert_eq!(between("2.41-12", "2.41-12+deb13u5"), "CVE-2025-8058 CVE-2026-0003 CVE-2026-12345");
        // A downgrade.
        assert_eq!(between("2.41-12+deb13u5", "2.41-12"), "");
    }
}
