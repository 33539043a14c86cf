//! On-disk formats, over `Read`, `Write` and `Seek` only: no paths, no clock, no environment, no random.
//!
//! The same input always gives the same bytes. Each format has its specification in its module doc and
//! a foreign judge in its tests.
#![forbid(unsafe_code)]

pub mod tree;
