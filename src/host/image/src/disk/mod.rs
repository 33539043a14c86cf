//! The whole disk: slots, boot record, EFI system partition, markers, partition table.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

use formats::disk::{ReadAt, WriteAt};
use formats::gpt::{self, Guid, Table};
use formats::{fat, tree::Tree};
use secureboot::Signer;
use sha2::{Digest, Sha256};
use slots::{Header, Marker, Partition, Place as RecordPlace, Record, RootParams, UKI_OFFSET};

use crate::facts::Facts;
use crate::hostdisk::HostDisk;
use crate::identity::{derive, uuid};
use crate::layout::{Place, check_fill, disk_bytes, place};
use crate::slot::{KernelParts, kernel_image, write_root};
use crate::{Error, error::Result};

/// Where the firmware looks for a program on a disk that it does not know.
const BOOT_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
/// Second copy of the boot selector: an update of it writes this one first and the other one when this is
/// whole, so a cut update leaves something to repair from.
const SPARE_PATH: &str = "EFI/IRONHULL/LOADER.EFI";
/// Number of the generation in a new image.
const FIRST_GENERATION: u32 = 1;

/// What a disk is made of.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// Where its partitions are.
    pub places: &'a [Place],
    /// The root.
    pub root: &'a Tree,
    /// The kernel.
    pub kernel: KernelParts<'a>,
    /// The boot selector.
    pub loader: &'a [u8],
    /// What signs boot selector and kernel image.
    pub signer: Option<&'a Signer>,
    /// What the image says of itself.
    pub facts: &'a Facts,
}

/// What is known of a disk once it is written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The root in slot A.
    pub root: RootParams,
    /// SHA-256 of the kernel image.
    pub kernel_sha256: [u8; 32],
    /// Length of the kernel image.
    pub kernel_bytes: u64,
}

/// Writes a whole disk; `disk` is all zeros and as long as the places say.
///
/// # Errors
/// [`Error::TooLarge`] if a part of the slot fills more than its share; [`Error::Format`] if a part
/// can't be written.
pub(crate) fn write(disk: &mut HostDisk, parts: &Parts<'_>) -> Result<Written> {
    let at = |partition| place(parts.places, partition);
    let root = write_root(disk, at(Partition::RootA), parts.root, parts.facts)?;
    let kernel = signed(kernel_image(&parts.kernel, &root, parts.facts)?, parts.signer)?;
    let kernel_bytes = kernel.len() as u64;
    check_fill(at(Partition::KernelA), UKI_OFFSET + kernel_bytes)?;
    let kernel_sha256: [u8; 32] = Sha256::digest(&kernel).into();
    let header = Header {
        length: kernel_bytes,
        sha256: kernel_sha256,
        generation: FIRST_GENERATION,
        epoch: parts.facts.epoch,
    };
    write_kernel(disk, at(Partition::KernelA), &kernel, &header)?;
    write_record(disk, at(Partition::BootState), parts.facts.epoch)?;
    let identity = Identity { name: &parts.facts.name, root: &root, kernel: &kernel_sha256 };
    let loader = signed(parts.loader.to_vec(), parts.signer)?;
    write_esp(disk, at(Partition::Esp), &loader, &identity)?;
    for partition in [Partition::State, Partition::Data] {
        let marker = Marker { uuid: identity.uuid(&format!("{} file system", partition.label())) };
        disk.write_all_at(&marker.to_block(), at(partition).start)
            .map_err(Error::format("writing a first-boot marker"))?;
    }
    let table = table(parts.places, &identity);
    gpt::write(&mut Seekable { disk, at: 0 }, &table)
        .map_err(Error::format("writing the partition table"))?;
    Ok(Written { root, kernel_sha256, kernel_bytes })
}

/// Returns the program, signed if something signs.
fn signed(program: Vec<u8>, signer: Option<&Signer>) -> Result<Vec<u8>> {
    Ok(match signer {
        Some(signer) => signer.sign_program(&program)?,
        None => program,
    })
}

