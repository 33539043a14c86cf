//! Reads an image back: partitions, kernel images, command line, the root and its files.
//!
//! From a raw disk, a block device or a qcow2, whichever it is by its first bytes. Nothing is trusted: every reader
//! refuses what is malformed. Whether the root is what its hash says is no question here.

use std::path::{Path, PathBuf};

use formats::disk::{Cursor, ReadAt, Window, read_vec};
use formats::erofs;
use formats::gpt::{self, Table};
use formats::uki;
use slots::{
    HEADER_BYTES, Header, Pair, Partition, Place, RECORD_BYTES, Record, RootParams, Slot, UKI_OFFSET,
};

pub use formats::erofs::{Entry, EntryKind};
pub use formats::gpt::Partition as TablePartition;

use crate::diskfile::{self, Format};
use crate::facts::Facts;
use crate::generation::Generation;
use crate::{Error, error::Result};

/// Where the image keeps what it says of itself.
const FACTS: &[u8] = b"usr/share/ironhull/image.json";
/// Where the image keeps the list of what it is made of.
const SBOM: &[u8] = b"usr/share/ironhull/sbom.spdx.json";

/// An image whose partition table was read.
pub struct Image {
    path: PathBuf,
    disk: Box<dyn ReadAt + Send>,
    format: Format,
    table: Table,
}

/// A kernel image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelImage {
    /// Listing of its sections.
    pub sections: String,
    /// The kernel command line.
    pub cmdline: String,
    /// Release of the kernel.
    pub release: String,
    /// What the command line says of the root; `None` if it says nothing sound.
    pub root: Option<RootParams>,
}

/// What the disk says of its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// The record that counts; `None` if neither is valid.
    pub record: Option<Record>,
    /// The header of each kernel partition; `None` if it is not sound, as in an empty slot.
    pub headers: Pair<Option<Header>>,
}

