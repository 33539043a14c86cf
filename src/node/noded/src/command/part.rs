//! A part of a slot, read completely without filling the page cache: a kernel image, checked against its
//! header, or a root, through dm-verity or from its partition.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use formats::disk::{ReadAt, read_vec};
use formats::uki::{self, MAX_CMDLINE_BYTES};
use ring::digest;
use rustix::fs::Advice;
use slots::{HEADER_BYTES, Header, RootParams, UKI_OFFSET};

/// Size of a read.
const PIECE_BYTES: u64 = 256 << 10;
/// The lowest priority.
const NICE: i32 = 19;

/// The share of the disk's time to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All of it.
    Full,
    /// At most half of it: each read is followed by a pause of the same length.
    Half,
}

/// A partition or another block device.
#[derive(Debug)]
pub struct Part {
    file: File,
    bytes: u64,
    pace: Pace,
}

/// Gives this process the lowest priority.
pub fn lower_priority() {
    // With a higher priority it only takes processor time from others.
    let _ = rustix::process::nice(NICE);
}

impl Part {
    /// Opens a part, and drops its pages from the page cache, so that it is read from the disk.
    ///
    /// # Errors
    /// If it can't be opened, or its length can't be determined.
    pub fn open(path: &Path, pace: Pace) -> Result<Part> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let facts = file.metadata()?;
        let bytes = if facts.is_file() { facts.len() } else { sys::device_bytes(&file, path)? };
        let part = Part { file, bytes, pace };
        part.forget(0, None);
        Ok(part)
    }

    /// Reads a range in pieces, and passes them to `take`.
    ///
    /// # Errors
    /// The I/O error of the disk; `UnexpectedEof` if the range exceeds the part.
    pub fn read(&self, range: Range<u64>, mut take: impl FnMut(&[u8])) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let piece = read_vec(self, at, PIECE_BYTES.min(range.end - at))
                .with_context(|| format!("reading at byte {at}"))?;
            take(&piece);
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Drops from the page cache what was read, so that it does not displace what the node uses.
    fn forget(&self, at: u64, bytes: Option<NonZeroU64>) {
        // If the kernel keeps the pages, it only has less free memory.
        let _ = rustix::fs::fadvise(&self.file, at, bytes, Advice::DontNeed);
    }
}

impl ReadAt for Part {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let start = Instant::now();
        FileExt::read_exact_at(&self.file, buf, offset)?;
        self.forget(offset, NonZeroU64::new(buf.len() as u64));
        if self.pace == Pace::Half {
            thread::sleep(start.elapsed());
        }
        Ok(())
    }
}

/// Checks a kernel image against its header; returns the header.
///
/// # Errors
/// If the header is not valid, the image does not match it, or the disk can't be read.
pub fn check_kernel(kernel: &Part) -> Result<Header> {
    let mut block = [0; HEADER_BYTES];
    ReadAt::read_exact_at(kernel, &mut block, 0).context("reading its header")?;
    let Some(header) = Header::parse(&block, kernel.len()) else { bail!("its header is invalid") };
    let mut context = digest::Context::new(&digest::SHA256);
    kernel.read(UKI_OFFSET..UKI_OFFSET + header.length, |piece| context.update(piece))?;
    let found = context.finish();
    if found.as_ref() != header.sha256 {
        bail!(
            "sha256 differs: expected {}, found {}",
            HEXLOWER.encode(&header.sha256),
            HEXLOWER.encode(found.as_ref())
        );
    }
    Ok(header)
}

/// Returns the root's parameters on the command line of a kernel image.
///
/// # Errors
/// If the image has no such command line, or the disk can't be read.
pub fn root_params(kernel: &Part) -> Result<RootParams> {
    let head = read_vec(kernel, UKI_OFFSET, uki::HEAD_BYTES)?;
    let Some(place) = uki::locate(&head, ".cmdline")? else { bail!("it has no command line") };
    let bytes = place.end - place.start;
    if bytes > MAX_CMDLINE_BYTES {
        bail!("its command line has {bytes} bytes, expected at most {MAX_CMDLINE_BYTES}");
    }
    let text = read_vec(kernel, UKI_OFFSET + place.start, bytes)?;
    Ok(RootParams::parse(&String::from_utf8_lossy(&text))?)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Makes a kernel partition as a file: the header of generation 1, then this image.
    pub fn kernel_file(folder: &Path, uki: &[u8]) -> PathBuf {
        let sha256 = digest::digest(&digest::SHA256, uki).as_ref().try_into().unwrap();
        let header = Header { length: uki.len() as u64, sha256, generation: 1, epoch: 0 };
        let mut bytes = header.encode().to_vec();
        bytes.resize(usize::try_from(UKI_OFFSET).unwrap(), 0);
        bytes.extend(uki);
        let path = folder.join("kernel");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn write(path: &Path, byte: u8, at: u64) {
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(&[byte], at).unwrap();
    }

    #[test]
    fn one_flipped_bit_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = kernel_file(folder.path(), &vec![7; usize::try_from(PIECE_BYTES).unwrap() + 1]);
        let check = || check_kernel(&Part::open(&path, Pace::Half).unwrap());
        assert_eq!(check().unwrap().generation, 1);
        write(&path, 6, UKI_OFFSET + PIECE_BYTES);
        let error = check().unwrap_err();
        assert!(error.to_string().starts_with("sha256 differs"), "{error}");
        write(&path, 0xff, 9);
        assert_eq!(check().unwrap_err().to_string(), "its header is invalid");
    }

    #[test]
    fn a_part_is_read_to_its_end_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = kernel_file(folder.path(), b"x");
        let part = Part::open(&path, Pace::Full).unwrap();
        let mut seen = 0;
        part.read(0..part.len(), |piece| seen += piece.len()).unwrap();
        assert_eq!(seen as u64, UKI_OFFSET + 1);
        assert!(part.read(0..part.len() + 1, |_| {}).is_err());
    }

    #[test]
    fn an_image_without_a_root_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::open(&kernel_file(folder.path(), &[0; 5000]), Pace::Full).unwrap();
        assert!(root_params(&part).unwrap_err().to_string().contains("MZ"));
    }
}
