//! Lays out a complete disk around a generation: table, EFI system partition, boot record, slot A, markers.

use std::collections::BTreeMap;
use std::fmt;

use formats::disk::{Before, Composite, Cursor, Memory, ReadAt, WriteAt, copy};
use formats::fat;
use formats::gpt::{self, Guid, Table};
use slots::{Header, Marker, Partition, Place as RecordPlace, Record, RootParams, UKI_OFFSET};

use crate::identity::{derive, uuid};
use crate::{DiskError, Layout, Place};

/// Path of the boot loader that firmware starts from a disk without a boot entry.
pub const BOOT_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
/// Path of the second copy of the boot loader. An update writes it first, and the other copy once this one is
/// complete, so that an interrupted update can be repaired.
pub const SPARE_PATH: &str = "EFI/IRONHULL/LOADER.EFI";
/// Number of the generation on a new disk.
const FIRST_GENERATION: u32 = 1;

/// The contents of a new disk.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// Name of the image.
    pub name: &'a str,
    /// Its security epoch.
    pub epoch: u32,
    /// The root's parameters on its command line.
    pub params: RootParams,
    /// The root: EROFS, verity superblock, verity tree.
    pub root: &'a dyn ReadAt,
    /// The kernel image.
    pub uki: &'a dyn ReadAt,
    /// SHA-256 of the kernel image.
    pub uki_sha256: [u8; 32],
    /// The boot loader.
    pub loader: &'a [u8],
    /// Empty for an image, whose GUIDs and UUIDs follow from the rest of this; random bytes for a disk that shall have
    /// its own.
    pub seed: &'a [u8],
}

impl fmt::Debug for Contents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("name", &self.name)
            .field("epoch", &self.epoch)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

/// Returns a disk with `contents` in slot A and an empty slot B, of the length given by `layout`.
///
/// Root and kernel image stay where they are and are only read; everything else, some 200 KB, is in memory.
/// The same contents give the same bytes and the same holes. GUIDs and UUIDs are derived from name, root hash,
/// kernel image and seed.
///
/// # Errors
/// [`DiskError::TooLong`] if root or kernel image does not fit into its partition, [`DiskError::Esp`] if the
/// boot loader does not.
pub fn arrange<'a>(layout: &Layout, contents: &Contents<'a>) -> Result<Composite<'a>, DiskError> {
    let at = |partition| layout.place(partition);
    let identity = Identity::of(contents);
    let mut disk = Memory::new(layout.disk_bytes());
    write_header(&mut disk, at(Partition::KernelA), contents)?;
    write_record(&mut disk, at(Partition::BootState), contents.epoch)?;
    write_esp(
        &mut disk,
        at(Partition::Esp),
        (fat::Kind::Fat32, &[BOOT_PATH, SPARE_PATH]),
        (contents, &identity),
    )?;
    for partition in [Partition::State, Partition::Data] {
        write_marker(&mut disk, at(partition), &identity)?;
    }
    let mut disk = Cursor::new(disk);
    let id = (Guid(identity.uuid("disk")), layout.disk_bytes());
    gpt::write(&mut disk, &table(id, layout.places(), &identity, Partition::label))?;
    let disk = Composite::new(disk.into_inner());
    let disk = put(disk, at(Partition::KernelA), UKI_OFFSET, contents.uki)?;
    put(disk, at(Partition::RootA), 0, contents.root)
}

/// The values that distinguish this disk from every other, from which GUIDs and UUIDs are derived.
pub(crate) struct Identity<'a>([&'a [u8]; 4]);

impl<'a> Identity<'a> {
    pub(crate) fn of(contents: &'a Contents<'_>) -> Identity<'a> {
        let Contents { name, params, uki_sha256, seed, .. } = contents;
        Identity([name.as_bytes(), &params.root_hash, uki_sha256, seed])
    }

    /// Returns the values; of an image those that it had before there were seeds.
    fn parts(&self) -> &[&'a [u8]] {
        match &self.0 {
            [of_image @ .., []] => of_image,
            all => all,
        }
    }

    pub(crate) fn uuid(&self, purpose: &str) -> [u8; 16] {
        uuid(purpose, self.parts())
    }
}

/// Adds a part to its partition, `offset` bytes from its start.
pub(crate) fn put<'a>(
    disk: Composite<'a>,
    place: Place,
    offset: u64,
    part: &'a dyn ReadAt,
) -> Result<Composite<'a>, DiskError> {
    let too_long = |by| DiskError::TooLong { part: place.partition.label(), by };
    match part.len().saturating_add(offset).saturating_sub(place.bytes) {
        0 => disk.with(place.start + offset, part).ok_or_else(|| too_long(0)),
        by => Err(too_long(by)),
    }
}

