//! A profile to files in the output directory.
//!
//! Files are made in a hidden directory and appear by rename, so a build that was killed leaves the last
//! ones as they were; what it left behind is removed by the next build. A build that finds everything as
//! the last one left it makes nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ::bundle::SecretKey;
use config::{Compression, ImageProfile, Output};
use formats::qcow2;
use inputs::Workspace;
use inputs::store::KeyBuilder;
use secureboot::Signer;

use crate::disk::{self, Parts, Written};
use crate::facts::{Facts, VERSION};
use crate::hash::hash_file;
use crate::hostdisk::HostDisk;
use crate::identity::hex;
use crate::inspect::Image;
use crate::keys::Keys;
use crate::layout::{disk_bytes, places};
use crate::materials::{Materials, gather};
use crate::overlay::{self, Overlay};
use crate::plan::{ARCHIVES, Content, Text, plan};
use crate::record::{self, Built, BuiltFile, BuiltKernel};
use crate::root::{Bytes, assemble};
use crate::slot::KernelParts;
use crate::step::Step;
use crate::{Error, bundle, error::Result, facts, oci};

/// What came of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was there already.
    Unchanged(Built),
    /// The files are new.
    Made(Built),
}

impl Outcome {
    /// Returns what is there now.
    #[must_use]
    pub fn built(&self) -> &Built {
        match self {
            Outcome::Unchanged(built) | Outcome::Made(built) => built,
        }
    }
}

/// Builds the images of `profile` into `output`; `keys` sign its bundle, if it has one.
///
/// # Errors
/// [`Error::Input`] if an input can't be had, [`Error::TooLarge`] if a part of the slot fills more than
/// its share, [`Error::File`] if the output can't be written. The files of the last build are then as
/// they were.
pub fn build(
    workspace: &Workspace,
    profile: &ImageProfile,
    keys: &[SecretKey],
    output: &Path,
) -> Result<Outcome> {
    // What is wrong with the files of the profile and of the output is told before the first long build.
    check_places(output, &profile.name)?;
    let keys = Keys::load(profile, keys)?;
    let overlays = overlay::load_all(workspace, profile)?;
    let materials = gather(workspace, profile)?;
    make(workspace, profile, &Ingredients { materials, keys, overlays }, output)
}

/// Refuses an output directory that is none, and files in it that can't be replaced.
fn check_places(output: &Path, name: &str) -> Result<()> {
    if fs::metadata(output).is_ok_and(|found| !found.is_dir()) {
        return Err(Error::file("making directory", output)(std::io::ErrorKind::NotADirectory.into()));
    }
    for ending in ["raw", "qcow2", "hull", "spdx.json", "json"] {
        files::Output::at(&output.join(format!("{name}.{ending}")), files::Access::Public)?;
    }
    Ok(())
}

/// What an image is made of beside its profile.
struct Ingredients<'a> {
    materials: Materials,
    keys: Keys<'a>,
    overlays: Vec<Overlay>,
}

/// Makes the files, unless they are there.
fn make(
    workspace: &Workspace,
    profile: &ImageProfile,
    ingredients: &Ingredients<'_>,
    output: &Path,
) -> Result<Outcome> {
    let Ingredients { materials, keys, overlays } = ingredients;
    let key = materials.add_to(keys.add_to(key(workspace, profile, overlays)?)).finish();
    let key = key.digest().to_string();
    if let Some(built) = record::load(output, &profile.name, &key) {
        return Ok(Outcome::Unchanged(built));
    }
    fs::create_dir_all(output).map_err(Error::file("making directory", output))?;
    let work = WorkDir::create(workspace, output, &profile.name)?;
    // The build that was waited for may have made just these files.
    if let Some(built) = record::load(output, &profile.name, &key) {
        return Ok(Outcome::Unchanged(built));
    }
    let step = Step::start(workspace, "put together the root");
    let facts = Facts::of(profile, materials.build_time);
    let plan = plan(profile, &materials.binaries());
    let texts = texts(materials, &facts, keys);
    let bytes = bytes(materials, profile, texts)?;
    let root = assemble(materials.packages.clone(), &plan, &bytes, overlays)?;
    drop(step);
    let raw = work.file("raw");
    let parts = DiskParts { root: &root, materials, signer: keys.signer.as_ref(), facts: &facts };
    let written = write_disk(workspace, profile, &parts, &raw)?;
    let files = write_outputs(workspace, profile, ingredients, &work)?;
    let root_hash = hex(&written.root.root_hash);
    let kernel = BuiltKernel {
        release: materials.kernel.release.clone(),
        bytes: written.kernel_bytes,
        sha256: hex(&written.kernel_sha256),
    };
    let built = Built { facts, root_hash, kernel, files };
    publish(&work, output, &built, &key)?;
    Ok(Outcome::Made(built))
}

