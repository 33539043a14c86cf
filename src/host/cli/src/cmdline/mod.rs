//! The command line as data: structs only, one file a command. What they do is in `commands`.

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
mod node;
mod run;
mod stop;
mod values;

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
pub use node::{Access, LogsOf, Node, NodeCommand, UpgradeTo};
pub use run::{Firmware, Run};
pub use stop::Stop;

/// Builds, boots and looks after immutable Kubernetes appliances.
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
    /// Print the result as JSON
    ///
    /// A path that is not UTF-8 is {"bytes": HEX} instead of a string.
    #[arg(long, global = true)]
    pub json: bool,
    /// Source tree to build from [default: found upwards from here]
    #[arg(long, global = true, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the images of a profile
    Build(Build),
    /// Boot an image in QEMU until its cluster answers
    Run(Run),
    /// Stop a machine that `run` started
    Stop(Stop),
    /// Show what is in an image
    Inspect(Inspect),
    /// Make, sign and check upgrade bundles
    Bundle(Bundle),
    /// Start, check and describe documents
    Config(Config),
    /// Make keys for Secure Boot
    Keys(Keys),
    /// List or shrink the cache of build inputs
    Cache(Cache),
    /// Refresh the pinned Debian packages
    Lock(Lock),
    /// Talk to a node
    Node(Node),
    /// Fetch a kubeconfig from a node
    Kubeconfig(Kubeconfig),
}
