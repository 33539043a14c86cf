//! On-disk formats, over `Read`, `Write` and `Seek` only: no paths, no clock, no environment, no random.
//!
//! The same input always gives the same bytes, whatever the number of threads. Each format has its
//! specification in its module doc and a foreign judge in its tests.
//!
//! Features: `builder` (default) is all that makes and inspects images; a node takes the crate without
//! it: `init` with `ext4` alone, which makes file systems, `noded` with `verify`, which checks a slot. What lays
//! out a whole disk needs `fat`.
#![forbid(unsafe_code)]

#[cfg(feature = "builder")]
pub mod authenticode;
#[cfg(feature = "builder")]
pub mod cpio;
pub mod disk;
#[cfg(feature = "builder")]
pub mod efivar;
#[cfg(feature = "builder")]
pub mod erofs;
#[cfg(feature = "ext4")]
pub mod ext4;
#[cfg(feature = "fat")]
pub mod fat;
pub mod gpt;
#[cfg(feature = "builder")]
pub mod pe;
#[cfg(feature = "builder")]
pub mod qcow2;
pub mod tree;
#[cfg(feature = "verify")]
pub mod uki;
pub mod verity;

mod le;
#[cfg(feature = "builder")]
mod pkcs7;
