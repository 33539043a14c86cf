//! Bit layout: header, markers and the descriptor. All integers are little-endian; places and lengths are in
//! sectors of 512 bytes.

/// Length of a sector in bytes.
pub(super) const SECTOR: u64 = 512;
/// [`SECTOR`] for lengths in memory.
pub(super) const SECTOR_BYTES: usize = 512;
/// Sectors of a grain, the unit of compression.
pub(super) const GRAIN_SECTORS: u64 = 128;
/// Length of a grain in bytes.
pub(super) const GRAIN: u64 = GRAIN_SECTORS * SECTOR;
/// [`GRAIN`] for lengths in memory.
pub(super) const GRAIN_BYTES: usize = 64 << 10;
/// Entries of a grain table.
pub(super) const TABLE_ENTRIES: u64 = 512;
/// Sectors before the first grain: header, descriptor, padding.
pub(super) const HEAD_SECTORS: u64 = 128;
/// Maximum length of a disk. Places in the file are 32-bit numbers of sectors, 2 TiB; this leaves room for
/// grains that can't be compressed, with their markers and tables.
pub(super) const MAX_DISK_BYTES: u64 = 2016 << 30;

/// Sectors of the descriptor, which begins at sector 1.
const DESCRIPTOR_SECTORS: u64 = 20;
/// Flags: the newline test is valid, grains are compressed, there are markers.
const FLAGS: u32 = 1 | 1 << 16 | 1 << 17;
/// Characters that a transfer as text would change.
const NEWLINE_TEST: [u8; 4] = *b"\n \r\n";
/// The only compression there is.
const DEFLATE: u16 = 1;

/// Place of the grain directory in the header at the start of the file: see the footer.
pub(super) const AT_END: u64 = u64::MAX;

/// What a marker announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Marker {
    EndOfStream = 0,
    GrainTable = 1,
    GrainDirectory = 2,
    Footer = 3,
}

impl Marker {
    /// Returns the marker of something that is `sectors` long.
    pub(super) fn to_bytes(self, sectors: u64) -> [u8; SECTOR_BYTES] {
        let mut bytes = [0; SECTOR_BYTES];
        bytes[..8].copy_from_slice(&sectors.to_le_bytes());
        bytes[12..16].copy_from_slice(&(self as u32).to_le_bytes());
        bytes
    }
}

/// Returns the marker of a grain that begins at sector `at` of the disk and has `length` compressed bytes,
/// which follow it at once.
pub(super) fn grain_marker(at: u64, length: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&at.to_le_bytes());
    bytes[8..].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Returns the header of a disk of `capacity` sectors with its grain directory at sector `directory_at`.
pub(super) fn header(capacity: u64, directory_at: u64) -> [u8; SECTOR_BYTES] {
    let mut bytes = [0; SECTOR_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"KDMV");
    put(4, &3u32.to_le_bytes());
    put(8, &FLAGS.to_le_bytes());
    put(12, &capacity.to_le_bytes());
    put(20, &GRAIN_SECTORS.to_le_bytes());
    put(28, &1u64.to_le_bytes());
    put(36, &DESCRIPTOR_SECTORS.to_le_bytes());
    put(44, &512u32.to_le_bytes());
    put(56, &directory_at.to_le_bytes());
    put(64, &HEAD_SECTORS.to_le_bytes());
    put(73, &NEWLINE_TEST);
    put(77, &DEFLATE.to_le_bytes());
    bytes
}

/// Returns the descriptor, padded to its sectors. The name in it is that of the file in other kinds of VMDK;
/// here nobody opens it.
pub(super) fn descriptor(capacity: u64, content_id: [u8; 16]) -> Vec<u8> {
    let [.., a, b, c, d] = content_id;
    let cid = match u32::from_be_bytes([a, b, c, d]) {
        // These two mean "no parent" and "unknown".
        id @ (u32::MAX | 0xffff_fffe) => id - 2,
        id => id,
    };
    let high: String = content_id[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let (cylinders, heads, sectors) = geometry(capacity);
    let text = format!(
        "# Disk DescriptorFile\nversion=1\nCID={cid:08x}\nparentCID=ffffffff\n\
         createType=\"streamOptimized\"\n\n# Extent description\nRW {capacity} SPARSE \"disk.vmdk\"\n\n\
         # The Disk Data Base\n#DDB\n\nddb.adapterType = \"lsilogic\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\nddb.geometry.heads = \"{heads}\"\n\
         ddb.geometry.sectors = \"{sectors}\"\nddb.longContentID = \"{high}{cid:08x}\"\n\
         ddb.virtualHWVersion = \"15\"\n"
    );
    let mut bytes = text.into_bytes();
    bytes.resize(SECTOR_BYTES * 20, 0);
    bytes
}

/// Returns cylinders, heads and sectors per track of a SCSI disk, which only a BIOS reads.
fn geometry(capacity: u64) -> (u64, u64, u64) {
    let (heads, sectors) = match capacity {
        0..0x20_0000 => (64, 32),
        _ => (255, 63),
    };
    ((capacity / (heads * sectors)).max(1), heads, sectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_id_is_never_one_with_another_meaning() {
        for (last, cid) in [(0xff, "fffffffd"), (0xfe, "fffffffc"), (0xfd, "fffffffd")] {
            let mut id = [0xff; 16];
            id[15] = last;
            let text = String::from_utf8(descriptor(128, id)).unwrap();
            assert!(text.contains(&format!("\nCID={cid}\n")), "{text}");
            let long = format!("ddb.longContentID = \"{}{cid}\"\n", "ff".repeat(12));
            assert!(text.contains(&long), "{text}");
        }
    }
}
