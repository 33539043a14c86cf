//! A file tree in memory, from which a root file system or an initrd is written.
//!
//! A node has mode, owner, times and extended attributes as data; the content of a file stays where it is
//! ([`Source`]) until a writer needs it. Paths are relative, `/`-separated, without `.` and `..`; missing
//! parent directories are created with mode 0755, owner 0:0. Nothing here touches a disk, so any owner or
//! device node is possible without being root.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

/// Maximum length of a path component in bytes (`NAME_MAX`).
const MAX_NAME_BYTES: usize = 255;

/// The source of a file's content.
pub trait Source: fmt::Debug + Send + Sync {
    /// Returns the length in bytes; [`Source::open`] must return exactly as many.
    fn len(&self) -> u64;

    /// Opens the content for reading from the start.
    ///
    /// # Errors
    /// The I/O error of the underlying storage.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;

    /// Returns whether the length is 0.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.clone())))
    }
}

/// The kind of a node.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A directory, with its entries by name. Names are never empty, `.` or `..`.
    Directory(BTreeMap<Vec<u8>, Node>),
    /// A regular file.
    File(Arc<dyn Source>),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A further name of the regular file at this path of the same tree.
    Hardlink(String),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// One node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes: complete name (`security.capability`) and value.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    /// Returns a node owned by root, without extended attributes.
    #[must_use]
    pub fn new(kind: Kind, mode: u16) -> Node {
        Node { kind, mode, uid: 0, gid: 0, xattrs: BTreeMap::new() }
    }

    /// Returns an empty directory, mode 0755.
    #[must_use]
    pub fn directory() -> Node {
        Node::new(Kind::Directory(BTreeMap::new()), 0o755)
    }

    /// Returns a file with the content of `source`.
    #[must_use]
    pub fn file(source: impl Source + 'static, mode: u16) -> Node {
        Node::new(Kind::File(Arc::new(source)), mode)
    }

    /// Returns a symbolic link, mode 0777.
    #[must_use]
    pub fn symlink(target: impl Into<Vec<u8>>) -> Node {
        Node::new(Kind::Symlink(target.into()), 0o777)
    }
}

/// Why a node can't be inserted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The path is absolute, empty, has `.`, `..`, an empty or an overlong component, or a zero byte.
    #[error("path {0:?}: expected a relative path without '.' and '..', each part 1 to 255 bytes")]
    Path(String),
    /// A component of the path is not a directory.
    #[error("path {0:?}: {1:?} is not a directory")]
    NotDirectory(String, String),
    /// There is a node of another kind.
    #[error("path {0:?} already exists as another kind of file")]
    Conflict(String),
    /// The target of a hard link is not a regular file.
    #[error("hard link {0:?}: target {1:?} is not a regular file of the tree")]
    Hardlink(String, String),
}

/// A complete tree. The root is a directory.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Node,
}

impl Default for Tree {
    fn default() -> Self {
        Tree { root: Node::directory() }
    }
}

impl Tree {
    /// Returns a tree with an empty root directory.
    #[must_use]
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Returns the root directory.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Inserts `node` at `path`, replacing a node of the same kind if there is one. If both are directories,
    /// the entries of both are kept; owner, mode and attributes are the new one's. Further names of a
    /// replaced file keep its content.
    ///
    /// # Errors
    /// [`TreeError::Path`] if the path is malformed, [`TreeError::NotDirectory`] if a component of it is not
    /// a directory, [`TreeError::Conflict`] if there is a node of another kind. The tree is unchanged, except
    /// for directories created on the way.
    pub fn insert(&mut self, path: &str, node: Node) -> Result<(), TreeError> {
        let (parents, name) = split(path)?;
        if !matches!(node.kind, Kind::Directory(_)) {
            self.hand_over(path);
        }
        let mut at = &mut self.root;
        let mut at_name: &[u8] = b"/";
        let no_directory =
            |name: &[u8]| TreeError::NotDirectory(path.to_owned(), String::from_utf8_lossy(name).into());
        for part in parents {
            let Kind::Directory(entries) = &mut at.kind else { return Err(no_directory(at_name)) };
            at = entries.entry(part.to_vec()).or_insert_with(Node::directory);
            at_name = part;
        }
        let Kind::Directory(entries) = &mut at.kind else { return Err(no_directory(at_name)) };
        let merged = match entries.remove(name) {
            None => node,
            Some(old) => match merge(old, node) {
                Ok(merged) => merged,
                Err(old) => {
                    entries.insert(name.to_vec(), *old);
                    return Err(TreeError::Conflict(path.to_owned()));
                }
            },
        };
        entries.insert(name.to_vec(), merged);
        Ok(())
    }

