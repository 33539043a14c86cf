//! Imports the container images of the root into containerd, each once, pinned so that the kubelet's garbage
//! collection keeps them.
//!
//! The import is done by `ctr`, which is on the root anyway. A stamp on the data partition records which
//! archive was imported; it is stored beside containerd's own data, so that both are lost together or not at
//! all.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

const STORE: &str = "/usr/share/ironhull/images";
const STAMPS: &str = "/var/lib/containerd/ironhull-images";
const CTR: &str = "/usr/bin/ctr";

/// Imports all archives that have not been imported yet.
///
/// # Errors
/// The first failure; the archives before it are imported and stamped.
pub fn import_images() -> Result<()> {
    fs::create_dir_all(STAMPS).with_context(|| format!("making {STAMPS}"))?;
    for archive in archives(Path::new(STORE))? {
        let (stamp, text) = stamp(&archive)?;
        if fs::read_to_string(&stamp).is_ok_and(|there| there == text) {
            continue;
        }
        import(&archive)?;
        fs::write(&stamp, text).with_context(|| format!("writing {}", stamp.display()))?;
        eprintln!("imported {}", archive.display());
    }
    Ok(())
}

/// Returns all archives, sorted by name.
fn archives(store: &Path) -> Result<Vec<PathBuf>> {
    let reading = || format!("reading {}", store.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(store).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.extension().is_some_and(|e| e == "tar") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the path and the content of an archive's stamp. The root is verified and its times are set by the
/// build, so size and time of a file change with the image that contains it.
fn stamp(archive: &Path) -> Result<(PathBuf, String)> {
    let facts = fs::metadata(archive).with_context(|| format!("reading {}", archive.display()))?;
    let name = archive.file_name().context("an archive has a name")?;
    let build = fs::read_to_string("/usr/share/ironhull/image.json").unwrap_or_default();
    Ok((Path::new(STAMPS).join(name), format!("{} {}\n{build}", facts.size(), facts.mtime())))
}

/// Imports one archive, pinned. With `--local`, `ctr` unpacks it itself; the transfer service of the daemon
/// would take twice as long. With `--sync-fs` the files are on the disk before containerd notes that they are: after a
/// power cut it would keep empty ones for good.
fn import(archive: &Path) -> Result<()> {
    let pinned = ["--label", "io.cri-containerd.pinned=pinned"];
    let words = [["-n", "k8s.io"], ["images", "import"], ["--local", "--sync-fs"], pinned].concat();
    let mut command = Command::new(CTR);
    command.args(words).arg(archive).env_clear();
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_archives_in_order_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tar", "a.tar", "readme.txt"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let names: Vec<_> = archives(folder.path()).unwrap();
        assert_eq!(names, [folder.path().join("a.tar"), folder.path().join("b.tar")]);
        assert!(archives(Path::new("/no/such/folder")).is_err());
    }
}
