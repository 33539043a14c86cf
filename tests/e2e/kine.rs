//! A cluster uses kine over SQLite with one line of its config, and what was acknowledged survives an
//! immediate power cut, as on etcd. Its node also has a name and an address of its own, which saves another
//! boot.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::lab::Lab;
use e2e::node::{After, Node};
use e2e::{image, tool};
use slots::Partition;

use crate::{node_ready, store_snapshot};

/// The node's address: the one to which QEMU forwards, but with another prefix length than DHCP provides.
const ADDRESS: &str = "10.0.2.15/16";
/// What its config has in place of the name written by `config init`.
const NETWORK: &str = "\
hostname: n7
network:
  ethernets:
    eth0:
      addresses: [10.0.2.15/16]
      routes: [{ to: default, via: 10.0.2.2 }]
      nameservers: { addresses: [10.0.2.3] }
";

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.other_node("kine");
    let dir = lab.dir().join("kine");
    let config = config(&node, &dir).display().to_string();
    let run = || node.run(&image::qcow2(), &["--user-data", &config]);

    run();
    let nodes = node.kubectl(&["get", "nodes", "--no-headers"]);
    assert!(nodes.starts_with("n7 ") && nodes.contains(" Ready "), "{nodes}");
    let status = node.ask(&["--credentials", &dir.display().to_string(), "status"]);
    assert_eq!(status["addresses"], serde_json::json!([ADDRESS]));
    node_ready::first_objects_were_there_before(&node);
    let _ = node.kubectl(&["create", "configmap", "in-sqlite", "--from-literal=a=b"]);
    node.cut_power();
    node.check_file_systems(After::PowerCut);
    the_database_is_whole(&node, &dir);

    run();
    let _ = node.kubectl(&["get", "configmap", "in-sqlite"]);
    store_snapshot::a_snapshot_comes_back(&node, &dir, &["--credentials", &dir.display().to_string()]);
}

/// Makes a config with `ironhull config init`, and changes the store, the name and the address.
fn config(node: &Node, dir: &Path) -> PathBuf {
    let output = tool::output(node.ironhull().args(["config", "init", "--hostname", "n1"]).arg(dir));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = dir.join("node.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("storage: { type: etcd }"), "the config names its storage:\n{text}");
    let changed = text.replace("storage: { type: etcd }", "storage: { type: kine }");
    assert!(changed.contains("\nhostname: \"n1\"\n"), "the config names its node:\n{text}");
    fs::write(&file, changed.replace("hostname: \"n1\"\n", NETWORK)).unwrap();
    file
}

/// SQLite finds no errors in its database, and the object in it; etcd never ran.
fn the_database_is_whole(node: &Node, dir: &Path) {
    let state = node.partition(Partition::State, dir);
    tool::run("e2fsck", &["-E", "journal_only", "-y", &state]);
    let debugfs = |request: &str| tool::run("debugfs", &["-R", request, &state]);
    let found = debugfs("ls -p /");
    assert!(found.contains("/kine/") && !found.contains("/etcd/"), "{found}");
    debugfs(&format!("rdump /kine {}", dir.display()));
    let database = dir.join("kine/state.db").display().to_string();
    let sqlite = |query: &str| tool::run("sqlite3", &[database.as_str(), query]);
    assert_eq!(sqlite("PRAGMA integrity_check"), "ok\n");
    let stored = sqlite("SELECT name FROM kine WHERE name LIKE '%/in-sqlite' AND deleted = 0");
    assert_eq!(stored, "/registry/configmaps/default/in-sqlite\n");
}
