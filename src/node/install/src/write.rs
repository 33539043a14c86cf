//! Writes a disk, in an order in which a power cut after any write leaves a disk that does not start, or one that is
//! complete.
//!
//! 1. The first and the last MiB, with whatever partition table there was, are zeroed: nothing starts from the disk, and
//!    a second attempt finds it empty.
//! 2. All partitions are written and synced; what an older installation would be found by (boot record, other slot) is
//!    zeroed. The config goes into the file system of the state.
//! 3. Everything is read back and compared; kernel image and root are verified against header and root hash, which finds
//!    a damaged medium.
//! 4. The partition table is written: its copy at the end, the entries, then the block of 4 KiB with MBR and header. That
//!    block is the commit.

use std::ops::Range;

use disk::{Contents, Layout, MIB, Place, Sizes, arrange};
use formats::disk::{Before, Composite, ReadAt, Window, WriteAt, copy, read_vec};
use formats::ext4::{self, NewFile};
use formats::verity::{self, VerityError};
use slots::{MARKER_BYTES, Marker, Partition, Purpose, UKI_OFFSET};

use crate::checked::{Checked, Piece, read_back, sha256_of};
use crate::{InstallError, Medium, Target};

/// The block at the start of a disk that makes its partition table valid.
const COMMIT_BYTES: u64 = 4096;
/// Longest part of the state's partition that is formatted; it grows when it is mounted.
const STATE_BYTES: u64 = 1 << 30;
/// Where the config is kept in the state.
const CONFIG_DIRECTORY: &str = "config";
const CONFIG_MODE: u16 = 0o600;

/// What is installed, apart from what is on the medium.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Name of the image.
    pub name: &'a str,
    /// Sizes of the partitions.
    pub sizes: Sizes,
    /// Random bytes, from which GUIDs and UUIDs of the disk follow.
    pub seed: [u8; 32],
    /// The file name and the text of the config that the installed node shall have.
    pub config: Option<(&'a str, &'a str)>,
    /// The time in seconds since 1970.
    pub now_secs: i64,
}

/// The step of an installation, for progress messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The partitions are written.
    Writing,
    /// They are read back.
    Checking,
    /// The partition table is written.
    Committing,
}

/// Installs what is on `medium` to `target`, whatever it holds.
///
/// `advanced` is called with the step and the bytes of root and kernel image done so far in it.
///
/// # Errors
/// [`InstallError`]; nothing was written with [`InstallError::TooSmall`] and [`InstallError::Layout`], and the disk does
/// not start otherwise. Only if writing the last block failed, it may have reached the disk nevertheless.
pub fn install<D: ReadAt + Copy, T: Target>(
    medium: &Medium<D>,
    order: &Order<'_>,
    target: &T,
    advanced: &mut dyn FnMut(Step, u64),
) -> Result<(), InstallError> {
    let Some(layout) = Layout::filling(&order.sizes, target.len()) else {
        let expected = Layout::new(&order.sizes).disk_bytes();
        return Err(InstallError::TooSmall { found: target.len(), expected });
    };
    let contents = Contents {
        name: order.name,
        epoch: medium.header.epoch,
        params: medium.params,
        root: &medium.root,
        uki: &medium.uki,
        uki_sha256: medium.header.sha256,
        loader: &medium.loader,
        seed: &order.seed,
    };
    let disk = arrange(&layout, &contents)?;
    clear(target, &layout)?;
    let mut pieces = Vec::new();
    let mut done = 0;
    let mut wrote = |bytes| {
        done += bytes;
        advanced(Step::Writing, done);
    };
    for place in layout.places() {
        let mut to = Checked::new(target, place.start, &mut pieces, &mut wrote);
        write_partition(&disk, *place, order, &mut to)?;
    }
    target.sync().map_err(InstallError::disk("writing"))?;
    target.forget();
    check((medium, &layout), target, &pieces, advanced)?;
    advanced(Step::Committing, 0);
    commit(&disk, &layout, target)
}

