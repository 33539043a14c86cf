//! The root's tree: packages below, plan over them, overlay on top.

use std::collections::BTreeMap;
use std::path::PathBuf;

use formats::tree::{Kind, Node, Tree};

use crate::plan::{Content, Entry, Plan};
use crate::skeleton::UNWANTED;
use crate::source::HostFile;
use crate::{Error, error::Result};

/// Where the bytes of a planned file are.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// In a file of the host.
    File(PathBuf),
    /// In memory.
    Memory(Vec<u8>),
}

/// Puts the root together.
///
/// # Errors
/// [`Error::Tree`] where two parts want different kinds of file at one path, [`Error::File`] where a
/// source can't be read.
///
/// # Panics
/// When a planned content has no bytes: whoever makes the plan gives them.
pub fn assemble(
    packages: Tree,
    plan: &Plan,
    bytes: &BTreeMap<Content, Bytes>,
    overlay: &Tree,
) -> Result<Tree> {
    let mut root = packages;
    for path in UNWANTED {
        root.remove(path);
    }
    for (path, entry) in &plan.entries {
        let node = match entry {
            Entry::Directory(mode) => Node::new(Kind::Directory(BTreeMap::new()), *mode),
            Entry::Link(target) => Node::symlink(target.as_str()),
            Entry::File(content) => {
                let bytes = bytes.get(content).expect("each planned content has bytes");
                node_of(bytes, content.mode())?
            }
        };
        root.insert(path, node)?;
    }
    lay_over(&mut root, overlay)?;
    root.check()?;
    Ok(root)
}

/// Returns a file with these bytes.
fn node_of(bytes: &Bytes, mode: u16) -> Result<Node> {
    match bytes {
        Bytes::File(path) => HostFile::node(path, mode),
        Bytes::Memory(bytes) => Ok(Node::file(bytes.clone(), mode)),
    }
}

/// Lays every node of `over` on `root`; directories that are there keep their mode.
fn lay_over(root: &mut Tree, over: &Tree) -> Result<()> {
    let mut nodes = Vec::new();
    over.walk(|path, node| nodes.push((path.to_owned(), node)));
    for (path, node) in nodes {
        let is_directory = matches!(node.kind, Kind::Directory(_));
        if is_directory && root.get(&path).is_some_and(|n| matches!(n.kind, Kind::Directory(_))) {
            continue;
        }
        let node = if is_directory { Node::directory() } else { node.clone() };
        root.insert(&path, node).map_err(Error::Tree)?;
    }
    Ok(())
}
