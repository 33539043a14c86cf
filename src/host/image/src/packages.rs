//! The root's Debian packages as one tree.
//!
//! The root has a merged `/usr`, as Debian has since 2023: whatever a package has below `/bin`, `/sbin` or
//! `/lib` goes below `/usr`, and the image provides the links at the old paths. If two packages conflict, the
//! error names them; dpkg's diversions and `Replaces` are not supported.

use std::collections::BTreeMap;
use std::sync::Arc;

use formats::tree::{Kind, Node, Tree, TreeError};
use inputs::Workspace;
use inputs::debian::{self, Entry, EntryKind, Keep, Locked, Unpacked};

use crate::source::HostFile;
use crate::{Error, error::Result};

/// The package whose certificates are concatenated into one file.
const CERTIFICATES: &str = "ca-certificates";
/// Packages of which only some files are installed, and these.
const PARTS: [(&str, &[&str]); 1] =
    [("e2fsprogs", &["usr/sbin/e2fsck", "usr/share/doc/e2fsprogs/copyright"])];
/// The set-user-ID and set-group-ID bits.
const SETUID_SETGID: u16 = 0o6000;

/// Unpacks the root's packages into one tree; returns it and the certificates.
///
/// # Errors
/// [`Error::Input`] if a package can't be obtained or unpacked; [`Error::Package`] if one conflicts with
/// those before it; [`Error::SameFile`] if one of those has a file of the same path; [`Error::File`] if its files in
/// the cache can't be read.
pub(crate) fn root_packages(workspace: &Workspace, locked: &[&Locked]) -> Result<(Tree, Vec<u8>)> {
    let mut tree = Tree::new();
    let mut owners = Owners::new();
    let mut certificates = Vec::new();
    for package in locked {
        let unpacked = workspace.package(package, Keep::Root)?;
        if package.name == CERTIFICATES {
            certificates = debian::ca_bundle(&unpacked)?;
        }
        add_package(&mut tree, &mut owners, &unpacked)?;
    }
    Ok((tree, certificates))
}

/// The package that brought each path which is no directory.
type Owners = BTreeMap<String, String>;

/// Adds the files of a package. Owners and modes are the package's own, but without set-user-ID and
/// set-group-ID bits: on a node only root calls programs such as `mount`.
fn add_package(tree: &mut Tree, owners: &mut Owners, package: &Unpacked) -> Result<()> {
    let refused = |source: TreeError| Error::Package { package: package.name.clone(), source };
    let entries =
        package.entries.iter().filter(|entry| !is_merging_link(entry) && is_installed(&package.name, entry));
    for entry in entries {
        let kind = match &entry.kind {
            EntryKind::Directory => Kind::Directory(BTreeMap::new()),
            EntryKind::File(path) => Kind::File(Arc::new(HostFile::new(path)?)),
            EntryKind::Symlink(target) => Kind::Symlink(target.clone().into_bytes()),
            EntryKind::Hardlink(target) => Kind::Hardlink(merged(target)),
        };
        let mode = if entry.kind == EntryKind::Directory { entry.mode } else { entry.mode & !SETUID_SETGID };
        let node = Node { uid: entry.uid, gid: entry.gid, ..Node::new(kind, mode) };
        let path = merged(&entry.path);
        tree.insert(&path, node).map_err(refused)?;
        if entry.kind != EntryKind::Directory {
            own(owners, path, &package.name)?;
        }
    }
    tree.check().map_err(refused)
}

/// Returns whether an entry of a package is installed.
fn is_installed(package: &str, entry: &Entry) -> bool {
    let path = merged(&entry.path);
    let Some((_, files)) = PARTS.iter().find(|(name, _)| *name == package) else { return true };
    let is_above = |file: &str| file.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'));
    files.iter().any(|f| *f == path || is_above(f))
}

/// Notes that `package` brought `path`.
fn own(owners: &mut Owners, path: String, package: &str) -> Result<()> {
    match owners.insert(path.clone(), package.to_owned()) {
        Some(first) if first != package => Err(Error::SameFile { path, first, second: package.to_owned() }),
        _ => Ok(()),
    }
}

/// Returns whether an entry is one of the links of a merged `/usr`, such as `/bin` to `usr/bin`. `base-files`
/// contains them; in the image they are part of the plan.
fn is_merging_link(entry: &Entry) -> bool {
    let EntryKind::Symlink(target) = &entry.kind else { return false };
    let target = target.trim_start_matches('/').trim_end_matches('/');
    is_merged_directory(&entry.path) && target == merged(&entry.path)
}

