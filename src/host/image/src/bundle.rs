//! Creates an upgrade bundle from the generation of an image, and adds signatures to a bundle.
//!
//! A damaged image is noticed here, not on the nodes: the kernel image is checked against its header, the
//! root against its hash. A generation that was just built is not checked again.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use bundle::{Hash, KeySet, Manifest, Packed, Parts, Sealed, SecretKey, Signature};
use files::{Access, Output};
use formats::disk::{Cursor, ReadAt};
use formats::verity;

use crate::generation::Generation;
use crate::hash::sha256;
use crate::inspect::Image;
use crate::{Error, error::Result};

/// Properties of a bundle that its image does not have.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Time in seconds since 1970 after which nodes refuse it.
    pub expires: Option<u64>,
    /// The key set that replaces the nodes' current one.
    pub key_set: Option<KeySet>,
}

/// Makes the bundle of the generation in `image` at `output`, signed with `keys`, of which there may be none;
/// returns its manifest and signatures.
///
/// # Errors
/// [`Error::NotAnImage`] if the image has no complete generation, [`Error::Format`] if it is damaged or the
/// bundle can't be made, [`Error::File`] or [`Error::Files`] if a file can't be written. `output` is
/// unchanged then.
pub fn create(
    image: &Image,
    order: Order,
    keys: &[SecretKey],
    output: &Path,
) -> Result<(Manifest, Vec<Signature>)> {
    let output = Output::at(output, Access::Public)?;
    output.check_input(image.path())?;
    let generation = image.generation()?;
    let damaged = |reason: String| Error::NotAnImage { path: image.path().to_owned(), reason };
    if generation.facts.state.is_empty() {
        return Err(damaged(
            "expected the versions of its state in image.json, found none: rebuild it".into(),
        ));
    }
    verity::verify(&generation.root.as_ref(), &generation.params)
        .map_err(Error::format("verifying the root"))?;
    let found = sha256(&*generation.uki).map_err(|e| damaged(e.to_string()))?;
    if found != generation.uki_sha256 {
        let hash = format!("expected SHA-256 {}, found {}", Hash(generation.uki_sha256), Hash(found));
        return Err(damaged(format!("kernel image: {hash}")));
    }
    write(&generation, order, keys, output)
}

/// Writes the bundle of a generation to `output`, signed with `keys`, of which there may be none.
///
/// # Errors
/// [`Error::Format`] if the bundle can't be made, [`Error::File`] or [`Error::Files`] if a file can't be
/// written. `output` is unchanged then.
pub(crate) fn write(
    generation: &Generation<'_>,
    order: Order,
    keys: &[SecretKey],
    output: Output,
) -> Result<(Manifest, Vec<Signature>)> {
    let directory = output.scratch();
    let (uki, uki_frames) = pack(&*generation.uki, &directory)?;
    let (root, root_frames) = pack(&*generation.root, &directory)?;
    let manifest = manifest(generation, order, Parts { uki: uki.part, root: root.part });
    let bytes = manifest.to_bytes();
    let mut signatures: Vec<_> = keys.iter().map(|k| k.sign(&bytes)).collect();
    // In the order of the file.
    signatures.sort_unstable_by_key(|s| s.key);
    output.write(|mut out| {
        bundle::write(&manifest, &signatures, [(&uki, uki_frames), (&root, root_frames)], &mut out)
            .map_err(Error::format("writing the bundle"))
    })?;
    Ok((manifest, signatures))
}

/// Opens a bundle and reads everything before its parts.
///
/// # Errors
/// [`Error::File`] if it can't be opened, [`Error::Format`] if it is not a bundle.
pub fn open(path: &Path) -> Result<Sealed<BufReader<File>>> {
    let file = File::open(path).map_err(Error::file("opening", path))?;
    Sealed::open(BufReader::with_capacity(1 << 20, file)).map_err(Error::format("opening the bundle"))
}

/// Adds signatures with `keys` to the bundle at `path`.
///
/// # Errors
/// Those of [`open`]; [`Error::Format`] if a key has signed it already; [`Error::Files`] if it can't be
/// written. The bundle is unchanged then.
pub fn sign(path: &Path, keys: &[SecretKey]) -> Result<()> {
    let sealed = open(path)?;
    // A signature vouches for the manifest, so a bundle whose manifest can't be read is not signed.
    sealed.claims().map_err(Error::format("reading what is to be signed"))?;
    let signatures: Vec<_> = keys.iter().map(|k| k.sign(sealed.manifest_bytes())).collect();
    Output::at(path, Access::Public)?.write(|mut out| {
        bundle::add_signatures(sealed, &signatures, &mut out).map_err(Error::format("writing the bundle"))
    })
}

/// Packs a part into an unnamed file; returns it, positioned at its start.
fn pack(part: &dyn ReadAt, directory: &Path) -> Result<(Packed, File)> {
    let mut frames = tempfile::tempfile_in(directory).map_err(Error::file("making a file in", directory))?;
    let input = Cursor::new(part).take(part.len());
    let packed = bundle::pack(input, &mut frames, |_| ()).map_err(Error::format("packing"))?;
    frames.rewind().map_err(Error::file("reading a file in", directory))?;
    Ok((packed, frames))
}

/// Returns the manifest of the bundle. Pure.
fn manifest(generation: &Generation<'_>, order: Order, parts: Parts) -> Manifest {
    let facts = generation.facts.clone();
    Manifest {
        name: facts.name,
        version: facts.version,
        role: facts.role,
        architecture: facts.architecture,
        epoch: facts.epoch,
        kubernetes: facts.kubernetes,
        build_time: facts.build_time,
        expires: order.expires,
        state: facts.state,
        root_hash: Hash(generation.params.root_hash),
        parts,
        key_set: order.key_set,
    }
}
