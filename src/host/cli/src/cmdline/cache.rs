//! `ironhull cache`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

/// List or shrink the cache of build inputs.
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
    /// List what is in the cache, last used first
    #[command(after_help = "Example: ironhull cache list --json")]
    List,
    /// Remove what was not used for a time
    #[command(after_help = "Example: ironhull cache prune --unused 7d")]
    Prune {
        /// Remove what was not used for this long; 0 removes all
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
        unused: Duration,
    },
}