/// Returns whether a top-level directory is below `/usr` in a merged root.
fn is_merged_directory(name: &str) -> bool {
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].contains(&name)
}

/// Returns the path of a package's file in a merged root.
fn merged(path: &str) -> String {
    match is_merged_directory(path.split('/').next().unwrap_or(path)) {
        true => format!("usr/{path}"),
        false => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an unpacked package with only directories and links.
    fn package(name: &str, entries: &[(&str, EntryKind)]) -> Unpacked {
        let entry = |(path, kind): &(&str, EntryKind)| Entry {
            path: (*path).to_owned(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            kind: kind.clone(),
        };
        Unpacked { name: name.to_owned(), entries: entries.iter().map(entry).collect() }
    }

    fn symlink(target: &str) -> EntryKind {
        EntryKind::Symlink(target.to_owned())
    }

    #[test]
    fn of_some_packages_only_the_named_files_are_installed() {
        let entry = |path: &str| {
            let kind = EntryKind::Symlink(String::new());
            Entry { path: path.to_owned(), mode: 0o755, uid: 0, gid: 0, mtime: 0, kind }
        };
        for (path, expected) in [
            ("sbin/e2fsck", true),
            ("usr/sbin", true),
            ("sbin/mke2fs", false),
            ("sbin/e2fsck.static", false),
            ("usr/share/doc/e2fsprogs/copyright", true),
            ("etc/mke2fs.conf", false),
        ] {
            assert_eq!(is_installed("e2fsprogs", &entry(path)), expected, "{path}");
            assert!(is_installed("mount", &entry(path)));
        }
    }

    #[test]
    fn old_places_lie_below_usr() {
        let cases = [
            ("lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("sbin", "usr/sbin"),
            ("usr/lib64/ld.so", "usr/lib64/ld.so"),
            ("etc/bin", "etc/bin"),
            ("library", "library"),
        ];
        for (path, expected) in cases {
            assert_eq!(merged(path), expected);
        }
    }

    #[test]
    fn links_that_merge_a_system_into_usr_are_not_laid_over_its_directories() {
        let mut tree = Tree::new();
        let shell = package(
            "shell",
            &[("bin", EntryKind::Directory), ("bin/sh", symlink("bash")), ("lib64", EntryKind::Directory)],
        );
        let base = package(
            "base-files",
            &[
                ("usr/bin", EntryKind::Directory),
                ("bin", symlink("usr/bin")),
                ("lib", symlink("usr/lib")),
                ("lib64", symlink("/usr/lib64/")),
                ("sbin", symlink("usr/sbin")),
            ],
        );
        for package in [&shell, &base, &shell] {
            add_package(&mut tree, &mut Owners::new(), package).unwrap();
        }
        let mut paths = Vec::new();
        tree.walk(|path, _| paths.push(path.to_owned()));
        assert_eq!(paths, ["usr", "usr/bin", "usr/bin/sh", "usr/lib64"]);
    }

    #[test]
    fn packages_that_do_not_go_together_are_named() {
        let cases = [
            (("bin", symlink("opt/bin")), "path \"usr/bin\" already exists as another kind of file"),
            (("bin/sh/x", EntryKind::Directory), "path \"usr/bin/sh/x\": \"sh\" is not a directory"),
            (
                ("usr/y", EntryKind::Hardlink("usr/z".to_owned())),
                "hard link \"usr/y\": target \"usr/z\" is not a regular file of the tree",
            ),
        ];
        for (entry, expected) in cases {
            let mut tree = Tree::new();
            let mut owners = Owners::new();
            add_package(&mut tree, &mut owners, &package("shell", &[("bin/sh", symlink("bash"))])).unwrap();
            let odd = package("odd", &[entry]);
            let error = add_package(&mut tree, &mut owners, &odd).unwrap_err().to_string();
            assert_eq!(error, format!("adding package odd to the root: {expected}"));
        }
    }

    #[test]
    fn a_file_of_two_packages_is_refused() {
        let (mut tree, mut owners) = (Tree::new(), Owners::new());
        let first = package("dash", &[("bin", EntryKind::Directory), ("bin/sh", symlink("dash"))]);
        add_package(&mut tree, &mut owners, &first).unwrap();
        let second = package("bash", &[("usr/bin/sh", symlink("bash"))]);
        let error = add_package(&mut tree, &mut owners, &second).unwrap_err().to_string();
        let expected =
            "adding package bash to the root: package dash has \"usr/bin/sh\" too; leave one of them out";
        assert_eq!(error, expected);
    }
}
