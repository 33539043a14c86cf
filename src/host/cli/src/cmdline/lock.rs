//! `ironhull lock`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::mirror;

/// Refresh the pinned Debian packages.
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
    /// Write rootfs/packages.lock anew from the mirror's signed index
    Update(LockUpdate),
}

/// Write rootfs/packages.lock anew from the mirror's signed index.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull lock update")]
pub struct LockUpdate {
    /// Debian mirror [default: the one this host uses]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub mirror: Option<String>,
    /// Its security archive [default: the one this host uses, or beside it]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub security_mirror: Option<String>,
    /// Keyring that the index must be signed with
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<PathBuf>,
    /// Take an index that is out of date or older than the lock's
    #[arg(long)]
    pub allow_old: bool,
}
