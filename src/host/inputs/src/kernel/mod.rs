//! The kernel: Debian's source package, the x86-64 defaults, and the fragments in `kernel-config/`.

mod build;
mod fragment;
mod source;
mod unstuck;

use std::path::PathBuf;

pub use build::Kernel;
pub(crate) use build::{Builder, build, missing};
pub use unstuck::Unstuck;

/// The pinned package with the sources.
pub const SOURCE_PACKAGE: &str = "linux-source-6.12";

/// Returns the path of the sources in the package.
pub(crate) fn source_tarball() -> PathBuf {
    PathBuf::from(format!("usr/src/{SOURCE_PACKAGE}.tar.xz"))
}
