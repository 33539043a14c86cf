//! Moves the outputs of a build from the work directory to the output directory: all of them, or none.
//!
//! No file system renames several files at once, so this works like a journal. The finished files are synced
//! and their directory is renamed: this rename is the commit. Then the new files replace the old ones; if the
//! build is killed meanwhile, the next build continues there before it does anything else. The manifest is
//! removed first and written last, so a set of files with a manifest is complete.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::{self, Built};
use crate::workdir::WorkDir;
use crate::{Error, error::Result, outputs};

/// Name of the file with the order, in the directory of finished files.
const ORDER: &str = "order";

/// What to do with the finished files.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    built: Built,
    /// Cache key of the outputs.
    key: String,
}

/// Moves the files of `built` to the output directory, and then writes their manifest.
///
/// # Errors
/// [`Error::File`] or [`Error::Files`] if a file can't be synced, moved or written. Before the commit, the
/// files of the previous build are unchanged; after it there is no manifest until the next build of the image
/// has continued.
pub(crate) fn publish(work: &WorkDir, output: &Path, built: &Built, key: &str) -> Result<()> {
    let order = Order { built: built.clone(), key: key.to_owned() };
    let text = serde_json::to_vec(&order).expect("an order is plain data");
    let path = work.dir.join(ORDER);
    fs::write(&path, text).map_err(Error::file("writing", &path))?;
    for name in built.files.iter().map(|file| file.name.as_str()).chain([ORDER, "."]) {
        sync(&work.dir.join(name))?;
    }
    let name = &built.facts.name;
    fs::rename(&work.dir, ready(output, name)).map_err(Error::file("moving", &work.dir))?;
    sync(output)?;
    finish(output, name)
}

/// Continues to move the files of a build that was killed, if there are any. If that is not possible, they
/// are removed, and the manifest with them.
///
/// # Errors
/// [`Error::File`] or [`Error::Files`], with the same consequences as in [`publish`].
pub(crate) fn finish(output: &Path, name: &str) -> Result<()> {
    let ready = ready(output, name);
    let path = ready.join(ORDER);
    let text = match fs::read(&path) {
        Ok(text) => text,
        // Left by a build that was finished, and killed while it cleaned up.
        Err(e) if e.kind() == ErrorKind::NotFound => return remove_all(&ready),
        Err(e) => return Err(Error::file("reading", path)(e)),
    };
    let Some(Order { built, key }) = serde_json::from_slice(&text).ok().filter(|order| is_of(order, name))
    else {
        return give_up(output, name);
    };
    if !is_whole(&ready, output, &built) {
        return give_up(output, name);
    }
    record::forget(output, name)?;
    record::remove_older(outputs::started(), output, &built)?;
    let manifest = record::manifest_path(output, name);
    remove_manifest(&manifest)?;
    sync(output)?;
    for file in &built.files {
        let from = ready.join(&file.name);
        // A file that is no longer here was moved already.
        if fs::exists(&from).map_err(Error::file("reading", &from))? {
            files::install(&from, &output.join(&file.name))?;
        }
    }
    let text = serde_json::to_string_pretty(&built).expect("a manifest is plain data") + "\n";
    files::write(&manifest, text.as_bytes(), files::Access::Public)?;
    record::save(output, &built, &key)?;
    // The order is removed first, so that nobody continues with half a directory.
    remove(&path)?;
    remove_all(&ready)
}

/// Returns whether an order is one for the image `name`: it moves only files of that image, into the output
/// directory itself.
fn is_of(Order { built, .. }: &Order, name: &str) -> bool {
    let is_own =
        |file: &str| file.strip_prefix(name).is_some_and(|end| end.starts_with('.')) && !file.contains('/');
    built.facts.name == name && built.files.iter().all(|file| is_own(&file.name))
}

/// Returns whether each file is still to be moved or in place: the user may have removed some meanwhile.
fn is_whole(ready: &Path, output: &Path, built: &Built) -> bool {
    built.files.iter().all(|file| ready.join(&file.name).exists() || output.join(&file.name).exists())
}