/// Writes the header with which the boot loader checks the kernel image.
pub(crate) fn write_header(
    disk: &mut impl WriteAt,
    place: Place,
    contents: &Contents<'_>,
) -> Result<(), DiskError> {
    let header = Header {
        length: contents.uki.len(),
        sha256: contents.uki_sha256,
        generation: FIRST_GENERATION,
        epoch: contents.epoch,
    };
    disk.write_all_at(&header.encode(), place.start)
        .map_err(DiskError::write("the header of the kernel image"))
}

/// Writes the first boot record: slot A, on trial.
///
/// On trial, because a new image has never run: it is blessed when a node first becomes healthy. Until then
/// the trial has no disadvantage, since there is no other slot: nothing happens when the deadline passes, and
/// when its tries are used up, it is still started, as the last resort. The second copy stays empty.
fn write_record(disk: &mut impl WriteAt, place: Place, epoch: u32) -> Result<(), DiskError> {
    let record = Record::installed(epoch).encode();
    disk.write_all_at(&record, place.start + RecordPlace::First.offset())
        .map_err(DiskError::write("the boot record"))
}

/// Writes the EFI system partition with the boot loader at some paths.
pub(crate) fn write_esp(
    disk: &mut impl WriteAt,
    place: Place,
    (kind, paths): (fat::Kind, &[&str]),
    (contents, identity): (&Contents<'_>, &Identity<'_>),
) -> Result<(), DiskError> {
    let hash = derive("esp serial", identity.parts());
    let options = fat::Options {
        kind,
        bytes: place.bytes,
        offset: place.start,
        serial: u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]),
        label: "IRONHULL".to_owned(),
    };
    let files: BTreeMap<String, Vec<u8>> =
        paths.iter().map(|path| ((*path).to_owned(), contents.loader.to_vec())).collect();
    let esp = fat::write(files, &options)?;
    copy(&esp, disk, place.start, Before::Zeros).map_err(DiskError::write("the EFI system partition"))
}

/// Writes the block that allows `init` to format a partition.
fn write_marker(disk: &mut impl WriteAt, place: Place, identity: &Identity<'_>) -> Result<(), DiskError> {
    let marker = Marker { uuid: identity.uuid(&format!("{} file system", place.partition.label())) };
    disk.write_all_at(&marker.to_block(), place.start).map_err(DiskError::write("a first-boot marker"))
}

