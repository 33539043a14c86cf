//! `ironhull node`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::{duration, signal};

/// Talk to a node.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single logs kubelet --follow")]
pub struct Node {
    /// How the node is reached.
    #[command(flatten)]
    pub access: Access,
    /// What to ask it.
    #[command(subcommand)]
    pub command: NodeCommand,
}

/// How a node is reached.
#[derive(Clone, Debug, Args)]
pub struct Access {
    /// Address with or without port, or the name of a local machine
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Directory with operator-ca.crt, operator.crt and operator.key
    /// [default: the local machine's, or .]
    #[arg(long, value_name = "DIR", global = true, verbatim_doc_comment)]
    pub credentials: Option<PathBuf>,
}

/// What to ask a node.
#[derive(Clone, Debug, Subcommand)]
pub enum NodeCommand {
    /// Show image, slots, conditions, boot stages and addresses
    #[command(after_help = "Example: ironhull node single status")]
    Status,
    /// Show the services
    #[command(after_help = "Example: ironhull node single services")]
    Services,
    /// Show the log of a service, of init or of the kernel
    Logs(LogsOf),
    /// Restart a service
    #[command(after_help = "Example: ironhull node single restart kubelet")]
    Restart {
        /// Name of the service
        service: String,
    },
    /// Send a signal to a service's main process
    #[command(after_help = "Example: ironhull node single signal kubelet KILL")]
    Signal {
        /// Name of the service
        service: String,
        /// Signal by name or number, such as HUP or 9
        #[arg(value_parser = signal)]
        signal: i32,
    },
    /// Install the generation of a bundle and reboot into it
    Upgrade(UpgradeTo),
    /// Give the running generation up for the other one
    #[command(after_help = "Example: ironhull node single rollback --reboot")]
    Rollback {
        /// Reboot at once; else it takes effect at the next boot
        #[arg(long)]
        reboot: bool,
    },
    /// Start a slot once; nothing is given up by it
    #[command(after_help = "Example: ironhull node single boot-once b --reboot")]
    BootOnce {
        /// Slot to start, a or b [default: the one that does not run]
        #[arg(value_parser = ["a", "b"], hide_possible_values = true)]
        slot: Option<String>,
        /// Reboot at once; else it takes effect at the next boot
        #[arg(long)]
        reboot: bool,
    },
    /// Call off an upgrade under way or not booted yet, or a boot-once
    #[command(after_help = "Example: ironhull node single cancel")]
    Cancel,
    /// Read everything in the slots, to find damage before it is met
    #[command(after_help = "Example: ironhull node single scrub")]
    Scrub,
    /// Restart the machine, in order
    #[command(after_help = "Example: ironhull node single reboot")]
    Reboot,
    /// Switch the machine off, in order
    #[command(after_help = "Example: ironhull node single shutdown")]
    Shutdown,
}

/// Install the generation of a bundle and reboot into it.
///
/// The node checks the bundle before it writes, and keeps the new generation
/// only if it gets healthy; else the running one is started again.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single upgrade out/single.hull")]
pub struct UpgradeTo {
    /// Bundle: a file, or an address that the node fetches it from
    #[arg(value_name = "FILE|URL")]
    pub bundle: String,
    /// Evict the pods first; new ones come when the node is back
    #[arg(long)]
    pub drain: bool,
    /// Install only: the new generation is started at the next boot
    #[arg(long)]
    pub no_reboot: bool,
    /// Come back when the node goes down, not when the outcome is known
    #[arg(long, conflicts_with = "no_reboot")]
    pub no_wait: bool,
    /// How long to wait for the outcome
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    pub time_limit: Duration,
}

/// Show the log of a service, of init or of the kernel.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single logs kubelet --follow")]
pub struct LogsOf {
    /// Name of the service; `init` and `kernel` have logs too
    pub service: String,
    /// How many of the last lines
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub lines: u32,
    /// Go on with new lines
    #[arg(long, short)]
    pub follow: bool,
    /// What this generation has left when it failed its trial
    #[arg(long, value_name = "GENERATION", conflicts_with = "follow")]
    pub failed: Option<u32>,
}
