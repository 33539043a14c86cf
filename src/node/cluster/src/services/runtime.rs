//! containerd, the import of the image archives, and the pod network.

use config::{Cidr, NetworkProvider};
use control::{Limits, Probe, User};
use serde_json::json;

use super::builder::{after, daemon, exec, health, task};
use super::parts::{NODED, Parts};
use crate::facts::Facts;
use crate::file::{Directory, File};

/// Name of the service.
pub(crate) const NAME: &str = "containerd";
/// Name of the task that imports the container images of the root.
pub(crate) const IMPORT: &str = "image-import";
/// Path of containerd's socket.
pub const SOCKET: &str = "/run/containerd/containerd.sock";
const CONFIG: &str = "/etc/containerd/config.toml";

pub(crate) fn add(facts: &Facts, parts: &mut Parts) {
    parts.directories.push(Directory::public("/etc/containerd"));
    parts.directories.push(Directory::public("/etc/cni/net.d"));
    parts.directories.push(Directory::public("/run/containerd"));
    parts.files.push(File::public(CONFIG, config()));
    // On a node that has joined, the pods' addresses are known later. Other providers write their own.
    let network = &facts.cluster.spec.network;
    if facts.server.is_none() && network.provider == NetworkProvider::Bridge {
        parts.files.push(pod_network(network.first_node_cidr()));
    }
    let command = ["/usr/bin/containerd", "--config", CONFIG].map(str::to_owned).to_vec();
    let mut service = daemon(NAME, User::ROOT, command);
    service.readiness = exec(&[NODED, "wait-unix", SOCKET]);
    service.health = health(Probe::Exec([NODED, "wait-unix", SOCKET].map(str::to_owned).to_vec()));
    service.limits =
        Limits { oom_score_adj: Some(-999), open_files: Some(1 << 20), delegate: true, ..Limits::default() };
    parts.services.push(service);
    let mut import = task(IMPORT, User::ROOT, &[NODED, "import-images"]);
    import.after = after([NAME]);
    parts.services.push(import);
}

/// Returns containerd's configuration, version 4 (2.4 and later), as far as it differs from the defaults.
fn config() -> String {
    format!(
        r#"version = 4
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.differ.v1.erofs",
  "io.containerd.internal.v1.opt",
  "io.containerd.nri.v1.nri",
]

[plugins."io.containerd.server.v1.grpc"]
  address = "{SOCKET}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  # The files of an image are on the disk before containerd notes that they are: after a power cut it would keep empty
  # ones for good.
  image_pull_with_sync_fs = true

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/cni/bin"]
  conf_dir = "/etc/cni/net.d"
  max_conf_num = 1
  use_internal_loopback = true

[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "/usr/bin/runc"
  SystemdCgroup = false
"#,
        PAUSE = crate::PAUSE_IMAGE
    )
}

/// Returns the configuration of the pod network: a bridge for the node's pod addresses `pods`, and host ports. containerd
/// notices the file when it appears.
///
/// Leases are kept in `/run`: no container survives a reboot, so its address must not either.
#[must_use]
pub fn pod_network(pods: Cidr) -> File {
    let pods = pods.to_string();
    let conflist = json!({
        "cniVersion": "1.0.0",
        "name": "ironhull",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipMasq": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": pods }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                    "dataDir": "/run/cni",
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    });
    File::public("/etc/cni/net.d/10-ironhull.conflist", format!("{conflist:#}\n"))
}