/// The root of a slot: its files.
pub struct Root<'a> {
    reader: erofs::Reader<Window<&'a dyn ReadAt>>,
    entries: Vec<Entry>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Root<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Image {
    /// Opens an image and reads its partition table.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if it is not one of ours, [`Error::File`] if it can't be read.
    pub fn open(path: &Path) -> Result<Image> {
        let not = |reason: String| Error::NotAnImage { path: path.to_owned(), reason };
        let (format, disk) = diskfile::open(path)?;
        let blocks = disk.len() / gpt::BLOCK_BYTES;
        let table = gpt::read(&mut Cursor::new(&*disk), blocks).map_err(|e| not(e.to_string()))?;
        Ok(Image { path: path.to_owned(), disk, format, table })
    }

    /// Returns `raw` or `qcow2`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format.name()
    }

    /// Returns where the image is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the length of the disk in bytes.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.disk.len()
    }

    /// Returns the partition table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Returns the disk's GUID: it is derived from the content, so it tells one image from another.
    #[must_use]
    pub fn id(&self) -> String {
        self.table.disk_guid.to_string()
    }

    /// Reads the kernel image of slot A.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if there is none, or it is malformed.
    pub fn kernel(&self) -> Result<KernelImage> {
        let partition = self.partition(Partition::KernelA)?;
        let header = self.header(Slot::A)?.ok_or_else(|| self.not(&"the header of kernel-a is not sound"))?;
        let bytes = read_vec(&partition, UKI_OFFSET, header.length).map_err(|e| self.not(&e))?;
        let sections = uki::sections(&bytes).map_err(|e| self.not(&e))?;
        let text = |name: &str| {
            let found = sections.iter().find(|s| s.name == name);
            found.map(|s| String::from_utf8_lossy(s.bytes).trim_end_matches(['\0', '\n']).to_owned())
        };
        let cmdline = text(".cmdline").unwrap_or_default();
        Ok(KernelImage {
            sections: uki::dump(&sections),
            release: text(".uname").unwrap_or_default(),
            root: RootParams::parse(&cmdline).ok(),
            cmdline,
        })
    }

    /// Finds the generation of slot A; whether its parts are sound is not looked at.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if there is none, it does not say what it is, or header and root do not agree.
    pub fn generation(&self) -> Result<Generation<'_>> {
        let kernel = self.kernel()?;
        let params = kernel.root.ok_or_else(|| self.not(&"the command line says nothing of the root"))?;
        let facts = self.root()?.facts().ok_or_else(|| self.not(&"the root does not say what it is"))?;
        let header = self.header(Slot::A)?.ok_or_else(|| self.not(&"the header of kernel-a is not sound"))?;
        // The root vouches for the facts, and nothing for the header.
        if header.epoch != facts.epoch {
            let found =
                format!("epoch: expected {}, that of image.json, found {}", facts.epoch, header.epoch);
            return Err(self.not(&found));
        }
        let short = |what: &str| self.not(&format!("{what} ends past its partition"));
        let uki = Window::new(self.partition(Partition::KernelA)?, UKI_OFFSET, header.length);
        let root_bytes = root_bytes(&params).ok_or_else(|| short("the root"))?;
        let root = Window::new(self.partition(Partition::RootA)?, 0, root_bytes);
        Ok(Generation {
            params,
            facts,
            uki: Box::new(uki.ok_or_else(|| short("the kernel image"))?),
            uki_sha256: header.sha256,
            root: Box::new(root.ok_or_else(|| short("the root"))?),
        })
    }

    /// Reads the boot record and the headers of both slots.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if a partition is missing or can't be read; what is damaged is no error.
    pub fn slots(&self) -> Result<Slots> {
        let state = self.partition(Partition::BootState)?;
        let record = |place: Place| {
            let mut block = [0; RECORD_BYTES];
            state.read_exact_at(&mut block, place.offset()).map_err(|e| self.not(&e))?;
            Ok::<_, Error>(Record::parse(&block))
        };
        let newest = slots::newest(record(Place::First)?, record(Place::Second)?);
        let headers = Pair { a: self.header(Slot::A)?, b: self.header(Slot::B)? };
        Ok(Slots { record: newest.map(|(_, record)| record), headers })
    }

    /// Reads the header in front of a slot's kernel image; `None` if it is not sound.
    fn header(&self, slot: Slot) -> Result<Option<Header>> {
        let partition = self.partition(slot.kernel())?;
        let mut block = [0; HEADER_BYTES];
        partition.read_exact_at(&mut block, 0).map_err(|e| self.not(&e))?;
        Ok(Header::parse(&block, partition.len()))
    }

    /// Reads the file list of slot A's root.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if there is none, or it is malformed.
    pub fn root(&self) -> Result<Root<'_>> {
        let reader = erofs::Reader::open(self.partition(Partition::RootA)?).map_err(|e| self.not(&e))?;
        let entries = reader.entries().map_err(|e| self.not(&e))?;
        Ok(Root { reader, entries })
    }

    /// Returns a partition as a disk.
    fn partition(&self, partition: Partition) -> Result<Window<&dyn ReadAt>> {
        let found = self.table.partitions.iter().find(|p| p.number == partition.number());
        let found = found.filter(|p| p.type_guid.to_string() == partition.type_guid());
        let window = found.and_then(|p| {
            let blocks = p.last_lba.checked_sub(p.first_lba)?.checked_add(1)?;
            let start = p.first_lba.checked_mul(gpt::BLOCK_BYTES)?;
            Window::new(&*self.disk as &dyn ReadAt, start, blocks.checked_mul(gpt::BLOCK_BYTES)?)
        });
        window.ok_or_else(|| Error::NotAnImage {
            path: self.path.clone(),
            reason: format!("partition {} is not the {}", partition.number(), partition.label()),
        })
    }

    /// Wraps why the image is none.
    fn not(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::NotAnImage { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Returns the length of a root with its verity superblock and tree; `None` if no disk is that long.
fn root_bytes(params: &RootParams) -> Option<u64> {
    const BLOCK: u64 = 4096;
    const DIGESTS_PER_BLOCK: u64 = 128;
    let levels =
        std::iter::successors(Some(params.data_blocks), |blocks| Some(blocks.div_ceil(DIGESTS_PER_BLOCK)));
    // Each level is the digests of the one below, up to the one that is a single block.
    let below: Vec<u64> = levels.take_while(|blocks| *blocks > 1).collect();
    let tree: u64 = below.iter().map(|blocks| blocks.div_ceil(DIGESTS_PER_BLOCK)).sum();
    params.hash_block.checked_add(1)?.checked_add(tree)?.checked_mul(BLOCK)
}

impl Root<'_> {
    /// Returns the files as text, one a line.
    #[must_use]
    pub fn listing(&self) -> String {
        erofs::dump(&self.entries)
    }

    /// Returns the paths, ascending.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns how many paths there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns the length of the file system in bytes, without its verity tree.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.reader.image_bytes()
    }

    /// Returns what the image says of itself; `None` if it says nothing sound.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        serde_json::from_slice(&self.read(FACTS)?).ok()
    }

    /// Returns the list of what the image is made of; `None` if it has none.
    #[must_use]
    pub fn sbom(&self) -> Option<String> {
        String::from_utf8(self.read(SBOM)?).ok()
    }

    /// Reads one file; `None` if it is not there or can't be read.
    pub(crate) fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        let entry = self.entries.iter().find(|e| e.path == path)?;
        self.reader.read(entry).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_root_is_as_long_as_its_writer_made_it() {
        for data_blocks in [1, 2, 128, 129, 128 * 128, 128 * 128 + 1] {
            let mut hasher = formats::verity::Hasher::new([5; 32]);
            let block = [7; 4096];
            (0..data_blocks).for_each(|_| hasher.write_all(&block).unwrap());
            let tree = hasher.finish().unwrap();
            let params = RootParams {
                root_hash: tree.root_hash,
                salt: tree.salt,
                data_blocks,
                hash_block: data_blocks,
            };
            let expected = data_blocks * 4096 + tree.hash_area_bytes();
            assert_eq!(root_bytes(&params), Some(expected), "{data_blocks}");
        }
        let endless = RootParams { root_hash: [0; 32], salt: [0; 32], data_blocks: 1, hash_block: u64::MAX };
        assert_eq!(root_bytes(&endless), None);
    }
}
