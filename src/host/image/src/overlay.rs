//! Overlays, `rootfs/overlay` and those of the profile, as trees: files are copied unchanged to the same
//! path. The rules follow git, so that a profile's files may be kept in a repository too.
//!
//! Git stores only whether a file is executable, and a checkout has the umask and the owner of whoever made
//! it. So everything belongs to root, files are 0755 or 0644 according to their owner's execute bit, and
//! directories are 0755. Git does not store empty directories, so they are left out.
//!
//! What git loses although an image would depend on it is refused: set-user-ID, set-group-ID and sticky bits
//! (but a directory may have the set-group-ID bit, which it inherits in a shared checkout), and capabilities.
//! Other attributes are ignored. Hard links are kept.
//!
//! Files are read when the build begins; later changes are in the next build.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use config::ImageProfile;
use formats::tree::{Kind, Node, Tree};
use inputs::store::KeyBuilder;
use inputs::{Digest, Workspace};
use rustix::io::Errno;

use crate::error::{Error, NO_CAPABILITIES, NO_SPECIAL_BITS, Result};
use crate::skeleton::MOUNTED;
use crate::source::read_now;

/// Files that are copied over the root.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    /// The directory on the host.
    pub dir: PathBuf,
    /// Its files.
    pub tree: Tree,
    /// Hash of its files.
    pub digest: Digest,
}

/// Reads all overlays of an image, in the order in which they are applied.
///
/// # Errors
/// Those of [`load`]; [`Error::Input`] if the files can't be hashed.
pub(crate) fn load_all(workspace: &Workspace, profile: &ImageProfile) -> Result<Vec<Overlay>> {
    let ours = workspace.source().join("rootfs/overlay");
    let all = [ours].into_iter().chain(profile.overlay.iter().map(PathBuf::from));
    all.map(|dir| {
        // Hashed before it is read: if a file changes in between, the image is newer than its key, so the
        // next build makes it again. In the other order, the next build would take the old image for the new
        // one.
        let hashed = workspace.with_memo(|memo| memo.tree(&dir));
        let tree = load(&dir)?;
        Ok(Overlay { dir, tree, digest: hashed? })
    })
    .collect()
}

/// Adds the content of the overlays to the cache key of a build.
pub(crate) fn add_to(key: KeyBuilder, overlays: &[Overlay]) -> KeyBuilder {
    overlays.iter().fold(key, |key, overlay| {
        let key = key.with("overlay", overlay.digest.to_string());
        hard_links(&overlay.tree).iter().fold(key, |key, link| key.with("hard link", link))
    })
}

/// Returns name and target of a tree's hard links, which the hash of its files does not cover.
fn hard_links(tree: &Tree) -> Vec<String> {
    let mut links = Vec::new();
    tree.walk(|path, node| {
        if let Kind::Hardlink(target) = &node.kind {
            links.push(format!("{path}\0{target}"));
        }
    });
    links
}

/// Reads the overlay in `dir`.
///
/// # Errors
/// [`Error::File`] if something can't be read; [`Error::Overlay`] for a device, socket or pipe, a name that
/// is not UTF-8, capabilities and mode bits that would be lost, and files in a directory that is a mount
/// point on a node, where they would be hidden.
fn load(dir: &Path) -> Result<Tree> {
    let mut loading = Loading::default();
    loading.add_directory(dir, "")?;
    Ok(loading.tree)
}

/// A partly read overlay.
#[derive(Default)]
struct Loading {
    tree: Tree,
    /// The first path of each file with several names, by device and inode.
    names: HashMap<(u64, u64), String>,
}

impl Loading {
    /// Adds the content of the directory `dir`, whose path in the tree is `at`.
    fn add_directory(&mut self, dir: &Path, at: &str) -> Result<()> {
        let read = || Error::file("reading overlay", dir);
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(read())? {
            names.push(entry.map_err(read())?.file_name());
        }
        names.sort();
        for name in names {
            let path = dir.join(&name);
            let wrong = |expected, found: String| Error::Overlay { path: path.clone(), expected, found };
            let name = name.to_str().ok_or_else(|| wrong("names in UTF-8", format!("{name:?}")))?;
            let target = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            if MOUNTED.contains(&at) {
                return Err(wrong(
                    "what a node can see",
                    format!("{name:?} below /{at}, which is mounted over"),
                ));
            }
            self.add(&path, &target)?;
        }
        Ok(())
    }

    /// Adds the file, link or directory at `path`.
    fn add(&mut self, path: &Path, target: &str) -> Result<()> {
        let read = || Error::file("reading overlay", path);
        let meta = fs::symlink_metadata(path).map_err(read())?;
        check_mode(path, &meta)?;
        if meta.is_dir() {
            return self.add_directory(path, target);
        }
        let node = if meta.is_symlink() {
            Node::symlink(fs::read_link(path).map_err(read())?.into_os_string().into_encoded_bytes())
        } else if meta.is_file() {
            check_capabilities(path)?;
            self.file(path, target, &meta)?
        } else {
            return Err(Error::Overlay {
                path: path.to_owned(),
                expected: "a file, directory or symbolic link",
                found: "a device, socket or pipe".to_owned(),
            });
        };
        self.tree.insert(target, node).map_err(Error::Tree)
    }

