//! `ironhull inspect`.

use std::path::PathBuf;

use clap::Args;

/// Show partitions, slots, kernel image and versions of an image.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull inspect out/single.qcow2 --files")]
pub struct Inspect {
    /// Path to a raw or qcow2 image, a machine's disk or a block device
    pub image: PathBuf,
    /// List the files of the root file system
    #[arg(long)]
    pub files: bool,
    /// Print the bill of materials (SPDX) from the image
    #[arg(long)]
    pub sbom: bool,
    /// Show only kernel image and command line
    #[arg(long)]
    pub boot: bool,
}
