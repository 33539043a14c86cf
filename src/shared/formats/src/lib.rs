//! On-disk formats over `Read`, `Write` and `Seek` only: no paths, clock, environment or random numbers.
//!
//! The same input always gives the same bytes, whatever the number of threads. Each format names its
//! specification in its module doc, and its tests check it with a foreign tool.
//!
//! Features: `builder` (default) is everything that creates and inspects images. A node uses the crate without it:
//! `init` with `ext4` alone, to create file systems; `noded` with `verify`, to check a slot. Laying out a whole disk
//! needs `fat`.
#![forbid(unsafe_code)]

#[cfg(feature = "builder")]
pub mod authenticode;
pub mod bios;
#[cfg(feature = "builder")]
pub mod cpio;
pub mod disk;
#[cfg(feature = "builder")]
pub mod efivar;
#[cfg(feature = "builder")]
pub mod erofs;
#[cfg(feature = "ext4")]
pub mod ext4;
pub mod fat;
pub mod gpt;
pub mod iso9660;
#[cfg(feature = "builder")]
pub mod pe;
#[cfg(feature = "builder")]
pub mod qcow2;
pub mod smbios;
pub mod tree;
#[cfg(feature = "verify")]
pub mod uki;
pub mod verity;
#[cfg(feature = "builder")]
pub mod vhd;
#[cfg(feature = "builder")]
pub mod vmdk;
pub mod volume;

mod le;
#[cfg(feature = "builder")]
mod pkcs7;
