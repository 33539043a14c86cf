//! `ironhull netboot`.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Start machines of a network segment.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: ironhull netboot serve out/single.netboot.efi --interface eth0")]
pub struct Netboot {
    /// What to do.
    #[command(subcommand)]
    pub command: NetbootCommand,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum NetbootCommand {
    /// Serve an image to machines that boot over the network
    ///
    /// Stands beside the segment's DHCP server and gives no addresses. Needs root
    /// for the ports 67, 69 and 4011. Runs until it is interrupted and prints what
    /// each machine does.
    #[command(
        after_help = "Example: ironhull netboot serve out/single.netboot.efi --interface eth0 --configs machines"
    )]
    Serve(NetbootServe),
}

/// Options of `netboot serve`.
#[derive(Clone, Debug, Args)]
pub struct NetbootServe {
    /// Path to an image that was built with --format netboot
    pub image: PathBuf,
    /// Network interface on the machines' segment
    #[arg(long, value_name = "NAME")]
    pub interface: String,
    /// Folder with configs: MAC.yaml, UUID.yaml, SERIAL.yaml or default.yaml
    ///
    /// A MAC address is written aa-bb-cc-dd-ee-ff. Files are read when a machine
    /// asks. Machines without a file wait for a config with a pairing code.
    #[arg(long, value_name = "DIR")]
    pub configs: Option<PathBuf>,
    /// Directory with iPXE, used if it is there
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/ipxe")]
    pub ipxe: PathBuf,
    /// Lend these addresses, on a segment without a DHCP server
    #[arg(long, value_name = "FIRST-LAST", value_parser = addresses)]
    pub dhcp: Option<RangeInclusive<Ipv4Addr>>,
    /// Port of the HTTP server
    #[arg(long, value_name = "PORT", default_value_t = 8017)]
    pub http_port: u16,
}

/// Reads a range of addresses.
fn addresses(text: &str) -> Result<RangeInclusive<Ipv4Addr>, String> {
    let range = text.split_once('-').and_then(|(a, b)| Some(a.trim().parse().ok()?..=b.trim().parse().ok()?));
    range.ok_or_else(|| "expected two IPv4 addresses, such as 10.0.0.50-10.0.0.99".to_owned())
}
