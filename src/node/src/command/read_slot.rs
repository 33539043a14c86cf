//! Reads both parts of a slot whole, once, at the lowest priority: `init` asks before it blesses.
//!
//! The kernel image is compared with its header's digest. The root is read through its dm-verity device,
//! where the kernel compares each block with the tree that the signed command line vouches for. What was
//! read is dropped from memory again: it would push out what the node works with.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ring::digest;
use rustix::fs::Advice;
use slots::{HEADER_BYTES, Header, UKI_OFFSET};

/// Bytes read at once.
const PIECE_BYTES: usize = 256 << 10;
/// The lowest priority.
const NICE: i32 = 19;

/// Reads the slot whose kernel image is in the partition `kernel` and whose verified root is the device
/// `root`.
///
/// # Errors
/// If a part can't be read or the kernel image is not the one that its header describes.
pub fn read_slot(kernel: &Path, root: &Path) -> Result<()> {
    // At a higher one it only takes less time.
    let _ = rustix::process::nice(NICE);
    check_kernel(kernel).with_context(|| format!("reading kernel image on {}", kernel.display()))?;
    let read = read_all(root, |_| {}).with_context(|| format!("reading root on {}", root.display()))?;
    println!("the running slot was read whole, {} MiB of it root: it is sound", read >> 20);
    Ok(())
}

/// Compares a kernel image with its header.
fn check_kernel(kernel: &Path) -> Result<()> {
    let room = File::open(kernel)?.metadata()?;
    // A block device has no length of its own; where the image ends past it, reading fails.
    let room = if room.is_file() { room.len() } else { u64::MAX };
    let mut block = [0; HEADER_BYTES];
    File::open(kernel)?.read_exact_at(&mut block, 0)?;
    let Some(header) = Header::parse(&block, room) else { bail!("the header is not sound") };
    let mut context = digest::Context::new(&digest::SHA256);
    read_range(kernel, UKI_OFFSET, Some(header.length), |piece| context.update(piece))?;
    let found = context.finish();
    if found.as_ref() != header.sha256 {
        bail!("sha256 differs: expected {}, found {}", hex(&header.sha256), hex(found.as_ref()));
    }
    Ok(())
}

/// Reads a device from beginning to end.
fn read_all(path: &Path, take: impl FnMut(&[u8])) -> Result<u64> {
    read_range(path, 0, None, take)
}

/// Reads `length` bytes, or all there are, in pieces; returns how many.
fn read_range(path: &Path, start: u64, length: Option<u64>, mut take: impl FnMut(&[u8])) -> Result<u64> {
    let file = File::open(path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut done = 0;
    while length.is_none_or(|length| done < length) {
        let left = length.map_or(PIECE_BYTES as u64, |length| length - done);
        let wanted = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let at = start + done;
        let n = file.read_at(&mut piece[..wanted], at)?;
        match (n, length) {
            (0, None) => break,
            (0, Some(length)) => bail!("it ends after {done} bytes, expected {length}"),
            _ => take(&piece[..n]),
        }
        // A kernel that keeps it only has less room.
        let _ = rustix::fs::fadvise(&file, at, std::num::NonZeroU64::new(n as u64), Advice::DontNeed);
        done += n as u64;
    }
    Ok(done)
}

/// Returns bytes as hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel partition as a file: header, then an image of this length.
    fn partition(folder: &Path, length: usize) -> std::path::PathBuf {
        let uki = vec![7u8; length];
        let sha256 = digest::digest(&digest::SHA256, &uki).as_ref().try_into().unwrap();
        let header = Header { length: length as u64, sha256, generation: 1, epoch: 0 };
        let mut bytes = header.encode().to_vec();
        bytes.resize(usize::try_from(UKI_OFFSET).unwrap(), 0);
        bytes.extend(uki);
        let path = folder.join("kernel");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn sound_slot_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = partition(folder.path(), 3 * PIECE_BYTES + 5);
        check_kernel(&kernel).unwrap();
        assert_eq!(read_all(&kernel, |_| {}).unwrap(), UKI_OFFSET + 3 * PIECE_BYTES as u64 + 5);
    }

    #[test]
    fn one_flipped_bit_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = partition(folder.path(), PIECE_BYTES + 1);
        let file = File::options().write(true).open(&kernel).unwrap();
        file.write_all_at(&[6], UKI_OFFSET + PIECE_BYTES as u64).unwrap();
        let error = check_kernel(&kernel).unwrap_err();
        assert!(error.to_string().starts_with("sha256 differs"), "{error}");
        file.write_all_at(&[0xff], 9).unwrap();
        assert_eq!(check_kernel(&kernel).unwrap_err().to_string(), "the header is not sound");
    }

    #[test]
    fn missing_root_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = partition(folder.path(), 1);
        let error = read_slot(&kernel, Path::new("/no/such/device")).unwrap_err();
        assert!(format!("{error:#}").starts_with("reading root on /no/such/device: "), "{error:#}");
    }
}
