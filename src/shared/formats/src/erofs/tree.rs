//! Converts a [`Tree`] to the list of its inodes: hard links resolved, links counted, attributes packed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ErofsError;
use super::format::{DIRENT_BYTES, TYPES, XATTR_HEADER_BYTES, encode_device, split_xattr_name};
use crate::tree::{Kind, Node, Source, Tree};

/// Maximum length of a symbolic link's target: the kernel's `PATH_MAX` without its zero.
const MAX_TARGET_BYTES: usize = 4095;
/// Maximum length of attributes: `i_xattr_icount` counts units of four bytes after the header.
const MAX_XATTR_BYTES: usize = XATTR_HEADER_BYTES + 65_534 * 4;

/// One inode of the image.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub path: String,
    pub node: &'a Node,
    pub links: u32,
    pub payload: Payload<'a>,
    /// Attributes in disk format, including the header; empty if there are none.
    pub xattrs: Vec<u8>,
}

/// The content of an inode.
#[derive(Debug)]
pub(super) enum Payload<'a> {
    File(&'a Arc<dyn Source>),
    /// In byte order of names, including `.` and `..`.
    Directory(Vec<Link<'a>>),
    Symlink(&'a [u8]),
    Device(u32),
    Fifo,
}

/// One entry of a directory.
#[derive(Debug)]
pub(super) struct Link<'a> {
    pub name: &'a [u8],
    /// Index of the item that it refers to.
    pub item: usize,
}

impl Item<'_> {
    /// Returns mode bits and directory entry type.
    pub(super) fn kind(&self) -> (u16, u8) {
        let [file, directory, character, block, fifo, symlink] = TYPES;
        match &self.payload {
            Payload::File(_) => file,
            Payload::Directory(_) => directory,
            Payload::Symlink(_) => symlink,
            Payload::Fifo => fifo,
            Payload::Device(_) if matches!(self.node.kind, Kind::CharDevice(..)) => character,
            Payload::Device(_) => block,
        }
    }
}

/// Returns the items of `tree`; the root is the first, parents come before children.
pub(super) fn flatten(tree: &Tree) -> Result<Vec<Item<'_>>, ErofsError> {
    let mut flat = Flat::default();
    flat.add(tree.root(), String::new(), 0)?;
    for (path, target, directory, slot) in std::mem::take(&mut flat.hardlinks) {
        let item = flat.files.get(target).copied();
        let item = item.ok_or_else(|| ErofsError::Hardlink { path, target: target.to_owned() })?;
        flat.items[item].links += 1;
        if let Payload::Directory(links) = &mut flat.items[directory].payload {
            links[slot].item = item;
        }
    }
    Ok(flat.items)
}

/// The list while it is built.
#[derive(Default)]
struct Flat<'a> {
    items: Vec<Item<'a>>,
    /// Items of regular files, by path.
    files: HashMap<String, usize>,
    /// Path, target, item of the directory, and index in it.
    hardlinks: Vec<(String, &'a str, usize, usize)>,
}

impl<'a> Flat<'a> {
    /// Adds a node that is not a hard link, and everything below it; returns its index.
    fn add(&mut self, node: &'a Node, path: String, parent: usize) -> Result<usize, ErofsError> {
        let index = self.items.len();
        let payload = payload(node, &path)?;
        if matches!(payload, Payload::File(_)) {
            self.files.insert(path.clone(), index);
        }
        let xattrs = pack_xattrs(&node.xattrs, &path)?;
        self.items.push(Item { path, node, links: 1, payload, xattrs });
        if let Kind::Directory(entries) = &node.kind {
            self.add_entries(entries, index, parent)?;
        }
        Ok(index)
    }

    /// Adds the entries of the directory that is item `index`.
    fn add_entries(
        &mut self,
        entries: &'a BTreeMap<Vec<u8>, Node>,
        index: usize,
        parent: usize,
    ) -> Result<(), ErofsError> {
        let mut links = vec![Link { name: b".", item: index }, Link { name: b"..", item: parent }];
        let mut targets = Vec::new();
        let mut subdirectories = 0;
        for (name, child) in entries {
            let path = join(&self.items[index].path, name);
            let item = if let Kind::Hardlink(target) = &child.kind {
                targets.push((path, target.as_str(), name));
                index
            } else {
                subdirectories += u32::from(matches!(child.kind, Kind::Directory(_)));
                self.add(child, path, index)?
            };
            links.push(Link { name, item });
        }
        // A few names, such as "!", sort before ".".
        links.sort_by_key(|link| link.name);
        for (path, target, name) in targets {
            let slot = links.partition_point(|link| link.name < name.as_slice());
            self.hardlinks.push((path, target, index, slot));
        }
        self.items[index].links = 2 + subdirectories;
        self.items[index].payload = Payload::Directory(links);
        Ok(())
    }
}

/// Returns the path of `name` in the directory at `path`.
fn join(path: &str, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") }
}

