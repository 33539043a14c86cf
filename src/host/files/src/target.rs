//! Resolves a path and finds out what it is. Nothing is written here.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::{Error, Result, directory};

/// Links that are followed, as the kernel does.
const MAX_LINKS: usize = 40;

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file to be replaced, or made where `old` is none. The last part of `path` is no link.
    File { path: PathBuf, old: Option<Metadata> },
    /// Something that takes bytes as they come.
    Stream,
}

/// Finds out what `path` leads to, over links.
pub(crate) fn find(path: &Path) -> Result<Target> {
    let reading = || Error::io("writing", path);
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(Error::Directory(path.to_owned()));
    }
    let old = match fs::metadata(path) {
        Ok(old) => Some(old),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return Err(reading()(e)),
    };
    if let Some(kind) = old.as_ref().map(Metadata::file_type) {
        let not = |found| Err(Error::NotAFile { path: path.to_owned(), found });
        match kind {
            k if k.is_dir() => return Err(Error::Directory(path.to_owned())),
            k if k.is_block_device() => return not("block device"),
            k if k.is_socket() => return not("socket"),
            k if k.is_fifo() || k.is_char_device() => return Ok(Target::Stream),
            _ => {}
        }
    }
    let Some(end) = follow(path).map_err(reading())? else { return Ok(Target::Stream) };
    if old.is_some() {
        // A file that may not be written is not replaced either, though its directory would allow it.
        File::options().append(true).open(&end).map_err(reading())?;
    }
    Ok(Target::File { path: end, old })
}

/// Follows links until something that is none; `None` where that is an open descriptor of a process.
fn follow(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if is_descriptor(&path) {
            return Ok(None);
        }
        match fs::read_link(&path) {
            Ok(to) => path = directory(&path).join(to),
            Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => {
                return Ok(Some(path));
            }
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns whether the file is `/proc/PID/fd/N` by whatever name: to replace what a shell has opened would
/// write to a file that the shell does not have.
fn is_descriptor(path: &Path) -> bool {
    let directory = fs::canonicalize(directory(path));
    directory.is_ok_and(|d| d.starts_with("/proc") && d.ends_with("fd"))
}
