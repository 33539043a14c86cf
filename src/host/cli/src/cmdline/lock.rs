//! `ironhull lock`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::mirror;

/// Update the pinned Debian packages.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull lock update")]
pub struct Lock {
    /// What to do.
    #[command(subcommand)]
    pub command: LockCommand,
}

/// What to do with the lock.
#[derive(Clone, Debug, Subcommand)]
pub enum LockCommand {
    /// Update rootfs/packages.lock from the mirror's signed index
    Update(LockUpdate),
}

/// Update rootfs/packages.lock from the mirror's signed index.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull lock update")]
pub struct LockUpdate {
    /// URL of a Debian mirror [default: from apt's sources]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub mirror: Option<String>,
    /// URL of its security archive [default: from apt, or beside it]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub security_mirror: Option<String>,
    /// Path to the keyring that verifies the index [default: Debian's]
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<PathBuf>,
    /// Accept an index that has expired or is older than the lock's
    #[arg(long)]
    pub allow_old: bool,
}
