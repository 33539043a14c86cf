//! The root: found by its verity superblock, mounted through dm-verity.
//!
//! A wrong or damaged superblock only means that the partition is not used: the data is authenticated by the root hash
//! on the command line, at each read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use formats::verity::{self, Superblock};
use slots::{MEDIUM_ROOT, RootParams};
use sys::MountFlags;

use super::{Death, carried, medium, processor};
use crate::base::Base;
use crate::blocks::{self, Block};
use crate::record;

/// How long to wait for disks, and between two looks, in milliseconds.
const WAIT_MS: u64 = 30_000;
const LOOK_MS: u64 = 20;
/// How long the disk that was started may take to appear if another one holds the same root.
const OTHER_MS: u64 = 10_000;
/// After this time of waiting a message goes to the console.
const SILENT_MS: u64 = 3_000;
/// SHA-256 as the kernel computes it best, and its plain implementation. Emulated vector instructions make the
/// first one the slower: by one second in the 43 that a boot takes to its first pod.
const DIGEST: &str = "sha256";
const PLAIN_DIGEST: &str = "sha256-generic";
/// Length of a verity superblock.
pub(super) const SUPERBLOCK_BYTES: usize = 512;

/// Finds the partition that holds the root of the command line; waits for disks to appear.
///
/// An installation medium and the disk that was installed from it hold the same root: what the boot loader says to have
/// started counts, if it says so. What came with the initrd counts before all disks.
///
/// # Errors
/// [`Death::RootNotFound`] if none has it after a while.
pub(super) fn find(base: &mut Base, params: &RootParams) -> Result<Block, Death> {
    if let Some(root) = carried::find(params)? {
        return Ok(root);
    }
    let start = sys::boot_ms();
    let said = record::started_partition();
    let mut told = false;
    loop {
        let all = blocks::list();
        let waited = sys::boot_ms().saturating_sub(start);
        let matching: Vec<&Block> = all.iter().filter(|b| holds(b, params)).collect();
        let is_started = |b: &Block| said.is_none_or(|unique| blocks::has_partition(&b.disk, unique));
        let candidates = candidates(&matching, is_started, waited >= OTHER_MS);
        if let Some(first) = best(&candidates) {
            if let Some(other) = candidates.iter().find(|b| b.disk != first.disk) {
                let (a, b) = (&first.disk, &other.disk);
                base.voice.error(&format!("disks {a} and {b} both hold this root, using {a}"));
            }
            return Ok(started(first, &matching).clone());
        }
        if let Some(root) = medium::find(params, said)? {
            return Ok(root);
        }
        if waited >= WAIT_MS {
            return Err(Death::RootNotFound(not_found(&all)));
        }
        if waited >= SILENT_MS && !told {
            told = true;
            base.voice.info("waiting for the disk with the root");
        }
        base.pause(LOOK_MS);
    }
}

/// Returns those partitions with the root that are on the disk that was started; in doubt, `if_none`, all of them. Pure.
fn candidates<'a>(
    matching: &[&'a Block],
    is_started: impl Fn(&Block) -> bool,
    if_none: bool,
) -> Vec<&'a Block> {
    let of_started: Vec<&Block> = matching.iter().copied().filter(|b| is_started(b)).collect();
    if of_started.is_empty() && if_none { matching.to_vec() } else { of_started }
}

/// Returns the first of the candidates; a disk is better than an installation medium. Pure.
fn best<'a>(candidates: &[&'a Block]) -> Option<&'a Block> {
    candidates.iter().copied().min_by_key(|b| b.label == MEDIUM_ROOT)
}

