//! `ironhull config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Create, validate and describe config documents.
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
    /// Create an operator CA and a node config
    ///
    /// Writes operator-ca.crt and .key, operator.crt and .key, and node.yaml.
    /// An existing CA in the directory is reused. No file is overwritten.
    Init(ConfigInit),
    /// Validate documents as a node does
    ///
    /// Also takes network-config and meta-data, as they are put beside
    /// user-data.
    #[command(after_help = "Example: ironhull config validate node.yaml")]
    Validate {
        /// Paths to documents, or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the JSON schema of one kind, or of all
    #[command(after_help = "Example: ironhull config schema NodeConfig")]
    Schema {
        /// Kind: ImageProfile, NodeConfig or ClusterConfig
        kind: Option<String>,
    },
}

/// Create an operator CA and a node config.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull config init node-1 --hostname node-1")]
pub struct ConfigInit {
    /// Output directory; created if missing
    pub directory: PathBuf,
    /// Host name of the node
    #[arg(long, value_name = "NAME", default_value = "node-1")]
    pub hostname: String,
    /// Name of the cluster
    #[arg(long, value_name = "NAME", default_value = "ironhull")]
    pub cluster: String,
    /// Token of `ironhull token create`, for a machine that joins; - reads
    /// standard input
    ///
    /// Writes NAME.yaml instead of node.yaml, without a cluster of its own.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub join_token: Option<PathBuf>,
    /// Also write seed.iso and seed/, which configure a node as a CD
    ///
    /// Proxmox, libvirt and others attach seed.iso, or make a NoCloud volume
    /// of seed/user-data and seed/meta-data.
    #[arg(long)]
    pub cloud_init: bool,
    /// Links and addresses for the seed, as cloud-init's network-config
    ///
    /// Version 1, or version 2 (netplan). It is validated as a node does.
    #[arg(long, value_name = "FILE", requires = "cloud_init")]
    pub network_config: Option<PathBuf>,
}
