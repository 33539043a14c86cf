//! Why a file can't be written or read.

use std::io;
use std::path::PathBuf;

/// What can go wrong. A remedy is in the text, on a line of its own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory, or a path that ends in `/`.
    #[error("writing {}: expected a file, found a directory\nhint: name a file in it", .0.display())]
    Directory(PathBuf),
    /// Something that is not replaced and not written to.
    #[error("writing {}: expected a file, a pipe or a character device, found a {found}", .path.display())]
    NotAFile {
        /// As it was named.
        path: PathBuf,
        /// `block device` or `socket`.
        found: &'static str,
    },
    /// The file that the content comes from.
    #[error("writing {}: it is also the input file\nhint: name another file", .0.display())]
    Input(PathBuf),
    /// A file that must not be there yet.
    #[error("{} already exists\nhint: choose another name, or move the file away", .0.display())]
    Exists(PathBuf),
    /// No single PEM block that is not encrypted.
    #[error("reading {}: {reason}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was expected and found, and a remedy.
        reason: &'static str,
    },
    /// The system refused.
    #[error("{doing} {}: {source}{}", .path.display(), hint(.source))]
    Io {
        /// What was tried, as a gerund.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl Error {
    /// Returns a function that wraps an I/O error with what was tried on which file.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { doing, path, source }
    }
}

/// Returns the remedy for a system's answer, as a further line.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => "\nhint: free some space, or write elsewhere",
        _ => "",
    }
}