    /// Returns the node of a regular file: a hard link, if the file was added before under another name.
    fn file(&mut self, path: &Path, target: &str, meta: &Metadata) -> Result<Node> {
        let mode = if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        if meta.nlink() > 1 {
            if let Some(first) = self.names.get(&(meta.dev(), meta.ino())) {
                return Ok(Node::new(Kind::Hardlink(first.clone()), mode));
            }
            self.names.insert((meta.dev(), meta.ino()), target.to_owned());
        }
        read_now(path, mode)
    }
}

/// Refuses mode bits that would be lost.
fn check_mode(path: &Path, meta: &Metadata) -> Result<()> {
    let inherited = if meta.is_dir() { 0o2000 } else { 0 };
    let mode = meta.permissions().mode() & 0o7777;
    match mode & 0o7000 & !inherited {
        0 => Ok(()),
        _ => Err(Error::Overlay {
            path: path.to_owned(),
            expected: NO_SPECIAL_BITS,
            found: format!("mode {mode:04o}"),
        }),
    }
}

/// Refuses a file whose capabilities would be lost.
fn check_capabilities(path: &Path) -> Result<()> {
    match rustix::fs::lgetxattr(path, "security.capability", &mut [0; 64][..]) {
        Ok(_) | Err(Errno::RANGE) => Err(Error::Overlay {
            path: path.to_owned(),
            expected: NO_CAPABILITIES,
            found: "some (security.capability)".to_owned(),
        }),
        // No such attribute, or the file system does not support any.
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(e) => Err(Error::file("reading capabilities of overlay", path)(e.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

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
    fn bits_that_would_be_lost_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let (file, dir) = (root.path().join("file"), root.path().join("dir"));
        fs::write(&file, "").unwrap();
        fs::create_dir(&dir).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (path, mode, refused) in [
            (&file, 0o4755, true),
            (&file, 0o2755, true),
            (&file, 0o1644, true),
            (&file, 0o644, false),
            (&dir, 0o1777, true),
            (&dir, 0o2775, false),
        ] {
            set(path, mode);
            let found = load(root.path()).map(drop).map_err(|e| e.to_string());
            let name = path.display();
            let message =
                format!("reading overlay {name}: expected {NO_SPECIAL_BITS}, found mode {mode:04o}");
            assert_eq!(found, if refused { Err(message) } else { Ok(()) });
        }
    }

    #[test]
    fn capabilities_that_would_be_lost_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(load(root.path()).is_ok());
        let Some(setcap) = judges::find("setcap") else { return };
        if !setcap.ask(&["cap_net_raw+ep", file.to_str().unwrap()]).0 {
            return judges::missing("the right to give capabilities to files:");
        }
        let error = load(root.path()).unwrap_err();
        let text = format!(
            "reading overlay {}: expected no capabilities, found some (security.capability)",
            file.display()
        );
        assert_eq!(error.to_string(), text);
        assert!(error.hint().is_some());
    }

    #[test]
    fn names_of_one_file_stay_that_and_are_part_of_the_key() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("b")).unwrap();
        fs::write(at("b/one"), "text").unwrap();
        fs::hard_link(at("b/one"), at("c")).unwrap();
        fs::hard_link(at("b/one"), at("a")).unwrap();
        // Its other name is outside the overlay.
        let elsewhere = tempfile::tempdir_in(root.path().parent().unwrap()).unwrap();
        fs::write(at("d"), "text").unwrap();
        fs::hard_link(at("d"), elsewhere.path().join("d")).unwrap();
        let tree = load(root.path()).unwrap();
        assert!(["a", "d"].iter().all(|name| matches!(tree.get(name).unwrap().kind, Kind::File(_))));
        assert_eq!(hard_links(&tree), ["b/one\0a", "c\0a"]);
    }

    #[test]
    fn what_can_not_be_in_an_image_is_refused_by_name() {
        let error = |make: fn(&Path)| {
            let root = tempfile::tempdir().unwrap();
            make(root.path());
            let error = load(root.path()).unwrap_err();
            assert!(matches!(error, Error::Overlay { .. }), "{error}");
            error.to_string().replace(&root.path().display().to_string(), "")
        };
        let socket = error(|root| drop(std::os::unix::net::UnixListener::bind(root.join("s")).unwrap()));
        let expected = "expected a file, directory or symbolic link, found a device, socket or pipe";
        assert_eq!(socket, format!("reading overlay /s: {expected}"));
        let name = error(|root| {
            fs::write(root.join(<OsStr as OsStrExt>::from_bytes(b"a\xff")), "").unwrap();
        });
        assert_eq!(name, "reading overlay /a\u{fffd}: expected names in UTF-8, found \"a\\xFF\"");
        let hidden = error(|root| {
            fs::create_dir_all(root.join("var/lib")).unwrap();
            fs::write(root.join("var/lib/x"), "").unwrap();
        });
        let expected = "expected what a node can see, found \"lib\" below /var, which is mounted over";
        assert_eq!(hidden, format!("reading overlay /var/lib: {expected}"));
    }

    #[test]
    fn a_directory_that_is_missing_is_told_by_its_name() {
        for (path, what) in [("/nowhere/files", "No such file"), ("/dev/null", "Not a directory")] {
            let error = load(Path::new(path)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("reading overlay {path}: {what}")), "{error}");
        }
    }
}
