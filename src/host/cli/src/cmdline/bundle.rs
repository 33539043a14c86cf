//! `ironhull bundle`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

/// Create, sign and verify upgrade bundles.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull bundle create out/single.raw --key release.key")]
pub struct Bundle {
    /// What to do.
    #[command(subcommand)]
    pub command: BundleCommand,
}

/// What to do with bundles.
#[derive(Clone, Debug, Subcommand)]
pub enum BundleCommand {
    /// Create a bundle from an image
    Create(BundleCreate),
    /// Add signatures to a bundle
    #[command(after_help = "Example: ironhull bundle sign out/single.hull --key b.key")]
    Sign {
        /// Path to a bundle
        bundle: PathBuf,
        /// Path to a private key to sign with (repeatable)
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
    },
    /// Show the manifest of a bundle without verifying it
    #[command(after_help = "Example: ironhull bundle inspect out/single.hull")]
    Inspect {
        /// Path to a bundle
        bundle: PathBuf,
    },
    /// Verify signatures, hashes and expiry of a bundle as a node does
    #[command(after_help = "Example: ironhull bundle verify out/single.hull --keys keys.json")]
    Verify {
        /// Path to a bundle
        bundle: PathBuf,
        /// Path to the key set that must have signed it
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
    /// Create a key pair: NAME.key (private) and NAME.pub
    #[command(after_help = "Example: ironhull bundle keygen release")]
    Keygen {
        /// Path of the files without extension; existing files are kept
        name: PathBuf,
    },
    /// Print a key set made from public keys
    #[command(after_help = "Example: ironhull bundle keyset a.pub b.pub --threshold 2")]
    Keyset {
        /// Paths to public keys
        #[arg(required = true)]
        keys: Vec<PathBuf>,
        /// Number of keys that must sign
        #[arg(long, value_name = "N", default_value_t = 1)]
        threshold: u32,
        /// Version of the set; must exceed that of the set it replaces
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u32,
    },
}

/// Create a bundle from an image.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull bundle create out/single.raw --key release.key")]
pub struct BundleCreate {
    /// Path to an image, raw or qcow2
    pub image: PathBuf,
    /// Output file [default: path of the image with .hull]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Path to a private key to sign with (repeatable) [default: unsigned]
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Validity from now, such as 90d [default: unlimited]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub expires: Option<Duration>,
    /// Path to the key set that replaces the current one [default: none]
    #[arg(long, value_name = "FILE")]
    pub next_keys: Option<PathBuf>,
}
