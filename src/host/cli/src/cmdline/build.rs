//! `ironhull build`.

use std::path::PathBuf;

use clap::Args;
use config::Output;

use super::values::{mirror, output};

/// Build an image from a profile.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull build single --format qcow2 --output images")]
pub struct Build {
    /// Path to a profile, or its name in image-profiles/
    pub profile: PathBuf,
    /// Output formats [default: from the profile]
    #[arg(long, value_delimiter = ',', value_name = "FORMAT,…", value_parser = output())]
    pub format: Vec<Output>,
    /// Path to a private key to sign the bundle with (repeatable)
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Inputs and output directory.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Options for the inputs and the output directory of a build.
#[derive(Clone, Debug, Args)]
pub struct Inputs {
    /// Output directory
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub output: PathBuf,
    /// Do not use the network; all inputs must be cached
    #[arg(long)]
    pub offline: bool,
    /// Number of parallel jobs, at most 2 per CPU [default: 1 per CPU]
    #[arg(long, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// URL of a Debian mirror [default: from apt's sources]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub mirror: Option<String>,
    /// URL of its security archive [default: from apt, or beside it]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub security_mirror: Option<String>,
}