/// Begins the hash of all that goes into the files: profile, overlays, this program.
fn key(workspace: &Workspace, profile: &ImageProfile, overlays: &[Overlay]) -> Result<KeyBuilder> {
    let exe = std::env::current_exe().map_err(Error::file("finding", "this program"))?;
    let builder = workspace.with_memo(|memo| memo.file(&exe))?;
    // What is in the files that the profile names counts, not where they are.
    let profile =
        ImageProfile { secure_boot: None, update_keys: None, overlay: Vec::new(), ..profile.clone() };
    let profile = serde_json::to_string(&profile).expect("a profile is plain data");
    let key =
        KeyBuilder::new("image", 1, VERSION).with("profile", profile).with("builder", builder.to_string());
    Ok(overlay::add_to(key, overlays))
}

/// Returns the bytes of everything that the plan puts into the root.
fn bytes(
    materials: &Materials,
    profile: &ImageProfile,
    texts: BTreeMap<Text, Vec<u8>>,
) -> Result<BTreeMap<Content, Bytes>> {
    let mut bytes = BTreeMap::new();
    for (component, built) in &materials.components {
        for (name, path) in &built.binaries {
            bytes.insert(Content::Component(*component, name.clone()), Bytes::File(path.clone()));
        }
    }
    for name in ["init", "noded"] {
        bytes.insert(Content::Program(name), Bytes::File(materials.program(name).path.clone()));
    }
    for name in ARCHIVES {
        let path = &materials.program(name).path;
        let binary = fs::read(path).map_err(Error::file("reading", path))?;
        let architecture = facts::architecture(profile.architecture);
        let archive = oci::archive(&oci::Program { name, architecture, binary: &binary });
        let archive = archive.map_err(Error::format("writing a container image"))?;
        bytes.insert(Content::Archive(name), Bytes::Memory(archive));
    }
    bytes.extend(texts.into_iter().map(|(text, bytes)| (Content::Text(text), Bytes::Memory(bytes))));
    Ok(bytes)
}

/// Returns the texts that the builder writes.
fn texts(materials: &Materials, facts: &Facts, keys: &Keys<'_>) -> BTreeMap<Text, Vec<u8>> {
    let texts = [
        (Text::Certificates, materials.certificates.clone()),
        (Text::Facts, facts.to_json().into_bytes()),
        (Text::OsRelease, facts.to_os_release().into_bytes()),
        (Text::Sbom, materials.sbom.clone().into_bytes()),
    ];
    let update_keys = keys.update.clone().map(|bytes| (Text::UpdateKeys, bytes));
    texts.into_iter().chain(update_keys).collect()
}

/// What a disk is written from.
struct DiskParts<'a> {
    root: &'a formats::tree::Tree,
    materials: &'a Materials,
    signer: Option<&'a Signer>,
    facts: &'a Facts,
}

/// Writes the disk.
fn write_disk(
    workspace: &Workspace,
    profile: &ImageProfile,
    parts: &DiskParts<'_>,
    raw: &Path,
) -> Result<Written> {
    let DiskParts { root, materials, signer, facts } = *parts;
    let _step = Step::start(workspace, "write the disk");
    let read = |path: &Path| fs::read(path).map_err(Error::file("reading", path));
    let init = read(&materials.program("init").path)?;
    let places = places(&profile.slots);
    let mut file = HostDisk::create(raw, disk_bytes(&places))?;
    let kernel = KernelParts {
        stub: &read(&materials.stub)?,
        kernel: &read(&materials.kernel.image)?,
        release: &materials.kernel.release,
        init: &init,
    };
    let loader = read(&materials.program("loader").path)?;
    disk::write(&mut file, &Parts { places: &places, root, kernel, loader: &loader, signer, facts })
}

