//! Reads a bundle sequentially. No byte is used before its hash or signature is verified.
//!
//! Order: prefix, manifest, signatures, then for each part its index and its frames. The signatures cover the
//! manifest, the manifest has the hash of each index, the index that of each compressed frame; so no unsigned
//! byte reaches the JSON parser or the decompressor. Memory: one index (at most 144 KiB), one compressed and
//! one uncompressed frame.

use std::io::{Read, Write};

use ring::digest::{Context, SHA256};

use crate::error::BundleError;
use crate::format::{ENTRY_BYTES, Entry, FRAME_BYTES, PREFIX_BYTES, Prefix, frames};
use crate::hex::Hash;
use crate::key::{SIGNATURE_BYTES, Signature};
use crate::keyset::KeySet;
use crate::kind::Kind;
use crate::manifest::{Manifest, Part};

/// A bundle of which prefix, manifest and signatures were read, but not verified yet.
pub struct Sealed<R> {
    input: R,
    manifest: Vec<u8>,
    signatures: Vec<Signature>,
}

/// A bundle whose manifest is verified and whose parts are not read yet.
pub struct Bundle<R> {
    input: R,
    manifest: Manifest,
    next_keys: Option<KeySet>,
    next: Option<Kind>,
}

impl<R> std::fmt::Debug for Sealed<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").field("signatures", &self.signatures).finish_non_exhaustive()
    }
}

impl<R> std::fmt::Debug for Bundle<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("manifest", &self.manifest)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Sealed<R> {
    /// Reads prefix, manifest and signatures.
    ///
    /// # Errors
    /// [`BundleError::Malformed`] if it is not a bundle, [`BundleError::Truncated`] if it ends too early,
    /// [`BundleError::Io`] if the input fails.
    pub fn open(mut input: R) -> Result<Sealed<R>, BundleError> {
        let mut prefix = [0; PREFIX_BYTES];
        input.read_exact(&mut prefix).map_err(BundleError::reading("head"))?;
        let prefix = Prefix::parse(&prefix)?;
        let mut manifest = vec![0; prefix.manifest_bytes as usize];
        input.read_exact(&mut manifest).map_err(BundleError::reading("manifest"))?;
        let mut signatures: Vec<Signature> = Vec::new();
        for _ in 0..prefix.signatures {
            let mut bytes = [0; SIGNATURE_BYTES];
            input.read_exact(&mut bytes).map_err(BundleError::reading("signatures"))?;
            let signature = Signature::from_bytes(&bytes);
            if signatures.last().is_some_and(|last| last.key >= signature.key) {
                return Err(BundleError::off("order of the signatures", signature.key, "keys ascending"));
            }
            signatures.push(signature);
        }
        Ok(Sealed { input, manifest, signatures })
    }

    /// Returns the bytes that are signed.
    #[must_use]
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest
    }

    /// Returns the signatures, whether valid or not.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Returns the manifest without verifying a signature: for display only.
    ///
    /// # Errors
    /// [`BundleError`] as for [`Manifest::parse`], if the manifest is malformed.
    pub fn claims(&self) -> Result<Manifest, BundleError> {
        Manifest::parse(&self.manifest)
    }

    /// Verifies that enough keys of `keys` have signed the manifest.
    ///
    /// # Errors
    /// Those of [`KeySet::verify`]; [`BundleError::KeySet`] if the bundle contains a key set that can't
    /// replace `keys`; those of [`Manifest::parse`].
    pub fn verify(self, keys: &KeySet) -> Result<Bundle<R>, BundleError> {
        keys.verify(&self.manifest, &self.signatures)?;
        let manifest = Manifest::parse(&self.manifest)?;
        let next_keys = match &manifest.key_set {
            Some(next) => keys.followed_by(next, &self.manifest, &self.signatures)?,
            None => None,
        };
        Ok(Bundle { input: self.input, manifest, next_keys, next: Some(Kind::Uki) })
    }

    /// Returns the input, positioned after the signatures.
    #[cfg(feature = "builder")]
    pub(crate) fn into_rest(self) -> R {
        self.input
    }
}

impl<R: Read> Bundle<R> {
    /// Returns the manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the key set in force once this bundle is installed, if it changes.
    #[must_use]
    pub fn next_keys(&self) -> Option<&KeySet> {
        self.next_keys.as_ref()
    }

    /// Returns the next part; `None` after the last one.
    #[must_use]
    pub fn next_part(&self) -> Option<Kind> {
        self.next
    }

    /// Decompresses the next part into `out`, each frame after its hash is verified.
    ///
    /// On failure `out` has the frames before the one that failed, and the bundle is consumed.
    ///
    /// # Errors
    /// [`BundleError::Damaged`] or [`BundleError::Frame`] if the part is not what was signed,
    /// [`BundleError::Truncated`] if it ends too early, [`BundleError::Order`] after the last part,
    /// [`BundleError::Io`] if input or output fails.
    pub fn unpack(mut self, out: &mut impl Write) -> Result<Bundle<R>, BundleError> {
        let (kind, entries) = self.begin()?;
        let mut unpacker = Unpacker::new(kind, self.manifest.parts.get(kind))?;
        for entry in entries {
            unpacker.frame(&mut self.input, entry, out)?;
        }
        unpacker.finish()?;
        Ok(self.after(kind))
    }

