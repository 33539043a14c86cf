//! Bit layout: header and table entries. All big-endian.

use super::{Codec, Qcow2Error};

/// Bits of a cluster's length.
pub(super) const CLUSTER_BITS: u32 = 16;
/// Length of a cluster.
pub(super) const CLUSTER: u64 = 1 << CLUSTER_BITS;
/// [`CLUSTER`] in memory.
pub(super) const CLUSTER_BYTES: usize = 1 << CLUSTER_BITS;
/// Entries of an L2 table, which is one cluster.
pub(super) const L2_ENTRIES: u64 = CLUSTER / 8;
/// Refcounts of 16 bits in one refcount block, which is one cluster.
pub(super) const REFCOUNTS_PER_BLOCK: u64 = CLUSTER / 2;
/// Longest disk: its L1 table takes one MiB.
pub(super) const MAX_DISK_BYTES: u64 = 64 << 40;
/// Length of the header that is written.
pub(super) const HEADER_BYTES: usize = 112;

/// L1 and L2 entries: the cluster's refcount is exactly one.
pub(super) const COPIED: u64 = 1 << 63;
/// L2 entry: the cluster is compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;
/// L2 entry: the cluster reads as zeros.
pub(super) const ZERO: u64 = 1;
/// Bits of a host offset in an entry.
pub(super) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
/// Where the number of sectors starts in the entry of a compressed cluster.
const SECTORS_SHIFT: u32 = 62 - (CLUSTER_BITS - 8);

/// Incompatible features: refcounts may be off, which does not matter to a reader.
const DIRTY: u64 = 1;
/// Incompatible features: the header names a compression other than zlib.
const COMPRESSION: u64 = 1 << 3;
/// Place and value of the compression in the header.
const COMPRESSION_AT: usize = 104;
const ZSTD: u8 = 1;

const MAGIC: u32 = u32::from_be_bytes(*b"QFI\xfb");

/// What a header says that is not constant.
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
    /// Returns the header as it stands in the file.
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

    /// Parses a header.
    pub(super) fn parse(bytes: &[u8]) -> Result<Header, Qcow2Error> {
        let wide = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
        let half = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
        let constant = [
            ("magic", 0, MAGIC, "1363560955"),
            ("version", 4, 3, "3"),
            ("length of the name of a backing file", 16, 0, "0"),
            ("cluster bits", 20, CLUSTER_BITS, "16"),
            ("encryption", 32, 0, "0"),
            ("number of snapshots", 60, 0, "0"),
        ];
        for (what, at, want, expected) in constant {
            let found = half(at).ok_or_else(|| off("header", "cut off", "104 bytes"))?;
            if found != want {
                return Err(off(what, found, expected));
            }
        }
        let features = wide(72).ok_or_else(|| off("header", "cut off", "104 bytes"))?;
        if features & !(DIRTY | COMPRESSION) != 0 {
            return Err(off("incompatible features", format!("{features:#x}"), "at most 0x9"));
        }
        // The byte is there only if the header is that long; the bit says that it matters.
        let codec = match bytes.get(COMPRESSION_AT) {
            _ if features & COMPRESSION == 0 => Codec::ZLIB,
            Some(&ZSTD) => Codec::ZSTD,
            found => return Err(off("compression", format!("{found:?}"), "1 (zstd)")),
        };
        let header = Header {
            codec,
            disk_bytes: wide(24).unwrap_or_default(),
            l1_at: wide(40).unwrap_or_default(),
            l1_entries: half(36).unwrap_or_default(),
            refcounts_at: wide(48).unwrap_or_default(),
            refcount_clusters: half(56).unwrap_or_default(),
        };
        if header.disk_bytes > MAX_DISK_BYTES {
            return Err(Qcow2Error::TooLong(header.disk_bytes));
        }
        if u64::from(header.l1_entries) < header.disk_bytes.div_ceil(CLUSTER * L2_ENTRIES) {
            return Err(off("number of L1 entries", header.l1_entries, "enough for the disk"));
        }
        Ok(header)
    }
}

/// Returns the L2 entry of a compressed cluster of `length` bytes at `at`.
pub(super) fn compressed_entry(at: u64, length: u64) -> u64 {
    let sectors = (at + length - 1) / 512 - at / 512;
    COMPRESSED | sectors << SECTORS_SHIFT | at
}

/// Returns where a compressed cluster starts and how long it is at most.
pub(super) fn compressed_range(entry: u64) -> (u64, u64) {
    let at = entry & ((1 << SECTORS_SHIFT) - 1);
    let sectors = (entry & !COMPRESSED & !COPIED) >> SECTORS_SHIFT;
    (at, (sectors + 1) * 512 - at % 512)
}

/// Returns the error that something is off.
pub(super) fn off(what: &'static str, found: impl ToString, expected: &'static str) -> Qcow2Error {
    Qcow2Error::Unsupported { what, found: found.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_and_name_what_is_off() {
        let header = Header {
            codec: Codec::ZSTD,
            disk_bytes: 1 << 30,
            l1_at: 1 << 20,
            l1_entries: 2,
            refcounts_at: 1 << 21,
            refcount_clusters: 1,
        };
        let bytes = header.to_bytes();
        assert_eq!(Header::parse(&bytes).unwrap(), header);
        for (at, name) in [
            (0, "magic"),
            (7, "version"),
            (19, "length of the name of a backing file"),
            (23, "cluster bits"),
            (35, "encryption"),
            (63, "number of snapshots"),
            (79, "incompatible features"),
            (104, "compression"),
            (39, "number of L1 entries"),
        ] {
            let mut bad = bytes;
            bad[at] ^= 2;
            let found = Header::parse(&bad).unwrap_err();
            assert!(
                matches!(&found, Qcow2Error::Unsupported { what, .. } if *what == name),
                "{name}: {found}"
            );
        }
        for length in 0..80 {
            assert!(Header::parse(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn entries_of_compressed_clusters_cover_their_bytes() {
        for (at, length) in [(65_536, 1), (65_537, 511), (65_537, 512), (99_999, 65_535), (1 << 40, 4096)] {
            let (start, most) = compressed_range(compressed_entry(at, length));
            assert_eq!(start, at);
            assert!(most >= length && most < length + 512, "{most} for {length}");
        }
    }
}
