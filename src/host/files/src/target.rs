//! Resolves a path and determines what it names. Nothing is written here.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::{Error, Result, directory};

/// Maximum number of links followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// What a path names.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file to replace, or to create if `old` is `None`. The last component of `path` is not a link.
    File { path: PathBuf, old: Option<Metadata> },
    /// Something that is written to sequentially.
    Stream,
}

/// Determines what `path` names, following links.
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
        // A file that must not be written is not replaced either, even if the directory's mode would allow
        // it.
        File::options().append(true).open(&end).map_err(reading())?;
    }
    Ok(Target::File { path: end, old })
}

/// Follows links until something else is found; `None` if that is an open descriptor of a process.
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

/// Returns whether the file is `/proc/PID/fd/N` under whatever name: replacing a file that a shell has opened
/// would write to another file than the shell's.
fn is_descriptor(path: &Path) -> bool {
    let directory = fs::canonicalize(directory(path));
    directory.is_ok_and(|d| d.starts_with("/proc") && d.ends_with("fd"))
}
