//! Whether a file system has to be checked before it is mounted, as its superblock says, and how: with the `e2fsck` of
//! the verified root, which is mounted before state and data.
//!
//! Only what is safe is repaired (`-p`, preen): what takes a decision is left for an operator, and the mount is tried as
//! it is. A lost superblock is replaced by its backup, if that is a backup of this very partition: anything else on a
//! disk is not touched. A power cut is no reason for a check, since mounting replays the journal.
//!
//! A check has a limit: one that takes longer would end with the boot, and begin again with the next one, for ever. What
//! it leaves repaired by half is not mounted; an operator can order a check that takes as long as it takes.
//!
//! The offsets are those of `struct ext4_super_block` in Linux' `fs/ext4/ext4.h`, 6.12.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use fsck::{End, Mode, Outcome};
use slots::MARKER_BYTES;

/// Where the superblock is in a file system, and in a backup's group: groups begin at whole blocks.
const SUPERBLOCK: usize = 1024;
const BACKUP_SUPERBLOCK: usize = 0;
/// Size of a block, and the first block of the group with the first backup, as `format` makes them.
const BLOCK_BYTES: u64 = 4096;
const BACKUP_BLOCK: u64 = 32_768;
/// `s_state`: cleanly unmounted, as it is always with a journal; the kernel has found errors.
const STATE_VALID: u16 = 1;
const STATE_ERRORS: u16 = 2;
/// Longest time of one run. With both partitions, and two runs each for a lost superblock, less than what all of it may
/// take.
const LIMIT: Duration = Duration::from_secs(1200);

/// Why a file system is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The kernel has found errors in it, or did not unmount it.
    Errors,
    /// It can't be mounted although its superblock is there.
    NotMounted,
    /// Its superblock is lost; the backup is there.
    Lost,
}

/// Returns why the file system on `device` has to be checked, `first` being its first block; `None` if it need not, or
/// is not one of ours.
pub(super) fn reason(device: &File, first: &[u8; MARKER_BYTES], label: &str) -> Option<Reason> {
    if is_superblock(&first[SUPERBLOCK..]) {
        let state = half(&first[SUPERBLOCK..], 58)?;
        return (state & STATE_ERRORS != 0 || state & STATE_VALID == 0).then_some(Reason::Errors);
    }
    let mut backup = [0; MARKER_BYTES];
    device.read_exact_at(&mut backup, BACKUP_BLOCK * BLOCK_BYTES).ok()?;
    let backup = &backup[BACKUP_SUPERBLOCK..];
    // The first backup is that of group 1, and names the partition.
    let is_ours = is_superblock(backup) && half(backup, 90) == Some(1) && has_label(backup, label);
    is_ours.then_some(Reason::Lost)
}

/// Checks and repairs the file system on `device`, which is not mounted, with the program of the root at `root`.
///
/// # Errors
/// If the program can't be run.
pub(super) fn repair(root: &Path, device: &Path, reason: Reason) -> Result<Outcome, fsck::Error> {
    let run = |mode| fsck::check(root, device, mode, LIMIT);
    let first = match reason {
        Reason::Errors => return run(Mode::Safe),
        // Its superblock claims that there is nothing to do.
        Reason::NotMounted => return run(Mode::SafeForced),
        // A backup is old, and claims that there is nothing to do as well.
        Reason::Lost => run(Mode::FromBackup { block: BACKUP_BLOCK, block_bytes: BLOCK_BYTES })?,
    };
    if first.end == End::TooLong {
        return Ok(first);
    }
    // The journal may hold a newer superblock, with which the first pass does not go on: the second one begins with
    // it. It has the last word, as it checks what the first one made.
    let second = run(Mode::SafeForced)?;
    Ok(Outcome { lines: [first.lines, second.lines].concat(), ..second })
}

fn is_superblock(bytes: &[u8]) -> bool {
    half(bytes, 56) == Some(0xef53)
}