/// Returns the partition table of a disk with this GUID and of `bytes` bytes, whose partitions are named by `name`. Pure.
pub(crate) fn table(
    (disk_guid, bytes): (Guid, u64),
    places: &[Place],
    identity: &Identity<'_>,
    name: impl Fn(Partition) -> &'static str,
) -> Table {
    let partition = |place: &Place| gpt::Partition {
        number: place.partition.number(),
        type_guid: Guid::parse(place.partition.type_guid()).expect("the type GUIDs of slots are well-formed"),
        unique_guid: Guid(identity.uuid(&format!("partition {}", name(place.partition)))),
        first_lba: place.start / gpt::BLOCK_BYTES,
        last_lba: (place.start + place.bytes) / gpt::BLOCK_BYTES - 1,
        attributes: place.partition.attributes(),
        name: name(place.partition).to_owned(),
    };
    Table {
        disk_guid,
        disk_blocks: bytes / gpt::BLOCK_BYTES,
        partitions: places.iter().map(partition).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sizes;
    use formats::disk::{Window, read_vec};

    const SIZES: Sizes = Sizes { root_mib: 64, kernel_mib: 16, state_mib: 256, data_mib: 1024 };

    fn contents<'a>(root: &'a Vec<u8>, uki: &'a Vec<u8>) -> Contents<'a> {
        Contents {
            name: "small",
            epoch: 5,
            params: RootParams { root_hash: [1; 32], salt: [2; 32], data_blocks: 3, hash_block: 3 },
            root,
            uki,
            uki_sha256: [4; 32],
            loader: b"the loader",
            seed: &[],
        }
    }

    /// Returns a partition.
    fn partition<'a>(disk: &'a Composite<'_>, partition: Partition) -> Window<&'a dyn ReadAt> {
        let place = Layout::new(&SIZES).place(partition);
        Window::new(disk as &dyn ReadAt, place.start, place.bytes).unwrap()
    }

    #[test]
    fn the_boot_loader_finds_what_it_looks_for() {
        let (root, uki) = (vec![6; 5000], vec![7; 6000]);
        let disk = arrange(&Layout::new(&SIZES), &contents(&root, &uki)).unwrap();
        let block = |which, at| read_vec(&partition(&disk, which), at, 512).unwrap().try_into().unwrap();
        let header = Header::parse(&block(Partition::KernelA, 0), 16 << 20).unwrap();
        assert_eq!(header, Header { length: 6000, sha256: [4; 32], generation: 1, epoch: 5 });
        assert_eq!(Header::parse(&block(Partition::KernelB, 0), 16 << 20), None);
        let records = RecordPlace::ALL.map(|p| Record::parse(&block(Partition::BootState, p.offset())));
        assert_eq!(records, [Some(Record::installed(5)), None]);
        let headers = slots::Pair { a: Some(header), b: None };
        let start = slots::Boot::new(records[0], records[1], &headers).next_start().unwrap();
        assert_eq!((start.slot, start.generation), (slots::Slot::A, 1));
        for path in [BOOT_PATH, SPARE_PATH] {
            assert_eq!(fat::read(&partition(&disk, Partition::Esp), path).unwrap(), b"the loader", "{path}");
        }
        let read = |which, at, length| read_vec(&partition(&disk, which), at, length).unwrap();
        assert_eq!(read(Partition::KernelA, UKI_OFFSET, 6000), uki);
        assert_eq!(read(Partition::RootA, 0, 5000), root);
        for which in [Partition::State, Partition::Data] {
            let block = read(which, 0, slots::MARKER_BYTES as u64).try_into().unwrap();
            assert!(Marker::parse(&block).is_some(), "{}", which.label());
        }
    }

    #[test]
    fn other_contents_have_another_identity_and_the_same_ones_the_same() {
        let (root, uki) = (vec![6; 5000], vec![7; 6000]);
        let same = contents(&root, &uki);
        let others = [
            same,
            Contents { name: "other", ..same },
            Contents { seed: &[1], ..same },
            Contents { uki_sha256: [5; 32], ..same },
            Contents { params: RootParams { root_hash: [2; 32], ..same.params }, ..same },
        ];
        let ids = others.map(|contents| {
            let disk = arrange(&Layout::new(&SIZES), &contents).unwrap();
            let table = gpt::read(&mut Cursor::new(&disk), disk.len() / gpt::BLOCK_BYTES).unwrap();
            let serial = read_vec(&partition(&disk, Partition::Esp), 67, 4).unwrap();
            (table.disk_guid, table.partitions[0].unique_guid, serial)
        });
        for (i, id) in ids.iter().enumerate() {
            assert!(ids[i + 1..].iter().all(|other| id.0 != other.0 && id.1 != other.1 && id.2 != other.2));
        }
        let again = arrange(&Layout::new(&SIZES), &same).unwrap();
        let table = gpt::read(&mut Cursor::new(&again), again.len() / gpt::BLOCK_BYTES).unwrap();
        assert_eq!(table.disk_guid, ids[0].0);
    }

    #[test]
    fn what_a_machine_held_before_is_gone() {
        let (root, uki) = (vec![6; 5000], vec![7; 6000]);
        // Small sizes, since every byte of the target is written.
        let layout = Layout::new(&Sizes { root_mib: 1, kernel_mib: 1, state_mib: 1, data_mib: 1 });
        let disk = arrange(&layout, &contents(&root, &uki)).unwrap();
        let mut target = Memory::new(disk.len());
        target.write_all_at(&vec![0xff; usize::try_from(disk.len()).unwrap()], 0).unwrap();
        copy(&disk, &mut target, 0, Before::OldData).unwrap();
        assert!(read_vec(&target, 0, disk.len()).unwrap() == read_vec(&disk, 0, disk.len()).unwrap());
    }

    #[test]
    fn what_does_not_fit_names_its_partition() {
        let (root, uki) = (vec![6; (1 << 20) + 1], vec![7; (1 << 20) - 4095]);
        let layout = Layout::new(&Sizes { root_mib: 1, kernel_mib: 1, state_mib: 1, data_mib: 1 });
        let (small, fits) = (vec![1], vec![7; (1 << 20) - 4096]);
        assert!(arrange(&layout, &contents(&small, &fits)).is_ok());
        for (root, uki, expected) in [(&root, &small, "root-a"), (&small, &uki, "kernel-a")] {
            let error = arrange(&layout, &contents(root, uki)).unwrap_err();
            assert_eq!(error.to_string(), format!("{expected} ends 1 bytes past its partition"));
        }
        let loader = vec![1; 40 << 20];
        let error = arrange(&layout, &Contents { loader: &loader, ..contents(&small, &small) }).unwrap_err();
        assert!(matches!(error, DiskError::Esp(_)), "{error}");
    }
}
