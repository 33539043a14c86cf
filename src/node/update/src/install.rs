//! Installs a bundle in the inactive slot, in an order in which a power cut after any write leaves a node
//! that boots.
//!
//! 1. The boot record marks the slot as not present.
//! 2. The header in front of the kernel image is cleared, so that a half-written slot is never started, even
//!    if both copies of the record are lost.
//! 3. Kernel image and root are written and synced.
//! 4. Both are read back from the disk and verified: the kernel image against its digest, its command line
//!    against the signed root hash, the root against its verity tree.
//! 5. The header is written and read back. It comes after step 4, so that a slot found damaged is never
//!    started.
//! 6. The boot record marks the slot as present. This one sector is the commit.

use std::io::{self, Write};
use std::ops::Range;

use bundle::{Bundle, BundleError, Hash, Kind, Manifest};
use formats::disk::{Window, read_vec};
use formats::uki::{self, MAX_CMDLINE_BYTES};
use formats::verity::{self, VerityError};
use ring::digest;
use slots::{HEADER_BYTES, Header, RootParams, UKI_OFFSET};

use crate::{Device, Free, Target, UpdateError};

/// Bytes of the kernel image that are read back at once.
const PIECE_BYTES: u64 = 1 << 20;

/// The step of an installation, for progress messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Both parts are written.
    Writing,
    /// Both parts are read back and verified.
    Checking,
}

/// Installs a bundle that [`examine`](crate::examine()) accepted; returns the number of its generation.
///
/// `advanced` is called with the step and the uncompressed bytes of both parts done so far in it.
///
/// # Errors
/// [`UpdateError::Slots`] if the boot record does not allow it, or is not written; [`UpdateError::Bundle`] if
/// the bundle can't be read; [`UpdateError::Device`] if the slot can't be written or read;
/// [`UpdateError::KernelDiffers`], [`UpdateError::RootDiffers`], [`UpdateError::Uki`] or
/// [`UpdateError::CommandLine`] if what is read back is not what the manifest describes. The running
/// generation is never touched. If [`Target::begin`] failed, nothing was written; otherwise the slot is not
/// present and is not started. Only if [`Target::commit`] failed, the commit may have reached the disk
/// nevertheless.
pub fn install<R: io::Read>(
    bundle: Bundle<R>,
    target: &mut impl Target,
    advanced: &mut dyn FnMut(Step, u64),
) -> Result<u32, UpdateError> {
    let manifest = bundle.manifest().clone();
    let free = target.begin()?;
    write_header(&free.kernel, &[0; HEADER_BYTES])?;
    write(bundle, &manifest, &free, &mut |done| advanced(Step::Writing, done))?;
    check(&manifest, &free, &mut |done| advanced(Step::Checking, done))?;
    seal(&manifest, &free)?;
    target.commit(free.generation, manifest.epoch)?;
    Ok(free.generation)
}

/// Writes both parts.
fn write<R: io::Read, D: Device>(
    mut bundle: Bundle<R>,
    manifest: &Manifest,
    free: &Free<D>,
    advanced: &mut dyn FnMut(u64),
) -> Result<(), UpdateError> {
    let mut done = 0;
    while let Some(part) = bundle.next_part() {
        let device = free.device(part);
        let start = if part == Kind::Uki { UKI_OFFSET } else { 0 };
        let written = &mut |bytes| advanced(done + bytes);
        let mut stream = Stream { device, at: start, written, start, failed: false };
        bundle = bundle.unpack(&mut stream).map_err(|error| match error {
            BundleError::Io { source, .. } if stream.failed => UpdateError::device("writing", part)(source),
            other => other.into(),
        })?;
        done += manifest.parts.get(part).bytes;
        device.sync().map_err(UpdateError::device("writing", part))?;
    }
    bundle.finish()?;
    Ok(())
}

/// Writes the header of the slot; all zeros clear it.
fn write_header(kernel: &impl Device, bytes: &[u8; HEADER_BYTES]) -> Result<(), UpdateError> {
    let written = kernel.write_at(bytes, 0).and_then(|()| kernel.sync());
    written.map_err(UpdateError::device("writing the header to", Kind::Uki))
}

