//! The size of each partition according to the profile, and how much of it a generation may fill. Pure.

use config::Slots;
use disk::{Layout, MIB, Place, Sizes};
use slots::Purpose;

use crate::{Error, error::Result};

/// The share of its partition that a part may fill: the next version is larger, and a node's partitions keep
/// their size.
const FILL_PERCENT: u64 = 80;

/// Returns the layout of a disk with the sizes of a profile.
pub(crate) fn layout(slots: &Slots) -> Layout {
    let Slots { root_mib, kernel_mib, state_mib, data_mib } = *slots;
    Layout::new(&Sizes { root_mib, kernel_mib, state_mib, data_mib })
}

/// Checks that `bytes` do not exceed their share of a slot's partition.
///
/// # Errors
/// [`Error::TooLarge`] if they do, with the profile key that enlarges the partition.
pub(crate) fn check_fill(place: Place, bytes: u64) -> Result<()> {
    let limit = place.bytes * FILL_PERCENT / 100;
    if bytes <= limit {
        return Ok(());
    }
    let (part, key) = match place.partition.purpose() {
        Purpose::Root => ("root", "slots.rootMiB"),
        _ => ("kernel", "slots.kernelMiB"),
    };
    Err(Error::TooLarge { part, bytes, limit, percent: FILL_PERCENT, mib: place.bytes / MIB, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::Partition;

    #[test]
    fn eighty_percent_is_the_wall() {
        let slots = Slots { root_mib: 512, kernel_mib: 96, state_mib: 1024, data_mib: 256 };
        let root = layout(&slots).place(Partition::RootA);
        let limit = root.bytes / 10 * 8;
        assert!(check_fill(root, limit).is_ok());
        let error = check_fill(root, limit + 4096).unwrap_err();
        assert!(error.to_string().starts_with("root is 42"), "{error}");
        assert_eq!(error.hint().unwrap(), "give the root more room with `slots.rootMiB` in the profile");
    }
}
