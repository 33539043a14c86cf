//! The command line as data: structs only, one file per command. `commands` implements them.

mod build;
mod bundle;
mod cache;
mod config;
#[cfg(test)]
mod docs;
mod inspect;
mod keys;
mod kubeconfig;
mod lock;
mod netboot;
mod node;
mod run;
mod stop;
mod token;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use build::{Build, Inputs};
pub use bundle::{Bundle, BundleCommand, BundleCreate};
pub use cache::{Cache, CacheCommand};
pub use config::{Config, ConfigCommand, ConfigInit};
pub use inspect::Inspect;
pub use keys::{Keys, KeysCommand, KeysCreate};
pub use kubeconfig::Kubeconfig;
pub use lock::{Lock, LockCommand, LockUpdate};
pub use netboot::{Netboot, NetbootCommand, NetbootServe};
pub use node::{
    Access, Code, InstallTo, LogsOf, Node, NodeCommand, PartitionCommand, StateCommand, StateOf,
    StoreCommand, StoreRestoreOf, TimeOrder, UpgradeTo,
};
pub use run::{Firmware, Run};
pub use stop::Stop;
pub use token::{Token, TokenCommand, TokenCreate};

/// Build, boot and manage immutable Kubernetes appliances.
#[derive(Debug, Parser)]
#[command(name = "ironhull", version, term_width = 80, subcommand_required = true)]
#[command(after_help = "Example: ironhull run single")]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Print results as JSON
    ///
    /// A path that is not UTF-8 is printed as {"bytes": HEX}.
    #[arg(long, global = true)]
    pub json: bool,
    /// Path to the source tree [default: this directory or its parents]
    #[arg(long, global = true, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build an image from a profile
    Build(Build),
    /// Boot an image in QEMU and wait for its cluster
    ///
    /// Builds what is missing, forwards the ports of Kubernetes (6443), the node
    /// API (9443) and the demo (30080) to 127.0.0.1, and writes a kubeconfig next
    /// to the disk.
    Run(Run),
    /// Stop machines that `run` started
    ///
    /// Presses the power button and waits for an orderly shutdown.
    Stop(Stop),
    /// Show the contents of an image
    Inspect(Inspect),
    /// Create, sign and verify upgrade bundles
    Bundle(Bundle),
    /// Create, validate and describe config documents
    Config(Config),
    /// Create Secure Boot keys
    Keys(Keys),
    /// List and prune the build cache
    Cache(Cache),
    /// Update the pinned Debian packages
    Lock(Lock),
    /// Start machines of a network segment
    Netboot(Netboot),
    /// Show, control and upgrade a node
    Node(Node),
    /// Fetch an admin kubeconfig from a node
    Kubeconfig(Kubeconfig),
    /// Create, list and revoke tokens for machines that join
    Token(Token),
}
