//! Creates a bundle: compresses its parts, writes it, adds signatures to an existing one.
//!
//! The manifest comes first and contains the hashes of what follows, so the parts are compressed before it,
//! into a writer provided by the caller. The same parts and keys give the same bytes, whatever the number of
//! threads.

use std::io::{Read, Write};

use rayon::prelude::*;
use ring::digest::{Context, SHA256};

use crate::error::BundleError;
use crate::format::{Entry, FRAME_BYTES, MAX_MANIFEST_BYTES, MAX_PART_BYTES, MAX_SIGNATURES, Prefix};
use crate::hex::Hash;
use crate::key::Signature;
use crate::manifest::{Manifest, Part};
use crate::reader::Sealed;

/// Compression level; higher ones take longer and make a root hardly smaller.
const LEVEL: i32 = 9;
/// Number of frames compressed in parallel.
const BATCH: usize = 8;

/// A part whose frames are compressed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The part's description in the manifest.
    pub part: Part,
    index: Vec<u8>,
}

/// Compresses a part and writes its frames to `out`.
///
/// `advanced` is called with the number of bytes of `input` done so far.
///
/// # Errors
/// [`BundleError::Io`] if input or output fails, [`BundleError::TooMuch`] if `input` is empty or longer than
/// [`MAX_PART_BYTES`]. `out` may then contain some of the frames.
pub fn pack(
    mut input: impl Read,
    out: &mut impl Write,
    mut advanced: impl FnMut(u64),
) -> Result<Packed, BundleError> {
    let mut hash = Context::new(&SHA256);
    let mut index = Vec::new();
    let (mut bytes, mut packed_bytes) = (0u64, 0u64);
    loop {
        let batch = read_batch(&mut input)?;
        for chunk in &batch {
            hash.update(chunk);
            bytes += chunk.len() as u64;
        }
        if bytes > MAX_PART_BYTES {
            return Err(BundleError::TooMuch {
                what: "length of a part",
                found: bytes,
                most: MAX_PART_BYTES,
            });
        }
        let frames = batch.par_iter().map(|chunk| compress(chunk)).collect::<Result<Vec<_>, _>>()?;
        for frame in &frames {
            let packed = u32::try_from(frame.len()).expect("a frame is 4 MiB and little more");
            index.extend(Entry { packed, sha256: Hash::of(frame) }.to_bytes());
            out.write_all(frame).map_err(BundleError::io("writing frames"))?;
            packed_bytes += u64::from(packed);
        }
        advanced(bytes);
        if batch.len() < BATCH {
            break;
        }
    }
    let part =
        Part { bytes, sha256: Hash::from(hash.finish()), packed_bytes, index_sha256: Hash::of(&index) };
    match bytes {
        0 => Err(BundleError::off("length of a part", 0, "1 or more")),
        _ => Ok(Packed { part, index }),
    }
}

/// Writes a bundle; the `frames` of each part are what [`pack`] wrote.
///
/// # Errors
/// [`BundleError::Malformed`] if the manifest is invalid or does not describe these parts; nothing is written
/// then. Otherwise those of [`add_signatures`].
pub fn write<F: Read>(
    manifest: &Manifest,
    signatures: &[Signature],
    parts: [(&Packed, F); 2],
    out: &mut impl Write,
) -> Result<(), BundleError> {
    manifest.sound()?;
    let expected = [manifest.parts.uki, manifest.parts.root];
    if parts.iter().map(|(p, _)| p.part).ne(expected) {
        return Err(BundleError::off("a packed part", "another one", "that of the manifest"));
    }
    write_head(&manifest.to_bytes(), signatures.to_vec(), out)?;
    for (packed, frames) in parts {
        out.write_all(&packed.index).map_err(BundleError::io("writing the bundle"))?;
        let length = packed.part.packed_bytes;
        let copied = std::io::copy(&mut frames.take(length), out);
        if copied.map_err(BundleError::io("writing the bundle"))? != length {
            return Err(BundleError::Truncated("packed frames"));
        }
    }
    Ok(())
}

/// Copies a bundle with further signatures; the parts are copied unchanged.
///
/// # Errors
/// [`BundleError::SignedTwice`] if a key has already signed it, [`BundleError::TooMuch`] if there would be
/// too many signatures; nothing is written then. [`BundleError::Io`] if input or output fails; `out` may then
/// contain the beginning.
pub fn add_signatures<R: Read>(
    sealed: Sealed<R>,
    further: &[Signature],
    out: &mut impl Write,
) -> Result<(), BundleError> {
    let signatures = [sealed.signatures(), further].concat();
    write_head(sealed.manifest_bytes(), signatures, out)?;
    std::io::copy(&mut sealed.into_rest(), out).map_err(BundleError::io("copying the bundle"))?;
    Ok(())
}

/// Writes prefix, manifest and signatures, sorted by key.
fn write_head(
    manifest: &[u8],
    mut signatures: Vec<Signature>,
    out: &mut impl Write,
) -> Result<(), BundleError> {
    signatures.sort_unstable_by_key(|s| s.key);
    if let Some(pair) = signatures.windows(2).find(|pair| pair[0].key == pair[1].key) {
        return Err(BundleError::SignedTwice(pair[0].key));
    }
    let bounded = |what, found: usize, most: u32| match u32::try_from(found).ok().filter(|n| *n <= most) {
        Some(n) => Ok(n),
        None => Err(BundleError::TooMuch { what, found: found as u64, most: most.into() }),
    };
    let prefix = Prefix {
        manifest_bytes: bounded("length of the manifest", manifest.len(), MAX_MANIFEST_BYTES)?,
        signatures: bounded("number of signatures", signatures.len(), MAX_SIGNATURES)?,
    };
    let signatures: Vec<u8> = signatures.iter().flat_map(|s| s.to_bytes()).collect();
    let head = [&prefix.to_bytes()[..], manifest, &signatures].concat();
    out.write_all(&head).map_err(BundleError::io("writing the bundle"))
}

/// Reads the content of the next frames; less than a full batch means the end of the input.
fn read_batch(input: &mut impl Read) -> Result<Vec<Vec<u8>>, BundleError> {
    let mut batch = Vec::with_capacity(BATCH);
    while batch.len() < BATCH {
        let mut chunk = Vec::new();
        let read = input.by_ref().take(FRAME_BYTES).read_to_end(&mut chunk);
        if read.map_err(BundleError::io("reading a part"))? == 0 {
            break;
        }
        batch.push(chunk);
    }
    Ok(batch)
}

/// Compresses one frame.
///
/// Each frame gets a new compressor: since 1.5.5 a reused one salts its hashes depending on previous input,
/// so that the same bytes could give another frame on another thread.
fn compress(chunk: &[u8]) -> Result<Vec<u8>, BundleError> {
    let compressor = zstd::bulk::Compressor::new(LEVEL);
    compressor.and_then(|mut c| c.compress(chunk)).map_err(BundleError::io("compressing a frame"))
}
