//! `ironhull node`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::{disk_selector, duration, signal, utc};
use api::PairingCode;
use config::DiskSelector;

/// Show, control and upgrade a node.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single logs kubelet --follow")]
pub struct Node {
    /// The node, and the credentials for it.
    #[command(flatten)]
    pub access: Access,
    /// Pairing code on the console of a node in maintenance; - reads it from
    /// standard input
    #[arg(long, value_name = "CODE", global = true, value_parser = code, verbatim_doc_comment)]
    #[arg(conflicts_with = "credentials")]
    pub code: Option<Code>,
    /// The request to the node.
    #[command(subcommand)]
    pub command: NodeCommand,
}

/// A node, and the credentials for it.
#[derive(Clone, Debug, Args)]
pub struct Access {
    /// Address with optional port, or name of a local machine
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Path to the directory with operator-ca.crt, operator.crt and operator.key
    /// [default: the local machine's, or .]
    #[arg(long, value_name = "DIR", global = true, verbatim_doc_comment)]
    pub credentials: Option<PathBuf>,
}

/// Where the pairing code of a node in maintenance comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The command line.
    Given(PairingCode),
    /// Standard input.
    Stdin,
}

fn code(text: &str) -> Result<Code, String> {
    if text == "-" {
        return Ok(Code::Stdin);
    }
    let parsed = text.parse().map(Code::Given);
    parsed.map_err(|e| format!("{e}; a code looks like ABCD-EFGH-JKMN-PQRS-TVWX"))
}

