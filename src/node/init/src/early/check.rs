//! Checks a file system before it is mounted, if its superblock says that it needs it: with the `e2fsck` of the verified
//! root, which is mounted before state and data.
//!
//! Only what is safe is repaired (`-p`, preen): what takes a decision is left for an operator, and the mount is tried as
//! it is. A lost superblock is replaced by its backup, if that is a backup of this very partition: anything else on a
//! disk is not touched. A power cut is no reason for a check, since mounting replays the journal.
//!
//! The program needs the root's libraries, and the root has no devices yet: it is started through the root's dynamic
//! loader instead of in a changed root.
//!
//! The offsets are those of `struct ext4_super_block` in Linux' `fs/ext4/ext4.h`, 6.12.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
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
/// The dynamic loader, libraries and program below the root.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "ld-linux-x86-64.so.2";
const PROGRAM: &str = "usr/sbin/e2fsck";
/// Longest part of what the program says that is told.
const MAX_LINES: usize = 20;
const MAX_LINE_CHARS: usize = 200;

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

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The file system is whole now.
    pub(super) repaired: bool,
    /// What the program said.
    pub(super) lines: Vec<String>,
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

/// Checks and repairs the file system on `device`, which is not mounted.
///
/// # Errors
/// If the program can't be run, or fails by itself; the file system may have been repaired in part then.
pub(super) fn repair(root: &Path, device: &Path, reason: Reason) -> anyhow::Result<Outcome> {
    if reason != Reason::Lost {
        return run(root, device, reason);
    }
    // The journal may hold a newer superblock, with which the first pass does not go on: the second one begins with
    // it. It has the last word, as it checks what the first one made.
    let first = match run(root, device, reason) {
        Ok(outcome) => outcome.lines,
        Err(error) => vec![format!("{error:#}")],
    };
    let second = run(root, device, Reason::NotMounted)?;
    Ok(Outcome { lines: [first, second.lines].concat(), ..second })
}

/// Runs the program once.
fn run(root: &Path, device: &Path, reason: Reason) -> anyhow::Result<Outcome> {
    let mut command = Command::new(root.join(LIBRARIES).join(LOADER));
    command.args(arguments(root, device, reason)).stdin(Stdio::null()).env_clear();
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let text = [output.stdout, output.stderr].concat();
    let lines: Vec<String> = String::from_utf8_lossy(&text)
        .lines()
        .map(|line| line.trim().chars().take(MAX_LINE_CHARS).collect())
        .filter(|line: &String| !line.is_empty())
        .take(MAX_LINES)
        .collect();
    // e2fsck(8): 0 nothing to do, 1 repaired, 2 repaired and to be mounted anew, 4 left unrepaired; others are its own.
    match output.status.code() {
        Some(0..=3) => Ok(Outcome { repaired: true, lines }),
        Some(4..8) => Ok(Outcome { repaired: false, lines }),
        _ => bail!("e2fsck: {}: {}", output.status, lines.join("; ")),
    }
}

/// Returns the arguments of the loader.
fn arguments(root: &Path, device: &Path, reason: Reason) -> Vec<OsString> {
    let mut words =
        vec!["--library-path".into(), root.join(LIBRARIES).into(), root.join(PROGRAM).into(), "-p".into()];
    match reason {
        Reason::Errors => {}
        // Its superblock claims that there is nothing to do.
        Reason::NotMounted => words.push("-f".into()),
        // A backup is old, and claims that there is nothing to do as well.
        Reason::Lost => {
            words.push("-f".into());
            words.extend([OsStr::new("-b").to_owned(), BACKUP_BLOCK.to_string().into()]);
            words.extend([OsStr::new("-B").to_owned(), BLOCK_BYTES.to_string().into()]);
        }
    }
    words.push(device.into());
    words
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
        if !root.join(LIBRARIES).join(LOADER).exists() || !root.join(PROGRAM).exists() {
            assert!(std::env::var_os("CI").is_none(), "e2fsck is missing");
            eprintln!("skipped: e2fsck is not at its place in Debian");
            return;
        }
        let (_folder, path, file) = image();
        let whole = first(&file);
        file.write_all_at(&[0; MARKER_BYTES], 0).unwrap();
        let outcome = repair(root, &path, Reason::Lost).unwrap();
        assert!(outcome.repaired, "{outcome:?}");
        assert!(is_superblock(&first(&file)[SUPERBLOCK..]) && has_label(&whole[SUPERBLOCK..], "state"));
        assert_eq!(reason(&file, &first(&file), "state"), None);
        assert_eq!(repair(root, &path, Reason::NotMounted).map(|o| o.repaired).ok(), Some(true));
        // The inodes that are in use: no program repairs that by itself.
        let garbage: Vec<u8> =
            (0..64 << 10).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let table = u64::from(u32::from_le_bytes(descriptor(&file)[8..12].try_into().unwrap()));
        file.write_all_at(&garbage, table * BLOCK_BYTES).unwrap();
        let before = std::fs::read(&path).unwrap();
        let outcome = repair(root, &path, Reason::NotMounted).unwrap();
        assert!(!outcome.repaired && !outcome.lines.is_empty(), "{outcome:?}");
        assert!(std::fs::read(&path).unwrap().len() == before.len());
        assert!(repair(root, Path::new("/nowhere"), Reason::Errors).is_err());
    }

    /// The first group's descriptor.
    fn descriptor(file: &File) -> [u8; 32] {
        let mut bytes = [0; 32];
        file.read_exact_at(&mut bytes, BLOCK_BYTES).unwrap();
        bytes
    }
}
