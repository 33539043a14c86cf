//! Files of the host as sources of a tree.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use formats::tree::{Node, Source};

use crate::{Error, error::Result};

/// A file of the host. Its length is read once: a file that changes while a build runs is found out by
/// the writer, which then gets more or fewer bytes than were announced.
#[derive(Clone, Debug)]
pub(crate) struct HostFile {
    path: PathBuf,
    bytes: u64,
}

impl HostFile {
    /// Returns the file at `path` as a source.
    pub(crate) fn new(path: &Path) -> Result<HostFile> {
        let meta = fs::metadata(path).map_err(Error::file("reading", path))?;
        Ok(HostFile { path: path.to_owned(), bytes: meta.len() })
    }

    /// Returns a node with the bytes of the file at `path`.
    pub(crate) fn node(path: &Path, mode: u16) -> Result<Node> {
        Ok(Node::file(HostFile::new(path)?, mode))
    }
}

impl Source for HostFile {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", self.path.display()));
        Ok(Box::new(File::open(&self.path).map_err(named)?))
    }
}
