//! The two writable partitions: found on the root's disk, formatted if the builder's marker is present, checked if they
//! say that they have errors, mounted (which replays ext4's journal), grown to their partition.
//!
//! Anything but a marker or a file system that can be mounted or repaired without a decision is damage: it is left
//! unchanged, and the reason goes into the [`Condition`]. So does one whose check takes too long: what is repaired by
//! half must not be written to.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use control::Damage;
use formats::gpt;
use fsck::End;
use slots::{MARKER_BYTES, Marker, Partition};
use sys::MountFlags;

use super::check::{self, Reason};
use super::condition::Condition;
use super::{format, memory};
use crate::base::Base;
use crate::blocks::{self, Block};
use crate::voice::shortened;

/// Longest reason that is kept, in bytes.
const MAX_PROBLEM_BYTES: usize = 500;

/// Flags of the two mounts. Pods find their volumes on data, set-uid programs and devices among them.
const STATE_FLAGS: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::NOATIME);
const DATA_FLAGS: MountFlags = MountFlags::NOATIME;
/// How much of the memory they may take on an installation medium, in percent.
const STATE_PERCENT: u8 = 20;
const DATA_PERCENT: u8 = 50;

/// Mounts memory as state and data below `root`, for the installation medium `disk`: nothing is written to it, and a
/// machine's own disks are not touched.
pub(super) fn mount_memory(base: &mut Base, disk: &str, root: &Path) -> Condition {
    base.voice.info(&format!("running from the installation medium {disk}: state and data are in memory"));
    let mut mount = |partition, target: PathBuf, flags, percent| {
        let error = memory::mount(&target, flags, percent).err()?;
        Some(damage(base, partition, &error, Tried::default()))
    };
    let state = mount(Partition::State, root.join("state"), STATE_FLAGS, STATE_PERCENT);
    let data = mount(Partition::Data, root.join("var"), DATA_FLAGS, DATA_PERCENT);
    Condition { damage: state.into_iter().chain(data).collect(), medium: Some(disk.to_owned()) }
}

/// Says why a partition can't be used, and returns it with what was tried.
fn damage(base: &mut Base, partition: Partition, error: &anyhow::Error, tried: Tried) -> Damage {
    let (label, problem) = (partition.label(), format!("{error:#}"));
    base.voice.error(&format!("{label} cannot be used: {problem}"));
    let problem = shortened(&problem, MAX_PROBLEM_BYTES).to_owned();
    Damage { label: label.to_owned(), device: tried.device, problem, check: tried.check }
}

/// Mounts state and data of `disk` below `root`. Never fails: what cannot be mounted is said.
pub(super) fn mount_all(base: &mut Base, disk: &str, root: &Path) -> Condition {
    if let Err(error) = grow_last_partition(base, disk) {
        base.voice.error(&format!("growing the last partition of {disk}: {error:#}"));
    }
    let mut mount = |partition, target: PathBuf, flags| {
        let mut tried = Tried::default();
        let error = mount_one(base, (disk, partition), (root, &target, flags), &mut tried).err()?;
        Some(damage(base, partition, &error, tried))
    };
    let state = mount(Partition::State, root.join("state"), STATE_FLAGS);
    let data = mount(Partition::Data, root.join("var"), DATA_FLAGS);
    Condition { damage: state.into_iter().chain(data).collect(), medium: None }
}

/// What is known of a partition, whatever becomes of its mount.
#[derive(Debug, Default)]
struct Tried {
    /// Path of its device.
    device: Option<String>,
    /// What checks have said.
    check: Vec<String>,
}

/// Gives a disk that is larger than its table to its last partition.
fn grow_last_partition(base: &mut Base, disk: &str) -> anyhow::Result<()> {
    let path = Path::new("/dev").join(disk);
    let mut device = File::options().read(true).write(true).open(&path)?;
    let blocks = sys::device_bytes(&device, &path)? / gpt::BLOCK_BYTES;
    let grown = gpt::grow_last(&mut device, blocks, |d| d.sync_all())?;
    if grown.changed {
        let (number, first, last) = (grown.last.number, grown.last.first_lba, grown.last.last_lba);
        let range = first * gpt::BLOCK_BYTES..(last + 1) * gpt::BLOCK_BYTES;
        sys::resize_partition(&device, &path, number, range)?;
        base.voice.info(&format!("partition {} of {disk} grown", grown.last.name));
    }
    Ok(())
}