/// Returns the partition of the slot that was started, where both slots of a disk hold the same root, as
/// after an upgrade of the kernel alone.
fn started<'a>(first: &'a Block, matching: &[&'a Block]) -> &'a Block {
    let mut same_disk = matching.iter().filter(|b| b.disk == first.disk);
    if same_disk.clone().count() < 2 {
        return first;
    }
    let Some(slot) = record::attempt(&first.disk) else { return first };
    same_disk.find(|b| b.label == slot.root().label()).copied().unwrap_or(first)
}

/// Makes the verity device and mounts it at `target`; returns the device.
pub(super) fn mount(params: &RootParams, root: &Block, target: &Path) -> anyhow::Result<PathBuf> {
    let open = |name, digest| {
        let table = verity::table(&root.device, params, digest);
        sys::open_verity(name, verity::data_sectors(params), &table)
    };
    let plain = processor::is_emulated().then(|| open("root-plain", PLAIN_DIGEST).ok()).flatten();
    let device = plain.map_or_else(|| open("root", DIGEST), Ok)?;
    // There is nothing to fail over to if this fails: the mount says it better.
    drop(std::fs::create_dir(target));
    let source = device.to_str().context("the device-mapper gave no path")?;
    sys::mount(("erofs", source), target, MountFlags::RDONLY | MountFlags::NODEV, "")
        .with_context(|| format!("mounting the root on {}", root.name))?;
    Ok(device)
}

/// Returns whether the partition has the superblock that goes with the command line.
pub(super) fn holds(block: &Block, params: &RootParams) -> bool {
    let mut bytes = [0; SUPERBLOCK_BYTES];
    let at = params.hash_block.saturating_mul(verity::BLOCK_BYTES as u64);
    let read = File::open(block.path()).and_then(|f| f.read_exact_at(&mut bytes, at));
    read.is_ok() && matches_params(&bytes, params)
}

/// Returns whether a superblock is the one that goes with the command line.
pub(super) fn matches_params(bytes: &[u8], params: &RootParams) -> bool {
    Superblock::parse(bytes).is_ok_and(|s| {
        s.uuid == params.uuid() && s.salt == params.salt && s.data_blocks == params.data_blocks
    })
}

/// Returns what to say when no partition has the root.
fn not_found(all: &[Block]) -> String {
    let names: Vec<&str> = all.iter().map(|b| b.name.as_str()).collect();
    let seen = if names.is_empty() { "no partitions at all".to_owned() } else { names.join(", ") };
    format!("no partition holds the root of the kernel command line; looked at {seen}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> RootParams {
        RootParams { root_hash: [0xab; 32], salt: [1; 32], data_blocks: 700, hash_block: 700 }
    }

    #[test]
    fn superblock_must_agree_in_everything() {
        let good = Superblock { uuid: [0xab; 16], data_blocks: 700, salt: [1; 32] };
        assert!(matches_params(&good.to_block(), &params()));
        assert!(!matches_params(&Superblock { uuid: [0; 16], ..good }.to_block(), &params()));
        assert!(!matches_params(&Superblock { data_blocks: 701, ..good }.to_block(), &params()));
        assert!(!matches_params(&Superblock { salt: [2; 32], ..good }.to_block(), &params()));
        assert!(!matches_params(&[0; 512], &params()));
    }

    fn block(name: &str, label: &str) -> Block {
        let disk = name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        Block { name: name.into(), disk, label: label.into(), device: "254:5".into() }
    }

    #[test]
    fn the_disk_that_was_started_counts_and_in_doubt_no_medium() {
        let (medium, root) = (block("sda5", MEDIUM_ROOT), block("vda5", "root-a"));
        let both = [&medium, &root];
        let chosen = |started: &str, in_doubt| best(&candidates(&both, |b| b.disk == started, in_doubt));
        for in_doubt in [false, true] {
            assert_eq!(chosen("sda", in_doubt), Some(&medium));
            assert_eq!(chosen("vda", in_doubt), Some(&root));
        }
        assert_eq!(chosen("vdb", false), None, "it may still appear");
        assert_eq!(chosen("vdb", true), Some(&root));
        assert_eq!(best(&candidates(&both, |_| true, false)), Some(&root), "the boot loader does not say");
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn message_names_what_was_looked_at() {
        let block = block("vda5", "root-a");
        assert!(not_found(&[block]).ends_with("looked at vda5"));
        assert!(not_found(&[]).ends_with("looked at no partitions at all"));
    }
}
