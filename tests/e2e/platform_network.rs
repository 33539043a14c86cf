//! A platform gives a node its static address and its name, on a CD as `cloud-localds` makes it: without user-data the
//! node waits for a config at that address and keeps both with it, and with user-data they are part of the config. Over a
//! bond as well, which carries a virtual LAN and outlives the loss of either cable.

use std::fs;
use std::path::Path;

use e2e::bare::{Machine, Setting, ironhull};
use e2e::image;
use e2e::lab::Lab;
use e2e::node::wait;
use serde_json::Value;

/// An address that DHCP would not give.
const ADDRESS: &str = "10.0.2.40";
const NETWORK: &str = "\
version: 2
ethernets:
  uplink:
    match: { macaddress: \"52:54:00:12:34:56\" }
    addresses: [10.0.2.40/24]
    routes: [{ to: default, via: 10.0.2.2 }]
    nameservers: { addresses: [10.0.2.3], search: [lab.example.org] }
";

const BOND: &str = "\
version: 2
ethernets:
  one: { match: { macaddress: \"52:54:00:12:34:56\" } }
  two: { match: { macaddress: \"52:54:00:12:34:57\" } }
bonds:
  uplink:
    interfaces: [one, two]
    addresses: [10.0.2.40/24]
    routes: [{ to: default, via: 10.0.2.2 }]
    nameservers: { addresses: [10.0.2.3], search: [lab.example.org] }
    parameters: { mode: active-backup, mii-monitor-interval: 100 }
vlans:
  storage: { id: 5, link: uplink, addresses: [10.5.0.5/24] }
";

/// The test.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let Some(maker) = judges::find("cloud-localds") else { return };
    let dir = lab.dir().join("platform");
    fs::create_dir_all(&dir).unwrap();
    let file = |name: &str| dir.join(name).display().to_string();
    assert!(ironhull(&["config", "init", &file("me")]).status.success());
    let nameless = fs::read_to_string(file("me/node.yaml")).unwrap().replace("hostname: \"node-1\"\n", "");
    fs::write(file("node.yaml"), nameless).unwrap();
    fs::write(file("plain"), NETWORK).unwrap();
    fs::write(file("bond"), BOND).unwrap();
    fs::write(file("meta-data"), "instance-id: i-7\nlocal-hostname: Web7.example.org\n").unwrap();
    fs::write(file("nothing"), "").unwrap();
    for (iso, network, user_data) in [("alone.iso", "plain", "nothing"), ("full.iso", "bond", "node.yaml")] {
        let network = format!("--network-config={}", file(network));
        maker.agrees(&[&network, &file(iso), &file(user_data), &file("meta-data")]);
    }

    image::overlay((&image::qcow2(), "qcow2"), &dir.join("disk.qcow2"));
    let mut waiting = start(&dir, Some("alone.iso"), false);
    let code = waiting.code(ADDRESS);
    assert_eq!(waiting.succeeded(&["status", "--code", &code])["reason"], "no-config");
    waiting.succeeded(&["apply", &file("node.yaml"), "--code", &code]);
    configured(&waiting, &["api"], &["10.0.2.40/24"]);
    waiting.cut();
    let mut kept = start(&dir, None, false);
    // It is the accepted one once the state was prepared; until then it is kept as it was given.
    configured(&kept, &["api", "last-accepted"], &["10.0.2.40/24"]);
    kept.cut();

    fs::remove_file(file("disk.qcow2")).unwrap();
    image::overlay((&image::qcow2(), "qcow2"), &dir.join("disk.qcow2"));
    let full = start(&dir, Some("full.iso"), true);
    let status = configured(&full, &["nocloud"], &["10.0.2.40/24", "10.5.0.5/24"]);
    assert_eq!(status["config"]["foundAt"], "sr0:user-data");
    for adapter in ["nic0", "nic1"] {
        full.cable(adapter, false);
        wait("the node answers through its other adapter", || full.has("NetworkReady"));
        full.cable(adapter, true);
    }
}

fn start(dir: &Path, cd: Option<&str>, second_port: bool) -> Machine {
    let cd = cd.map(|cd| {
        format!("if=none,id=seed,readonly=on,media=cdrom,format=raw,file={}", dir.join(cd).display())
    });
    let devices: Vec<String> = cd
        .into_iter()
        .flat_map(|cd| ["-drive".into(), cd, "-device".into(), "ide-cd,drive=seed".into()])
        .collect();
    Machine::start(dir, &Setting { address: ADDRESS, devices: &devices, second_port, ..Setting::default() })
}

/// Waits until the node has its config; it has address and name of the platform then.
fn configured(machine: &Machine, sources: &[&str], addresses: &[&str]) -> Value {
    wait("the node is configured", || machine.has("NetworkReady"));
    let status = machine.status();
    assert_eq!(status["nodeName"], "web7", "{status}");
    assert!(sources.iter().any(|source| status["config"]["source"] == *source), "{status}");
    assert_eq!(status["addresses"], Value::from(addresses), "{status}");
    status
}
