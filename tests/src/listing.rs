//! One line for each file of a mounted or unpacked tree, with everything that a diff must show.
//!
//! The same code runs on the host (on the tree unpacked by `fsck.erofs`) and in the guest (on the one mounted
//! by the kernel), so a difference is in the file systems and not in the listing.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Mark at the start of each line, to find it among other output.
pub const MARK: &str = "LIST ";

/// Lists everything below `root` in byte order of the names; `emit` is called once for each line.
///
/// # Errors
/// The first I/O error of reading, or any error of `emit`.
pub fn list(root: &Path, emit: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut names: Vec<_> = fs::read_dir(root)?.collect::<Result<_, _>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        emit(&describe(&entry.path())?)?;
        if entry.file_type()?.is_dir() {
            emit(&format!("{MARK}down {:?}", entry.file_name()))?;
            list(&entry.path(), emit)?;
            emit(&format!("{MARK}up"))?;
        }
    }
    Ok(())
}

/// Describes one file: name, mode with type, owner, links, then its content.
fn describe(path: &Path) -> io::Result<String> {
    let meta = fs::symlink_metadata(path)?;
    let kind = meta.file_type();
    let name = path.file_name().unwrap_or_default();
    let mut line = format!("{MARK}{name:?} {:o} {}:{} ", meta.mode(), meta.uid(), meta.gid());
    if kind.is_file() {
        write!(line, "{} links {} {}", meta.len(), meta.nlink(), hash(path)?).map_err(io::Error::other)?;
    } else if kind.is_symlink() {
        write!(line, "{:?}", fs::read_link(path)?).map_err(io::Error::other)?;
    } else if kind.is_char_device() || kind.is_block_device() {
        write!(line, "device {:x}", meta.rdev()).map_err(io::Error::other)?;
    }
    Ok(line)
}

/// Returns the SHA-256 of a file as hex.
fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
