//! `ironhull run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Inputs;
use super::values::{duration, memory, size};

/// Boot an image in QEMU and wait for its cluster.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull run single --memory 4G --detach")]
pub struct Run {
    /// Profile to build (path or name), or path to an image
    #[arg(required_unless_present = "cluster")]
    pub target: Option<PathBuf>,
    /// Path to a file that lists machines on one segment, such as
    /// demo/cluster.yaml: the first is the controller, the others join it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "name", "user_data", "memory", "cpus", "disk"])]
    pub cluster: Option<PathBuf>,
    /// Memory size, at least 1G
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = memory)]
    pub memory: u64,
    /// Number of virtual CPUs
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Size of a new disk, at least that of the image
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = size)]
    pub disk: u64,
    /// Firmware, with or without Secure Boot
    #[arg(long, value_enum, default_value_t = Firmware::Uefi)]
    pub firmware: Firmware,
    /// Path to keys from `ironhull keys create`, for secureboot
    #[arg(long, value_name = "DIR", required_if_eq("firmware", "secureboot"))]
    pub keys: Option<PathBuf>,
    /// Path to node and cluster config [default: new, with a demo]
    #[arg(long, value_name = "FILE")]
    pub user_data: Option<PathBuf>,
    /// Path to the operator credentials for --user-data
    #[arg(long, value_name = "DIR", requires = "user_data")]
    pub credentials: Option<PathBuf>,
    /// Name of the machine [default: name of the image]
    #[arg(long)]
    pub name: Option<String>,
    /// Return when the cluster is ready; keep the machine running
    #[arg(long)]
    pub detach: bool,
    /// Replace the disk; the data on the old one is lost
    #[arg(long, conflicts_with = "keep")]
    pub fresh: bool,
    /// Keep the disk and boot its old image
    #[arg(long)]
    pub keep: bool,
    /// Maximum time to wait for the cluster
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub time_limit: Duration,
    /// Inputs and output directory.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Firmware of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Firmware {
    /// UEFI without Secure Boot.
    #[value(help = "UEFI without Secure Boot")]
    Uefi,
    /// UEFI with Secure Boot and the keys of --keys.
    #[value(name = "secureboot", help = "UEFI with Secure Boot and the keys of --keys")]
    SecureBoot,
}