/// Writes the header of a verified slot, and reads it back.
fn seal<D: Device>(manifest: &Manifest, free: &Free<D>) -> Result<(), UpdateError> {
    let header = Header {
        length: manifest.parts.uki.bytes,
        sha256: manifest.parts.uki.sha256.0,
        generation: free.generation,
        epoch: manifest.epoch,
    };
    write_header(&free.kernel, &header.encode())?;
    free.kernel.forget();
    let mut block = [0; HEADER_BYTES];
    let read = free.kernel.read_exact_at(&mut block, 0);
    read.map_err(UpdateError::device("reading back", Kind::Uki))?;
    if Header::parse(&block, free.kernel.len()) == Some(header) {
        return Ok(());
    }
    let differs = io::Error::new(io::ErrorKind::InvalidData, "the header is not the one that was written");
    Err(UpdateError::device("reading back", Kind::Uki)(differs))
}

/// Writes to a partition sequentially, and reports the progress.
struct Stream<'a, D> {
    device: &'a D,
    start: u64,
    at: u64,
    written: &'a mut dyn FnMut(u64),
    /// Whether writing to the partition failed, rather than reading the bundle.
    failed: bool,
}

impl<D: Device> Write for Stream<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.device.write_at(bytes, self.at).inspect_err(|_| self.failed = true)?;
        self.at += bytes.len() as u64;
        (self.written)(self.at - self.start);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads both parts back and verifies them.
fn check<D: Device>(
    manifest: &Manifest,
    free: &Free<D>,
    advanced: &mut dyn FnMut(u64),
) -> Result<(), UpdateError> {
    free.kernel.forget();
    free.root.forget();
    check_kernel(manifest, &free.kernel)?;
    advanced(manifest.parts.uki.bytes);
    let params = root_params(&free.kernel, manifest.parts.uki.bytes)?;
    check_params(manifest, &params)?;
    let root = Window::new(&free.root, 0, manifest.parts.root.bytes);
    let root = root.ok_or(io::ErrorKind::UnexpectedEof.into());
    let device = UpdateError::device("reading back", Kind::Root);
    verity::verify(&root.map_err(&device)?, &params).map_err(|error| match error {
        VerityError::Io(source) => device(source),
        other => UpdateError::RootDiffers(other),
    })?;
    advanced(manifest.parts.uki.bytes + manifest.parts.root.bytes);
    Ok(())
}

/// Reads the kernel image back and verifies its digest.
fn check_kernel<D: Device>(manifest: &Manifest, kernel: &D) -> Result<(), UpdateError> {
    let part = &manifest.parts.uki;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut done = 0;
    while done < part.bytes {
        let piece = read_kernel(kernel, done..part.bytes.min(done + PIECE_BYTES))?;
        context.update(&piece);
        done += piece.len() as u64;
    }
    let mut found = [0; 32];
    found.copy_from_slice(context.finish().as_ref());
    match Hash(found) == part.sha256 {
        true => Ok(()),
        false => Err(UpdateError::KernelDiffers { expected: part.sha256, found: Hash(found) }),
    }
}

/// Returns the parameters of the root from the command line in a kernel image of `bytes` bytes.
fn root_params<D: Device>(kernel: &D, bytes: u64) -> Result<RootParams, UpdateError> {
    let wrong = |what: String| UpdateError::CommandLine(what);
    let head = read_kernel(kernel, 0..bytes.min(uki::HEAD_BYTES))?;
    let place = uki::locate(&head, ".cmdline")?;
    let place = place.ok_or_else(|| wrong("it has no section .cmdline".to_owned()))?;
    let length = place.end - place.start;
    if length > MAX_CMDLINE_BYTES || place.end > bytes {
        let expected = format!("expected at most {MAX_CMDLINE_BYTES}, within the image");
        return Err(wrong(format!("its command line has {length} bytes, {expected}")));
    }
    let line = read_kernel(kernel, place)?;
    let line = std::str::from_utf8(&line).map_err(|_| wrong("its command line is not text".to_owned()))?;
    RootParams::parse(line.trim_end_matches('\0')).map_err(|e| wrong(e.to_string()))
}

/// Reads a range of the kernel image back.
fn read_kernel<D: Device>(kernel: &D, range: Range<u64>) -> Result<Vec<u8>, UpdateError> {
    let piece = read_vec(kernel, UKI_OFFSET + range.start, range.end - range.start);
    piece.map_err(UpdateError::device("reading back", Kind::Uki))
}

/// Checks that command line and manifest describe the same root.
fn check_params(manifest: &Manifest, params: &RootParams) -> Result<(), UpdateError> {
    if Hash(params.root_hash) == manifest.root_hash {
        return Ok(());
    }
    let (found, expected) = (Hash(params.root_hash), manifest.root_hash);
    Err(UpdateError::CommandLine(format!("its command line has root hash {found}, expected {expected}")))
}
