//! Why a file can't be written or read.

use std::io;
use std::path::PathBuf;

/// Why a file can't be written or read. The message contains the remedy, if there is one, on a line of its
/// own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory, or a path that ends in `/`.
    #[error("writing {}: expected a file, found a directory\nhint: name a file in it", .0.display())]
    Directory(PathBuf),
    /// Something that can be neither replaced nor written to.
    #[error("writing {}: expected a file, a pipe or a character device, found a {found}", .path.display())]
    NotAFile {
        /// The path as given by the user.
        path: PathBuf,
        /// `block device` or `socket`.
        found: &'static str,
    },
    /// The output is the file that the content comes from.
    #[error("writing {}: it is also the input file\nhint: name another file", .0.display())]
    Input(PathBuf),
    /// A new file exists already.
    #[error("{} already exists\nhint: choose another name, or move the file away", .0.display())]
    Exists(PathBuf),
    /// Not exactly one unencrypted PEM block.
    #[error("reading {}: {reason}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was expected and found, and the remedy.
        reason: &'static str,
    },
    /// A system call failed.
    #[error("{doing} {}: {source}{}", .path.display(), hint(.source))]
    Io {
        /// The attempted action, as a gerund.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    /// Returns a function that adds the attempted action and the file to an I/O error.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { doing, path, source }
    }
}

/// Returns the remedy for a system error, as a further line.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => "\nhint: free some space, or write elsewhere",
        _ => "",
    }
}
