//! ISO 9660: the file system of CDs, as makers of user-data write it, with Rock Ridge or Joliet names.
//!
//! Specs: ECMA-119 (4th edition), IEEE P1282 (Rock Ridge) and P1281 (SUSP), Microsoft's Joliet specification. Left out:
//! interleaved files, files of several extents, volumes of several discs, and the enhanced volume descriptor of ISO
//! 9660:1999.

mod directory;
mod reader;
mod record;
mod rock_ridge;
mod writer;

pub use reader::Volume;
pub use writer::{Boot, IsoError, write, write_bootable};

/// Length of a sector in bytes: descriptors begin at its multiples, and no directory record crosses one.
const SECTOR: u64 = SECTOR_BYTES as u64;
/// [`SECTOR`] as a field has it.
const SECTOR_BYTES: u16 = 2048;
/// Sector of the first volume descriptor.
const FIRST_DESCRIPTOR: u32 = 16;
/// Identifies a volume descriptor, after the byte with its type.
const MAGIC: &[u8] = b"CD001";