/// Returns whether `s_volume_name` is `label`.
fn has_label(superblock: &[u8], label: &str) -> bool {
    superblock.get(120..136).is_some_and(|name| {
        let length = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        name.get(..length) == Some(label.as_bytes())
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    use formats::disk::WriteAt;
    use formats::ext4;

    struct Image(File);

    impl WriteAt for Image {
        fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
            FileExt::write_all_at(&self.0, bytes, offset)
        }

        fn zero_at(&mut self, _: u64, _: u64) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A file system as `format` makes it, in a file.
    fn image() -> (tempfile::TempDir, std::path::PathBuf, File) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.img");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let bytes = 256 << 20;
        file.set_len(bytes).unwrap();
        let options =
            ext4::Options { bytes, uuid: [7; 16], label: "state".into(), epoch_secs: 1_796_000_000 };
        ext4::format(&mut Image(file.try_clone().unwrap()), &options).unwrap();
        (folder, path, file)
    }

    fn first(file: &File) -> [u8; MARKER_BYTES] {
        let mut block = [0; MARKER_BYTES];
        file.read_exact_at(&mut block, 0).unwrap();
        block
    }

    #[test]
    fn a_whole_file_system_and_what_is_not_ours_are_not_checked() {
        let (_folder, _, file) = image();
        assert_eq!(reason(&file, &first(&file), "state"), None);
        file.write_all_at(&[0; MARKER_BYTES], 0).unwrap();
        assert_eq!(reason(&file, &first(&file), "state"), Some(Reason::Lost));
        assert_eq!(reason(&file, &first(&file), "data"), None, "another partition's backup");
        file.write_all_at(&[9; MARKER_BYTES], BACKUP_BLOCK * BLOCK_BYTES).unwrap();
        assert_eq!(reason(&file, &first(&file), "state"), None);
        file.set_len(8192).unwrap();
        assert_eq!(reason(&file, &first(&file), "state"), None, "shorter than its backup");
    }

    #[test]
    fn errors_that_the_kernel_has_found_are_a_reason() {
        let (_folder, _, file) = image();
        for (state, expected) in [(1, None), (5, None), (3, Some(Reason::Errors)), (0, Some(Reason::Errors))]
        {
            let mut block = first(&file);
            block[SUPERBLOCK + 58] = state;
            assert_eq!(reason(&file, &block, "state"), expected, "{state}");
        }
    }

    /// With the host's program, where it is at the place where Debian has it.
    #[test]
    fn a_lost_superblock_comes_back_and_garbage_is_left_alone() {
        let root = Path::new("/");
        if !fsck::is_there(root) {
            assert!(std::env::var_os("CI").is_none(), "e2fsck is missing");
            eprintln!("skipped: e2fsck is not at its place in Debian");
            return;
        }
        let (_folder, path, file) = image();
        let whole = first(&file);
        file.write_all_at(&[0; MARKER_BYTES], 0).unwrap();
        let outcome = repair(root, &path, Reason::Lost).unwrap();
        assert!(outcome.is_whole(), "{outcome:?}");
        assert!(is_superblock(&first(&file)[SUPERBLOCK..]) && has_label(&whole[SUPERBLOCK..], "state"));
        assert_eq!(reason(&file, &first(&file), "state"), None);
        assert!(repair(root, &path, Reason::NotMounted).unwrap().is_whole());
        // The inodes that are in use: no program repairs that by itself.
        let garbage: Vec<u8> =
            (0..64 << 10).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let table = u64::from(u32::from_le_bytes(descriptor(&file)[8..12].try_into().unwrap()));
        file.write_all_at(&garbage, table * BLOCK_BYTES).unwrap();
        let before = std::fs::read(&path).unwrap();
        let outcome = repair(root, &path, Reason::NotMounted).unwrap();
        assert!(outcome.end == End::Damaged && !outcome.lines.is_empty(), "{outcome:?}");
        assert!(std::fs::read(&path).unwrap().len() == before.len());
        let outcome = repair(root, Path::new("/nowhere"), Reason::Errors).unwrap();
        assert!(matches!(outcome.end, End::Failed(_)), "{outcome:?}");
    }

    /// The first group's descriptor.
    fn descriptor(file: &File) -> [u8; 32] {
        let mut bytes = [0; 32];
        file.read_exact_at(&mut bytes, BLOCK_BYTES).unwrap();
        bytes
    }
}
