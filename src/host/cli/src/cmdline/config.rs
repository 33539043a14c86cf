//! `ironhull config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Start, check and describe documents.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull config init node-1")]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with documents.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Make an operator CA and the config of a node
    Init(ConfigInit),
    /// Check documents as a node does
    #[command(after_help = "Example: ironhull config validate node.yaml")]
    Validate {
        /// Files; - is standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the JSON schemas of all documents, or of one kind
    #[command(after_help = "Example: ironhull config schema NodeConfig")]
    Schema {
        /// ImageProfile, NodeConfig or ClusterConfig
        kind: Option<String>,
    },
}

/// Make an operator CA and the config of a node.
///
/// Writes operator-ca.crt and .key, operator.crt and .key, and node.yaml.
/// A CA that is in the directory already is used. No file is overwritten.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull config init node-1 --hostname node-1")]
pub struct ConfigInit {
    /// Directory, made if it is not there
    pub directory: PathBuf,
    /// Host name of the node
    #[arg(long, value_name = "NAME", default_value = "node-1")]
    pub hostname: String,
    /// Name of the cluster
    #[arg(long, value_name = "NAME", default_value = "ironhull")]
    pub cluster: String,
}