/// A request to a node.
#[derive(Clone, Debug, Subcommand)]
pub enum NodeCommand {
    /// Configure a node in maintenance, and have it take its role
    ///
    /// A node without a usable config shows its addresses and a pairing code on
    /// its console. FILE is validated here first, then by the node, which keeps it
    /// and goes on without a reboot.
    #[command(after_help = "Example: ironhull node 192.0.2.7 apply me/node.yaml --code -")]
    Apply {
        /// Path to the node's documents; - reads standard input
        file: PathBuf,
    },
    /// Install a node that runs from an installation medium to a disk
    ///
    /// The node writes the disk, reads it back, and reboots. Without --config
    /// the installed node waits in maintenance.
    Install(InstallTo),
    /// List the network links of a node in maintenance
    #[command(after_help = "Example: ironhull node 192.0.2.7 links --code -")]
    Links,
    /// List the disks of a node in maintenance
    #[command(after_help = "Example: ironhull node 192.0.2.7 disks --code -")]
    Disks,
    /// Show image, slots, conditions, boot stages and addresses
    #[command(after_help = "Example: ironhull node single status")]
    Status,
    /// List the services
    #[command(after_help = "Example: ironhull node single services")]
    Services,
    /// Print the log of a service, init or the kernel
    Logs(LogsOf),
    /// Restart a service
    #[command(after_help = "Example: ironhull node single restart kubelet")]
    Restart {
        /// Name of the service
        service: String,
    },
    /// Send a signal to the main process of a service
    #[command(after_help = "Example: ironhull node single signal kubelet KILL")]
    Signal {
        /// Name of the service
        service: String,
        /// Signal by name or number, such as HUP or 9
        #[arg(value_parser = signal)]
        signal: i32,
    },
    /// Install a bundle and reboot into the new generation
    ///
    /// The node verifies the bundle before it writes anything. It keeps the new
    /// generation only if it becomes healthy, and otherwise rolls back.
    Upgrade(UpgradeTo),
    /// Retire the running generation and go back to the other one
    #[command(after_help = "Example: ironhull node single rollback --reboot")]
    Rollback {
        /// Reboot now [default: takes effect at the next boot]
        #[arg(long)]
        reboot: bool,
    },
    /// Boot a slot once
    #[command(after_help = "Example: ironhull node single boot-once b --reboot")]
    BootOnce {
        /// Slot to boot, a or b [default: the inactive one]
        #[arg(value_parser = ["a", "b"], hide_possible_values = true)]
        slot: Option<String>,
        /// Reboot now [default: takes effect at the next boot]
        #[arg(long)]
        reboot: bool,
    },
    /// Cancel an upgrade that has not booted yet, or a boot-once
    #[command(after_help = "Example: ironhull node single cancel")]
    Cancel,
    /// Show the clock and its time servers, or set it
    #[command(after_help = "Example: ironhull node single time")]
    Time {
        /// What to do with the clock [default: show it]
        #[command(subcommand)]
        order: Option<TimeOrder>,
    },
    /// Show the state, its snapshots, and what can be done
    State(StateOf),
    /// Check or wipe a data partition that could not be mounted
    #[command(after_help = "Example: ironhull node single data check")]
    Data {
        /// What to do with it [default: show what is wrong]
        #[command(subcommand)]
        command: Option<PartitionCommand>,
    },
    /// Make or restore a snapshot of the cluster's store, etcd or kine
    #[command(after_help = "Example: ironhull node single etcd snapshot cluster.db")]
    Etcd {
        /// What to do
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Read both slots completely to find damage
    #[command(after_help = "Example: ironhull node single scrub")]
    Scrub,
    /// Shut down all services and reboot the machine
    #[command(after_help = "Example: ironhull node single reboot")]
    Reboot,
    /// Shut down all services and power off the machine
    #[command(after_help = "Example: ironhull node single shutdown")]
    Shutdown,
}

/// Install a node that runs from an installation medium to a disk.
///
/// The node writes the disk, reads it back, and reboots. Without --config
/// the installed node waits in maintenance.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node 192.0.2.7 install --disk serial=S1 --code -")]
pub struct InstallTo {
    /// Disk, as /dev/NAME or KEY=VALUE,… with path, serial, wwn, model, size or
    /// transport; exactly one disk must fit
    #[arg(long, value_name = "SELECTOR", value_parser = disk_selector, verbatim_doc_comment)]
    pub disk: DiskSelector,
    /// Overwrite a disk that holds data, or an installation with its state
    #[arg(long)]
    pub wipe: bool,
    /// Path to the documents of the installed node; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Return once the installation has begun; do not wait for its end
    #[arg(long)]
    pub no_wait: bool,
}

/// What to do with a node's clock.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum TimeOrder {
    /// Follow the time servers, however far the step is
    #[command(after_help = "Example: ironhull node single time accept")]
    Accept,
    /// Set the clock
    #[command(after_help = "Example: ironhull node single time set")]
    Set {
        /// Time such as 2026-09-12T07:55:41Z [default: that of this machine]
        #[arg(value_name = "TIME", value_parser = utc)]
        to: Option<u64>,
    },
}

/// Show the state, its snapshots, and what can be done.
///
/// The state is what outlives a generation: etcd or kine, PKI, config. A node
/// that could not mount its partition is in maintenance: add --code.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single state")]
pub struct StateOf {
    /// What to do with a snapshot [default: show all]
    #[command(subcommand)]
    pub command: Option<StateCommand>,
}

/// What to do with snapshots of the state.
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// Restore a snapshot and put the state that is there aside
    ///
    /// Done at once if no service runs, otherwise at the next boot. Nothing
    /// is deleted: the state that is there becomes a snapshot.
    #[command(after_help = "Example: ironhull node single state restore g1-1 --yes --reboot")]
    Restore {
        /// Name of the snapshot
        snapshot: String,
        /// Do it [default: only check and show]
        #[arg(long)]
        yes: bool,
        /// Reboot now if it is done at the next boot
        #[arg(long, requires = "yes")]
        reboot: bool,
    },
    /// Delete a snapshot for good
    #[command(after_help = "Example: ironhull node single state remove g2-2 --yes")]
    Remove {
        /// Name of the snapshot
        snapshot: String,
        /// Do it [default: only check and show]
        #[arg(long)]
        yes: bool,
    },
    /// Cancel a restore that was ordered for the next boot
    #[command(after_help = "Example: ironhull node single state cancel")]
    Cancel,
    /// Orders about the partition.
    #[command(flatten)]
    Partition(PartitionCommand),
}

