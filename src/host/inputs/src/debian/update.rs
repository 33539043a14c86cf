//! Updates the lock: verified release files → package indexes → dependencies → pins. Then reports the changes
//! and the CVEs that they fix.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lzma_rust2::XzReader;

use super::archive::Archive;
use super::changelog::{self, Cve};
use super::lock::{Lock, Locked, Release};
use super::mirror::Mirror;
use super::release::{self, Age, Head};
use super::resolve::{self, Chosen, Index};
use super::wanted;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::progress::{Progress, Step, Unit};

/// Index of packages below `dists/<suite>/`.
const INDEX: &str = "main/binary-amd64/Packages.xz";

/// Maximum sizes in bytes of a release file and of an uncompressed index.
const MAX_RELEASE_BYTES: u64 = 4 << 20;
const MAX_INDEX_BYTES: u64 = 512 << 20;

/// What an update of the lock needs.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) mirror: &'a Mirror,
    pub(crate) keyring: &'a Path,
    /// Name and text of packages.list.
    pub(crate) list: (&'a str, &'a str),
    /// The current lock, if it can be read.
    pub(crate) old: Option<&'a Lock>,
    pub(crate) age: Age,
    pub(crate) progress: &'a dyn Progress,
}

/// What an update of the lock changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new lock.
    pub lock: Lock,
    /// Changed packages, sorted by name.
    pub changes: Vec<Change>,
}

/// One changed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub package: String,
    /// Version before; empty if the package is new.
    pub before: String,
    /// Version now; empty if the package was removed.
    pub after: String,
    /// The CVEs that the new version fixes, according to Debian's changelog; or why they are not known.
    pub fixes: std::result::Result<BTreeSet<Cve>, String>,
}

impl Update {
    /// Compares a new lock with the old one; `fetch` returns the .deb of a package.
    pub(crate) fn new(old: Option<&Lock>, lock: Lock, fetch: impl Fn(&Locked) -> Result<PathBuf>) -> Update {
        let get = |lock: Option<&Lock>, name: &str| lock.and_then(|l| l.get(name)).cloned();
        let all = old.into_iter().flat_map(|l| &l.packages).chain(&lock.packages);
        let names: BTreeSet<String> = all.map(|p| p.name.clone()).collect();
        // The binary packages of one source package share a changelog.
        let mut known = BTreeMap::new();
        let mut changes = Vec::new();
        for package in names {
            let (before, after) = (get(old, &package), get(Some(&lock), &package));
            let fixes = match (&before, &after) {
                (Some(before), Some(after)) if before.version == after.version => continue,
                (Some(before), Some(after)) => {
                    let versions = (before.source.clone(), after.source.clone());
                    known.entry(versions).or_insert_with(|| fixes(before, after, &fetch)).clone()
                }
                _ => Ok(BTreeSet::new()),
            };
            let version = |p: Option<Locked>| p.map(|p| p.version).unwrap_or_default();
            changes.push(Change { package, before: version(before), after: version(after), fixes });
        }
        Update { lock, changes }
    }
}

/// Reads which CVEs a new version fixes. A changelog that can't be read is no reason to keep the old version.
fn fixes(
    before: &Locked,
    after: &Locked,
    fetch: impl Fn(&Locked) -> Result<PathBuf>,
) -> std::result::Result<BTreeSet<Cve>, String> {
    let version = |p: &Locked| p.source.rsplit_once(' ').map_or_else(String::new, |(_, v)| v.to_owned());
    let changelog = fetch(after).and_then(|deb| changelog::of_package(&deb, &after.name));
    changelog
        .map(|text| changelog::cves(&text, &version(before), &version(after)))
        .map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())
}