/// Removes the files of a killed build if its order can't be followed: a file is missing, or another version
/// of this program, or somebody else, wrote the order. Which files are in place is not known then, so the
/// next build makes all of them again.
fn give_up(output: &Path, name: &str) -> Result<()> {
    record::forget(output, name)?;
    remove_manifest(&record::manifest_path(output, name))?;
    sync(output)?;
    let ready = ready(output, name);
    remove(&ready.join(ORDER))?;
    remove_all(&ready)
}

/// Returns the directory of finished files that are being moved.
fn ready(output: &Path, name: &str) -> PathBuf {
    output.join(format!(".{name}.publishing"))
}

/// Syncs a file or directory.
fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::file("syncing", path))
}

/// Removes the manifest of the previous build, if there is one: the file itself, not a link to it. A device
/// such as `/dev/null`, which is written to rather than replaced, is left alone.
fn remove_manifest(path: &Path) -> Result<()> {
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::symlink_metadata(&file) {
        Ok(found) if !found.is_file() => Ok(()),
        _ => remove(&file),
    }
}

/// Removes a file that may be absent.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("removing", path)(e)),
        _ => Ok(()),
    }
}

/// Removes a directory that may be absent.
fn remove_all(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("removing", path)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, symlink};

    use super::*;

    #[test]
    fn only_a_file_is_a_manifest_to_remove() {
        let dir = tempfile::tempdir().unwrap();
        let [pipe, file, manifest] = ["pipe", "file", "x.json"].map(|name| dir.path().join(name));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        fs::write(&file, "{}").unwrap();
        for (target, goes) in [(&pipe, false), (&file, true)] {
            symlink(target, &manifest).unwrap();
            remove_manifest(&manifest).unwrap();
            assert_eq!(target.exists(), !goes, "{}", target.display());
            assert!(manifest.is_symlink());
            fs::remove_file(&manifest).unwrap();
        }
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        remove_manifest(&manifest).unwrap();
    }

    #[test]
    fn an_order_that_can_not_be_followed_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let order = |name: &str, file: &str| {
            let facts = imagefacts::ImageFacts { name: name.to_owned(), ..imagefacts::ImageFacts::default() };
            let kernel = record::BuiltKernel { release: String::new(), bytes: 0, sha256: String::new() };
            let file = record::BuiltFile { format: "raw".into(), name: file.into(), bytes: 1, sha256: None };
            let built = Built { facts, root_hash: String::new(), kernel, files: vec![file] };
            serde_json::to_string(&Order { built, key: "key".to_owned() }).unwrap()
        };
        for (text, is_followed) in [
            (order("x", "x.raw"), true),
            (order("x", "x.gone"), false),
            (order("x", "x./../../victim"), false),
            (order("x", "victim"), false),
            (order("y", "x.raw"), false),
            (r#"{"key":"of another version"}"#.to_owned(), false),
        ] {
            let ready = at("out/.x.publishing");
            fs::create_dir_all(ready.join("x.")).unwrap();
            for file in ["victim", "out/.x.built", "out/x.json"] {
                fs::write(at(file), "old").unwrap();
            }
            for file in ["out/victim", "out/.x.publishing/x.raw", "out/.x.publishing/victim"] {
                fs::write(at(file), "new").unwrap();
            }
            fs::write(ready.join(ORDER), &text).unwrap();
            finish(&at("out"), "x").unwrap();
            assert_eq!(
                (at("out/x.raw").exists(), at("out/x.json").exists()),
                (is_followed, is_followed),
                "{text}"
            );
            assert_eq!(at("out/.x.built").exists(), is_followed);
            assert_eq!(fs::read(at("victim")).unwrap(), b"old", "{text}");
            assert!(!ready.exists());
            fs::remove_dir_all(at("out")).unwrap();
        }
    }
}