    /// Makes the first of the further names of the file at `path` the file itself, since `path` is about to
    /// be replaced.
    fn hand_over(&mut self, path: &str) {
        let Some(file) = self.get(path).filter(|node| matches!(node.kind, Kind::File(_))).cloned() else {
            return;
        };
        let mut names = Vec::new();
        self.walk(|name, node| match &node.kind {
            Kind::Hardlink(target) if target == path => names.push(name.to_owned()),
            _ => {}
        });
        let Some(first) = names.first().cloned() else { return };
        for name in names {
            let link = || Node { kind: Kind::Hardlink(first.clone()), ..file.clone() };
            let node = if name == first { file.clone() } else { link() };
            if let Some(there) = self.get_mut(&name) {
                *there = node;
            }
        }
    }

    /// Like [`Tree::get`].
    fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        path.split('/').try_fold(&mut self.root, |at, part| match &mut at.kind {
            Kind::Directory(entries) => entries.get_mut(part.as_bytes()),
            _ => None,
        })
    }

    /// Removes the node at `path` with everything below it; returns it if it existed.
    pub fn remove(&mut self, path: &str) -> Option<Node> {
        let (parents, name) = split(path).ok()?;
        let mut at = &mut self.root;
        for part in parents {
            let Kind::Directory(entries) = &mut at.kind else { return None };
            at = entries.get_mut(part)?;
        }
        let Kind::Directory(entries) = &mut at.kind else { return None };
        entries.remove(name)
    }

    /// Returns the node at `path`; symbolic links are not followed.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        path.split('/').try_fold(&self.root, |at, part| match &at.kind {
            Kind::Directory(entries) => entries.get(part.as_bytes()),
            _ => None,
        })
    }

    /// Visits every node except the root: parents before children, names in byte order.
    pub fn walk<'a>(&'a self, mut visit: impl FnMut(&str, &'a Node)) {
        walk_into(&self.root, "", &mut visit);
    }

    /// Checks that the target of each hard link is a regular file of the tree.
    ///
    /// # Errors
    /// [`TreeError::Hardlink`] for the first one whose target is not.
    pub fn check(&self) -> Result<(), TreeError> {
        let mut bad = None;
        self.walk(|path, node| {
            let Kind::Hardlink(target) = &node.kind else { return };
            if bad.is_none() && !matches!(self.get(target).map(|n| &n.kind), Some(Kind::File(_))) {
                bad = Some(TreeError::Hardlink(path.to_owned(), target.clone()));
            }
        });
        bad.map_or(Ok(()), Err)
    }
}

/// Merges `new` into `old`; returns `old` as the error if they conflict.
fn merge(old: Node, mut new: Node) -> Result<Node, Box<Node>> {
    match (old.kind, &mut new.kind) {
        (Kind::Directory(mut below), Kind::Directory(over)) => {
            below.append(over);
            *over = below;
            Ok(new)
        }
        (Kind::Directory(below), _) => Err(Box::new(Node { kind: Kind::Directory(below), ..old })),
        (kind, Kind::Directory(_)) => Err(Box::new(Node { kind, ..old })),
        _ => Ok(new),
    }
}

