//! Failures of our own `init` before the root runs: it prints the reason and writes it to the boot record.

use e2e::image;
use e2e::lab::Lab;
use formats::verity::Superblock;
use slots::{Partition, Reason, RootParams};

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::Machine;

/// No partition has the root of the command line.
pub fn show_not_found(lab: &Lab) -> String {
    let disk = Disk::new(lab, "not-found");
    let other = RootParams { root_hash: [0xaa; 32], ..image::root_params() };
    show(&disk, &Generation::with_root(&other), Reason::RootNotFound)
}

/// A partition seems to have it, but its tree would exceed the partition.
pub fn show_not_verified(lab: &Lab) -> String {
    let disk = Disk::new(lab, "not-verified");
    let blocks = disk.place(Partition::RootB).1 / 4096;
    let (data_blocks, hash_block) = (blocks - 1, blocks - 1);
    let params = RootParams { root_hash: [0xaa; 32], salt: [1; 32], data_blocks, hash_block };
    let superblock = Superblock { uuid: params.uuid(), data_blocks, salt: params.salt };
    disk.put(Partition::RootB, hash_block * 4096, &superblock.to_block());
    show(&disk, &Generation::with_root(&params), Reason::RootNotVerified)
}

/// The command line has no root.
pub fn show_failed(lab: &Lab) -> String {
    let disk = Disk::new(lab, "init-failed");
    let mut generation = Generation::good();
    generation.cmdline = generation.cmdline.replace("ironhull.root=", "ironhull.none=");
    show(&disk, &generation, Reason::InitFailed)
}

/// Starts the generation on its last try.
fn show(disk: &Disk, generation: &Generation, reason: Reason) -> String {
    disk.install(&generation.build());
    disk.leave_one_try();
    let (serial, seen) = Machine::default().until_generation_1(disk);
    assert!(serial.contains("ironhull: cannot start: "), "{serial}");
    disk.assert_fell_back(reason);
    seen
}
