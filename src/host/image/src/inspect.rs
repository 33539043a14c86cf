//! Reads an image: partitions, kernel images, command line, the root and its files.
//!
//! It reads a raw disk, a block device or a qcow2, detected by the first bytes. Nothing is trusted: every
//! reader refuses malformed input. Whether the root matches its hash is not checked here.

mod kernel;
mod root;

use std::path::{Path, PathBuf};

use formats::disk::{Cursor, ReadAt, Window, read_vec};
use formats::gpt::{self, Table};
use formats::verity;
use slots::{HEADER_BYTES, Header, Pair, Partition, Place, RECORD_BYTES, Record, Slot, UKI_OFFSET};

pub use formats::erofs::{Entry, EntryKind};
pub use formats::gpt::Partition as TablePartition;
pub use kernel::KernelImage;
pub use root::Root;

use crate::diskfile::{self, Format};
use crate::generation::Generation;
use crate::{Error, error::Result};

/// An image whose partition table was read.
pub struct Image {
    path: PathBuf,
    disk: Box<dyn ReadAt + Send>,
    format: Format,
    table: Table,
}

/// What the disk contains about its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// The current boot record; `None` if neither copy is valid.
    pub record: Option<Record>,
    /// The header of each kernel partition; `None` if it is not valid, as in an empty slot.
    pub headers: Pair<Option<Header>>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Image {
    /// Opens an image and reads its partition table.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if it is not an Ironhull image, [`Error::File`] if it can't be read.
    pub fn open(path: &Path) -> Result<Image> {
        let malformed = |reason: String| Error::NotAnImage { path: path.to_owned(), reason };
        let (format, disk) = diskfile::open(path)?;
        let blocks = disk.len() / gpt::BLOCK_BYTES;
        let table = gpt::read(&mut Cursor::new(&*disk), blocks).map_err(|e| malformed(e.to_string()))?;
        Ok(Image { path: path.to_owned(), disk, format, table })
    }

    /// Returns `raw` or `qcow2`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format.name()
    }

    /// Returns the path of the image.
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

    /// Returns the disk's GUID, which is derived from the content and so identifies the image.
    #[must_use]
    pub fn id(&self) -> String {
        self.table.disk_guid.to_string()
    }

    /// Reads the kernel image of slot A.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if there is none, or it is malformed or can't be read.
    pub fn kernel(&self) -> Result<KernelImage> {
        let partition = self.partition(Partition::KernelA)?;
        let header =
            self.header(Slot::A)?.ok_or_else(|| self.malformed(&"the header of kernel-a is invalid"))?;
        let bytes = read_vec(&partition, UKI_OFFSET, header.length).map_err(|e| self.malformed(&e))?;
        KernelImage::parse(&bytes).map_err(|e| self.malformed(&e))
    }

    /// Finds the generation of slot A, without checking that its parts are undamaged.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if there is none, its facts or its command line are missing, or its header
    /// contradicts its root.
    pub fn generation(&self) -> Result<Generation<'_>> {
        let kernel = self.kernel()?;
        let params =
            kernel.root.ok_or_else(|| self.malformed(&"the command line says nothing of the root"))?;
        let facts =
            self.root()?.facts().ok_or_else(|| self.malformed(&"the root does not say what it is"))?;
        let header =
            self.header(Slot::A)?.ok_or_else(|| self.malformed(&"the header of kernel-a is invalid"))?;
        // The facts are covered by the root hash, the header by nothing.
        if header.epoch != facts.epoch {
            let found =
                format!("epoch: expected {}, that of image.json, found {}", facts.epoch, header.epoch);
            return Err(self.malformed(&found));
        }
        let short = |what: &str| self.malformed(&format!("{what} ends past its partition"));
        let uki = Window::new(self.partition(Partition::KernelA)?, UKI_OFFSET, header.length);
        let root_bytes = verity::root_bytes(&params).ok_or_else(|| short("the root"))?;
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
    /// [`Error::NotAnImage`] if a partition is missing or can't be read. A damaged record or header is not an
    /// error.
    pub fn slots(&self) -> Result<Slots> {
        let state = self.partition(Partition::BootState)?;
        let record = |place: Place| {
            let mut block = [0; RECORD_BYTES];
            state.read_exact_at(&mut block, place.offset()).map_err(|e| self.malformed(&e))?;
            Ok::<_, Error>(Record::parse(&block))
        };
        let newest = slots::newest(record(Place::First)?, record(Place::Second)?);
        let headers = Pair { a: self.header(Slot::A)?, b: self.header(Slot::B)? };
        Ok(Slots { record: newest.map(|(_, record)| record), headers })
    }

    /// Reads the header in front of a slot's kernel image; `None` if it is not valid.
    fn header(&self, slot: Slot) -> Result<Option<Header>> {
        let partition = self.partition(slot.kernel())?;
        let mut block = [0; HEADER_BYTES];
        partition.read_exact_at(&mut block, 0).map_err(|e| self.malformed(&e))?;
        Ok(Header::parse(&block, partition.len()))
    }

    /// Reads the file list of slot A's root.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] if there is none, or it is malformed or can't be read.
    pub fn root(&self) -> Result<Root<'_>> {
        Root::open(self.partition(Partition::RootA)?).map_err(|e| self.malformed(&e))
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

    /// Returns the error that the image is malformed.
    fn malformed(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::NotAnImage { path: self.path.clone(), reason: reason.to_string() }
    }
}
