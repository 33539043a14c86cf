//! Cached hashes of source files: a file whose size, times and inode are unchanged is not read again, so checking for
//! changes takes milliseconds.
//!
//! A file that changed in the last two seconds is not cached, since a second change within the clock's resolution would
//! go unnoticed. Nor is one whose reported size differs from its content, such as files in `/proc`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Store;
use crate::digest::Digest;
use crate::error::{Error, Result};

/// Minimum age of a file's last change for its hash to be cached.
const SETTLED_SECS: i64 = 2;

/// Metadata that shows whether a file has changed.
type Stamp = [i64; 6];

/// Cached hashes. Loaded once, written back by [`Memo::save`].
#[derive(Debug)]
pub struct Memo {
    file: PathBuf,
    known: BTreeMap<PathBuf, (Stamp, Digest)>,
    changed: bool,
}

impl Memo {
    /// Loads the memo of `store`; a missing or damaged one counts as empty.
    #[must_use]
    pub fn load(store: &Store) -> Memo {
        let file = store.root().join("memo/files");
        let text = fs::read_to_string(&file).unwrap_or_default();
        Memo { file, known: text.lines().filter_map(parse).collect(), changed: false }
    }

    /// Returns the digest of a file, which is read only if it has changed since it was last hashed.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read.
    pub fn file(&mut self, path: &Path) -> Result<Digest> {
        let stamp = stamp(path)?;
        if let Some((known, digest)) = self.known.get(path)
            && *known == stamp
        {
            return Ok(*digest);
        }
        let (digest, bytes) = Digest::of_file(path)?;
        if tells(&stamp, bytes) && settled(&stamp) {
            self.known.insert(path.to_owned(), (stamp, digest));
            self.changed = true;
        }
        Ok(digest)
    }

    /// Returns one digest over all files below `dir`: their relative paths, whether their owner may execute
    /// them, and their content. Symbolic links count by target. Other kinds of files are left out.
    ///
    /// # Errors
    /// [`Error::Io`] if a file or directory can't be read.
    pub fn tree(&mut self, dir: &Path) -> Result<Digest> {
        let mut listing = String::new();
        self.add_tree(dir, dir, &mut listing)?;
        Ok(Digest::of(listing.as_bytes()))
    }

    fn add_tree(&mut self, base: &Path, dir: &Path, listing: &mut String) -> Result<()> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(Error::io("listing", dir))? {
            paths.push(entry.map_err(Error::io("listing", dir))?.path());
        }
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(base).unwrap_or(&path).display().to_string();
            let meta = path.symlink_metadata().map_err(Error::io("reading", &path))?;
            let line = if meta.is_dir() {
                self.add_tree(base, &path, listing)?;
                continue;
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).map_err(Error::io("reading", &path))?;
                format!("l {} {name:?}", Digest::of(target.as_os_str().as_bytes()))
            } else if meta.is_file() {
                let kind = if meta.mode() & 0o100 == 0 { 'f' } else { 'x' };
                format!("{kind} {} {name:?}", self.file(&path)?)
            } else {
                continue;
            };
            listing.push_str(&line);
            listing.push('\n');
        }
        Ok(())
    }

    /// Writes the memo back if it has changed. If two builds do so at once, the later one's remains; the
    /// other's files are read again next time. A cache that can't be written is left as it is.
    ///
    /// # Errors
    /// [`Error::Io`] if writing fails for another reason; the old memo remains.
    pub fn save(&mut self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        self.known.retain(|path, _| path.exists());
        let mut text = String::new();
        for (path, (stamp, digest)) in &self.known {
            let Some(path) = path.to_str().filter(|p| !p.contains('\n')) else { continue };
            let [a, b, c, d, e, f] = stamp;
            let _ = writeln!(text, "{digest} {a} {b} {c} {d} {e} {f} {path}");
        }
        let tmp = self.file.with_extension(std::process::id().to_string());
        self.changed = false;
        match fs::write(&tmp, text).and_then(|()| fs::rename(&tmp, &self.file)) {
            Err(e) if super::is_not_ours(&e) => Ok(()),
            written => written.map_err(Error::io("writing", &self.file)),
        }
    }
}

/// Parses one line of the memo.
fn parse(line: &str) -> Option<(PathBuf, (Stamp, Digest))> {
    let mut parts = line.splitn(8, ' ');
    let digest = parts.next()?.parse().ok()?;
    let mut stamp = [0; 6];
    for value in &mut stamp {
        *value = parts.next()?.parse().ok()?;
    }
    Some((PathBuf::from(parts.next()?), (stamp, digest)))
}

/// Returns size, modification and change times, and inode.
fn stamp(path: &Path) -> Result<Stamp> {
    let meta = fs::metadata(path).map_err(Error::io("reading", path))?;
    let [size, inode] = [meta.size(), meta.ino()].map(|v| i64::try_from(v).unwrap_or(i64::MAX));
    Ok([size, meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec(), inode])
}

/// Returns whether `stamp` shows any change of a file with `bytes` bytes. It does not if the size differs:
/// such files, as those in `/proc`, are generated by the kernel.
fn tells(stamp: &Stamp, bytes: u64) -> bool {
    i64::try_from(bytes) == Ok(stamp[0])
}

/// Returns whether the last change is old enough.
fn settled(stamp: &Stamp) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX) - stamp[1].max(stamp[3]) > SETTLED_SECS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_of_a_file_that_the_kernel_makes_up_tells_nothing() {
        let path = Path::new("/proc/version");
        let bytes = fs::read(path).unwrap().len() as u64;
        assert!(!tells(&stamp(path).unwrap(), bytes));
        assert!(tells(&[5, 0, 0, 0, 0, 0], 5));
    }
}
