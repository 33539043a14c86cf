//! Bit layout: fields, bits, and the header and entries that the writer creates. All big-endian.
//!
//! `header` and `map` read files of other writers.

use super::{Codec, Qcow2Error};

/// Base-2 logarithm of the cluster size.
pub(super) const CLUSTER_BITS: u32 = 16;
/// Length of a cluster.
pub(super) const CLUSTER: u64 = 1 << CLUSTER_BITS;
/// [`CLUSTER`] for lengths in memory.
pub(super) const CLUSTER_BYTES: usize = 1 << CLUSTER_BITS;
/// Entries of an L2 table, which is one cluster.
pub(super) const L2_ENTRIES: u64 = CLUSTER / 8;
/// Refcounts of 16 bits in one refcount block, which is one cluster.
pub(super) const REFCOUNTS_PER_BLOCK: u64 = CLUSTER / 2;
/// Maximum length of a disk: its L1 table takes one MiB.
pub(super) const MAX_DISK_BYTES: u64 = 64 << 40;
/// Length of the header that is written.
pub(super) const HEADER_BYTES: usize = 112;

/// L1 and L2 entries: the cluster's refcount is exactly one. With an external data file: the cluster is
/// allocated in it.
pub(super) const COPIED: u64 = 1 << 63;
/// L2 entry: the cluster is compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;
/// L2 entry: the cluster reads as zeros.
pub(super) const ZERO: u64 = 1;
/// Bits of an entry that contain a host offset.
pub(super) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;

/// Incompatible features: refcounts may be inconsistent, which does not matter to a reader.
pub(super) const DIRTY: u64 = 1;
/// Incompatible features: the data is in an external file.
pub(super) const EXTERNAL_DATA: u64 = 1 << 2;
/// Incompatible features: the header states a compression other than zlib.
pub(super) const COMPRESSION: u64 = 1 << 3;
/// Incompatible features: L2 entries describe each 32nd of a cluster.
pub(super) const EXTENDED_L2: u64 = 1 << 4;
/// Offset and value of the compression type in the header.
pub(super) const COMPRESSION_AT: usize = 104;
pub(super) const ZSTD: u8 = 1;

pub(super) const MAGIC: u32 = u32::from_be_bytes(*b"QFI\xfb");

/// The variable fields of the header that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub codec: Codec,
    pub disk_bytes: u64,
    pub l1_at: u64,
    pub l1_entries: u32,
    pub refcounts_at: u64,
    pub refcount_clusters: u32,
}

impl Header {
    /// Returns the header as bytes.
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC.to_be_bytes());
        put(4, &3u32.to_be_bytes());
        put(20, &CLUSTER_BITS.to_be_bytes());
        put(24, &self.disk_bytes.to_be_bytes());
        put(36, &self.l1_entries.to_be_bytes());
        put(40, &self.l1_at.to_be_bytes());
        put(48, &self.refcounts_at.to_be_bytes());
        put(56, &self.refcount_clusters.to_be_bytes());
        put(96, &4u32.to_be_bytes());
        put(100, &112u32.to_be_bytes());
        if matches!(self.codec, Codec::Zstd { .. }) {
            put(72, &COMPRESSION.to_be_bytes());
            put(COMPRESSION_AT, &[ZSTD]);
        }
        bytes
    }
}

/// Returns the L2 entry of a compressed cluster of `length` bytes at `at`.
pub(super) fn compressed_entry(at: u64, length: u64) -> u64 {
    let sectors = (at + length - 1) / 512 - at / 512;
    COMPRESSED | sectors << sectors_shift(CLUSTER_BITS) | at
}

/// Returns the lowest bit of the number of sectors in the entry of a compressed cluster.
pub(super) fn sectors_shift(cluster_bits: u32) -> u32 {
    62 - (cluster_bits - 8)
}

/// Returns the error for an invalid field.
pub(super) fn off(what: &'static str, found: impl ToString, expected: &'static str) -> Qcow2Error {
    Qcow2Error::Unsupported { what, found: found.to_string(), expected }
}
