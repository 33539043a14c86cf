//! `rootfs/overlay` as a tree: files copied as they are, at the place where they stand.
//!
//! Git keeps only whether a file can be executed, and a checkout has the umask and the owner of whoever
//! made it. So everything belongs to root, files are 0755 or 0644 by their owner's execute bit, and
//! directories are 0755. Empty directories can't be told from absent ones in git and are not taken.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use formats::tree::{Node, Tree};

use crate::source::HostFile;
use crate::{Error, error::Result};

/// Reads the overlay below `root`.
///
/// # Errors
/// [`Error::File`] if something can't be read, [`Error::Overlay`] for a device, socket or pipe.
pub fn load(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    add_directory(&mut tree, root, "")?;
    Ok(tree)
}

/// Adds what is in the directory `dir`, whose path in the tree is `at`.
fn add_directory(tree: &mut Tree, dir: &Path, at: &str) -> Result<()> {
    let read = || Error::file("reading overlay", dir);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(read())? {
        names.push(entry.map_err(read())?.file_name());
    }
    names.sort();
    for name in names {
        let path = dir.join(&name);
        let name = name.to_string_lossy();
        let target = if at.is_empty() { name.into_owned() } else { format!("{at}/{name}") };
        add(tree, &path, &target)?;
    }
    Ok(())
}

/// Adds the file, link or directory at `path`.
fn add(tree: &mut Tree, path: &Path, target: &str) -> Result<()> {
    let read = || Error::file("reading overlay", path);
    let meta = fs::symlink_metadata(path).map_err(read())?;
    if meta.is_dir() {
        return add_directory(tree, path, target);
    }
    let node = if meta.is_symlink() {
        Node::symlink(fs::read_link(path).map_err(read())?.into_os_string().into_encoded_bytes())
    } else if meta.is_file() {
        let mode = if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        HostFile::node(path, mode)?
    } else {
        return Err(Error::Overlay { path: path.to_owned(), found: "a device, socket or pipe" });
    };
    tree.insert(target, node).map_err(Error::Tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::tree::Kind;

    #[test]
    fn owner_and_mode_do_not_depend_on_the_checkout() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/empty")).unwrap();
        for (name, mode) in [("a", 0o600), ("b", 0o666), ("c", 0o700), ("d", 0o777)] {
            let path = root.path().join("etc").join(name);
            fs::write(&path, name).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink("a", root.path().join("etc/link")).unwrap();
        let tree = load(root.path()).unwrap();
        let mode = |name: &str| tree.get(name).unwrap().mode;
        assert_eq!(
            [mode("etc/a"), mode("etc/b"), mode("etc/c"), mode("etc/d")],
            [0o644, 0o644, 0o755, 0o755]
        );
        assert!(matches!(&tree.get("etc/link").unwrap().kind, Kind::Symlink(t) if t == b"a"));
        assert!(tree.get("etc/empty").is_none());
        assert_eq!(tree.get("etc/a").unwrap().uid, 0);
    }

    #[test]
    fn a_socket_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("s")).unwrap();
        assert!(matches!(load(root.path()), Err(Error::Overlay { .. })));
    }
}
