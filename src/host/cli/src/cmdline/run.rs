//! `ironhull run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Inputs;
use super::values::{duration, memory, size};

/// Boot an image in QEMU until its cluster answers.
///
/// Builds what is missing, forwards the ports of Kubernetes (6443), the node
/// API (9443) and the demo (30080) to 127.0.0.1, and writes a kubeconfig next
/// to the disk.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull run single --memory 4G --detach")]
pub struct Run {
    /// Profile to build, by file or name, or an image
    pub target: PathBuf,
    /// Memory of the machine, at least 1G
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = memory)]
    pub memory: u64,
    /// Processors of the machine
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Size of a new disk; at least the image's own
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = size)]
    pub disk: u64,
    /// What the machine starts: anything, or only what a key has signed
    #[arg(long, value_enum, default_value_t = Firmware::Uefi)]
    pub firmware: Firmware,
    /// Keys made by `ironhull keys create`, for --firmware secureboot
    #[arg(long, value_name = "DIR", required_if_eq("firmware", "secureboot"))]
    pub keys: Option<PathBuf>,
    /// Node and cluster config [default: a new one with a demo]
    #[arg(long, value_name = "FILE")]
    pub user_data: Option<PathBuf>,
    /// Operator credentials that go with --user-data
    #[arg(long, value_name = "DIR", requires = "user_data")]
    pub credentials: Option<PathBuf>,
    /// Name of the machine [default: that of the image]
    #[arg(long)]
    pub name: Option<String>,
    /// Return once the cluster answers, the machine goes on
    #[arg(long)]
    pub detach: bool,
    /// Make a new disk; what is on the old one is lost
    #[arg(long, conflicts_with = "keep")]
    pub fresh: bool,
    /// Boot the old disk with its old image
    #[arg(long)]
    pub keep: bool,
    /// How long the cluster may take to answer
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub time_limit: Duration,
    /// Where the inputs come from.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// What firmware a machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Firmware {
    /// UEFI without Secure Boot.
    #[value(help = "UEFI without Secure Boot")]
    Uefi,
    /// UEFI with Secure Boot and the keys of --keys.
    #[value(name = "secureboot", help = "UEFI with Secure Boot and your keys")]
    SecureBoot,
}
