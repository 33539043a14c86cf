//! `ironhull kubeconfig`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Access;
use super::values::duration;

/// Fetch a kubeconfig from a node, for an administrator of its cluster.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull kubeconfig single > kubeconfig")]
pub struct Kubeconfig {
    /// How the node is reached.
    #[command(flatten)]
    pub access: Access,
    /// URL of the API server as you reach it
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// How long the certificate lives
    #[arg(long, value_name = "TIME", default_value = "8h", value_parser = duration)]
    pub ttl: Duration,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
