//! Shared by the tests: the unpacked image and one running node.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::node::Node;
use crate::{image, tool};

/// Name of the shared machine.
const SHARED: &str = "e2e";

/// Shared by all tests of one run; removed afterwards, including machines.
#[derive(Debug)]
pub struct Lab {
    // Fields are dropped in this order: a machine is found by its files, so it must be dropped before them.
    node: Option<Node>,
    dir: TempDir,
}

impl Lab {
    /// Creates an empty lab.
    ///
    /// # Panics
    /// If its directory can't be created.
    #[must_use]
    pub fn new() -> Lab {
        Lab { dir: tempfile::tempdir().expect("making the lab's directory"), node: None }
    }

    /// Returns a directory for this lab's files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the shared node with its cluster ready; boots it if it is not running.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn node(&mut self) -> &mut Node {
        let kubectl = self.unpacked().join("usr/bin/kube");
        let node = self.node.get_or_insert_with(|| Node::new(self.dir.path(), SHARED, &kubectl));
        if !node.is_running() {
            node.run(&image::qcow2(), &[]);
        }
        node
    }

    /// Returns a separate node, not started.
    #[must_use]
    pub fn other_node(&self, name: &str) -> Node {
        Node::new(self.dir.path(), name, &self.unpacked().join("usr/bin/kube"))
    }

    /// Discards the shared node, after a test that failed with it.
    pub fn discard_node(&mut self) {
        self.node = None;
    }

    /// Returns the image's root, unpacked by `fsck.erofs`.
    ///
    /// # Panics
    /// If it can't be unpacked.
    #[must_use]
    pub fn unpacked(&self) -> PathBuf {
        let to = self.dir.path().join("unpacked");
        if !to.exists() {
            let root = self.root();
            let extract = format!("--extract={}", to.display());
            tool::run("fsck.erofs", &["--preserve", &extract, &root.display().to_string()]);
        }
        to
    }

    /// Returns the image's root file system as a file.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        let root = self.dir.path().join("root.erofs");
        if !root.exists() {
            image::extract_root(&root);
        }
        root
    }
}

impl Default for Lab {
    fn default() -> Self {
        Lab::new()
    }
}
