//! `ironhull build`.

use std::path::PathBuf;

use clap::Args;
use config::Output;

use super::values::{mirror, output};

/// Build the images of a profile.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull build single --format qcow2 --output images")]
pub struct Build {
    /// Profile: a file, or a name in image-profiles/
    pub profile: PathBuf,
    /// Files to write [default: those of the profile]
    #[arg(long, value_delimiter = ',', value_name = "FORMAT,…", value_parser = output())]
    pub format: Vec<Output>,
    /// Private key to sign the bundle with; may be given again
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Where the inputs come from.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Where the inputs of a build come from, and where its files go.
#[derive(Clone, Debug, Args)]
pub struct Inputs {
    /// Directory for the files
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub output: PathBuf,
    /// Fetch nothing: all inputs must be in the cache
    #[arg(long)]
    pub offline: bool,
    /// Parallel jobs, at most two a processor [default: one]
    #[arg(long, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Debian mirror [default: the one this host uses]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub mirror: Option<String>,
    /// Its security archive [default: the one this host uses, or beside it]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub security_mirror: Option<String>,
}
