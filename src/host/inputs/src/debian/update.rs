//! Refreshes the lock: verified release file → package index → closure → pins.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use lzma_rust2::XzReader;

use super::lock::{Lock, Locked};
use super::mirror::Mirror;
use super::release;
use super::resolve::{self, Chosen, Index};
use super::wanted;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::progress::{Progress, Step, Unit};

/// The suite that images are made of.
pub(crate) const SUITE: &str = "trixie";

/// Index of packages below `dists/<suite>/`.
const INDEX: &str = "main/binary-amd64/Packages.xz";

/// Largest release file and unpacked index that are read, in bytes.
const MAX_RELEASE_BYTES: u64 = 4 << 20;
const MAX_INDEX_BYTES: u64 = 512 << 20;

/// What a refresh needs.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) mirror: &'a Mirror,
    pub(crate) keyring: &'a Path,
    /// Name and text of packages.list.
    pub(crate) list: (&'a str, &'a str),
    pub(crate) progress: &'a dyn Progress,
}

/// What a refresh changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new lock.
    pub lock: Lock,
    /// Package, old version, new version; a version is empty where there is none.
    pub changes: Vec<(String, String, String)>,
}

impl Update {
    /// Compares a new lock with the one before it.
    pub(crate) fn new(old: Option<&Lock>, lock: Lock) -> Update {
        let version = |lock: Option<&Lock>, name: &str| {
            lock.and_then(|l| l.get(name)).map(|p| p.version.clone()).unwrap_or_default()
        };
        let all = old.into_iter().chain([&lock]).flat_map(|l| &l.packages);
        let names: BTreeSet<&String> = all.map(|p| &p.name).collect();
        let changes = names.into_iter().map(|n| (n.clone(), version(old, n), version(Some(&lock), n)));
        let changes = changes.filter(|(_, before, after)| before != after).collect();
        Update { lock, changes }
    }
}

/// Makes a new lock from the mirror's newest release.
pub(crate) fn update(request: &Request<'_>) -> Result<Lock> {
    let client = Client::new();
    let step = Step::start(request.progress, "refresh package lock", Unit::Items, Some(3));
    let base = format!("dists/{SUITE}");
    let url = request.mirror.url(&format!("{base}/InRelease"));
    let signed = release::verify(&url.to_string(), &client.get(&url, MAX_RELEASE_BYTES)?, request.keyring)?;
    let head = release::parse(&url.to_string(), &signed, SUITE, INDEX)?;
    step.at(1);
    let text = index(&client, request.mirror, &base, head.index)?;
    step.at(2);
    let wanted = wanted::parse(request.list.0, request.list.1)?;
    let index = Index::parse("Packages", &text)?;
    let chosen = resolve::resolve(&index, &wanted)?;
    let packages = chosen.values().map(|c| pin(&index, c)).collect::<Result<_>>()?;
    step.at(3);
    Ok(Lock { release: head.release, packages })
}

/// Fetches, checks and unpacks the index, by its hash where the mirror has it so: a mirror that is being
/// updated then still gives the one that belongs to the release file.
fn index(client: &Client, mirror: &Mirror, base: &str, expected: crate::http::Expected) -> Result<String> {
    let folder = INDEX.rsplit_once('/').map_or("", |(folder, _)| folder);
    let by_hash = mirror.url(&format!("{base}/{folder}/by-hash/SHA256/{}", expected.sha256));
    let plain = mirror.url(&format!("{base}/{INDEX}"));
    let (url, bytes) = match client.get(&by_hash, expected.size) {
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

/// Pins one package as the index has it.
fn pin(index: &Index<'_>, chosen: &Chosen<'_>) -> Result<Locked> {
    let file = index.file();
    let stanza = index.get(chosen.name).expect("only packages of the index are chosen");
    let need = |name: &str| stanza.need(file, name);
    let bad = |name: &str, value: &str| Error::Syntax {
        file: file.to_owned(),
        line: stanza.line,
        message: format!("{name}: not as expected: {value:?}"),
    };
    let version = need("Version")?;
    // "Source: name (version)", with what equals the binary's left out.
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
        filename: need("Filename")?.to_owned(),
        size: size.parse().map_err(|_| bad("Size", size))?,
        sha256: sha256.parse().map_err(|_| bad("SHA256", sha256))?,
        wanted_by: chosen.wanted_by.iter().map(|w| (*w).to_owned()).collect(),
    })
}
