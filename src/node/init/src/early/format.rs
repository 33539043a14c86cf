//! Formats a partition that has the builder's marker.
//!
//! This runs in a child: its memory is freed with it, and a panic there is only a failed format. The marker's block is
//! written last, when everything else is on the disk, so a power cut in between leaves the marker and the next boot
//! starts over.
//!
//! Of a large partition only the first GiB is formatted; the growing that follows each mount does the
//! rest. A disk that cannot zero by itself would otherwise have every byte written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use formats::disk::WriteAt;
use formats::ext4;
use slots::MARKER_BYTES;
use sys::Exit;

/// Most bytes that are formatted.
const MAX_BYTES: u64 = 1 << 30;

/// Makes an empty ext4 on `device`.
pub(super) fn make_ext4(device: &Path, label: &str, uuid: [u8; 16]) -> anyhow::Result<()> {
    let ended = sys::run_in_child(|| {
        let made = make(device, label, uuid);
        if let Err(error) = &made {
            // The child has no other voice.
            drop(std::fs::write("/dev/kmsg", format!("<3>ironhull: {error:#}")));
        }
        made.is_ok()
    })?;
    match ended {
        Exit::Code(0) => Ok(()),
        exit => bail!("making the file system on {} ended with {exit}", device.display()),
    }
}

/// Does the work of the child.
fn make(device: &Path, label: &str, uuid: [u8; 16]) -> anyhow::Result<()> {
    let context = || format!("formatting {}", device.display());
    let file = File::options().write(true).open(device).with_context(context)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let options = ext4::Options {
        bytes: sys::device_bytes(&file, device)?.min(MAX_BYTES),
        uuid,
        label: label.to_owned(),
        epoch_secs: i64::try_from(now.as_secs()).unwrap_or(0),
    };
    let mut target = MarkerLast { file, path: device.to_owned(), first: [0; MARKER_BYTES] };
    ext4::format(&mut target, &options).with_context(context)?;
    target.file.sync_all().with_context(context)?;
    target.file.write_all_at(&target.first, 0).with_context(context)?;
    target.file.sync_all().with_context(context)
}

/// A device whose first block is kept back.
struct MarkerLast {
    file: File,
    path: PathBuf,
    first: [u8; MARKER_BYTES],
}

impl WriteAt for MarkerLast {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (head, rest) = bytes.split_at(in_first(offset, bytes.len() as u64).min(bytes.len()));
        for (to, from) in
            self.first.iter_mut().skip(usize::try_from(offset).unwrap_or(MARKER_BYTES)).zip(head)
        {
            *to = *from;
        }
        if rest.is_empty() { Ok(()) } else { self.file.write_all_at(rest, offset + head.len() as u64) }
    }

    fn zero_at(&mut self, offset: u64, length: u64) -> io::Result<()> {
        // The kept block is zeros from the start, and nothing is written twice.
        let start = offset.max(MARKER_BYTES as u64);
        let end = offset.saturating_add(length);
        if start >= end {
            return Ok(());
        }
        sys::zero_range(&self.file, &self.path, start..end).map_err(io::Error::other)
    }
}

/// Returns how many of `length` bytes at `offset` are in the first block.
fn in_first(offset: u64, length: u64) -> usize {
    let room = (MARKER_BYTES as u64).saturating_sub(offset).min(length);
    usize::try_from(room).unwrap_or(MARKER_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_block_is_kept_back() {
        let path = std::env::temp_dir().join(format!("init-format-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        file.write_all_at(&[9; 3 * MARKER_BYTES], 0).unwrap();
        let mut target = MarkerLast { file, path: path.clone(), first: [0; MARKER_BYTES] };
        target.write_all_at(&[1; 1000], 1024).unwrap();
        target.write_all_at(&[2; 5000], 4000).unwrap();
        target.zero_at(0, 512).unwrap();
        let on_disk = std::fs::read(&path).unwrap();
        assert!(on_disk[..MARKER_BYTES].iter().all(|b| *b == 9), "the marker must stand");
        assert!(on_disk[MARKER_BYTES..9000].iter().all(|b| *b == 2));
        assert!(on_disk[9000..].iter().all(|b| *b == 9));
        assert!(target.first[1024..2024].iter().all(|b| *b == 1));
        assert!(target.first[4000..].iter().all(|b| *b == 2) && target.first[..1024].iter().all(|b| *b == 0));
        std::fs::remove_file(&path).unwrap();
    }
}
