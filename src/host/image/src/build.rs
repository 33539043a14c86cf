//! Builds a profile into files in the output directory.
//!
//! Files are created in a hidden directory and appear together ([`publish()`]), so a killed build leaves
//! either the old files or the new ones; the next build removes its leftovers. A build with unchanged inputs
//! and outputs does nothing.

use std::fs;
use std::path::Path;

use ::bundle::SecretKey;
use config::ImageProfile;
use disk::Layout;
use formats::tree::Tree;
use imagefacts::ImageFacts;
use inputs::Workspace;
use inputs::store::KeyBuilder;

use crate::contents::{container_images, contents};
use crate::facts::{self, VERSION};
use crate::generation::{self, Generation, Recipe, signed};
use crate::hash::{hash_file, hex};
use crate::kernel::KernelParts;
use crate::keys::Keys;
use crate::materials::{Materials, gather};
use crate::outputs::{self, Sources};
use crate::overlay::{self, Overlay};
use crate::plan::plan;
use crate::publish::{self, publish};
use crate::record::{self, Built, BuiltFile, BuiltKernel};
use crate::room::layout;
use crate::root::assemble;
use crate::spool::Spool;
use crate::step::Step;
use crate::workdir::WorkDir;
use crate::{Error, error::Result};

/// File name extension of the bill of materials.
const SBOM: &str = "spdx.json";

/// The result of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The files existed and are up to date.
    Unchanged(Built),
    /// The files are new.
    Made(Built),
}

impl Outcome {
    /// Returns the description of the files.
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
/// [`Error::Input`] if an input can't be obtained, [`Error::NoContainerImage`] if the image would lack one,
/// [`Error::TooLarge`] if a part of the slot exceeds its
/// share of the partition, [`Error::File`] or [`Error::Files`] if the output can't be written, and those of
/// reading keys, overlays and outputs. The files of the previous build are unchanged, unless moving the new
/// ones into place was interrupted; then there is no manifest, and the next build continues.
pub fn build(
    workspace: &Workspace,
    profile: &ImageProfile,
    keys: &[SecretKey],
    output: &Path,
) -> Result<Outcome> {
    // Errors in the profile's files and in the output directory are reported before the first long build.
    check_places(output, &profile.name)?;
    let keys = Keys::load(profile, keys)?;
    let overlays = overlay::load_all(workspace, profile)?;
    let materials = gather(workspace, profile)?;
    check_images(profile, &container_images(&materials.components))?;
    let layout = layout(&profile.slots);
    make(&Ingredients { workspace, profile, layout, materials, keys, overlays }, output)
}

/// Refuses an `output` that is not a directory, and files in it that can't be replaced.
fn check_places(output: &Path, name: &str) -> Result<()> {
    if fs::metadata(output).is_ok_and(|found| !found.is_dir()) {
        return Err(Error::file("making directory", output)(std::io::ErrorKind::NotADirectory.into()));
    }
    for ending in outputs::endings().chain([SBOM, "json"]) {
        files::Output::at(&output.join(format!("{name}.{ending}")), files::Access::Public)?;
    }
    Ok(())
}

/// The inputs of an image.
struct Ingredients<'a> {
    workspace: &'a Workspace,
    profile: &'a ImageProfile,
    layout: Layout,
    materials: Materials,
    keys: Keys<'a>,
    overlays: Vec<Overlay>,
}

/// What kernel images are made of.
struct Programs {
    stub: Vec<u8>,
    kernel: Vec<u8>,
    init: Vec<u8>,
}

impl Programs {
    fn parts<'a>(&'a self, release: &'a str) -> KernelParts<'a> {
        KernelParts { stub: &self.stub, kernel: &self.kernel, release, init: &self.init }
    }
}