/// Returns the content of a node; a directory's entries are added later.
fn payload<'a>(node: &'a Node, path: &str) -> Result<Payload<'a>, ErofsError> {
    Ok(match &node.kind {
        Kind::File(source) => Payload::File(source),
        Kind::Directory(_) => Payload::Directory(Vec::new()),
        Kind::Symlink(target) if (1..=MAX_TARGET_BYTES).contains(&target.len()) => Payload::Symlink(target),
        Kind::Symlink(target) => {
            return Err(unfit(path, "length of the link's target", target.len(), "1 to 4095 bytes"));
        }
        Kind::CharDevice(major, minor) | Kind::BlockDevice(major, minor) => {
            if *major > 0xfff || *minor > 0xf_ffff {
                return Err(unfit(path, "device", format!("{major}:{minor}"), "at most 4095:1048575"));
            }
            Payload::Device(encode_device(*major, *minor))
        }
        Kind::Fifo => Payload::Fifo,
        Kind::Hardlink(target) => {
            return Err(ErofsError::Hardlink { path: path.to_owned(), target: target.clone() });
        }
    })
}

/// Packs attributes in disk format.
fn pack_xattrs(xattrs: &BTreeMap<String, Vec<u8>>, path: &str) -> Result<Vec<u8>, ErofsError> {
    if xattrs.is_empty() {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; XATTR_HEADER_BYTES];
    for (name, value) in xattrs {
        let split = split_xattr_name(name);
        let (index, rest) = split.ok_or_else(|| {
            unfit(path, "extended attribute", name, "user.*, trusted.*, security.* or a POSIX ACL")
        })?;
        let name_bytes =
            u8::try_from(rest.len()).map_err(|_| unfit(path, "attribute name", name, "at most 255 bytes"))?;
        let value_bytes = u16::try_from(value.len())
            .map_err(|_| unfit(path, "length of an attribute's value", value.len(), "at most 65535"))?;
        bytes.extend([name_bytes, index]);
        bytes.extend(value_bytes.to_le_bytes());
        bytes.extend(rest.as_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    if bytes.len() > MAX_XATTR_BYTES {
        return Err(unfit(path, "length of the attributes", bytes.len(), "at most 262148 bytes"));
    }
    Ok(bytes)
}

/// Returns the error for something that the format does not support.
pub(super) fn unfit(
    path: &str,
    what: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> ErofsError {
    ErofsError::Unfit { path: path.to_owned(), what, found: found.to_string(), expected }
}

/// Returns the number of links in each block of a directory, and the bytes used in the last one.
pub(super) fn split_directory(links: &[Link<'_>]) -> (Vec<usize>, usize) {
    let (mut counts, mut count, mut used) = (Vec::new(), 0, 0);
    for link in links {
        let bytes = DIRENT_BYTES + link.name.len();
        if used + bytes > super::format::BLOCK_BYTES {
            counts.push(count);
            (count, used) = (0, 0);
        }
        count += 1;
        used += bytes;
    }
    counts.push(count);
    (counts, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_links_share_an_item_whatever_their_order() {
        let mut tree = Tree::new();
        tree.insert("a", Node::new(Kind::Hardlink("z/file".into()), 0)).unwrap();
        tree.insert("z/file", Node::file(vec![1], 0o644)).unwrap();
        tree.insert("z/other", Node::new(Kind::Hardlink("z/file".into()), 0)).unwrap();
        let items = flatten(&tree).unwrap();
        let file = items.iter().position(|i| i.path == "z/file").unwrap();
        assert_eq!(items.len(), 3);
        assert_eq!(items[file].links, 3);
        assert_eq!(items[0].links, 3);
        let Payload::Directory(links) = &items[0].payload else { panic!() };
        assert_eq!((links[2].name, links[2].item), (&b"a"[..], file));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let with_xattr = |name: &str, length| {
            let mut node = Node::file(vec![], 0o644);
            node.xattrs.insert(name.into(), vec![0; length]);
            node
        };
        let cases = [
            (Node::symlink(""), "length of the link's target"),
            (Node::symlink("x".repeat(4096)), "length of the link's target"),
            (Node::new(Kind::CharDevice(4096, 0), 0o600), "device"),
            (with_xattr("system.nfs4_acl", 1), "extended attribute"),
            (with_xattr(&format!("user.{}", "x".repeat(256)), 1), "attribute name"),
            (with_xattr("user.x", 65_536), "length of an attribute's value"),
        ];
        for (node, expected) in cases {
            let mut tree = Tree::new();
            tree.insert("x", node).unwrap();
            let found = flatten(&tree).unwrap_err();
            assert!(matches!(&found, ErofsError::Unfit { what, .. } if *what == expected), "{found}");
        }
        let mut tree = Tree::new();
        tree.insert("x", Node::new(Kind::Hardlink("y".into()), 0)).unwrap();
        assert!(matches!(flatten(&tree), Err(ErofsError::Hardlink { .. })));
    }

    #[test]
    fn names_below_the_dot_stand_first() {
        let mut tree = Tree::new();
        tree.insert("!", Node::file(vec![], 0o644)).unwrap();
        let items = flatten(&tree).unwrap();
        let Payload::Directory(links) = &items[0].payload else { panic!() };
        assert_eq!(links.iter().map(|l| l.name).collect::<Vec<_>>(), [&b"!"[..], b".", b".."]);
    }
}
