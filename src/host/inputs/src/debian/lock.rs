//! `packages.lock`: every package pinned by size and SHA-256, and the release they come from.
//!
//! A control file like Debian's own: a first stanza for the release, then one for each package, sorted by
//! name. The same release and list always give the same text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::archive::Archive;
use super::control::{self, Stanza};
use super::date::Date;
use super::wanted::Use;
use crate::digest::Digest;
use crate::error::{Error, Result};

/// The first lines of a lock.
const HEADER: &str =
    "# Debian packages, pinned. Written by `ironhull lock update` from packages.list: do not edit.\n\n";

/// The release that the packages were resolved from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `trixie`.
    pub codename: String,
    /// Point release: `13.7`.
    pub version: String,
    /// Date of its index.
    pub date: Date,
    /// Date of its security archive's index; `None` in a lock made before that archive was used.
    pub security_date: Option<Date>,
}

impl Release {
    /// Returns the date of the newest input in seconds since 1970.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.date.epoch().max(self.security_date.as_ref().map_or(0, Date::epoch))
    }

    /// Returns the date of an archive's index.
    pub(super) fn date_of(&self, archive: Archive) -> Option<&Date> {
        match archive {
            Archive::Main => Some(&self.date),
            Archive::Security => self.security_date.as_ref(),
        }
    }
}

/// One pinned package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `amd64` or `all`.
    pub architecture: String,
    /// Source package and its version, for the SBOM.
    pub source: String,
    /// What it is used for.
    pub uses: BTreeSet<Use>,
    /// The archive that has it.
    pub archive: Archive,
    /// Path in the archive.
    pub filename: String,
    /// Size of the .deb in bytes.
    pub size: u64,
    /// Hash of the .deb.
    pub sha256: Digest,
    /// The packages that depend on it, or `packages.list`.
    pub wanted_by: BTreeSet<String>,
}

/// A lock; packages are sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The release they come from.
    pub release: Release,
    /// All packages.
    pub packages: Vec<Locked>,
}

impl Lock {
    /// Returns a package by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Locked> {
        self.packages.iter().find(|p| p.name == name)
    }

    /// Returns the packages for one use, sorted by name.
    pub fn with_use(&self, kind: Use) -> impl Iterator<Item = &Locked> {
        self.packages.iter().filter(move |p| p.uses.contains(&kind))
    }

    /// Returns the text of the lock file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Release { codename, version, date, security_date } = &self.release;
        let mut text = format!("{HEADER}Release: {version}\nCodename: {codename}\nDate: {date}\n");
        if let Some(date) = security_date {
            text += &format!("Security-Date: {date}\n");
        }
        for p in &self.packages {
            let uses: Vec<_> = p.uses.iter().map(|u| u.name()).collect();
            let by: Vec<_> = p.wanted_by.iter().map(String::as_str).collect();
            // The main archive is not mentioned: most packages come from there.
            let archive = if p.archive == Archive::Main { "" } else { "Archive: security\n" };
            // Writing to a String can't fail.
            let _ = write!(
                text,
                "\nPackage: {}\nVersion: {}\nArchitecture: {}\nSource: {}\nUse: {}\n{archive}Filename: {}\nSize: {}\n\
                 SHA256: {}\nWanted-By: {}\n",
                p.name,
                p.version,
                p.architecture,
                p.source,
                uses.join(" "),
                p.filename,
                p.size,
                p.sha256,
                by.join(", ")
            );
        }
        text
    }

    /// Parses the text of a lock; `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::Syntax`] with the line of the stanza, if a field is missing, unknown or malformed, or a
    /// package appears twice.
    pub fn parse(file: &str, text: &str) -> Result<Lock> {
        let stanzas = control::parse(file, text)?;
        let error = |line, message: String| Error::Syntax { file: file.to_owned(), line, message };
        let (first, rest) = stanzas
            .split_first()
            .ok_or_else(|| error(1, "expected a release stanza, found nothing".into()))?;
        let release = Release {
            codename: first.need(file, "Codename")?.to_owned(),
            version: first.need(file, "Release")?.to_owned(),
            date: date(file, first, "Date")?
                .ok_or_else(|| error(first.line, "expected a field \"Date\" in this stanza".into()))?,
            security_date: date(file, first, "Security-Date")?,
        };
        let packages = rest.iter().map(|s| package(file, s)).collect::<Result<Vec<_>>>()?;
        for (pair, stanza) in packages.windows(2).zip(&rest[1..]) {
            if pair[0].name >= pair[1].name {
                return Err(error(
                    stanza.line,
                    format!("package {:?}: expected once and in order of names", pair[1].name),
                ));
            }
        }
        Ok(Lock { release, packages })
    }
}

/// Parses a date field, if there is one.
pub(super) fn date(file: &str, stanza: &Stanza<'_>, name: &str) -> Result<Option<Date>> {
    let Some(text) = stanza.get(name) else { return Ok(None) };
    let malformed = || Error::Syntax {
        file: file.to_owned(),
        line: stanza.line,
        message: format!("{name}: expected a date such as \"Sat, 12 Sep 2026 07:55:41 UTC\", found {text:?}"),
    };
    Date::parse(text).map(Some).ok_or_else(malformed)
}

