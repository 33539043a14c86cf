//! Reads the header of any writer: versions 2 and 3, and the extensions that name other files.

use super::format::{
    COMPRESSION, COMPRESSION_AT, DIRTY, EXTENDED_L2, EXTERNAL_DATA, MAGIC, MAX_DISK_BYTES, ZSTD, off,
};
use super::map::Geometry;
use super::{Backing, Codec, Links, Qcow2Error};
use crate::disk::{ReadAt, read_vec};

/// Cluster sizes that QEMU supports: 512 bytes to 2 MiB.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// Maximum length of an L1 table, as in QEMU.
const MAX_L1_BYTES: u64 = 32 << 20;
/// Length of the part of a file that is read for header, extensions and names, which are in its first
/// cluster.
const HEAD_BYTES: u64 = 64 << 10;
/// Maximum length of a backing file's name.
const MAX_NAME_BYTES: usize = 1023;
/// Length of a header of version 2.
const VERSION_2_BYTES: usize = 72;

/// Header extensions: format of the backing file, name of the external data file.
const BACKING_FORMAT: u32 = 0xe279_2aca;
const DATA_FILE: u32 = 0x4441_5441;

/// The fields of a header that a reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub geometry: Geometry,
    pub codec: Codec,
    pub disk_bytes: u64,
    /// Offset of the L1 table.
    pub l1_at: u64,
    pub links: Links,
}

/// The first bytes of a file, with bounds-checked access to numbers.
struct Head(Vec<u8>);

impl Head {
    fn part(&self, at: usize, length: usize) -> Result<&[u8], Qcow2Error> {
        let part = at.checked_add(length).and_then(|end| self.0.get(at..end));
        part.ok_or_else(|| off("header", "cut off", "whole"))
    }

