//! The sources of user-data.
//!
//! To add one: write `sources/<name>.rs` with a type that implements [`Source`], add it to [`all`] in the
//! order of trust (sources closer to the machine come first), and describe it in the documentation of
//! user-data. A source takes everything from [`Machine`](crate::Machine), so that its tests can lay out a machine in a
//! directory. It answers [`Answer::Nothing`] if the machine has no user-data of this kind, and an error if it has some
//! that can't be used.

pub(crate) mod command_line;
mod qemu_fw_cfg;
mod smbios;
mod source;
#[cfg(test)]
pub(crate) mod testing;
mod vmware;
mod volume;

pub use source::{Answer, Source};

/// All sources, in the order in which they are searched.
#[must_use]
pub fn all() -> [&'static dyn Source; 6] {
    [
        &volume::NO_CLOUD,
        &volume::CONFIG_DRIVE,
        &vmware::GuestInfo,
        &qemu_fw_cfg::QemuFwCfg,
        &smbios::Smbios,
        &command_line::CommandLine,
    ]
}
