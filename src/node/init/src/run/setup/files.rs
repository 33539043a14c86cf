//! Copies and links of files.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use anyhow::Context;

/// Copies what is below `from` to below `to`, an existing directory: files, directories, symbolic links,
/// with mode and owner. Anything else is left out.
pub(super) fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let meta = entry.metadata()?;
        let context = || format!("copying {}", source.display());
        if meta.is_symlink() {
            symlink(fs::read_link(&source)?, &target).with_context(context)?;
            lchown(&target, Some(meta.uid()), Some(meta.gid()))?;
            continue;
        }
        if meta.is_dir() {
            fs::create_dir(&target).with_context(context)?;
            copy_tree(&source, &target)?;
        } else if meta.is_file() {
            fs::copy(&source, &target).with_context(context)?;
        } else {
            continue;
        }
        chown(&target, Some(meta.uid()), Some(meta.gid())).with_context(context)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(meta.mode())).with_context(context)?;
    }
    Ok(())
}

/// Links everything in `from` into `to`; an image without `from` has nothing to link.
pub(super) fn link_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("reading {}", from.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let place = to.join(entry.file_name());
        symlink(entry.path(), &place).with_context(|| format!("linking {}", place.display()))?;
    }
    Ok(())
}

/// Makes the links in `/dev` that programs expect and the kernel does not make.
pub(super) fn link_devices() -> anyhow::Result<()> {
    let links = [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")];
    for (name, below) in links {
        let place = Path::new("/dev").join(name);
        symlink(format!("/proc/self/fd{below}"), &place)
            .with_context(|| format!("linking {}", place.display()))?;
    }
    Ok(())
}

/// Makes what every program expects below `/var` and a new data partition does not have. `/var/run` is
/// memory: names of network namespaces must not outlive them.
pub(super) fn prepare_data() -> anyhow::Result<()> {
    for (name, mode) in [("/var/lib", 0o755), ("/var/log", 0o755), ("/var/tmp", 0o1777)] {
        fs::create_dir_all(name).with_context(|| format!("making {name}"))?;
        fs::set_permissions(name, fs::Permissions::from_mode(mode))?;
    }
    match symlink("/run", "/var/run") {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e).context("linking /var/run"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_modes_links_and_depth() {
        let base = std::env::temp_dir().join(format!("init-copy-{}", std::process::id()));
        let (from, to) = (base.join("from"), base.join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(from.join("a/b/file"), "text").unwrap();
        fs::set_permissions(from.join("a/b/file"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("../nowhere", from.join("a/link")).unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b/file")).unwrap(), "text");
        assert_eq!(fs::metadata(to.join("a/b/file")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_link(to.join("a/link")).unwrap(), Path::new("../nowhere"));
        fs::remove_dir_all(&base).unwrap();
    }
}