/// What to do with a partition that the node could not mount.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum PartitionCommand {
    /// Check the file system of a partition that could not be mounted
    ///
    /// Nothing is changed without --repair. The check goes on if this command
    /// is interrupted.
    #[command(after_help = "Example: ironhull node 192.0.2.7 state check --code -")]
    Check {
        /// Repair everything that is found, whatever is lost by that
        #[arg(long)]
        repair: bool,
    },
    /// Make a partition that could not be mounted anew; its content is lost
    ///
    /// Done at the next boot. Without --yes it only says what would be lost.
    #[command(after_help = "Example: ironhull node 192.0.2.7 state wipe --yes --reboot --code -")]
    Wipe {
        /// Do it [default: only check and show]
        #[arg(long)]
        yes: bool,
        /// Reboot now
        #[arg(long, requires = "yes")]
        reboot: bool,
    },
}

/// What to do with the cluster's store.
#[derive(Clone, Debug, Subcommand)]
pub enum StoreCommand {
    /// Make a snapshot of the running store and write it to a file
    ///
    /// It holds everything that the cluster knows, its secrets too. A snapshot
    /// of etcd is as `etcdctl snapshot save` makes it.
    #[command(after_help = "Example: ironhull node single etcd snapshot cluster.db")]
    Snapshot {
        /// Path of the file to write
        file: PathBuf,
        /// Take one that the node has kept instead of a new one
        #[arg(long, value_name = "NAME")]
        kept: Option<String>,
    },
    /// List the snapshots that the node makes by itself, one a day
    #[command(after_help = "Example: ironhull node single etcd kept")]
    Kept,
    /// Give the room of deleted data back; etcd pauses meanwhile
    #[command(after_help = "Example: ironhull node single etcd defrag")]
    Defrag,
    /// Have etcd accept changes again after its quota was used up
    ///
    /// Drops the history, defragments, and lifts the alarms of etcd.
    #[command(after_help = "Example: ironhull node single etcd disarm")]
    Disarm,
    /// Restore a snapshot in place of what the store holds now
    Restore(StoreRestoreOf),
}

/// Restore a snapshot in place of what the store holds now.
///
/// The node checks the snapshot, stops all services that need the store,
/// exchanges the data and starts them again; containers go on. Nothing is
/// deleted: what there is now becomes a snapshot of the state.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single etcd restore cluster.db --yes")]
pub struct StoreRestoreOf {
    /// Path to the snapshot
    pub file: PathBuf,
    /// Do it [default: only check and show]
    #[arg(long)]
    pub yes: bool,
    /// Accept a snapshot of a cluster with other certificate authorities
    #[arg(long)]
    pub foreign: bool,
}

/// Install a bundle and reboot into the new generation.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single upgrade out/single.hull")]
pub struct UpgradeTo {
    /// Path to a bundle, or URL from which the node downloads it
    #[arg(value_name = "FILE|URL")]
    pub bundle: String,
    /// Evict the pods first; they are recreated after the reboot
    #[arg(long)]
    pub drain: bool,
    /// Install only; the next boot starts the new generation
    #[arg(long)]
    pub no_reboot: bool,
    /// Return when the node goes down; do not wait for the outcome
    #[arg(long, conflicts_with = "no_reboot")]
    pub no_wait: bool,
    /// Maximum time to wait for the outcome
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    pub time_limit: Duration,
}

/// Print the log of a service, init or the kernel.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull node single logs kubelet --follow")]
pub struct LogsOf {
    /// Name of the service, or `init` or `kernel`
    pub service: String,
    /// Number of lines to print, from the end
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub lines: u32,
    /// Follow the log
    #[arg(long, short)]
    pub follow: bool,
    /// Print the log kept from a generation that failed its trial
    #[arg(long, value_name = "GENERATION", conflicts_with = "follow")]
    pub failed: Option<u32>,
}
