//! Unpacks the `data.tar` of a .deb: file contents into numbered files, everything else into a list of entries.
//!
//! The package never determines where a file is written, so a hostile one can't write outside the cache. Absolute
//! paths and paths with `..` are refused anyway, since they would be wrong in the image. Owners, modes and devices are
//! data, so no privileges are needed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::member::{broken, open_data};
use crate::error::{Error, Result};

/// Maximum size of an uncompressed data.tar in bytes: enough for the largest needed package, too little for a
/// decompression bomb.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative path, without `.` and `..`.
    pub path: String,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: u64,
    /// What kind of file it is.
    pub kind: EntryKind,
}

/// The kind of a file in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file; its content is in this file of the unpacked package's directory.
    File(PathBuf),
    /// A symbolic link to this target.
    Symlink(String),
    /// A hard link to the regular file at this path.
    Hardlink(String),
}

/// Which files are unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All files.
    All,
    /// What a node needs: no manuals, translations, examples; licences are kept.
    Root,
}

impl Keep {
    /// Returns whether a path is kept.
    fn keeps(self, path: &str) -> bool {
        const DROPPED: &[&str] = &[
            "usr/share/doc",
            "usr/share/man",
            "usr/share/locale",
            "usr/share/lintian",
            "usr/share/bug",
            "usr/share/info",
            "usr/share/bash-completion",
            "usr/share/doc-base",
            "usr/share/gcc",
            // Character sets for iconv, which nothing in the image uses: 8 MB.
            "usr/lib/x86_64-linux-gnu/gconv",
        ];
        let under =
            |dir: &&&str| path.strip_prefix(**dir).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        let licence = path.starts_with("usr/share/doc/") && path.ends_with("/copyright");
        self == Keep::All || licence || DROPPED.iter().find(under).is_none()
    }

    /// Returns the name used in cache keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Keep::All => "all",
            Keep::Root => "root",
        }
    }
}

/// Unpacks a .deb into `dir`; returns its entries in the order of the archive, with paths of regular files
/// relative to `dir`.
pub(crate) fn unpack(deb: &Path, dir: &Path, keep: Keep) -> Result<Vec<Entry>> {
    let mut archive = tar::Archive::new(open_data(deb)?.take(MAX_UNPACKED_BYTES));
    let mut entries = Vec::new();
    for item in archive.entries().map_err(|e| broken(deb, &e))? {
        let mut item = item.map_err(|e| broken(deb, &e))?;
        let path = sound_path(&item.path_bytes()).map_err(|m| broken(deb, &io::Error::other(m)))?;
        let Some(path) = path.filter(|p| keep.keeps(p)) else { continue };
        let kind = kind(&mut item, dir, entries.len()).map_err(|e| match e {
            Kind::Refused(message) => broken(deb, &io::Error::other(format!("{path}: {message}"))),
            Kind::Failed(e) => e,
        })?;
        entries.push(header(&item, path, kind).map_err(|e| broken(deb, &e))?);
    }
    check_links(&entries).map_err(|m| broken(deb, &io::Error::other(m)))?;
    Ok(entries)
}

/// Checks that the target of each hard link is a regular file that is kept: the archive has its content only
/// there.
fn check_links(entries: &[Entry]) -> std::result::Result<(), String> {
    let file = |e: &&Entry| matches!(e.kind, EntryKind::File(_));
    let files: BTreeSet<&str> = entries.iter().filter(file).map(|e| e.path.as_str()).collect();
    let lost = entries.iter().find_map(|e| match &e.kind {
        EntryKind::Hardlink(target) if !files.contains(target.as_str()) => Some((&e.path, target)),
        _ => None,
    });
    match lost {
        Some((path, target)) => Err(format!("{path}: hard link to {target}, which is not unpacked")),
        None => Ok(()),
    }
}

/// Why an entry is not unpacked.
enum Kind {
    Refused(String),
    Failed(Error),
}

/// Returns the kind of an entry; writes the content of a regular file to `dir/<number>`.
fn kind<R: Read>(
    item: &mut tar::Entry<'_, R>,
    dir: &Path,
    number: usize,
) -> std::result::Result<EntryKind, Kind> {
    let refused = |e: &dyn std::fmt::Display| Kind::Refused(e.to_string());
    let target = |item: &tar::Entry<'_, R>| {
        let bytes = item.link_name_bytes().ok_or_else(|| refused(&"a link without a target"))?;
        String::from_utf8(bytes.into_owned()).map_err(|e| refused(&e))
    };
    match item.header().entry_type() {
        tar::EntryType::Directory => Ok(EntryKind::Directory),
        tar::EntryType::Regular | tar::EntryType::Continuous => {
            let name = PathBuf::from(number.to_string());
            let path = dir.join(&name);
            let mut file = File::create(&path).map_err(|e| Kind::Failed(Error::io("writing", &path)(e)))?;
            io::copy(item, &mut file).map_err(|e| Kind::Failed(Error::io("unpacking to", &path)(e)))?;
            Ok(EntryKind::File(name))
        }
        tar::EntryType::Symlink => Ok(EntryKind::Symlink(target(item)?)),
        tar::EntryType::Link => {
            let target = sound_path(target(item)?.as_bytes()).map_err(Kind::Refused)?;
            Ok(EntryKind::Hardlink(target.ok_or_else(|| refused(&"a hard link to the root"))?))
        }
        other => Err(Kind::Refused(format!("expected a file, directory or link, found type {other:?}"))),
    }
}

/// Makes an entry from the tar header.
fn header<R: Read>(item: &tar::Entry<'_, R>, path: String, kind: EntryKind) -> io::Result<Entry> {
    let header = item.header();
    let id = |v: u64| u32::try_from(v).map_err(io::Error::other);
    let mode = u16::try_from(header.mode()? & 0o7777).map_err(io::Error::other)?;
    Ok(Entry { path, mode, uid: id(header.uid()?)?, gid: id(header.gid()?)?, mtime: header.mtime()?, kind })
}

/// Returns a path without `./` and trailing slash; `None` for the root directory.
fn sound_path(bytes: &[u8]) -> std::result::Result<Option<String>, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|e| format!("path {:?}: {e}", String::from_utf8_lossy(bytes)))?;
    let path = text.strip_prefix("./").unwrap_or(text);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() || path == "." {
        return Ok(None);
    }
    if path.contains('\0') || path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(format!("path {text:?}: expected a relative path without '.' and '..'"));
    }
    Ok(Some(path.to_owned()))
}

#[cfg(test)]
mod tests;