/// Makes a new lock from the newest indexes of the mirror's archives, downloaded with `client`.
pub(crate) fn update(client: &Client, request: &Request<'_>) -> Result<Lock> {
    let step = Step::start(request.progress, "refresh package lock", Unit::Items, Some(5));
    let (mut heads, mut texts) = (Vec::new(), Vec::new());
    for (number, archive) in (0..).zip(Archive::ALL) {
        let head = head(client, request, archive)?;
        step.at(2 * number + 1);
        texts.push((archive, index(client, request.mirror, archive, head.index)?));
        step.at(2 * number + 2);
        heads.push(head);
    }
    let wanted = wanted::parse(request.list.0, request.list.1)?;
    let index = Index::parse(&texts)?;
    let chosen = resolve::resolve(&index, &wanted)?;
    let packages = chosen.values().map(|c| pin(&index, c)).collect::<Result<_>>()?;
    step.at(5);
    let [main, security] = <[Head; 2]>::try_from(heads).expect("there are two archives");
    let Head { codename, version, date, .. } = main;
    Ok(Lock { release: Release { codename, version, date, security_date: Some(security.date) }, packages })
}

/// Downloads and checks the release file of an archive.
fn head(client: &Client, request: &Request<'_>, archive: Archive) -> Result<Head> {
    let suite = archive.suite();
    let url = request.mirror.url(archive, &format!("dists/{suite}/InRelease"));
    let (bytes, url) = (client.get(&url, MAX_RELEASE_BYTES)?, url.to_string());
    let signed = release::verify(&url, &bytes, request.keyring)?;
    let head = release::parse(&url, &signed, suite, INDEX)?;
    if request.age == Age::Current {
        let before = request.old.and_then(|lock| lock.release.date_of(archive));
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |t| t.as_secs());
        head.check_age(&url, before, now)?;
    }
    Ok(head)
}

/// Downloads, checks and unpacks the index, by its hash if the mirror supports that: a mirror that is being
/// updated still has the index that belongs to the release file.
fn index(
    client: &Client,
    mirror: &Mirror,
    archive: Archive,
    expected: crate::http::Expected,
) -> Result<String> {
    let base = format!("dists/{}", archive.suite());
    let folder = INDEX.rsplit_once('/').map_or("", |(folder, _)| folder);
    let by_hash = mirror.url(archive, &format!("{base}/{folder}/by-hash/SHA256/{}", expected.sha256));
    let plain = mirror.url(archive, &format!("{base}/{INDEX}"));
    let (url, bytes) = match client.get(&by_hash, expected.size) {
        // An object store answers 403 for a missing object.
        Err(Error::NotFound { .. } | Error::Refused { status: 403, .. }) => {
            (plain.clone(), client.get(&plain, expected.size)?)
        }
        other => (by_hash, other?),
    };
    let found = Digest::of(&bytes);
    if found != expected.sha256 {
        let (expected, found) = (format!("sha256 {}", expected.sha256), format!("sha256 {found}"));
        return Err(Error::Checksum { url: url.to_string(), expected, found });
    }
    let mut text = String::new();
    let mut xz = XzReader::new(bytes.as_slice(), true).take(MAX_INDEX_BYTES);
    xz.read_to_string(&mut text).map_err(Error::io("unpacking", url.to_string()))?;
    Ok(text)
}

/// Pins one package according to the index.
fn pin(index: &Index<'_>, chosen: &Chosen<'_>) -> Result<Locked> {
    let package = index.get(chosen.name).expect("only packages of the index are chosen");
    let (file, stanza) = (package.file(), &package.stanza);
    let need = |name: &str| stanza.need(&file, name);
    let bad = |name: &str, value: &str| Error::Syntax {
        file: file.clone(),
        line: stanza.line,
        message: format!("{name}: not as expected: {value:?}"),
    };
    let version = need("Version")?;
    // "Source: name (version)"; either is left out if it equals the binary package's.
    let source = stanza.get("Source").unwrap_or(chosen.name);
    let (source, source_version) = match source.split_once(" (") {
        Some((name, version)) => (name, version.trim_end_matches(')')),
        None => (source, version),
    };
    let (size, sha256) = (need("Size")?, need("SHA256")?);
    Ok(Locked {
        name: chosen.name.to_owned(),
        version: version.to_owned(),
        architecture: need("Architecture")?.to_owned(),
        source: format!("{source} {source_version}"),
        uses: chosen.uses.clone(),
        archive: package.archive,
        filename: need("Filename")?.to_owned(),
        size: size.parse().map_err(|_| bad("Size", size))?,
        sha256: sha256.parse().map_err(|_| bad("SHA256", sha256))?,
        wanted_by: chosen.wanted_by.iter().map(|w| (*w).to_owned()).collect(),
    })
}

#[cfg(test)]
mod tests;
