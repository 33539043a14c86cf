//! Files beside the outputs of a build: the manifest `NAME.json`, and a hidden record by which the next build
//! knows that everything is up to date.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagefacts::ImageFacts;
use serde::{Deserialize, Serialize};

use crate::{Error, error::Result};

/// The description of a finished build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// The facts the image states about itself.
    #[serde(flatten)]
    pub facts: ImageFacts,
    /// Root hash of the verity tree, in hex.
    pub root_hash: String,
    /// The kernel image.
    pub kernel: BuiltKernel,
    /// The files of the image.
    pub files: Vec<BuiltFile>,
}

/// The kernel image of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltKernel {
    /// Release of the kernel in it.
    pub release: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// One file of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltFile {
    /// The name of an output in profiles, or `sbom`.
    pub format: String,
    /// Name in the output directory.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hex. Raw disk and VHD have none: they are mostly holes, hashing them takes longer than all other
    /// work of a build, and nobody ships them as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The hidden record for the next build.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Cache key of the outputs.
    key: String,
    /// Name, length and modification time of each file.
    files: Vec<(String, u64, i64, i64)>,
}

impl Built {
    /// Returns the file of a format.
    #[must_use]
    pub fn file(&self, format: &str) -> Option<&BuiltFile> {
        self.files.iter().find(|f| f.format == format)
    }
}

/// Returns the path of the manifest.
pub(crate) fn manifest_path(output: &Path, name: &str) -> PathBuf {
    output.join(format!("{name}.json"))
}

/// Returns the path of the hidden record.
fn record_path(output: &Path, name: &str) -> PathBuf {
    output.join(format!(".{name}.built"))
}

/// Returns the previous build in `output` if it was made with `key` and its files are unchanged since.
pub(crate) fn load(output: &Path, name: &str, key: &str) -> Option<Built> {
    let record: Record = serde_json::from_slice(&fs::read(record_path(output, name)).ok()?).ok()?;
    let unchanged = record.files.iter().all(|f| stamp(output, &f.0).as_ref() == Some(f));
    let built = fs::read(manifest_path(output, name)).ok()?;
    (record.key == key && unchanged).then(|| serde_json::from_slice(&built).ok())?
}

/// Removes the hidden record: from now on some of the files may be replaced.
pub(crate) fn forget(output: &Path, name: &str) -> Result<()> {
    let path = record_path(output, name);
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::file("removing", path)(e)),
        _ => Ok(()),
    }
}

/// Removes the disks and media of the previous build that `built` does not replace, since beside its files they would
/// look like its own. `started` are formats and extensions of such files. A bundle is kept: it may be signed by keys
/// that this build does not have, and it states its own version.
pub(crate) fn remove_older<'a>(
    started: impl Iterator<Item = (&'a str, &'a str)>,
    output: &Path,
    built: &Built,
) -> Result<()> {
    let text = fs::read(manifest_path(output, &built.facts.name)).unwrap_or_default();
    // Without a readable manifest it is unknown which build the files belong to.
    let Ok(last) = serde_json::from_slice::<Built>(&text) else { return Ok(()) };
    for (format, ending) in started {
        let name = format!("{}.{ending}", built.facts.name);
        if built.file(format).is_some() || last.file(format).is_none_or(|file| file.name != name) {
            continue;
        }
        let path = output.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("removing", path)(e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Records that the files of `built` were made with `key`.
pub(crate) fn save(output: &Path, built: &Built, key: &str) -> Result<()> {
    let name = &built.facts.name;
    let manifest = format!("{name}.json");
    let names = built.files.iter().map(|f| f.name.as_str()).chain([manifest.as_str()]);
    let files = names.filter_map(|n| stamp(output, n)).collect();
    let text = serde_json::to_vec(&Record { key: key.to_owned(), files }).expect("a record is plain data");
    let path = record_path(output, name);
    Ok(files::write(&path, &text, files::Access::Public)?)
}

/// Returns name, length and modification time of a file.
fn stamp(output: &Path, name: &str) -> Option<(String, u64, i64, i64)> {
    let meta = fs::metadata(output.join(name)).ok()?;
    Some((name.to_owned(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}
