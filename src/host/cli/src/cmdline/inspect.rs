//! `ironhull inspect`.

use std::path::PathBuf;

use clap::Args;

/// Show what is in an image: partitions, slots, kernel image, versions.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull inspect out/single.qcow2 --files")]
pub struct Inspect {
    /// Image: raw, qcow2, a machine's disk or a block device
    pub image: PathBuf,
    /// List the files of the root
    #[arg(long)]
    pub files: bool,
    /// Print the image's own list of what it is made of
    #[arg(long)]
    pub sbom: bool,
    /// Show only what boots: kernel image and command line
    #[arg(long)]
    pub boot: bool,
}
