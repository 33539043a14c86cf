//! Where each partition of a disk begins and ends. Pure.

use slots::{PARTITION_COUNT, Partition};

/// A MiB in bytes; all partitions are aligned to it.
pub const MIB: u64 = 1 << 20;
/// Size of the EFI system partition.
const ESP_MIB: u64 = 64;
/// Size of the boot record's partition.
const BOOTSTATE_MIB: u64 = 1;

/// Sizes in MiB of the partitions whose size varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Root of each of the two slots.
    pub root_mib: u32,
    /// Kernel image of each of the two slots, with its header.
    pub kernel_mib: u32,
    /// State.
    pub state_mib: u32,
    /// Data, before it grows to the end of the disk.
    pub data_mib: u32,
}

/// A partition and its byte range on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which one.
    pub partition: Partition,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// All partitions of a disk in order, with one MiB at each end for the partition tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    places: [Place; PARTITION_COUNT],
    disk_bytes: u64,
}

impl Layout {
    /// Returns the layout for partitions of these sizes.
    #[must_use]
    pub fn new(sizes: &Sizes) -> Layout {
        let mut start = MIB;
        let places = Partition::ALL.map(|partition| {
            let place = Place { partition, start, bytes: MIB * mib(partition, sizes) };
            start += place.bytes;
            place
        });
        let [.., last] = places;
        Layout { places, disk_bytes: last.start + last.bytes + MIB }
    }

    /// Returns the layout for a disk of `disk_bytes` bytes, to whose end the data partition extends; `None` if the disk is
    /// smaller than partitions of these sizes are.
    #[must_use]
    pub fn filling(sizes: &Sizes, disk_bytes: u64) -> Option<Layout> {
        let mut layout = Layout::new(sizes);
        let more = disk_bytes.checked_sub(layout.disk_bytes)?;
        let [.., last] = &mut layout.places;
        last.bytes += more - more % MIB;
        layout.disk_bytes = disk_bytes;
        Some(layout)
    }

    /// Returns the place of one partition.
    #[must_use]
    pub fn place(&self, partition: Partition) -> Place {
        self.places[partition as usize - 1]
    }

    /// Returns the places in disk order.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Returns the length of the disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }
}

/// Returns the size of a partition in MiB.
fn mib(partition: Partition, sizes: &Sizes) -> u64 {
    match partition {
        Partition::Esp => ESP_MIB,
        Partition::BootState => BOOTSTATE_MIB,
        Partition::KernelA | Partition::KernelB => sizes.kernel_mib.into(),
        Partition::RootA | Partition::RootB => sizes.root_mib.into(),
        Partition::State => sizes.state_mib.into(),
        Partition::Data => sizes.data_mib.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { root_mib: 512, kernel_mib: 96, state_mib: 1024, data_mib: 256 };

    #[test]
    fn partitions_follow_each_other_aligned() {
        let layout = Layout::new(&SIZES);
        let places = layout.places();
        assert_eq!(places[0].start, MIB);
        for pair in places.windows(2) {
            assert_eq!(pair[0].start + pair[0].bytes, pair[1].start);
            assert_eq!(pair[1].start % MIB, 0);
        }
        assert_eq!(layout.disk_bytes(), (2 + 64 + 1 + 2 * 96 + 2 * 512 + 1024 + 256) * MIB);
    }

    #[test]
    fn data_extends_to_the_end_of_a_disk() {
        let least = Layout::new(&SIZES);
        assert_eq!(Layout::filling(&SIZES, least.disk_bytes()), Some(least));
        assert_eq!(Layout::filling(&SIZES, least.disk_bytes() - 1), None);
        let larger = Layout::filling(&SIZES, least.disk_bytes() + 5 * MIB + 512).unwrap();
        assert_eq!(larger.disk_bytes(), least.disk_bytes() + 5 * MIB + 512);
        assert_eq!(larger.place(Partition::Data).bytes, (256 + 5) * MIB);
        assert_eq!(larger.place(Partition::State), least.place(Partition::State));
    }

    #[test]
    fn each_partition_has_its_place() {
        let layout = Layout::new(&SIZES);
        for partition in Partition::ALL {
            assert_eq!(layout.place(partition).partition, partition);
        }
        assert_eq!(layout.place(Partition::RootB).bytes, 512 * MIB);
    }
}
