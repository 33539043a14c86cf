//! Files of the host as sources of a tree.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use formats::tree::{Node, Source};

use crate::{Error, error::Result};

/// A file of the host. Its length is read once: if the file changes during a build, the writer gets more or
/// fewer bytes than announced and reports it.
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

/// Maximum length of a file that [`read_now`] keeps in memory.
const KEPT_BYTES: u64 = 1 << 20;

/// Returns a node with the current content of the file at `path`. Its length is the number of bytes read: the
/// length in the metadata is zero for files that the kernel generates, and outdated for a file that is being
/// written.
///
/// A short file is kept in memory. Of a long one only the length is: bytes added later are left out, and if
/// it has become shorter, the writer reports it.
pub(crate) fn read_now(path: &Path, mode: u16) -> Result<Node> {
    let doing = || Error::file("reading", path);
    let mut file = File::open(path).map_err(doing())?;
    let mut start = Vec::new();
    file.by_ref().take(KEPT_BYTES + 1).read_to_end(&mut start).map_err(doing())?;
    let bytes = start.len() as u64;
    if bytes <= KEPT_BYTES {
        return Ok(Node::file(start, mode));
    }
    let bytes = bytes + io::copy(&mut file, &mut io::sink()).map_err(doing())?;
    Ok(Node::file(Prefix(HostFile { path: path.to_owned(), bytes }), mode))
}

/// The first bytes of a file, as many as it had when it was first read.
#[derive(Clone, Debug)]
struct Prefix(HostFile);

impl Source for Prefix {
    fn len(&self) -> u64 {
        self.0.bytes
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.0.open()?.take(self.0.bytes)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use formats::tree::Kind;
    use std::io::Write;

    fn bytes(node: &Node) -> (u64, Vec<u8>) {
        let Kind::File(source) = &node.kind else { panic!("no file") };
        let mut bytes = Vec::new();
        source.open().unwrap().read_to_end(&mut bytes).unwrap();
        (source.len(), bytes)
    }

    #[test]
    fn a_file_that_says_it_is_empty_has_the_bytes_that_it_gives() {
        let path = Path::new("/proc/version");
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
        let expected = fs::read(path).unwrap();
        assert_eq!(bytes(&read_now(path, 0o644).unwrap()), (expected.len() as u64, expected));
    }

    #[test]
    fn a_file_that_changes_later_is_as_it_was_or_shorter_than_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let [short, long] = ["short", "long"].map(|name| dir.path().join(name));
        let before = vec![7; usize::try_from(KEPT_BYTES).unwrap() + 10];
        fs::write(&short, "abc").unwrap();
        fs::write(&long, &before).unwrap();
        let nodes = [&short, &long].map(|path| read_now(path, 0o644).unwrap());
        for path in [&short, &long] {
            File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        }
        assert_eq!(bytes(&nodes[0]), (3, b"abc".to_vec()));
        assert!(bytes(&nodes[1]) == (before.len() as u64, before.clone()));
        fs::write(&long, "cut").unwrap();
        assert_eq!(bytes(&nodes[1]), (before.len() as u64, b"cut".to_vec()));
    }
}
