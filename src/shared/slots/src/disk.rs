//! The partitions of an Ironhull disk, in disk order.
//!
//! Type GUIDs are from the Discoverable Partitions Specification where it has one for the purpose;
//! `bootstate` and the kernel slots have GUIDs of our own, so that no other tool touches them.

/// How many partitions an Ironhull disk has.
pub const PARTITION_COUNT: usize = 8;

/// Attribute bit 60 of the Discoverable Partitions Specification: mount read-only.
const READ_ONLY: u64 = 1 << 60;
/// Attribute bit 63 of the Discoverable Partitions Specification: no automatic mount.
const NO_AUTO: u64 = 1 << 63;

/// Names, in the partition table of an installation medium, of the kernel and the root of its only slot, which have
/// number and type of [`Partition::KernelA`] and [`Partition::RootA`]. By these names a medium is told from a disk that
/// has lost partitions: nothing is ever written to it.
pub const MEDIUM_KERNEL: &str = "medium-kernel";
/// See [`MEDIUM_KERNEL`].
pub const MEDIUM_ROOT: &str = "medium-root";
/// Path, in the initrd of a kernel image for network boot, of the installation medium that it brings along.
pub const CARRIED_MEDIUM: &str = "medium";

/// A partition of an Ironhull disk; the number in the table is `self as u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Partition {
    /// The EFI system partition, FAT32.
    Esp = 1,
    /// The boot loader's record: two sectors.
    BootState = 2,
    /// Kernel of slot A: one UKI, raw.
    KernelA = 3,
    /// Kernel of slot B.
    KernelB = 4,
    /// Root of slot A: EROFS, then its verity tree.
    RootA = 5,
    /// Root of slot B.
    RootB = 6,
    /// Identity, PKI, config, etcd or kine.
    State = 7,
    /// containerd, kubelet, logs, pods; the last one, so that it can grow.
    Data = 8,
}

/// What a partition is for, whatever slot it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Read by the firmware.
    Firmware,
    /// Read and written by the boot loader.
    Loader,
    /// Holds a UKI.
    Kernel,
    /// Holds a verified root.
    Root,
    /// A writable file system made on first boot.
    Writable,
}

impl Partition {
    /// All partitions in disk order.
    pub const ALL: [Partition; PARTITION_COUNT] = [
        Partition::Esp,
        Partition::BootState,
        Partition::KernelA,
        Partition::KernelB,
        Partition::RootA,
        Partition::RootB,
        Partition::State,
        Partition::Data,
    ];

    /// Returns the number of the partition in the table, from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Returns the partition's name in the table (at most 36 UTF-16 units).
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Partition::Esp => "esp",
            Partition::BootState => "bootstate",
            Partition::KernelA => "kernel-a",
            Partition::KernelB => "kernel-b",
            Partition::RootA => "root-a",
            Partition::RootB => "root-b",
            Partition::State => "state",
            Partition::Data => "data",
        }
    }

    /// Returns the partition type GUID in its text form.
    #[must_use]
    pub const fn type_guid(self) -> &'static str {
        match self {
            Partition::Esp => "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            Partition::BootState => "6b1c9d52-3a84-4e0f-9b57-2f6d1e08a7c4",
            Partition::KernelA | Partition::KernelB => "d3f0a6be-71c5-4b29-8e1d-94a2c65f037b",
            Partition::RootA | Partition::RootB => "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
            Partition::State => "4d21b016-b534-45c2-a9fb-5c16e091fd2d",
            Partition::Data => "0fc63daf-8483-4772-8e79-3d69d8477de4",
        }
    }

    /// Returns the partition's GPT attribute bits.
    #[must_use]
    pub const fn attributes(self) -> u64 {
        match self.purpose() {
            Purpose::Root => READ_ONLY | NO_AUTO,
            Purpose::Firmware => 0,
            Purpose::Loader | Purpose::Kernel | Purpose::Writable => NO_AUTO,
        }
    }

    /// Returns what the partition is for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Partition::Esp => Purpose::Firmware,
            Partition::BootState => Purpose::Loader,
            Partition::KernelA | Partition::KernelB => Purpose::Kernel,
            Partition::RootA | Partition::RootB => Purpose::Root,
            Partition::State | Partition::Data => Purpose::Writable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_disk_order() {
        for (i, p) in (1u32..).zip(Partition::ALL) {
            assert_eq!(p.number(), i);
        }
    }

    #[test]
    fn labels_are_unique_and_fit_the_table() {
        for (i, a) in Partition::ALL.iter().enumerate() {
            assert!(a.label().len() <= 36);
            assert!(Partition::ALL[i + 1..].iter().all(|b| a.label() != b.label()));
        }
    }

    #[test]
    fn only_roots_are_read_only() {
        for p in Partition::ALL {
            assert_eq!(p.attributes() & READ_ONLY != 0, p.purpose() == Purpose::Root, "{}", p.label());
        }
    }
}
