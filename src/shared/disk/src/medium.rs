//! An installation medium: one file that machines start as a CD and as a USB stick.
//!
//! A CD is read as ISO 9660 with a boot catalogue, a stick as a disk with a partition table; both name the same bytes.
//! The medium has one slot, as kernel and root partitions whose names say that it is a medium
//! ([`slots::MEDIUM_ROOT`]), and neither boot record nor state: nothing is ever written to it. The partitions are no
//! larger than what they hold.
//!
//! The EFI system partition is small, as a FAT16: firmware reads it from removable media (UEFI 2.10, 13.3), and some
//! takes the length of a boot image from a field that ends at 32 MiB.

use std::collections::BTreeMap;

use formats::disk::{Composite, Cursor, Memory, WriteAt};
use formats::gpt::{self, Guid};
use formats::{bios, fat, iso9660};
use slots::{MEDIUM_KERNEL, MEDIUM_ROOT, Partition, UKI_OFFSET};

use crate::arrange::{BOOT_PATH, Contents, Identity, put, table, write_esp, write_header};
use crate::{DiskError, MIB, Place};

/// Length of the EFI system partition.
const ESP_MIB: u64 = 8;
/// Length of a sector of a CD.
const SECTOR_BYTES: u64 = 2048;
/// Where ISO 9660 begins: before it is room for MBR and partition table.
const VOLUME: usize = 32 << 10;
/// Label of the volume.
const LABEL: &str = "IRONHULL";

/// Returns a medium with `contents` in its slot.
///
/// Root and kernel image stay where they are and are only read. The same contents give the same bytes and the same
/// holes.
///
/// # Errors
/// [`DiskError::Esp`] if the boot loader does not fit, [`DiskError::Medium`] if the contents are too long for a CD.
pub fn arrange_medium<'a>(contents: &Contents<'a>) -> Result<Composite<'a>, DiskError> {
    let (esp, kernel, root) = places(contents.uki.len(), contents.root.len());
    let bytes = root.start + root.bytes + MIB;
    let identity = Identity::of(contents);
    let mut medium = Memory::new(bytes);
    let front = front(esp, bytes, contents.name)?;
    let volume = front.get(VOLUME..).unwrap_or_default();
    medium.write_all_at(volume, VOLUME as u64).map_err(DiskError::write("the front of the medium"))?;
    write_header(&mut medium, kernel, contents)?;
    write_esp(&mut medium, esp, (fat::Kind::Fat16, &[BOOT_PATH]), (contents, &identity))?;
    let mut medium = Cursor::new(medium);
    let id = (Guid(identity.uuid("medium")), bytes);
    gpt::write(&mut medium, &table(id, &[esp, kernel, root], &identity, name))?;
    let medium = Composite::new(medium.into_inner());
    let medium = put(medium, kernel, UKI_OFFSET, contents.uki)?;
    put(medium, root, 0, contents.root)
}

/// Returns where the partitions are: EFI system partition, kernel, root.
fn places(uki_bytes: u64, root_bytes: u64) -> (Place, Place, Place) {
    let place = |partition, start, bytes: u64| Place { partition, start, bytes: bytes.next_multiple_of(MIB) };
    let esp = place(Partition::Esp, MIB, ESP_MIB * MIB);
    let kernel = place(Partition::KernelA, esp.start + esp.bytes, UKI_OFFSET + uki_bytes);
    let root = place(Partition::RootA, kernel.start + kernel.bytes, root_bytes);
    (esp, kernel, root)
}

/// Returns the name of a partition.
fn name(partition: Partition) -> &'static str {
    match partition {
        Partition::KernelA => MEDIUM_KERNEL,
        Partition::RootA => MEDIUM_ROOT,
        // Firmware looks for it by its type.
        other => other.label(),
    }
}

/// Returns the front of a medium of `bytes` bytes: everything before its partitions.
fn front(esp: Place, bytes: u64, name: &str) -> Result<Vec<u8>, DiskError> {
    let sector = |bytes: u64| u32::try_from(bytes / SECTOR_BYTES).map_err(|_| DiskError::Medium);
    let boot = iso9660::Boot {
        bios: &bios::program(),
        efi_sector: sector(esp.start)?,
        efi_blocks: u16::try_from(esp.bytes / gpt::BLOCK_BYTES).map_err(|_| DiskError::Medium)?,
        sectors: sector(bytes)?,
    };
    let readme = format!(
        "Ironhull installation medium, image {name}.\r\n\r\n\
         Start a machine from it in UEFI mode. As a USB stick it works only if the whole file was copied\r\n\
         to the stick (dd), not the files that you see here. Nothing is installed unless you order it.\r\n"
    );
    let files = BTreeMap::from([("README.TXT".to_owned(), readme.into_bytes())]);
    iso9660::write_bootable(LABEL, &files, &boot).map_err(|_| DiskError::Medium)
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::disk::{ReadAt, Window, read_vec};
    use slots::{Header, RootParams};

    #[test]
    fn a_stick_and_a_cd_find_the_same_bytes() {
        let (root, uki) = (vec![6; 5000], vec![7; 3 << 20]);
        let contents = Contents {
            name: "small",
            epoch: 5,
            params: RootParams { root_hash: [1; 32], salt: [2; 32], data_blocks: 1, hash_block: 1 },
            root: &root,
            uki: &uki,
            uki_sha256: [4; 32],
            loader: b"the loader",
            seed: &[],
        };
        let medium = arrange_medium(&contents).unwrap();
        assert_eq!(medium.len(), (1 + 8 + 4 + 1 + 1) * MIB);
        let table = gpt::read(&mut Cursor::new(&medium), medium.len() / gpt::BLOCK_BYTES).unwrap();
        let partition = |number: u32, name: &str| {
            let found =
                table.partitions.iter().find(|p| (p.number, p.name.as_str()) == (number, name)).unwrap();
            let start = found.first_lba * gpt::BLOCK_BYTES;
            let bytes = (found.last_lba + 1) * gpt::BLOCK_BYTES - start;
            Window::new(&medium as &dyn ReadAt, start, bytes).unwrap()
        };
        assert_eq!(table.partitions.len(), 3);
        assert_eq!(fat::read(&partition(1, "esp"), BOOT_PATH).unwrap(), b"the loader");
        let kernel = partition(3, "medium-kernel");
        let header = read_vec(&kernel, 0, 512).unwrap().try_into().unwrap();
        assert_eq!(Header::parse(&header, kernel.len()).unwrap().length, 3 << 20);
        assert!(read_vec(&kernel, UKI_OFFSET, 3 << 20).unwrap() == uki);
        assert_eq!(read_vec(&partition(5, "medium-root"), 0, 5000).unwrap(), root);
        // What the catalogue of a CD names.
        let catalogue = read_vec(&medium, 24 * 2048, 128).unwrap();
        let efi = u64::from(u32::from_le_bytes(catalogue[104..108].try_into().unwrap())) * 2048;
        let esp = Window::new(&medium as &dyn ReadAt, efi, ESP_MIB * MIB).unwrap();
        assert_eq!(fat::read(&esp, BOOT_PATH).unwrap(), b"the loader");
        let volume = iso9660::Volume::open(&medium as &dyn ReadAt).unwrap();
        assert!(
            volume.read("README.TXT", 1000).unwrap().unwrap().starts_with(b"Ironhull installation medium")
        );
    }
}
