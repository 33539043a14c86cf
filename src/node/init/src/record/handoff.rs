//! The report of the boot loader, from its volatile EFI variable.
//!
//! It is only a hint: without efivarfs, without the variable, or with a long or malformed one there is no report. A
//! variable that survives a reset was not written by the boot loader.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use slots::{HANDOFF_BYTES, Handoff, VARIABLE_GUID, VARIABLE_NAME};
use sys::MountFlags;

/// Where the kernel wants the variables to be.
const DIRECTORY: &str = "/sys/firmware/efi/efivars";
/// Attributes that efivarfs shows in front of the value, and the one of variables that outlive a reset.
const ATTRIBUTE_BYTES: usize = 4;
const NON_VOLATILE: u32 = 1;
/// Longest variable that is read: a newer boot loader may say more.
const MAX_BYTES: usize = ATTRIBUTE_BYTES + 4 * HANDOFF_BYTES;

/// Reads what the boot loader said. The variables are mounted, read-only, only as long as that takes.
pub(super) fn load() -> Option<Handoff> {
    let directory = Path::new(DIRECTORY);
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Without EFI there is no directory, and nothing was said.
    sys::mount(("efivarfs", "efivarfs"), directory, flags, "").ok()?;
    let said = read(&directory.join(format!("{VARIABLE_NAME}-{VARIABLE_GUID}")));
    // It stays, read-only, if it can't be unmounted.
    drop(sys::unmount(directory));
    parse(&said?)
}

/// Reads a variable, or the beginning of one that is too long.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = vec![0; MAX_BYTES + 1];
    // The kernel gives a variable whole, in one read.
    let n = File::open(path).ok()?.read(&mut bytes).ok()?;
    bytes.truncate(n);
    Some(bytes)
}

/// Parses attributes and text.
fn parse(bytes: &[u8]) -> Option<Handoff> {
    let (attributes, text) = bytes.split_at_checked(ATTRIBUTE_BYTES)?;
    let attributes = u32::from_le_bytes(attributes.try_into().ok()?);
    (attributes & NON_VOLATILE == 0 && bytes.len() <= MAX_BYTES).then_some(())?;
    Handoff::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Slot, Why};

    /// A variable with these attributes and this text.
    fn variable(attributes: u8, text: &str) -> Vec<u8> {
        [&[attributes, 0, 0, 0], text.as_bytes()].concat()
    }

    #[test]
    fn volatile_variable_is_believed() {
        let text = "slot=b generation=4 tries=2 reason=has-tries";
        let said = Handoff { slot: Slot::B, generation: 4, tries_left: 2, why: Why::HasTries };
        assert_eq!(parse(&variable(6, text)), Some(said));
        assert_eq!(parse(&variable(7, text)), None, "one that outlives a reset is somebody else's");
    }

    #[test]
    fn odd_variables_say_nothing() {
        let long = format!("slot=b generation=4 tries=2 x={}", "y".repeat(MAX_BYTES));
        for bytes in [variable(6, &long), variable(6, ""), vec![6, 0], Vec::new(), vec![0xff; 40]] {
            assert_eq!(parse(&bytes), None);
        }
    }
}
