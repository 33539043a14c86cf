//! Copies a directory tree: files with their permissions, links as links.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

/// Copies the content of `from` to the new directory `to`, without the top-level names in `omit`.
pub fn tree(from: &Path, to: &Path, omit: &[&str]) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("making directory {}", to.display()))?;
    let reading = || format!("reading directory {}", from.display());
    for entry in fs::read_dir(from).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        if omit.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() {
            tree(&from, &to, &[])?;
            continue;
        }
        let copied = match kind.is_symlink() {
            true => fs::read_link(&from).and_then(|target| symlink(target, &to)),
            false => fs::copy(&from, &to).map(drop),
        };
        copied.with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out_at_the_top_only() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("a/out")).unwrap();
        fs::create_dir_all(from.join("out")).unwrap();
        fs::write(from.join("a/out/file"), "x").unwrap();
        symlink("nowhere", from.join("link")).unwrap();
        tree(&from, &to, &["out"]).unwrap();
        assert!(to.join("a/out/file").exists() && !to.join("out").exists());
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("nowhere"));
    }
}
