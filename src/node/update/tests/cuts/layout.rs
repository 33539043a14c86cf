//! Where the partitions are on the recorded disk: bootstate, both kernels, both roots, one after the other.

use std::ops::Range;

use slots::Partition;

/// Length of a sector, the unit that a medium writes atomically.
pub const SECTOR: usize = 512;
/// Length of the partition with the two records.
const BOOTSTATE: usize = 8192;

/// The lengths of the partitions of a slot, in bytes; both slots have the same.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub kernel: usize,
    pub root: usize,
}

impl Layout {
    /// Returns the range of a partition.
    pub fn range(self, partition: Partition) -> Range<usize> {
        let (start, bytes) = match partition {
            Partition::BootState => (0, BOOTSTATE),
            Partition::KernelA => (BOOTSTATE, self.kernel),
            Partition::KernelB => (BOOTSTATE + self.kernel, self.kernel),
            Partition::RootA => (BOOTSTATE + 2 * self.kernel, self.root),
            Partition::RootB => (BOOTSTATE + 2 * self.kernel + self.root, self.root),
            other => panic!("{other:?} is not on this disk"),
        };
        start..start + bytes
    }

    /// Length of the disk.
    pub fn bytes(self) -> usize {
        self.range(Partition::RootB).end
    }
}
