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

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(packages: Tree, overlay: &Tree) -> Result<Tree> {
        let mut plan = Plan::default();
        plan.entries.insert("etc".to_owned(), Entry::Directory(0o755));
        plan.entries.insert("lib".to_owned(), Entry::Link("usr/lib".to_owned()));
        plan.entries.insert("usr/lib/x".to_owned(), Entry::File(Content::Program("init")));
        let bytes = BTreeMap::from([(Content::Program("init"), Bytes::Memory(b"init".to_vec()))]);
        assemble(packages, &plan, &bytes, overlay)
    }

    fn file(text: &str) -> Node {
        Node::file(text.as_bytes().to_vec(), 0o644)
    }

    #[test]
    fn the_overlay_wins_and_unwanted_paths_go() {
        let mut packages = Tree::new();
        packages.insert("etc/hosts", file("theirs")).unwrap();
        packages.insert("usr/share/man/man1/x", file("x")).unwrap();
        packages.insert("usr/lib", Node::new(Kind::Directory(BTreeMap::new()), 0o700)).unwrap();
        let mut overlay = Tree::new();
        overlay.insert("etc/hosts", file("ours, longer")).unwrap();
        overlay.insert("usr/lib/y", file("y")).unwrap();
        let root = assembled(packages, &overlay).unwrap();
        let Kind::File(hosts) = &root.get("etc/hosts").unwrap().kind else { panic!("no file") };
        assert_eq!(hosts.len(), 12);
        assert!(root.get("usr/share/man").is_none());
        assert_eq!(root.get("usr/lib").unwrap().mode, 0o700);
        assert_eq!(root.get("usr/lib/x").unwrap().mode, 0o755);
    }

    #[test]
    fn a_package_that_is_not_merged_into_usr_is_refused() {
        let mut packages = Tree::new();
        packages.insert("lib/x", file("x")).unwrap();
        assert!(matches!(assembled(packages, &Tree::new()), Err(Error::Tree(_))));
    }
}
