//! The places where user-data can be.
//!
//! To add one: write `sources/<name>.rs` with a type that implements [`Source`], add it to [`all`] at its
//! place in the order of trust (sources closer to the machine come first), and describe it in the
//! documentation of user-data. A source reads through [`source::read_bounded`], takes every path relative to the
//! given root so that its tests can lay out a machine in a directory, and answers:
//! `Ok(None)` when the machine has nothing of the kind, an error when it has but it can't be used.

mod qemu_fw_cfg;
mod source;

pub use source::Source;

/// All sources, in the order in which they are asked.
#[must_use]
pub fn all() -> [&'static dyn Source; 1] {
    [&qemu_fw_cfg::QemuFwCfg]
}
