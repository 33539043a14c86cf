//! The root's tree: packages, then the plan, then overlays; each one replaces files of those before it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use formats::tree::{Kind, Node, Tree};

use crate::overlay::Overlay;
use crate::plan::{Content, Entry, Plan};
use crate::skeleton::UNWANTED;
use crate::source::HostFile;
use crate::{Error, error::Result};

/// The content of a planned file.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// In a file of the host.
    File(PathBuf),
    /// In memory.
    Memory(Vec<u8>),
}

/// Assembles the root.
///
/// # Errors
/// [`Error::Tree`] or, for an overlay, [`Error::OverlayConflict`] if two parts have different kinds of file
/// at one path; [`Error::File`] if a source can't be read.
///
/// # Panics
/// If a planned file has no content in `contents`; whoever makes the plan provides it.
pub fn assemble(
    packages: Tree,
    plan: &Plan,
    bytes: &BTreeMap<Content, Bytes>,
    overlays: &[Overlay],
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
    for overlay in overlays {
        lay_over(&mut root, overlay)?;
    }
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

/// Copies every node of an overlay to `root`; existing directories keep their mode.
fn lay_over(root: &mut Tree, Overlay { dir, tree, .. }: &Overlay) -> Result<()> {
    let is_directory = |node: &Node| matches!(node.kind, Kind::Directory(_));
    let mut nodes = Vec::new();
    tree.walk(|path, node| nodes.push((path.to_owned(), node)));
    for (place, node) in nodes {
        let there = root.get(&place);
        if there.is_some_and(|there| is_directory(there) != is_directory(node)) {
            let expected = if is_directory(node) { "a directory" } else { "no directory" };
            let found = there.map(|there| describe(&there.kind)).unwrap_or_default();
            return Err(Error::OverlayConflict { path: dir.join(&place), place, expected, found });
        }
        match (is_directory(node), there) {
            (true, Some(_)) => {}
            (true, None) => root.insert(&place, Node::directory())?,
            (false, _) => root.insert(&place, node.clone())?,
        }
    }
    Ok(())
}

/// Returns a description of a node for an error.
fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Directory(_) => "one".to_owned(),
        Kind::Symlink(target) => format!("a symbolic link to {}", String::from_utf8_lossy(target)),
        Kind::File(_) | Kind::Hardlink(_) => "a file".to_owned(),
        Kind::CharDevice(..) | Kind::BlockDevice(..) | Kind::Fifo => "a device or pipe".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(packages: Tree, overlays: &[Overlay]) -> Result<Tree> {
        let mut plan = Plan::default();
        plan.entries.insert("etc".to_owned(), Entry::Directory(0o755));
        plan.entries.insert("lib".to_owned(), Entry::Link("usr/lib".to_owned()));
        plan.entries.insert("usr/lib/x".to_owned(), Entry::File(Content::Program("init")));
        let bytes = BTreeMap::from([(Content::Program("init"), Bytes::Memory(b"init".to_vec()))]);
        assemble(packages, &plan, &bytes, overlays)
    }

    fn file(text: &str) -> Node {
        Node::file(text.as_bytes().to_vec(), 0o644)
    }

    fn overlay(nodes: &[(&str, Node)]) -> Overlay {
        let mut tree = Tree::new();
        nodes.iter().for_each(|(path, node)| tree.insert(path, node.clone()).unwrap());
        Overlay { dir: "/files".into(), tree, digest: inputs::Digest::of(b"") }
    }

    #[test]
    fn the_last_overlay_wins_over_files_and_links() {
        let overlays = [
            overlay(&[("etc/a", file("1")), ("etc/b", file("1")), ("etc/link", Node::symlink("a"))]),
            overlay(&[("etc/a", file("22")), ("etc/link", file("333")), ("etc/b", Node::symlink("a"))]),
        ];
        let root = assembled(Tree::new(), &overlays).unwrap();
        let length = |path: &str| match &root.get(path).unwrap().kind {
            Kind::File(source) => source.len(),
            _ => 0,
        };
        assert_eq!([length("etc/a"), length("etc/link"), length("etc/b")], [2, 3, 0]);
        assert!(matches!(&root.get("etc/b").unwrap().kind, Kind::Symlink(target) if target == b"a"));
    }

    #[test]
    fn directories_and_other_files_do_not_replace_each_other() {
        let cases = [
            (
                ("usr/lib", file("x")),
                "/files/usr/lib over the root: expected no directory at /usr/lib, found one",
            ),
            (
                ("usr", Node::symlink("x")),
                "/files/usr over the root: expected no directory at /usr, found one",
            ),
            (
                ("usr/lib/x/y", file("y")),
                "/files/usr/lib/x over the root: expected a directory at /usr/lib/x, found a file",
            ),
            (
                ("lib/y", file("y")),
                "/files/lib over the root: expected a directory at /lib, found a symbolic link to usr/lib",
            ),
        ];
        for (node, expected) in cases {
            let error = assembled(Tree::new(), &[overlay(&[node])]).unwrap_err();
            assert_eq!(error.to_string(), format!("copying {expected}"));
        }
    }

    #[test]
    fn the_overlay_wins_and_unwanted_paths_go() {
        let mut packages = Tree::new();
        packages.insert("etc/hosts", file("theirs")).unwrap();
        packages.insert("usr/share/man/man1/x", file("x")).unwrap();
        packages.insert("usr/lib", Node::new(Kind::Directory(BTreeMap::new()), 0o700)).unwrap();
        let overlay = overlay(&[("etc/hosts", file("ours, longer")), ("usr/lib/y", file("y"))]);
        let root = assembled(packages, &[overlay]).unwrap();
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
        assert!(matches!(assembled(packages, &[]), Err(Error::Tree(_))));
    }
}
