//! `ironhull kubeconfig`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Access;
use super::values::duration;

/// Fetch an admin kubeconfig from a node.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull kubeconfig single > kubeconfig")]
pub struct Kubeconfig {
    /// The node, and the credentials for it.
    #[command(flatten)]
    pub access: Access,
    /// URL of the API server to put in the kubeconfig
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Validity of the client certificate
    #[arg(long, value_name = "TIME", default_value = "8h", value_parser = duration)]
    pub ttl: Duration,
    /// Output file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