/// Returns the ranges of the two partition tables.
fn edges(layout: &Layout) -> [Range<u64>; 2] {
    let data = layout.place(Partition::Data);
    [0..MIB, data.start + data.bytes..layout.disk_bytes()]
}

/// Zeros the partition tables.
fn clear(target: &impl Target, layout: &Layout) -> Result<(), InstallError> {
    for range in edges(layout) {
        target.zero(range).map_err(InstallError::disk("clearing"))?;
    }
    target.sync().map_err(InstallError::disk("clearing"))
}

/// Writes a partition.
fn write_partition(
    disk: &Composite<'_>,
    place: Place,
    order: &Order<'_>,
    to: &mut impl WriteAt,
) -> Result<(), InstallError> {
    let source = Window::new(disk, place.start, place.bytes).expect("a partition is on its disk");
    if let (Partition::State, Some((name, text))) = (place.partition, order.config) {
        let block = read_vec(&source, 0, MARKER_BYTES as u64).map_err(InstallError::Read)?;
        let marker = block.try_into().ok().and_then(|block| Marker::parse(&block));
        let options = ext4::Options {
            bytes: place.bytes.min(STATE_BYTES),
            uuid: marker.map(|marker| marker.uuid).expect("a new disk has the marker"),
            label: place.partition.label().to_owned(),
            epoch_secs: order.now_secs,
        };
        let file = NewFile { directory: CONFIG_DIRECTORY, name, mode: CONFIG_MODE, bytes: text.as_bytes() };
        return Ok(ext4::format_with(to, &options, Some(file))?);
    }
    let before = match (place.partition, place.partition.purpose()) {
        // What follows a kernel, a root or a marker is never read.
        (Partition::KernelA | Partition::RootA, _) | (_, Purpose::Writable) => Before::Zeros,
        _ => Before::OldData,
    };
    copy(&source, to, 0, before).map_err(InstallError::disk("writing"))
}

/// Reads back all that was written, and verifies what came from the medium.
fn check<D: ReadAt + Copy, T: Target>(
    (medium, layout): (&Medium<D>, &Layout),
    target: &T,
    pieces: &[Piece],
    advanced: &mut dyn FnMut(Step, u64),
) -> Result<(), InstallError> {
    let mut done = 0;
    read_back(target, pieces, &mut |bytes| {
        done += bytes;
        advanced(Step::Checking, done);
    })?;
    let part = |partition, offset, bytes| {
        let start = layout.place(partition).start + offset;
        Window::new(target, start, bytes).expect("a part is in its partition")
    };
    let uki = part(Partition::KernelA, UKI_OFFSET, medium.header.length);
    if sha256_of(&uki).map_err(InstallError::disk("reading back"))? != medium.header.sha256 {
        return Err(InstallError::Kernel);
    }
    let root = part(Partition::RootA, 0, medium.root.len());
    verity::verify(&root, &medium.params).map_err(|error| match error {
        VerityError::Io(source) => InstallError::disk("reading back")(source),
        other => InstallError::Root(other),
    })
}

/// Writes the partition tables, and reads them back.
fn commit(disk: &Composite<'_>, layout: &Layout, target: &impl Target) -> Result<(), InstallError> {
    let [head, tail] = edges(layout);
    let entries = COMMIT_BYTES..head.end;
    for range in [tail, entries, 0..COMMIT_BYTES] {
        let expected = read_vec(disk, range.start, range.end - range.start).map_err(InstallError::Read)?;
        let written = target.write_at(&expected, range.start).and_then(|()| target.sync());
        written.map_err(InstallError::disk("writing the partition table to"))?;
        target.forget();
        let found = read_vec(target, range.start, range.end - range.start);
        if found.map_err(InstallError::disk("reading back"))? != expected {
            return Err(InstallError::Differs { at: range.start, bytes: range.end - range.start });
        }
    }
    Ok(())
}