/// Mounts one partition, making its file system first where the marker stands.
fn mount_one(
    base: &mut Base,
    (disk, partition): (&str, Partition),
    (root, target, flags): (&Path, &Path, MountFlags),
    tried: &mut Tried,
) -> anyhow::Result<()> {
    let label = partition.label();
    let all = blocks::list();
    let Some(block) = all.iter().find(|b| b.disk == disk && b.label == label) else {
        bail!("disk {disk} has no partition {label}");
    };
    let path = block.path();
    let source = path.to_str().context("the kernel gave no path")?;
    tried.device = Some(source.to_owned());
    let mut first = [0; MARKER_BYTES];
    let device = File::open(&path).with_context(|| format!("opening {}", block.name))?;
    device.read_exact_at(&mut first, 0).with_context(|| format!("reading {}", block.name))?;
    if let Some(marker) = Marker::parse(&first) {
        base.voice.info(&format!("making the file system of {label}"));
        format::make_ext4(&path, label, marker.uuid)?;
        device.read_exact_at(&mut first, 0).with_context(|| format!("reading {}", block.name))?;
    }
    let mut repair = |base: &mut Base, reason| repair(base, (root, &path, label), reason, &mut tried.check);
    let reason = check::reason(&device, &first, label);
    if let Some(reason) = reason {
        repair(base, reason)?;
    }
    let mount = || sys::mount(("ext4", source), target, flags, "errors=remount-ro");
    match mount() {
        Err(error) if reason.is_none() && parse_size(&first).is_some() => {
            base.voice.error(&format!("{label}: {error}"));
            repair(base, Reason::NotMounted)?;
            mount()?;
        }
        mounted => mounted?,
    }
    device.read_exact_at(&mut first, 0).with_context(|| format!("reading {}", block.name))?;
    grow(base, block, target, &first)
}

/// Has a file system checked, says what came of it, and keeps that. Whether it can be used then shows when it is
/// mounted.
///
/// # Errors
/// If the check was stopped: it must not be mounted then.
fn repair(
    base: &mut Base,
    (root, device, label): (&Path, &Path, &str),
    reason: Reason,
    kept: &mut Vec<String>,
) -> anyhow::Result<()> {
    let why = match reason {
        Reason::Errors => "the file system has errors",
        Reason::NotMounted => "the file system can't be mounted",
        Reason::Lost => "the superblock is lost; its backup is used",
    };
    base.voice.error(&format!("{label}: {why}: checking it"));
    let outcome = match check::repair(root, device, reason) {
        Ok(outcome) => outcome,
        Err(error) => {
            base.voice.error(&format!("{label}: checking the file system: {error}"));
            kept.push(error.to_string());
            return Ok(());
        }
    };
    outcome.lines.iter().for_each(|line| base.voice.info(&format!("e2fsck: {line}")));
    match outcome.end {
        End::Whole | End::Repaired => base.voice.info(&format!("{label}: the file system is repaired")),
        _ => {
            base.voice.error(&format!("{label}: the file system is not repaired: e2fsck {}", outcome.told()))
        }
    }
    kept.push(format!("e2fsck {}", outcome.told()));
    kept.extend(outcome.lines.iter().cloned());
    if outcome.end == End::TooLong {
        bail!("its check was stopped, as it took too long");
    }
    Ok(())
}

/// Grows the mounted file system to the end of its partition; the first block says how large it is.
fn grow(base: &mut Base, block: &Block, target: &Path, first: &[u8; MARKER_BYTES]) -> anyhow::Result<()> {
    let Some(size) = parse_size(first) else { bail!("{} has no ext4 superblock", block.name) };
    let device = File::open(block.path())?;
    let room = sys::device_bytes(&device, &block.path())? / size.block_bytes;
    if room <= size.blocks {
        return Ok(());
    }
    // A file system that stays small is one that works.
    match sys::grow_ext4(target, room) {
        Ok(()) => base.voice.info(&format!("file system {} grown", block.label)),
        Err(error) => base.voice.error(&error.to_string()),
    }
    Ok(())
}

/// How large an ext4 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    blocks: u64,
    block_bytes: u64,
}

/// Returns the size out of the first block of an ext4; `None` if there is none.
fn parse_size(first: &[u8; MARKER_BYTES]) -> Option<Size> {
    let word = |at: usize| first.get(1024 + at..1024 + at + 4)?.try_into().ok().map(u32::from_le_bytes);
    (first.get(1024 + 56..1024 + 58)? == [0x53, 0xef]).then_some(())?;
    let shift = word(24).filter(|s| *s <= 6)?;
    let has_64_bits = word(96)? & 0x80 != 0;
    let high = if has_64_bits { word(336)? } else { 0 };
    Some(Size { blocks: u64::from(high) << 32 | u64::from(word(4)?), block_bytes: 1024 << shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(shift: u32, features: u32) -> [u8; MARKER_BYTES] {
        let mut block = [0; MARKER_BYTES];
        for (at, value) in [(4, 1000u32), (24, shift), (56, 0xef53), (96, features), (336, 2)] {
            block[1024 + at..1024 + at + 4].copy_from_slice(&value.to_le_bytes());
        }
        block
    }

    #[test]
    fn size_has_a_high_half_only_with_the_feature() {
        assert_eq!(parse_size(&superblock(2, 0)), Some(Size { blocks: 1000, block_bytes: 4096 }));
        assert_eq!(
            parse_size(&superblock(0, 0x80)),
            Some(Size { blocks: (2 << 32) + 1000, block_bytes: 1024 })
        );
    }

    #[test]
    fn what_is_no_superblock_has_no_size() {
        assert_eq!(parse_size(&[0; MARKER_BYTES]), None);
        assert_eq!(parse_size(&superblock(60, 0)), None);
    }
}
