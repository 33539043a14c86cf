//! `ironhull cache`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

/// List and prune the build cache.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull cache list")]
pub struct Cache {
    /// What to do.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What to do with the cache.
#[derive(Clone, Debug, Subcommand)]
pub enum CacheCommand {
    /// List cache entries, most recently used first
    #[command(after_help = "Example: ironhull cache list --json")]
    List,
    /// Remove entries that have not been used recently
    #[command(after_help = "Example: ironhull cache prune --unused 7d")]
    Prune {
        /// Remove entries not used for this long; 0 removes all
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
        unused: Duration,
    },
}