    fn u32(&self, at: usize) -> Result<u32, Qcow2Error> {
        Ok(self.part(at, 4)?.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    fn u64(&self, at: usize) -> Result<u64, Qcow2Error> {
        Ok(self.part(at, 8)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }
}

/// Reads the header of `file`.
///
/// # Errors
/// [`Qcow2Error::Unsupported`] if it is not a qcow2, is encrypted, or uses an unknown feature;
/// [`Qcow2Error::TooLong`] if the disk is too long; [`Qcow2Error::Io`] if the file can't be read.
pub(super) fn read(file: &(impl ReadAt + ?Sized)) -> Result<Header, Qcow2Error> {
    let head = Head(read_vec(file, 0, file.len().min(HEAD_BYTES))?);
    if head.u32(0)? != MAGIC {
        return Err(off("magic", format!("{:#x}", head.u32(0)?), "0x514649fb"));
    }
    let version = head.u32(4)?;
    let (features, length) = match version {
        2 => (0, VERSION_2_BYTES),
        3 => (head.u64(72)?, usize::try_from(head.u32(100)?).unwrap_or(usize::MAX)),
        _ => return Err(off("version", version, "2 or 3")),
    };
    let known = DIRTY | EXTERNAL_DATA | COMPRESSION | EXTENDED_L2;
    if features & !known != 0 {
        return Err(off("incompatible features", format!("{features:#x}"), "at most 0x1d"));
    }
    match head.u32(32)? {
        0 => {}
        1 => return Err(off("encryption", "AES", "none")),
        2 => return Err(off("encryption", "LUKS", "none")),
        other => return Err(off("encryption", other, "none")),
    }
    let geometry = geometry(&head, version, features)?;
    let header = Header {
        codec: codec(&head, features)?,
        disk_bytes: head.u64(24)?,
        l1_at: head.u64(40)?,
        links: links(&head, length, features)?,
        geometry,
    };
    check_size(&header, head.u32(36)?)?;
    Ok(header)
}

/// Reads sizes of clusters and tables.
fn geometry(head: &Head, version: u32, features: u64) -> Result<Geometry, Qcow2Error> {
    let cluster_bits = head.u32(20)?;
    let extended = features & EXTENDED_L2 != 0;
    // A 32nd of a cluster must be at least a sector.
    let least = if extended { 14 } else { *CLUSTER_BITS.start() };
    if !(least..=*CLUSTER_BITS.end()).contains(&cluster_bits) {
        return Err(off("cluster bits", cluster_bits, "9 to 21, with extended L2 entries 14 to 21"));
    }
    Ok(Geometry { version, cluster_bits, extended, external_data: features & EXTERNAL_DATA != 0 })
}

/// Reads the compression type.
fn codec(head: &Head, features: u64) -> Result<Codec, Qcow2Error> {
    // The field exists only if the header is long enough; the feature bit says that it is used.
    if features & COMPRESSION == 0 {
        return Ok(Codec::ZLIB);
    }
    match head.part(COMPRESSION_AT, 1)? {
        [ZSTD] => Ok(Codec::ZSTD),
        found => Err(off("compression", format!("{found:?}"), "1 (zstd)")),
    }
}

/// Reads the names of the files that belong to this one; header extensions begin at offset `length`.
fn links(head: &Head, length: usize, features: u64) -> Result<Links, Qcow2Error> {
    let (mut format, mut data_file) = (None, None);
    let mut at = length;
    // The extensions may fill the first cluster without an end mark.
    while let Ok(kind) = head.u32(at) {
        let bytes = usize::try_from(head.u32(at + 4)?).unwrap_or(usize::MAX);
        match kind {
            0 => break,
            BACKING_FORMAT => format = Some(head.part(at + 8, bytes)?.to_vec()),
            DATA_FILE => data_file = Some(head.part(at + 8, bytes)?.to_vec()),
            _ => {}
        }
        at = bytes.checked_next_multiple_of(8).and_then(|b| b.checked_add(at + 8)).unwrap_or(usize::MAX - 8);
    }
    let name_at = usize::try_from(head.u64(8)?).unwrap_or(usize::MAX);
    let name_bytes = usize::try_from(head.u32(16)?).unwrap_or(usize::MAX);
    if name_bytes > MAX_NAME_BYTES {
        return Err(off("length of the name of the backing file", name_bytes, "at most 1023"));
    }
    let backing = match (name_at, name_bytes) {
        (0, _) | (_, 0) => None,
        _ => Some(Backing { name: head.part(name_at, name_bytes)?.to_vec(), format }),
    };
    let external = features & EXTERNAL_DATA != 0;
    match (external, data_file) {
        (true, None) => Err(off("name of the external data file", "missing", "in the header")),
        (true, data_file) => Ok(Links { backing, data_file }),
        (false, _) => Ok(Links { backing, data_file: None }),
    }
}

/// Checks that disk and L1 table match, and that neither exceeds its maximum length.
fn check_size(header: &Header, l1_entries: u32) -> Result<(), Qcow2Error> {
    if header.disk_bytes > MAX_DISK_BYTES {
        return Err(Qcow2Error::TooLong(header.disk_bytes));
    }
    let tables = header.disk_bytes.div_ceil(header.geometry.table_reach());
    if tables * 8 > MAX_L1_BYTES {
        return Err(off("number of L1 entries", tables, "at most 4194304"));
    }
    match u64::from(l1_entries) < tables {
        true => Err(off("number of L1 entries", l1_entries, "enough for the disk")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::format;
    use super::*;

    #[test]
    fn headers_round_trip_and_name_what_is_off() {
        let written = format::Header {
            codec: Codec::ZSTD,
            disk_bytes: 1 << 30,
            l1_at: 1 << 20,
            l1_entries: 2,
            refcounts_at: 1 << 21,
            refcount_clusters: 1,
        };
        let bytes = written.to_bytes().to_vec();
        let expected = Header {
            geometry: Geometry { version: 3, cluster_bits: 16, extended: false, external_data: false },
            codec: Codec::ZSTD,
            disk_bytes: 1 << 30,
            l1_at: 1 << 20,
            links: Links::default(),
        };
        assert_eq!(read(&bytes).unwrap(), expected);
        for (at, byte, expected) in [
            (0, 0, "magic is 0x4649fb, expected 0x514649fb"),
            (7, 4, "version is 4, expected 2 or 3"),
            (23, 22, "cluster bits is 22, expected 9 to 21, with extended L2 entries 14 to 21"),
            (35, 1, "encryption is AES, expected none"),
            (35, 2, "encryption is LUKS, expected none"),
            (39, 1, "number of L1 entries is 1, expected enough for the disk"),
            (79, 2, "incompatible features is 0x2, expected at most 0x1d"),
            (79, 4, "name of the external data file is missing, expected in the header"),
            (104, 2, "compression is [2], expected 1 (zstd)"),
            (18, 4, "length of the name of the backing file is 1024, expected at most 1023"),
        ] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            let found = read(&bad).unwrap_err().to_string();
            assert_eq!(found, format!("parsing qcow2: {expected}"));
        }
        for length in 0..72 {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn names_outside_the_head_are_refused() {
        let mut bytes = vec![0; 4096];
        bytes[..4].copy_from_slice(b"QFI\xfb");
        bytes[7] = 2;
        bytes[23] = 16;
        (bytes[15], bytes[19]) = (200, 9);
        bytes[200..209].copy_from_slice(b"base.raw\xff");
        let backing = read(&bytes).unwrap().links.backing.unwrap();
        assert_eq!((&*backing.name, backing.format), (&b"base.raw\xff"[..], None));
        bytes[8] = 0xff;
        assert!(read(&bytes).is_err());
    }
}
