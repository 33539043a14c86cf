//! Locates the data of a disk according to its L2 entries, in all their forms. Pure.

use std::io;

use super::format::{COMPRESSED, COPIED, OFFSET_MASK, ZERO, sectors_shift};

/// Number of subclusters in a cluster with extended L2 entries.
const SUBCLUSTERS: u64 = 32;

/// Sizes of clusters and tables in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub version: u32,
    pub cluster_bits: u32,
    /// Whether L2 entries have a second half that describes each subcluster.
    pub extended: bool,
    /// Whether the data is in an external file, in which a cluster may be at offset 0.
    pub external_data: bool,
}

/// The location of a unit of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not in this file: in the backing file, or zero if there is none.
    Under,
    /// Zero, whatever the backing file contains.
    Zeros,
    /// In the data file; its cluster is at this offset.
    Data(u64),
    /// In the compressed cluster of this entry.
    Compressed(u64),
}

impl Geometry {
    /// Returns the length of a cluster in bytes.
    pub(super) fn cluster(self) -> u64 {
        1 << self.cluster_bits
    }

    /// Returns the length in bytes of the unit that entries describe: a subcluster or a cluster.
    pub(super) fn unit(self) -> u64 {
        if self.extended { self.cluster() / SUBCLUSTERS } else { self.cluster() }
    }

    /// Returns the number of 64-bit words in an L2 entry.
    pub(super) fn words(self) -> u64 {
        if self.extended { 2 } else { 1 }
    }

    /// Returns how many bytes of the disk one L2 table, which is one cluster, covers.
    pub(super) fn table_reach(self) -> u64 {
        self.cluster() / (8 * self.words()) * self.cluster()
    }

    /// Returns the location of the unit at offset `at` of the disk, according to the L2 table that covers it.
    ///
    /// # Errors
    /// `InvalidData` if the entry is invalid.
    pub(super) fn place(self, table: &[u64], at: u64) -> io::Result<Place> {
        let index = at % self.table_reach() / self.cluster() * self.words();
        let word = |index: u64| usize::try_from(index).ok().and_then(|i| table.get(i)).copied();
        let Some(entry) = word(index) else { return Ok(Place::Under) };
        let wrong = |what: &str| {
            let text = format!("L2 entry {entry:#x} of byte {at}: {what}");
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        };
        if entry & COMPRESSED != 0 {
            return if self.external_data {
                wrong("compressed, with external data")
            } else {
                Ok(Place::Compressed(entry))
            };
        }
        let start = entry & OFFSET_MASK;
        if !start.is_multiple_of(self.cluster()) {
            return wrong("does not begin with a cluster");
        }
        let is_there = start != 0 || (self.external_data && entry & COPIED != 0);
        if !self.extended {
            return match (entry & ZERO != 0, is_there) {
                (true, _) if self.version < 3 => wrong("zero, in version 2"),
                (true, _) => Ok(Place::Zeros),
                (false, true) => Ok(Place::Data(start)),
                (false, false) => Ok(Place::Under),
            };
        }
        let bitmap = word(index + 1).unwrap_or_default();
        let subcluster = at % self.cluster() / self.unit();
        match (bitmap >> subcluster & 1, bitmap >> (subcluster + SUBCLUSTERS) & 1) {
            (0, 0) => Ok(Place::Under),
            (0, _) => Ok(Place::Zeros),
            (_, 0) if is_there => Ok(Place::Data(start)),
            _ => wrong("a subcluster that is in no cluster, or both there and zero"),
        }
    }

    /// Returns offset and maximum length of a compressed cluster.
    pub(super) fn compressed_range(self, entry: u64) -> (u64, u64) {
        let shift = sectors_shift(self.cluster_bits);
        let at = entry & ((1 << shift) - 1);
        let sectors = (entry & !COMPRESSED & !COPIED) >> shift;
        (at, (sectors + 1) * 512 - at % 512)
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::compressed_entry;
    use super::*;

    const PLAIN: Geometry = Geometry { version: 3, cluster_bits: 16, extended: false, external_data: false };

    #[test]
    fn entries_of_compressed_clusters_cover_their_bytes() {
        for (at, length) in [(65_536, 1), (65_537, 511), (65_537, 512), (99_999, 65_535), (1 << 40, 4096)] {
            let (start, most) = PLAIN.compressed_range(compressed_entry(at, length));
            assert_eq!(start, at);
            assert!(most >= length && most < length + 512, "{most} for {length}");
        }
    }

    #[test]
    fn entries_say_where_a_cluster_is() {
        let old = Geometry { version: 2, ..PLAIN };
        let external = Geometry { external_data: true, ..PLAIN };
        let cases = [
            (PLAIN, 0, Some(Place::Under)),
            (PLAIN, COPIED, Some(Place::Under)),
            (PLAIN, 0x50000, Some(Place::Data(0x50000))),
            (PLAIN, COPIED | 0x50001, Some(Place::Zeros)),
            (PLAIN, 1, Some(Place::Zeros)),
            (PLAIN, 0x50200, None),
            (PLAIN, COMPRESSED | 77, Some(Place::Compressed(COMPRESSED | 77))),
            (old, 0x50000, Some(Place::Data(0x50000))),
            (old, 1, None),
            (external, 0, Some(Place::Under)),
            (external, COPIED, Some(Place::Data(0))),
            (external, COMPRESSED | 77, None),
        ];
        for (geometry, entry, expected) in cases {
            assert_eq!(geometry.place(&[0, entry], 65_536).ok(), expected, "{geometry:?} {entry:#x}");
        }
        assert_eq!(PLAIN.place(&[], 0).unwrap(), Place::Under);
    }

    #[test]
    fn extended_entries_say_it_of_each_subcluster() {
        let geometry = Geometry { extended: true, ..PLAIN };
        assert_eq!((geometry.unit(), geometry.table_reach()), (2048, 4096 * 65_536));
        let table = [0, 0, COPIED | 0x50000, 1 << 1 | 1 << 34 | 1 << 3 | 1 << 35, 0, 1];
        let place = |at: u64| geometry.place(&table, at).ok();
        assert_eq!(place(65_535), Some(Place::Under));
        assert_eq!(place(65_536), Some(Place::Under));
        assert_eq!(place(65_536 + 2048), Some(Place::Data(0x50000)));
        assert_eq!(place(65_536 + 2 * 2048 + 5), Some(Place::Zeros));
        assert_eq!(place(65_536 + 3 * 2048), None, "there and zero");
        assert_eq!(place(2 * 65_536), None, "in no cluster");
    }
}
