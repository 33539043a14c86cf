//! Unpacks the kernel's sources: an xz tar inside the tar of a .deb, streamed in one pass.

use std::path::Path;

use lzma_rust2::XzReader;

use crate::debian;
use crate::error::{Error, Result};
use crate::progress::Step;

/// Unpacks the sources in `deb` into `dir`, without their top-level directory. Returns the modification time
/// of the newest file in seconds since 1970, which Debian sets to the date of the package.
pub(super) fn unpack(deb: &Path, dir: &Path, step: &Step<'_>) -> Result<u64> {
    let broken = |e: std::io::Error| Error::Archive { path: deb.to_owned(), message: e.to_string() };
    let wanted = super::source_tarball();
    let mut outer = tar::Archive::new(debian::open_data(deb)?);
    for entry in outer.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?;
        if path.strip_prefix("./").unwrap_or(&path) == wanted {
            return unpack_tree(&mut tar::Archive::new(XzReader::new(entry, true)), dir, step).map_err(|e| {
                match e {
                    Unpack::Broken(e) => broken(e),
                    Unpack::Io(e) => e,
                }
            });
        }
    }
    Err(Error::NoSuchFile { package: deb.display().to_string(), path: wanted.display().to_string() })
}

/// Why the sources could not be unpacked.
enum Unpack {
    Broken(std::io::Error),
    Io(Error),
}

fn unpack_tree<R: std::io::Read>(
    archive: &mut tar::Archive<R>,
    dir: &Path,
    step: &Step<'_>,
) -> std::result::Result<u64, Unpack> {
    let mut newest = 0;
    let mut count = 0;
    for entry in archive.entries().map_err(Unpack::Broken)? {
        let mut entry = entry.map_err(Unpack::Broken)?;
        let path = entry.path().map_err(Unpack::Broken)?.into_owned();
        let inner: std::path::PathBuf = path.components().skip(1).collect();
        newest = newest.max(entry.header().mtime().map_err(Unpack::Broken)?);
        count += 1;
        step.at(count);
        let to = dir.join(&inner);
        let sound = inner.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        if !sound {
            return Err(Unpack::Broken(std::io::Error::other(format!("{}: leads out", path.display()))));
        }
        if entry.header().entry_type().is_dir() {
            std::fs::create_dir_all(&to).map_err(|e| Unpack::Io(Error::io("making", &to)(e)))?;
        } else {
            entry.unpack(&to).map_err(|e| Unpack::Io(Error::io("unpacking to", &to)(e)))?;
        }
    }
    Ok(newest)
}