    /// Reads the next part and verifies the hash of each compressed frame without decompressing it: a fast
    /// way to check that a bundle is intact. `advanced` is called with the number of bytes read so far.
    ///
    /// # Errors
    /// Those of [`Bundle::unpack`], except for errors that only decompression finds.
    pub fn skim(mut self, advanced: &mut dyn FnMut(u64)) -> Result<Bundle<R>, BundleError> {
        let (kind, entries) = self.begin()?;
        let (mut packed, mut done) = (Vec::new(), 0);
        for entry in entries {
            read_frame(&mut self.input, kind, entry, &mut packed)?;
            done += u64::from(entry.packed);
            advanced(done);
        }
        Ok(self.after(kind))
    }

    /// Returns the next part, and its frames according to its index.
    fn begin(&mut self) -> Result<(Kind, Vec<Entry>), BundleError> {
        let kind = self.next.ok_or(BundleError::Order { expected: "the end: there is no further part" })?;
        let part = *self.manifest.parts.get(kind);
        Ok((kind, self.index(kind, &part)?))
    }

    /// Returns the bundle after a part was read.
    fn after(self, kind: Kind) -> Bundle<R> {
        let next = match kind {
            Kind::Uki => Some(Kind::Root),
            Kind::Root => None,
        };
        Bundle { next, ..self }
    }

    /// Checks that the bundle has been read completely.
    ///
    /// # Errors
    /// [`BundleError::Order`] if a part was not read, [`BundleError::Trailing`] if there is data after the
    /// last one, [`BundleError::Io`] if the input fails.
    pub fn finish(mut self) -> Result<Manifest, BundleError> {
        if self.next.is_some() {
            return Err(BundleError::Order { expected: "all parts to be read before the end" });
        }
        match self.input.read_exact(&mut [0]) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(self.manifest),
            Err(e) => Err(BundleError::io("reading the bundle")(e)),
            Ok(()) => Err(BundleError::Trailing),
        }
    }

    /// Reads the index of a part.
    fn index(&mut self, kind: Kind, part: &Part) -> Result<Vec<Entry>, BundleError> {
        // The manifest limits the length of a part, so this is at most 144 KiB.
        let length = usize::try_from(frames(part.bytes)).unwrap_or(usize::MAX).saturating_mul(ENTRY_BYTES);
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(BundleError::reading("index"))?;
        if Hash::of(&bytes) != part.index_sha256 {
            return Err(BundleError::Damaged { part: kind, what: "index" });
        }
        let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
        let entries = entries.iter().map(Entry::parse).collect::<Result<Vec<_>, _>>()?;
        let packed: u64 = entries.iter().map(|e| u64::from(e.packed)).sum();
        if packed != part.packed_bytes {
            return Err(BundleError::off("length of all frames", packed, "the manifest's packedBytes"));
        }
        Ok(entries)
    }
}

/// Reads a compressed frame; the content of `packed` is useless after an error.
fn read_frame(
    input: &mut impl Read,
    kind: Kind,
    entry: Entry,
    packed: &mut Vec<u8>,
) -> Result<(), BundleError> {
    packed.resize(entry.packed as usize, 0);
    input.read_exact(packed).map_err(BundleError::reading("frames"))?;
    match Hash::of(packed) == entry.sha256 {
        true => Ok(()),
        false => Err(BundleError::Damaged { part: kind, what: "frame" }),
    }
}

/// Decompresses the frames of one part.
struct Unpacker {
    kind: Kind,
    expected: Hash,
    left: u64,
    frame: u64,
    hash: Context,
    zstd: zstd::bulk::Decompressor<'static>,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Unpacker {
    fn new(kind: Kind, part: &Part) -> Result<Unpacker, BundleError> {
        let room = usize::try_from(part.bytes.min(FRAME_BYTES)).expect("a frame fits in memory");
        Ok(Unpacker {
            kind,
            expected: part.sha256,
            left: part.bytes,
            frame: 0,
            hash: Context::new(&SHA256),
            zstd: zstd::bulk::Decompressor::new().map_err(BundleError::io("starting zstd"))?,
            packed: Vec::new(),
            unpacked: Vec::with_capacity(room),
        })
    }

    /// Reads, verifies, decompresses and writes one frame.
    fn frame(
        &mut self,
        input: &mut impl Read,
        entry: Entry,
        out: &mut impl Write,
    ) -> Result<(), BundleError> {
        read_frame(input, self.kind, entry, &mut self.packed)?;
        let wrong = |reason: String| BundleError::Frame { part: self.kind, frame: self.frame, reason };
        self.unpacked.clear();
        // Never writes more than the capacity of the vector.
        let unpacked = self.zstd.decompress_to_buffer(&self.packed, &mut self.unpacked);
        unpacked.map_err(|e| wrong(e.to_string()))?;
        let (found, expected) = (self.unpacked.len() as u64, self.left.min(FRAME_BYTES));
        if found != expected {
            return Err(wrong(format!("unpacks to {found} bytes, expected {expected}")));
        }
        self.hash.update(&self.unpacked);
        out.write_all(&self.unpacked).map_err(BundleError::io("writing a part"))?;
        self.left -= expected;
        self.frame += 1;
        Ok(())
    }

    /// Verifies the hash of the complete content.
    fn finish(self) -> Result<(), BundleError> {
        match Hash::from(self.hash.finish()) == self.expected {
            true => Ok(()),
            false => Err(BundleError::Damaged { part: self.kind, what: "content" }),
        }
    }
}