/// Writes all files but the manifest into the work directory.
fn write_outputs(
    workspace: &Workspace,
    profile: &ImageProfile,
    Ingredients { materials, keys, .. }: &Ingredients<'_>,
    work: &WorkDir,
) -> Result<Vec<BuiltFile>> {
    let raw = HostDisk::open(&work.file("raw"))?;
    let mut files = Vec::new();
    if profile.outputs.contains(&Output::Raw) {
        let bytes = formats::disk::ReadAt::len(&raw);
        files.push(BuiltFile { format: "raw".into(), name: work.name("raw"), bytes, sha256: None });
    }
    if profile.outputs.contains(&Output::Qcow2) {
        let _step = Step::start(workspace, "write the qcow2 image");
        write_qcow2(&raw, codec(profile.qcow2.compression), &work.file("qcow2"))?;
        files.push(hashed(work, "qcow2", "qcow2")?);
    }
    if profile.outputs.contains(&Output::Bundle) {
        let _step = Step::start(workspace, "write the bundle");
        let image = Image::open(&work.file("raw"))?;
        bundle::create(&image, bundle::Order::default(), keys.bundle, &work.file("hull"))?;
        files.push(hashed(work, "bundle", "hull")?);
    }
    let sbom = work.file("spdx.json");
    fs::write(&sbom, &materials.sbom).map_err(Error::file("writing", &sbom))?;
    files.push(hashed(work, "sbom", "spdx.json")?);
    Ok(files)
}

/// Describes a file in the making by length and hash.
fn hashed(work: &WorkDir, format: &str, ending: &str) -> Result<BuiltFile> {
    let (bytes, sha256) = hash_file(&work.file(ending))?;
    Ok(BuiltFile { format: format.into(), name: work.name(ending), bytes, sha256: Some(sha256) })
}

/// Returns how the profile wants clusters compressed.
fn codec(compression: Compression) -> qcow2::Codec {
    match compression {
        Compression::Zlib => qcow2::Codec::ZLIB,
        Compression::Zstd => qcow2::Codec::ZSTD,
    }
}

/// Writes the compressed qcow2.
fn write_qcow2(raw: &HostDisk, codec: qcow2::Codec, path: &Path) -> Result<u64> {
    let file = File::create(path).map_err(Error::file("creating", path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let bytes = qcow2::write(raw, qcow2::Options { codec }, &mut out)
        .map_err(Error::format("writing the qcow2 image"))?;
    out.flush().map_err(Error::file("writing", path))?;
    Ok(bytes)
}

/// Moves the files to where they are looked for, the manifest last.
fn publish(work: &WorkDir, output: &Path, built: &Built, key: &str) -> Result<()> {
    let name = &built.facts.name;
    let manifest = work.file("json");
    let text = serde_json::to_string_pretty(built).expect("a manifest is plain data") + "\n";
    fs::write(&manifest, text).map_err(Error::file("writing", &manifest))?;
    record::forget(output, name)?;
    record::remove_older_disks(output, built)?;
    for file in &built.files {
        let from = work.dir.join(&file.name);
        files::install(&from, &output.join(&file.name))?;
    }
    files::install(&manifest, &record::manifest_path(output, name))?;
    record::save(output, built, key)
}

/// A hidden directory for files in the making, for one build at a time.
#[derive(Debug)]
struct WorkDir {
    dir: PathBuf,
    name: String,
    /// Held as long as the directory is in use.
    _lock: File,
}

impl WorkDir {
    /// Makes the directory; waits for another build of the same image, and removes what a killed one left.
    fn create(workspace: &Workspace, output: &Path, name: &str) -> Result<WorkDir> {
        let lock_path = output.join(format!(".{name}.lock"));
        let lock = File::create(&lock_path).map_err(Error::file("opening", &lock_path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let line = format!("waiting for another build, which writes {name} into {}", output.display());
            workspace.progress().said(&line);
        }
        lock.lock().map_err(Error::file("locking", &lock_path))?;
        let dir = output.join(format!(".{name}.building"));
        match fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("removing", dir)(e));
            }
            _ => {}
        }
        fs::create_dir(&dir).map_err(Error::file("making directory", &dir))?;
        Ok(WorkDir { dir, name: name.to_owned(), _lock: lock })
    }

    /// Returns the name of the image's file with this ending.
    fn name(&self, ending: &str) -> String {
        format!("{}.{ending}", self.name)
    }

    /// Returns the path of a file in the making.
    fn file(&self, ending: &str) -> PathBuf {
        self.dir.join(self.name(ending))
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next build.
        drop(fs::remove_dir_all(&self.dir));
    }
}

#[cfg(test)]
mod tests;
