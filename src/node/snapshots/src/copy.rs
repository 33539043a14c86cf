//! Copies directory trees: a copy is synced to disk before it appears.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;

use durable::sync_directory;

/// Copies a directory with everything in it: contents, modes, owners. Links and devices are left out: the
/// state has none. Everything is synced; the name `to` appears last.
///
/// # Errors
/// The first failure; what was copied then is beside `to`, under a name with `.new`, and is removed by the
/// next copy.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let draft = to.with_extension("new");
    remove_tree(&draft)?;
    copy_into(from, &draft)?;
    fs::rename(&draft, to)?;
    sync_directory(to.parent().unwrap_or(Path::new("/")))
}

/// Returns the bytes that a copy takes; what can't be read counts for nothing.
pub fn tree_bytes(path: &Path) -> u64 {
    let Ok(facts) = fs::symlink_metadata(path) else { return 0 };
    let below = fs::read_dir(path).into_iter().flatten().flatten().map(|e| tree_bytes(&e.path()));
    if facts.is_dir() { below.sum() } else { facts.len() }
}

/// Removes a directory with everything in it; one that is absent is fine.
///
/// # Errors
/// The first failure.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    let facts = fs::symlink_metadata(from)?;
    if facts.is_dir() {
        fs::DirBuilder::new().mode(0o700).create(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_into(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if facts.is_file() {
        let mut out = File::options().write(true).create_new(true).open(to)?;
        io::copy(&mut File::open(from)?, &mut out)?;
        out.sync_all()?;
    } else {
        return Ok(());
    }
    fs::set_permissions(to, fs::Permissions::from_mode(facts.mode() & 0o7777))?;
    chown(to, Some(facts.uid()), Some(facts.gid()))?;
    if facts.is_dir() { sync_directory(to) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_contents_and_modes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(from.join("member/wal")).unwrap();
        fs::write(from.join("member/wal/0"), "log").unwrap();
        fs::set_permissions(from.join("member/wal/0"), fs::Permissions::from_mode(0o600)).unwrap();
        // What an earlier copy left behind is in nobody's way.
        fs::create_dir_all(folder.path().join("b.new/junk")).unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("member/wal/0")).unwrap(), "log");
        let mode = fs::metadata(to.join("member/wal/0")).unwrap().mode();
        assert_eq!((mode & 0o777, tree_bytes(&to)), (0o600, 3));
        assert!(!to.join("junk").exists() && !folder.path().join("b.new").exists());
    }
}