/// Parses the stanza of one package.
fn package(file: &str, stanza: &Stanza<'_>) -> Result<Locked> {
    const FIELDS: &[&str] = &[
        "Package",
        "Version",
        "Architecture",
        "Source",
        "Use",
        "Archive",
        "Filename",
        "Size",
        "SHA256",
        "Wanted-By",
    ];
    let error = |message: String| Error::Syntax { file: file.to_owned(), line: stanza.line, message };
    if let Some(unknown) = stanza.names().find(|n| !FIELDS.contains(n)) {
        return Err(error(format!("expected one of {}, found {unknown:?}", FIELDS.join(", "))));
    }
    let names: Vec<&str> = stanza.names().collect();
    if let Some((_, name)) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
        return Err(error(format!("expected each field once, found {name} repeated")));
    }
    let need = |name: &str| stanza.need(file, name).map(str::to_owned);
    let (uses, size, sha256, filename) = (need("Use")?, need("Size")?, need("SHA256")?, need("Filename")?);
    let archive = stanza.get("Archive").unwrap_or(Archive::Main.name());
    let uses: Option<BTreeSet<_>> = uses.split_whitespace().map(Use::parse).collect();
    if filename.starts_with('/') || filename.split('/').any(|p| p == "..") {
        return Err(error(format!("Filename: expected a path below the mirror, found {filename:?}")));
    }
    Ok(Locked {
        name: need("Package")?,
        version: need("Version")?,
        architecture: need("Architecture")?,
        source: need("Source")?,
        uses: uses.ok_or_else(|| error("Use: expected root, build or run".into()))?,
        archive: Archive::parse(archive)
            .ok_or_else(|| error(format!("Archive: expected main or security, found {archive:?}")))?,
        filename,
        size: size.parse().map_err(|_| error(format!("Size: expected bytes, found {size:?}")))?,
        sha256: sha256.parse().map_err(|e| error(format!("SHA256: {e}, found {sha256:?}")))?,
        wanted_by: need("Wanted-By")?.split(", ").map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Lock {
        let package = |name: &str| Locked {
            name: name.into(),
            version: "1:1.4.8-2".into(),
            architecture: "amd64".into(),
            source: "conntrack-tools 1:1.4.8-2".into(),
            uses: [Use::Root, Use::Run].into(),
            archive: if name == "a1" { Archive::Main } else { Archive::Security },
            filename: format!("pool/main/{name}.deb"),
            size: 35636,
            sha256: Digest::of(name.as_bytes()),
            wanted_by: ["iptables".to_owned(), "packages.list".to_owned()].into(),
        };
        let date = |day| Date::parse(&format!("Sat, {day} Sep 2026 07:55:41 UTC"));
        let release = Release {
            codename: "trixie".into(),
            version: "13.7".into(),
            date: date("12").unwrap(),
            security_date: date("13"),
        };
        Lock { release, packages: vec![package("a1"), package("b1")] }
    }

    #[test]
    fn comes_back_as_it_was_written() {
        let text = sample().to_text();
        assert_eq!(Lock::parse("l", &text).unwrap(), sample());
        assert_eq!(Lock::parse("l", &text).unwrap().to_text(), text);
        assert_eq!(sample().release.newest(), sample().release.security_date.unwrap().epoch());
        // As written before the security archive was used.
        let before = text.replace("Security-Date", "# ").replace("Archive", "# ");
        let lock = Lock::parse("l", &before).unwrap();
        assert_eq!((lock.release.security_date, lock.packages[1].archive), (None, Archive::Main));
    }

    #[test]
    fn says_where_and_what_is_wrong() {
        let text = sample().to_text();
        for (from, to, message) in [
            ("Size: 35636", "Size: x", "l:8: Size: expected bytes, found \"x\""),
            ("SHA256: ", "SHA256: z", "l:8: SHA256: expected 64 hex digits, found"),
            ("Use: root run", "Use: boot", "l:8: Use: expected root, build or run"),
            ("Filename: pool", "Filename: ../pool", "l:8: Filename: expected a path below the mirror"),
            ("Use: root run", "Use: root\nUse: run", "l:8: expected each field once, found Use repeated"),
            ("Source: ", "Sauce: ", "l:8: expected one of Package, "),
            ("Package: a1", "Package: b1", "l:18: package \"b1\": expected once and in order of names"),
            ("Date: Sat, 12", "Date: 12", "l:3: Date: expected a date such as \"Sat, 12 Sep"),
            ("Security-Date: Sat, 13", "Security-Date: Sat, 99", "l:3: Security-Date: expected a date"),
            ("Archive: security", "Archive: x", "l:18: Archive: expected main or security, found \"x\""),
            ("Codename", "Code", "l:3: expected a field \"Codename\""),
        ] {
            let error = Lock::parse("l", &text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
