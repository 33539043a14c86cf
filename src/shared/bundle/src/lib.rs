//! The upgrade bundle, `.hull`: one generation, signed, as one file that is read sequentially.
//!
//! [`Sealed`] reads, [`pack()`] and [`write()`] create, [`check()`] decides whether a node may accept it. Uses `Read`
//! and `Write` only: no paths, no clock. A crate beside `formats` because signatures need a library that
//! nothing else there needs. Layout: [`Sealed`] and docs/formats/bundle.md.
//!
//! Feature `builder` (default) creates keys and bundles; a node uses the crate without it.
#![forbid(unsafe_code)]

mod check;
mod dump;
mod error;
mod format;
mod hex;
mod key;
mod keyset;
mod kind;
mod manifest;
mod reader;
#[cfg(feature = "builder")]
mod secret;
#[cfg(feature = "builder")]
mod writer;

pub use check::{Node, Refusal, check};
pub use dump::dump;
pub use error::BundleError;
pub use format::{FRAME_BYTES, MAX_PART_BYTES};
pub use hex::Hash;
pub use imagefacts::StateVersions;
pub use key::{PublicKey, Signature};
pub use keyset::KeySet;
pub use kind::Kind;
pub use manifest::{Manifest, Part, Parts};
pub use reader::{Bundle, Sealed};
#[cfg(feature = "builder")]
pub use secret::SecretKey;
#[cfg(feature = "builder")]
pub use writer::{Packed, add_signatures, pack, write};
