//! VHD, fixed: the disk format that Azure imports: the raw disk, and a footer of 512 bytes.
//!
//! Only the footer is made here; the disk before it is copied with [`crate::disk::copy`]. Dynamic VHDs are left
//! out, since Azure refuses them. The footer names Windows as its creator: for unknown creators, QEMU and
//! others take the length of the disk from its geometry, which rounds it down. All integers are big-endian.
//! Spec: Microsoft, Virtual Hard Disk Image Format 1.0, "Hard Disk Footer Format" and "CHS Calculation".

/// Length of the footer in bytes.
pub const FOOTER_BYTES: usize = 512;
/// The disk's length must be a multiple of this many bytes, by Azure's rule.
pub const ALIGNMENT: u64 = 1 << 20;
/// Maximum length of a disk in bytes, that of the format.
const MAX_DISK_BYTES: u64 = 2040 << 30;
/// 2000-01-01, in seconds since 1970.
const YEAR_2000: u64 = 946_684_800;

/// What the footer states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Identifies the disk.
    pub id: [u8; 16],
    /// Time of creation in seconds since 1970.
    pub time_secs: u64,
}

/// Why a disk can't be a VHD.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VhdError {
    /// The disk exceeds the maximum length.
    #[error("disk is {0} bytes long, at most 2040 GiB are supported")]
    TooLong(u64),
    /// The disk is not a whole number of MiB long.
    #[error("disk is {0} bytes long, expected a multiple of 1 MiB")]
    Unaligned(u64),
}

/// Returns the footer of a disk of `disk_bytes` bytes.
///
/// # Errors
/// [`VhdError::TooLong`] if the disk exceeds the maximum length, [`VhdError::Unaligned`] if it is not a
/// multiple of [`ALIGNMENT`].
pub fn footer(disk_bytes: u64, options: Options) -> Result<[u8; FOOTER_BYTES], VhdError> {
    if disk_bytes > MAX_DISK_BYTES {
        return Err(VhdError::TooLong(disk_bytes));
    }
    if !disk_bytes.is_multiple_of(ALIGNMENT) {
        return Err(VhdError::Unaligned(disk_bytes));
    }
    let time = u32::try_from(options.time_secs.saturating_sub(YEAR_2000)).unwrap_or(u32::MAX);
    let mut bytes = [0; FOOTER_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"conectix");
    // Reserved, always set.
    put(8, &2u32.to_be_bytes());
    put(12, &0x0001_0000u32.to_be_bytes());
    // No further header: the disk is fixed.
    put(16, &u64::MAX.to_be_bytes());
    put(24, &time.to_be_bytes());
    put(28, b"win ");
    put(32, &0x000a_0000u32.to_be_bytes());
    put(36, b"Wi2k");
    put(40, &disk_bytes.to_be_bytes());
    put(48, &disk_bytes.to_be_bytes());
    put(56, &geometry(disk_bytes / 512));
    put(60, &2u32.to_be_bytes());
    put(68, &options.id);
    let sum = bytes.iter().fold(0u32, |sum, byte| sum + u32::from(*byte));
    bytes[64..68].copy_from_slice(&(!sum).to_be_bytes());
    Ok(bytes)
}

/// Returns cylinders, heads and sectors per track of a disk of so many sectors, as the specification computes
/// them.
fn geometry(sectors: u64) -> [u8; 4] {
    let total = sectors.min(65_535 * 16 * 255);
    let (heads, per_track) = if total >= 65_535 * 16 * 63 {
        (16, 255)
    } else {
        let tracks = total / 17;
        let heads = tracks.div_ceil(1024).max(4);
        match () {
            () if tracks < heads * 1024 && heads <= 16 => (heads, 17),
            () if total / 31 < 16 * 1024 => (16, 31),
            () => (16, 63),
        }
    };
    let cylinders = u16::try_from(total / per_track / heads).unwrap_or(u16::MAX).to_be_bytes();
    let byte = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
    [cylinders[0], cylinders[1], byte(heads), byte(per_track)]
}
