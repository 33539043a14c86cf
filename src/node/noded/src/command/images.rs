//! Makes the container images of the root known to containerd, pinned so that the kubelet's garbage collection keeps
//! them. They lie unpacked on the root, and nothing of them is copied.
//!
//! containerd's own program does it, called by another name, since it has the client linked in; it takes a second on a
//! slow machine. A stamp on the data partition records what was made known, so that the next boots need not ask. It is
//! stored beside containerd's own data, so that both are lost together or not at all.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

const STORE: &str = "/usr/share/ironhull/images";
const STAMP: &str = "/var/lib/containerd/ironhull-images.json";
const CONTAINERD: &str = "/usr/bin/containerd";
/// The name by which containerd's program imports images.
const IMPORTER: &str = "import-images";

/// Makes the images known, unless these are known already.
///
/// # Errors
/// If one can't be made known; nothing is stamped then.
pub fn import_images() -> Result<()> {
    let all = manifests(Path::new(STORE))?;
    if fs::read(STAMP).is_ok_and(|known| known == all) {
        return Ok(());
    }
    let mut command = Command::new(CONTAINERD);
    command.arg0(IMPORTER).arg(STORE).env_clear();
    let status = command.status().with_context(|| format!("running {command:?} as {IMPORTER}"))?;
    ensure!(status.success(), "{command:?} as {IMPORTER}: {status}");
    durable::replace(Path::new(STAMP), &all, 0o644).with_context(|| format!("writing {STAMP}"))
}

/// Returns the manifests of all images, one after the other: they have the digests of everything in them.
fn manifests(store: &Path) -> Result<Vec<u8>> {
    let reading = |path: &Path| format!("reading {}", path.display());
    let entries = fs::read_dir(store).with_context(|| reading(store))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|e| e.path().join("manifest.json")))
        .collect::<std::io::Result<_>>()
        .with_context(|| reading(store))?;
    paths.sort();
    let texts = paths.iter().map(|path| fs::read(path).with_context(|| reading(path)));
    Ok(texts.collect::<Result<Vec<_>>>()?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("manifest.json"), text).unwrap();
        };
        write("b", "{2}");
        write("a", "{1}");
        assert_eq!(manifests(folder.path()).unwrap(), b"{1}{2}");
        fs::create_dir(folder.path().join("c")).unwrap();
        let error = manifests(folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("c/manifest.json"), "{error:#}");
    }
}