/// What tells this disk from every other.
struct Identity<'a> {
    name: &'a str,
    root: &'a RootParams,
    kernel: &'a [u8; 32],
}

impl Identity<'_> {
    /// Returns the parts that identities are derived from.
    fn parts(&self) -> [&[u8]; 3] {
        [self.name.as_bytes(), &self.root.root_hash, self.kernel]
    }

    fn uuid(&self, purpose: &str) -> [u8; 16] {
        uuid(purpose, &self.parts())
    }
}

/// Writes a kernel image behind the header that the boot selector checks it by.
fn write_kernel(disk: &mut HostDisk, place: Place, kernel: &[u8], header: &Header) -> Result<()> {
    disk.write_all_at(&header.encode(), place.start)
        .and_then(|()| disk.write_all_at(kernel, place.start + UKI_OFFSET))
        .map_err(Error::format("writing the kernel slot"))
}

/// Writes the first boot record: slot A, on trial.
///
/// On trial, because a new image has never run: it is blessed when a node has first been healthy. Until
/// then nothing is lost by it, for there is no other slot: a deadline that passes changes nothing, and
/// when its tries are spent it is started all the same, as the last resort. The second place stays empty.
fn write_record(disk: &mut HostDisk, place: Place, epoch: u32) -> Result<()> {
    let record = Record::installed(epoch).encode();
    disk.write_all_at(&record, place.start + RecordPlace::First.offset())
        .map_err(Error::format("writing the boot record"))
}

/// Writes the EFI system partition: the boot selector, twice.
fn write_esp(disk: &mut HostDisk, place: Place, loader: &[u8], identity: &Identity<'_>) -> Result<()> {
    let hash = derive("esp serial", &identity.parts());
    let options = fat::Options {
        bytes: place.bytes,
        offset: place.start,
        serial: u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]),
        label: "IRONHULL".to_owned(),
    };
    let files = [BOOT_PATH, SPARE_PATH].map(|path| (path.to_owned(), loader.to_vec()));
    let files = BTreeMap::from(files);
    let esp = fat::write(files, &options).map_err(Error::format("writing the EFI system partition"))?;
    copy(&esp, disk, place.start).map_err(Error::format("writing the EFI system partition"))
}

/// Copies what is not zero of `from` to `to`, `offset` bytes further on.
fn copy(from: &impl ReadAt, to: &mut HostDisk, offset: u64) -> io::Result<()> {
    const CHUNK: u64 = 1 << 20;
    let mut next = 0;
    while let Some(range) = from.next_data(next)? {
        let mut at = range.start;
        while at < range.end {
            let length = (range.end - at).min(CHUNK);
            let bytes = formats::disk::read_vec(from, at, length)?;
            to.write_all_at(&bytes, offset + at)?;
            at += length;
        }
        next = range.end;
    }
    Ok(())
}

/// Returns the partition table. Pure.
fn table(places: &[Place], identity: &Identity<'_>) -> Table {
    let partition = |place: &Place| gpt::Partition {
        number: place.partition.number(),
        type_guid: Guid::parse(place.partition.type_guid()).expect("the type GUIDs of slots are well-formed"),
        unique_guid: Guid(identity.uuid(&format!("partition {}", place.partition.label()))),
        first_lba: place.start / gpt::BLOCK_BYTES,
        last_lba: (place.start + place.bytes) / gpt::BLOCK_BYTES - 1,
        attributes: place.partition.attributes(),
        name: place.partition.label().to_owned(),
    };
    Table {
        disk_guid: Guid(identity.uuid("disk")),
        disk_blocks: disk_bytes(places) / gpt::BLOCK_BYTES,
        partitions: places.iter().map(partition).collect(),
    }
}

/// A disk with a position, for the writer of the partition table.
struct Seekable<'a> {
    disk: &'a mut HostDisk,
    at: u64,
}

impl Write for Seekable<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.disk.write_all_at(buf, self.at)?;
        self.at += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Seekable<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.disk.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
pub(crate) mod tests;
