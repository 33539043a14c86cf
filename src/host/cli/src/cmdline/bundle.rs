//! `ironhull bundle`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

/// Make, sign and check upgrade bundles.
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
    /// Make a bundle of an image
    Create(BundleCreate),
    /// Add signatures to a bundle
    #[command(after_help = "Example: ironhull bundle sign out/single.hull --key b.key")]
    Sign {
        /// Bundle
        bundle: PathBuf,
        /// Private key to sign with; may be given again
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
    },
    /// Show what a bundle says of itself; nothing is verified
    #[command(after_help = "Example: ironhull bundle inspect out/single.hull")]
    Inspect {
        /// Bundle
        bundle: PathBuf,
    },
    /// Read a whole bundle as a node does: signatures, hashes, expiry
    #[command(after_help = "Example: ironhull bundle verify out/single.hull --keys keys.json")]
    Verify {
        /// Bundle
        bundle: PathBuf,
        /// Key set that must vouch for it
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
    /// Make a key pair: NAME.key, which is secret, and NAME.pub
    #[command(after_help = "Example: ironhull bundle keygen release")]
    Keygen {
        /// Path of the files without their endings; none is overwritten
        name: PathBuf,
    },
    /// Print the key set of public keys
    #[command(after_help = "Example: ironhull bundle keyset a.pub b.pub --threshold 2")]
    Keyset {
        /// Public keys
        #[arg(required = true)]
        keys: Vec<PathBuf>,
        /// How many of them must sign
        #[arg(long, value_name = "N", default_value_t = 1)]
        threshold: u32,
        /// Number of the set: higher than that of the set it follows
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u32,
    },
}

/// Make a bundle of an image.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull bundle create out/single.raw --key release.key")]
pub struct BundleCreate {
    /// Image, raw or qcow2
    pub image: PathBuf,
    /// Bundle to write [default: the image's path, ending .hull]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Private key to sign with; may be given again [default: not signed]
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Time from now after which no node takes it [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub expires: Option<Duration>,
    /// Key set that vouches for bundles from then on [default: no change]
    #[arg(long, value_name = "FILE")]
    pub next_keys: Option<PathBuf>,
}
