//! Reads every slot with a generation, whether running or not, at the lowest priority, and prints the damage
//! found as JSON.
//!
//! Both parts are read from their partitions and verified here. Through dm-verity, one damaged block of the
//! running root, which may never be needed, would panic a healthy node. Needs one thread, and a few MB of
//! memory plus 8 MiB per GiB of root for the digests of its blocks.

use std::path::Path;

use anyhow::{Context, Result};
use control::SlotStatus;
use formats::verity;

use super::part::{Pace, Part, check_kernel, lower_priority, root_params};
use crate::init::Init;
use crate::scrub::Found;

/// Reads the slots and prints a list of [`Found`].
///
/// # Errors
/// If `init` can't be asked which slots exist. Damage is not an error but part of the result.
pub fn scrub_slots() -> Result<()> {
    lower_priority();
    let init = Init::at(Path::new(control::SOCKET_PATH));
    let found: Vec<Found> = present(&init)?.iter().map(scrub).collect();
    // An update may have written to a slot while it was read.
    let still = present(&init)?;
    let found: Vec<Found> = found.into_iter().filter(|f| still.iter().any(|s| f.is_of(s))).collect();
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

/// Asks `init` which slots have a generation.
fn present(init: &Init) -> Result<Vec<SlotStatus>> {
    let boot = init.status()?.boot.context("the disk has no boot record")?;
    Ok(boot.slots.into_iter().filter(|s| s.entry.is_present()).collect())
}

/// Reads one slot.
fn scrub(slot: &SlotStatus) -> Found {
    let damage = check(slot).err().map(|e| format!("{e:#}"));
    Found { slot: slot.name, generation: slot.entry.generation, damage }
}

/// Checks both parts of a slot; the error is the first damage found.
fn check(slot: &SlotStatus) -> Result<()> {
    let part = |name: &'static str| move || format!("{name} of slot {}", slot.name);
    let kernel = Part::open(&slot.kernel, Pace::Half).with_context(part("kernel"))?;
    let header = check_kernel(&kernel).with_context(part("kernel"))?;
    let expected = slot.entry.generation;
    if header.generation != expected {
        let text = format!("its header is of generation {}, expected {expected}", header.generation);
        return Err(anyhow::anyhow!(text)).with_context(part("kernel"));
    }
    let params = root_params(&kernel).with_context(part("kernel"))?;
    let root = Part::open(&slot.root, Pace::Half).with_context(part("root"))?;
    verity::verify(&root, &params).with_context(part("root"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::part::tests::kernel_file;
    use slots::{Entry, Slot};
    use std::os::unix::fs::FileExt;

    /// Makes a root of 300 blocks, and a kernel image whose command line matches it.
    fn slot(folder: &Path) -> SlotStatus {
        let mut root: Vec<u8> = (0..300 * 4096u32).map(|i| (i / 97).to_le_bytes()[0]).collect();
        let mut hasher = verity::Hasher::new([5; 32]);
        std::io::Write::write_all(&mut hasher, &root).unwrap();
        let tree = hasher.finish().unwrap();
        let params = slots::RootParams {
            root_hash: tree.root_hash,
            salt: tree.salt,
            data_blocks: tree.data_blocks,
            hash_block: tree.data_blocks,
        };
        tree.write(params.uuid(), &mut root).unwrap();
        std::fs::write(folder.join("root"), root).unwrap();
        let kernel = kernel_file(folder, &image(&params.to_string()));
        let entry = Entry { generation: 1, ..Entry::default() };
        SlotStatus { name: Slot::B, entry, kernel, root: folder.join("root") }
    }

    /// The smallest PE file with a command line.
    fn image(cmdline: &str) -> Vec<u8> {
        let mut bytes = vec![0; 0x400];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"MZ");
        put(0x3c, &0x40u32.to_le_bytes());
        put(0x40, b"PE\0\0");
        put(0x46, &1u16.to_le_bytes());
        put(0x54, &112u16.to_le_bytes());
        let optional = 0x58;
        put(optional, &0x20bu16.to_le_bytes());
        put(optional + 32, &4096u32.to_le_bytes());
        put(optional + 36, &512u32.to_le_bytes());
        put(optional + 68, &10u16.to_le_bytes());
        let section = optional + 112;
        put(section, b".cmdline");
        let length = u32::try_from(cmdline.len()).unwrap().to_le_bytes();
        put(section + 8, &length);
        put(section + 16, &length);
        put(section + 20, &0x400u32.to_le_bytes());
        bytes.extend(cmdline.as_bytes());
        bytes.resize(2 * 4096, 0);
        bytes
    }

    fn flip(path: &Path, at: u64) {
        let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    #[test]
    fn a_sound_slot_has_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let slot = slot(folder.path());
        assert_eq!(scrub(&slot), Found { slot: Slot::B, generation: 1, damage: None });
    }

    #[test]
    fn damage_is_told_with_slot_part_and_block() {
        let folder = tempfile::tempdir().unwrap();
        let slot = slot(folder.path());
        let told = || scrub(&slot).damage.unwrap();
        flip(&slot.root, 7 * 4096 + 5);
        let block = "root of slot b: verifying data block 7: its digest is not the one in the tree";
        assert_eq!(told(), block);
        flip(&slot.kernel, slots::UKI_OFFSET + 900);
        assert!(told().starts_with("kernel of slot b: sha256 differs: "), "{}", told());
        std::fs::remove_file(&slot.kernel).unwrap();
        assert!(told().starts_with("kernel of slot b: opening "), "{}", told());
    }

    #[test]
    fn another_generation_than_recorded_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let mut slot = slot(folder.path());
        slot.entry.generation = 4;
        let told = scrub(&slot).damage.unwrap();
        assert_eq!(told, "kernel of slot b: its header is of generation 1, expected 4");
    }
}
