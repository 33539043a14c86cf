//! The sources of user-data.
//!
//! To add one: write `sources/<name>.rs` with a type that implements [`Source`], add it to [`all`] in the
//! order of trust (sources closer to the machine come first), and describe it in the documentation of
//! user-data. A source reads through [`source::read_bounded`], and takes every path relative to the given
//! root, so that its tests can lay out a machine in a directory. It returns `Ok(None)` if the machine has no
//! user-data of this kind, and an error if it has some that can't be used.

mod qemu_fw_cfg;
mod source;

pub use source::Source;

/// All sources, in the order in which they are searched.
#[must_use]
pub fn all() -> [&'static dyn Source; 1] {
    [&qemu_fw_cfg::QemuFwCfg]
}
