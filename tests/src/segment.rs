//! A network segment in namespaces: a bridge with a port for a machine, an operator's host on it, and a DHCP server of somebody else
//! behind a link. Needs root.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::tool;

/// Address of the operator's host.
pub const HOST: &str = "10.7.0.1";
/// Its interface on the segment.
pub const BRIDGE: &str = "br0";
/// Begin of the addresses that the DHCP server lends.
pub const LENT: &str = "10.7.0.5";

/// The segment; it and all that runs on it end when it is dropped.
#[derive(Debug)]
pub struct Segment {
    host: String,
    far: String,
    server: Option<Child>,
}

impl Segment {
    /// Makes the segment; the DHCP server keeps its files in `dir`.
    ///
    /// # Panics
    /// If a tool is missing or fails.
    #[must_use]
    pub fn make(dir: &Path) -> Segment {
        let id = std::process::id();
        let (host, far) = (format!("ironhull-host-{id}"), format!("ironhull-far-{id}"));
        let mut segment = Segment { host, far, server: None };
        let (host, far) = (segment.host.as_str(), segment.far.as_str());
        for line in [
            format!("netns add {host}"),
            format!("netns add {far}"),
            format!("-n {host} link add {BRIDGE} type bridge"),
            format!("-n {host} link add far type veth peer name near netns {far}"),
            format!("-n {host} tuntap add tap0 mode tap"),
            format!("-n {host} link set far master {BRIDGE} up"),
            format!("-n {host} link set tap0 master {BRIDGE} up"),
            format!("-n {host} address add {HOST}/24 dev {BRIDGE}"),
            format!("-n {host} link set {BRIDGE} up"),
            format!("-n {far} address add 10.7.0.2/24 dev near"),
            format!("-n {far} link set near up"),
        ] {
            tool::run("ip", &line.split(' ').collect::<Vec<_>>());
        }
        let lease = format!("--dhcp-leasefile={}", dir.join("leases").display());
        let pid = format!("--pid-file={}", dir.join("dnsmasq.pid").display());
        let mut command = within(far, &Command::new("dnsmasq"));
        command.args([
            "--keep-in-foreground",
            "--user=root",
            "--conf-file=/dev/null",
            "--port=0",
            &lease,
            &pid,
        ]);
        command.args(["--interface=near", "--dhcp-range=10.7.0.50,10.7.0.59,255.255.255.0,1h"]);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starting dnsmasq");
        segment.server = Some(server);
        segment
    }

    /// Returns the command as it runs on the operator's host.
    #[must_use]
    pub fn on_host(&self, command: &Command) -> Command {
        within(&self.host, command)
    }

    /// Returns QEMU's words for an adapter on the segment, from which the machine starts.
    #[must_use]
    pub fn adapter() -> [String; 4] {
        [
            "-netdev",
            "tap,id=segment,ifname=tap0,script=no,downscript=no",
            "-device",
            "virtio-net-pci,netdev=segment,romfile=,bootindex=0",
        ]
        .map(str::to_owned)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // It may have ended already.
            drop(server.kill());
            drop(server.wait());
        }
        for namespace in [&self.host, &self.far] {
            drop(tool::output(Command::new("ip").args(["netns", "delete", namespace])));
        }
    }
}

/// Returns the command as it runs in a namespace.
fn within(namespace: &str, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    inside
}
