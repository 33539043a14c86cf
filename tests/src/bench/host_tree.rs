//! Reads a directory of the host into a tree, as `mkfs.erofs` does before it writes.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use formats::tree::{Kind, Node, Source, Tree};
use rustix::fs::{lgetxattr, llistxattr, major, minor};

/// Maximum length in Linux of the list of extended attributes, and of a value.
const XATTR_BYTES: usize = 65_536;

/// A file of the host.
#[derive(Debug)]
struct HostFile {
    path: PathBuf,
    bytes: u64,
}

impl Source for HostFile {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(&self.path)?))
    }
}

/// Reads everything below `root`.
pub fn load(root: &Path) -> Result<Tree> {
    let mut walk = Walk { tree: Tree::new(), links: HashMap::new(), buffer: vec![0; XATTR_BYTES] };
    walk.add_all(root, "")?;
    Ok(walk.tree)
}

/// The state of reading a directory.
struct Walk {
    tree: Tree,
    /// The first path of each file with several names, by device and inode.
    links: HashMap<(u64, u64), String>,
    buffer: Vec<u8>,
}

impl Walk {
    /// Adds the content of the directory `dir`, whose path in the tree is `at`.
    fn add_all(&mut self, dir: &Path, at: &str) -> Result<()> {
        let reading = || format!("reading directory {}", dir.display());
        for entry in fs::read_dir(dir).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let name = entry.file_name();
            let name = name.to_str().with_context(|| format!("{}: not UTF-8", entry.path().display()))?;
            let target = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            let meta = entry.metadata().with_context(reading)?;
            let node = self.node(&entry.path(), &target, &meta)?;
            self.tree.insert(&target, node)?;
            if meta.is_dir() {
                self.add_all(&entry.path(), &target)?;
            }
        }
        Ok(())
    }

    /// Returns the node of one file.
    fn node(&mut self, path: &Path, target: &str, meta: &Metadata) -> Result<Node> {
        let mode = u16::try_from(meta.mode() & 0o7777).expect("twelve bits");
        let kind = self.kind(path, target, meta)?;
        let xattrs =
            self.xattrs(path).with_context(|| format!("reading attributes of {}", path.display()))?;
        Ok(Node { uid: meta.uid(), gid: meta.gid(), xattrs, ..Node::new(kind, mode) })
    }

    /// Returns the kind of one file.
    fn kind(&mut self, path: &Path, target: &str, meta: &Metadata) -> Result<Kind> {
        let kind = meta.file_type();
        let device = (major(meta.rdev()), minor(meta.rdev()));
        if kind.is_file() && meta.nlink() > 1 {
            let first = self.links.entry((meta.dev(), meta.ino())).or_insert_with(|| target.to_owned());
            if first != target {
                return Ok(Kind::Hardlink(first.clone()));
            }
        }
        Ok(match () {
            () if kind.is_file() => {
                Kind::File(Arc::new(HostFile { path: path.to_owned(), bytes: meta.len() }))
            }
            () if kind.is_dir() => Kind::Directory(BTreeMap::new()),
            () if kind.is_symlink() => Kind::Symlink(fs::read_link(path)?.as_os_str().as_bytes().to_vec()),
            () if kind.is_char_device() => Kind::CharDevice(device.0, device.1),
            () if kind.is_block_device() => Kind::BlockDevice(device.0, device.1),
            () if kind.is_fifo() => Kind::Fifo,
            () => bail!("{} is a socket", path.display()),
        })
    }

    /// Reads the extended attributes of a file.
    fn xattrs(&mut self, path: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
        let length = llistxattr(path, &mut self.buffer[..])?;
        let names = self.buffer[..length].split(|b| *b == 0).filter(|n| !n.is_empty());
        let names: Vec<String> = names.map(|n| String::from_utf8_lossy(n).into_owned()).collect();
        let mut xattrs = BTreeMap::new();
        for name in names {
            let length = lgetxattr(path, &name, &mut self.buffer[..])?;
            xattrs.insert(name, self.buffer[..length].to_vec());
        }
        Ok(xattrs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_becomes_a_tree() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/one"), "1").unwrap();
        fs::hard_link(dir.path().join("d/one"), dir.path().join("two")).unwrap();
        std::os::unix::fs::symlink("d/one", dir.path().join("link")).unwrap();
        let tree = load(dir.path()).unwrap();
        tree.check().unwrap();
        let links = ["d/one", "two"].map(|p| matches!(tree.get(p).unwrap().kind, Kind::Hardlink(_)));
        assert_eq!(links.iter().filter(|l| **l).count(), 1);
        assert!(matches!(&tree.get("link").unwrap().kind, Kind::Symlink(t) if t == b"d/one"));
    }
}