/// Makes the files unless they are up to date.
fn make(ingredients: &Ingredients<'_>, output: &Path) -> Result<Outcome> {
    let Ingredients { workspace, profile, materials, keys, overlays, .. } = ingredients;
    let key = materials.add_to(keys.add_to(key(workspace, profile, overlays)?)).finish();
    let key = key.digest().to_string();
    // What a killed build left is removed below, also if there is nothing to build.
    if !WorkDir::is_there(output, &profile.name)
        && let Some(built) = record::load(output, &profile.name, &key)
    {
        return Ok(Outcome::Unchanged(built));
    }
    fs::create_dir_all(output).map_err(Error::file("making directory", output))?;
    let work = WorkDir::create(workspace, output, &profile.name)?;
    publish::finish(output, &profile.name)?;
    // The build that held the lock, or one that was killed, may have made exactly these files.
    if let Some(built) = record::load(output, &profile.name, &key) {
        return Ok(Outcome::Unchanged(built));
    }
    let images = container_images(&materials.components);
    let facts = facts::of(profile, materials.build_time, images);
    let root = ingredients.root(&facts)?;
    let programs = ingredients.programs()?;
    let parts = programs.parts(&materials.kernel.release);
    let generation = ingredients.generation((&root, parts), facts, Spool::new(&work.dir)?)?;
    let files = ingredients.files(&generation, parts, &work)?;
    let kernel = BuiltKernel {
        release: materials.kernel.release.clone(),
        bytes: generation.uki.len(),
        sha256: hex(&generation.uki_sha256),
    };
    let root_hash = hex(&generation.params.root_hash);
    let built = Built { facts: generation.facts, root_hash, kernel, files };
    publish(&work, output, &built, &key)?;
    Ok(Outcome::Made(built))
}

/// Refuses an image that lacks a container image of the cluster's own manifests: no registry has it, and its pods would
/// never start.
fn check_images(profile: &ImageProfile, images: &[String]) -> Result<()> {
    match imagefacts::missing(images).as_slice() {
        [] => Ok(()),
        missing => Err(Error::NoContainerImage { profile: profile.name.clone(), missing: missing.to_vec() }),
    }
}

/// Begins the cache key of the outputs: profile, overlays, this program.
fn key(workspace: &Workspace, profile: &ImageProfile, overlays: &[Overlay]) -> Result<KeyBuilder> {
    let exe = std::env::current_exe().map_err(Error::file("finding", "this program"))?;
    let builder = workspace.with_memo(|memo| memo.file(&exe))?;
    // The content of files named in the profile counts, not their paths.
    let profile =
        ImageProfile { secure_boot: None, update_keys: None, overlay: Vec::new(), ..profile.clone() };
    let profile = serde_json::to_string(&profile).expect("a profile is plain data");
    let key =
        KeyBuilder::new("image", 1, VERSION).with("profile", profile).with("builder", builder.to_string());
    Ok(overlay::add_to(key, overlays))
}

impl Ingredients<'_> {
    /// Assembles the root.
    fn root(&self, facts: &ImageFacts) -> Result<Tree> {
        let _step = Step::start(self.workspace, "assemble the root");
        let plan = plan(self.profile, &self.materials.binaries());
        let contents = contents(&self.materials, facts, &self.keys)?;
        assemble(self.materials.packages.clone(), &plan, &contents, &self.overlays)
    }

    /// Makes the content of the slot.
    fn generation<'a>(
        &self,
        (root, kernel): (&Tree, KernelParts<'_>),
        facts: ImageFacts,
        spool: Spool,
    ) -> Result<Generation<'a>> {
        let _step = Step::start(self.workspace, "write the root and the kernel image");
        let (signer, layout) = (self.keys.signer.as_ref(), &self.layout);
        generation::make(Recipe { root, kernel, signer, facts, layout }, spool)
    }

    /// Reads what kernel images are made of.
    fn programs(&self) -> Result<Programs> {
        let materials = &self.materials;
        Ok(Programs {
            stub: read(&materials.stub)?,
            kernel: read(&materials.kernel.image)?,
            init: read(&materials.program("init").path)?,
        })
    }

    /// Writes all files except the manifest to the work directory.
    fn files(
        &self,
        generation: &Generation<'_>,
        kernel: KernelParts<'_>,
        work: &WorkDir,
    ) -> Result<Vec<BuiltFile>> {
        let loader = read(&self.materials.program("loader").path)?;
        let loader = signed(loader, self.keys.signer.as_ref())?;
        let (layout, profile, keys) = (&self.layout, self.profile, self.keys.bundle);
        let signer = self.keys.signer.as_ref();
        let sources = Sources { generation, kernel, signer, loader: &loader, layout, profile, keys };
        let mut files = outputs::write_all(self.workspace, &sources, work)?;
        files.push(write_sbom(&self.materials, work)?);
        Ok(files)
    }
}

/// Writes the bill of materials.
fn write_sbom(materials: &Materials, work: &WorkDir) -> Result<BuiltFile> {
    let path = work.file(SBOM);
    fs::write(&path, &materials.sbom).map_err(Error::file("writing", &path))?;
    let (bytes, sha256) = hash_file(&path)?;
    Ok(BuiltFile { format: "sbom".into(), name: work.name(SBOM), bytes, sha256: Some(sha256) })
}

/// Reads an input file.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::file("reading", path))
}

#[cfg(test)]
mod tests;
