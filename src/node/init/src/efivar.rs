//! Reads EFI variables through the kernel's efivarfs.
//!
//! The file system is mounted, read-only, only as long as a read takes: nothing on the node can write a variable.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sys::MountFlags;

/// Where the kernel wants the variables to be. Without EFI the directory does not exist.
const DIRECTORY: &str = "/sys/firmware/efi/efivars";
/// Attributes that efivarfs shows in front of the value.
const ATTRIBUTE_BYTES: usize = 4;

/// A variable: its attributes (UEFI 2.10, section 8.2) and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) attributes: u32,
    pub(crate) value: Vec<u8>,
}

/// Reads the variable `name`-`guid`; `None` without EFI, without the variable, or if its value is longer than `limit`
/// bytes.
pub(crate) fn read(name: &str, guid: &str, limit: usize) -> Option<Variable> {
    let directory = Path::new(DIRECTORY);
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    sys::mount(("efivarfs", "efivarfs"), directory, flags, "").ok()?;
    let bytes = read_file(&directory.join(format!("{name}-{guid}")), ATTRIBUTE_BYTES + limit);
    // It stays, read-only, if it can't be unmounted.
    drop(sys::unmount(directory));
    parse(&bytes?, limit)
}

/// Reads at most one byte more than `limit`.
fn read_file(path: &Path, limit: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; limit + 1];
    // The kernel returns a variable whole, in one read.
    let n = File::open(path).ok()?.read(&mut bytes).ok()?;
    bytes.truncate(n);
    Some(bytes)
}

/// Parses what efivarfs shows.
fn parse(bytes: &[u8], limit: usize) -> Option<Variable> {
    let (attributes, value) = bytes.split_at_checked(ATTRIBUTE_BYTES)?;
    let attributes = u32::from_le_bytes(attributes.try_into().ok()?);
    (value.len() <= limit).then(|| Variable { attributes, value: value.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_before_the_value() {
        let expected = Variable { attributes: 6, value: vec![1] };
        assert_eq!(parse(&[6, 0, 0, 0, 1], 1), Some(expected));
        assert_eq!(parse(&[6, 0, 0, 0, 1, 2], 1), None, "a value over the limit");
        assert_eq!(parse(&[6, 0, 0], 1), None, "attributes cut off");
    }
}