/// Splits a path into its directories and its last component.
fn split(path: &str) -> Result<(Vec<&[u8]>, &[u8]), TreeError> {
    let mut parts: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
    let sound = |p: &&[u8]| {
        !p.is_empty() && *p != b"." && *p != b".." && p.len() <= MAX_NAME_BYTES && !p.contains(&0)
    };
    if !parts.iter().all(sound) {
        return Err(TreeError::Path(path.to_owned()));
    }
    let name = parts.pop().ok_or_else(|| TreeError::Path(path.to_owned()))?;
    Ok((parts, name))
}

/// Visits everything below `node`, whose path is `at`.
fn walk_into<'a>(node: &'a Node, at: &str, visit: &mut impl FnMut(&str, &'a Node)) {
    let Kind::Directory(entries) = &node.kind else { return };
    for (name, child) in entries {
        let name = String::from_utf8_lossy(name);
        let path = if at.is_empty() { name.into_owned() } else { format!("{at}/{name}") };
        visit(&path, child);
        walk_into(child, &path, visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &str) -> Node {
        Node::file(bytes.as_bytes().to_vec(), 0o644)
    }

    #[test]
    fn makes_the_directories_on_the_way() {
        let mut tree = Tree::new();
        tree.insert("usr/bin/x", file("x")).unwrap();
        assert!(matches!(tree.get("usr/bin").unwrap().kind, Kind::Directory(_)));
        let mut seen = Vec::new();
        tree.walk(|p, _| seen.push(p.to_owned()));
        assert_eq!(seen, ["usr", "usr/bin", "usr/bin/x"]);
    }

    #[test]
    fn a_directory_over_a_directory_keeps_both() {
        let mut tree = Tree::new();
        tree.insert("etc/a", file("a")).unwrap();
        tree.insert("etc", Node::new(Kind::Directory(BTreeMap::new()), 0o700)).unwrap();
        assert_eq!(tree.get("etc").unwrap().mode, 0o700);
        assert!(tree.get("etc/a").is_some());
    }

    #[test]
    fn refuses_bad_paths_and_conflicts() {
        let mut tree = Tree::new();
        for bad in ["", "/etc", "a//b", "a/../b", "./a", "a/", &"x".repeat(256)] {
            assert_eq!(tree.insert(bad, file("")), Err(TreeError::Path(bad.into())));
        }
        tree.insert("a", file("")).unwrap();
        for path in ["a/b", "a/b/c"] {
            assert_eq!(tree.insert(path, file("")), Err(TreeError::NotDirectory(path.into(), "a".into())));
        }
        assert_eq!(tree.insert("a", Node::directory()), Err(TreeError::Conflict("a".into())));
        assert!(matches!(tree.get("a").unwrap().kind, Kind::File(_)));
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_further_names() {
        let mut tree = Tree::new();
        let link = |target: &str| Node::new(Kind::Hardlink(target.into()), 0o644);
        tree.insert("a", file("old")).unwrap();
        tree.insert("b/one", link("a")).unwrap();
        tree.insert("b/two", link("a")).unwrap();
        assert!(tree.insert("a", Node::directory()).is_err());
        assert!(matches!(&tree.get("b/one").unwrap().kind, Kind::Hardlink(to) if to == "a"));
        tree.insert("a", file("newer")).unwrap();
        let length = |path: &str| match &tree.get(path).unwrap().kind {
            Kind::File(source) => source.len(),
            _ => 0,
        };
        assert_eq!([length("a"), length("b/one")], [5, 3]);
        assert!(matches!(&tree.get("b/two").unwrap().kind, Kind::Hardlink(to) if to == "b/one"));
        assert_eq!(tree.check(), Ok(()));
    }

    #[test]
    fn finds_dangling_hard_links() {
        let mut tree = Tree::new();
        tree.insert("b", Node::new(Kind::Hardlink("a".into()), 0o644)).unwrap();
        assert!(tree.check().is_err());
        tree.insert("a", file("x")).unwrap();
        assert_eq!(tree.check(), Ok(()));
    }
}
