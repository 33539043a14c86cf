//! Where each partition of a disk begins and ends, by the sizes of the profile. Pure.

use config::Slots;
use slots::{Partition, Role};

use crate::{Error, error::Result};

/// Bytes of a MiB; everything is aligned to it.
pub(crate) const MIB: u64 = 1 << 20;
/// Size of the EFI system partition.
const ESP_MIB: u64 = 64;
/// Size of the boot selector's partition.
const BOOTSTATE_MIB: u64 = 1;
/// Share of its place that a part may fill: the next version is larger, and a node's partitions stay.
const FILL_PERCENT: u64 = 80;

/// One partition and its bytes on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which one.
    pub partition: Partition,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// Places all partitions one after the other, a MiB free at each end of the disk for its tables.
#[must_use]
pub fn places(slots: &Slots) -> Vec<Place> {
    let mut start = MIB;
    let mut place = |partition| {
        let bytes = MIB * mib(partition, slots);
        let place = Place { partition, start, bytes };
        start += bytes;
        place
    };
    Partition::ALL.into_iter().map(&mut place).collect()
}

/// Returns the size of the disk that holds `places`.
#[must_use]
pub fn disk_bytes(places: &[Place]) -> u64 {
    places.iter().map(|p| p.start + p.bytes).max().unwrap_or(0) + MIB
}

/// Returns the place of one partition.
///
/// # Panics
/// When it is not among them; [`places`] gives all.
#[must_use]
pub fn place(places: &[Place], partition: Partition) -> Place {
    *places.iter().find(|p| p.partition == partition).expect("all partitions have a place")
}

/// Checks that `bytes` fill a slot's partition by no more than their share.
///
/// # Errors
/// [`Error::TooLarge`] if they do; names the profile key that makes more room.
pub fn check_fill(place: Place, bytes: u64) -> Result<()> {
    let limit = place.bytes * FILL_PERCENT / 100;
    if bytes <= limit {
        return Ok(());
    }
    let (part, key) = match place.partition.role() {
        Role::Root => ("root", "slots.rootMiB"),
        _ => ("kernel", "slots.kernelMiB"),
    };
    Err(Error::TooLarge { part, bytes, limit, percent: FILL_PERCENT, mib: place.bytes / MIB, key })
}

/// Returns the size of a partition in MiB.
fn mib(partition: Partition, slots: &Slots) -> u64 {
    match partition {
        Partition::Esp => ESP_MIB,
        Partition::BootState => BOOTSTATE_MIB,
        Partition::KernelA | Partition::KernelB => slots.kernel_mib.into(),
        Partition::RootA | Partition::RootB => slots.root_mib.into(),
        Partition::State => slots.state_mib.into(),
        Partition::Data => slots.data_mib.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots = Slots { root_mib: 512, kernel_mib: 96, state_mib: 1024, data_mib: 256 };

    #[test]
    fn partitions_follow_each_other_aligned() {
        let places = places(&SLOTS);
        assert_eq!(places[0].start, MIB);
        for pair in places.windows(2) {
            assert_eq!(pair[0].start + pair[0].bytes, pair[1].start);
            assert_eq!(pair[1].start % MIB, 0);
        }
        assert_eq!(disk_bytes(&places), (2 + 64 + 1 + 2 * 96 + 2 * 512 + 1024 + 256) * MIB);
    }

    #[test]
    fn eighty_percent_is_the_wall() {
        let root = place(&places(&SLOTS), Partition::RootA);
        let limit = root.bytes / 10 * 8;
        assert!(check_fill(root, limit).is_ok());
        let error = check_fill(root, limit + 4096).unwrap_err();
        assert!(error.to_string().starts_with("root is 42"), "{error}");
        assert_eq!(error.hint().unwrap(), "give the root more room with `slots.rootMiB` in the profile");
    }
}
