//! A cluster lives on kine over SQLite as well as on etcd, by one line of its config.

use std::fs;

use e2e::lab::Lab;
use e2e::node::{After, wait};
use e2e::{image, tool};
use slots::Partition;

/// Shows it.
pub fn show(lab: &mut Lab) {
    let node = lab.other_node("kine");
    let dir = lab.dir().join("kine");
    let mut init = node.ironhull();
    let output = tool::output(init.args(["config", "init"]).arg(&dir));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = dir.join("node.yaml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("storage: { type: etcd }"), "the config names its storage:\n{text}");
    fs::write(&config, text.replace("storage: { type: etcd }", "storage: { type: kine }")).unwrap();

    node.run(&image::qcow2(), &["--user-data", &config.display().to_string()]);
    let nodes = node.kubectl(&["get", "nodes", "--no-headers"]);
    assert!(nodes.contains(" Ready "), "{nodes}");
    let _ = node.kubectl(&["create", "configmap", "in-sqlite", "--from-literal=a=b"]);
    let _ = node.ask(&["shutdown"]);
    wait("the machine has shut down", || !node.is_running());
    node.check_file_systems(After::Shutdown);

    // The object is in the database or what was written to it last, and etcd was never there.
    let state = node.partition(Partition::State, &dir);
    let debugfs = |request: &str| tool::run("debugfs", &["-R", request, &state]);
    let found = debugfs("ls -p /");
    assert!(found.contains("/kine/") && !found.contains("/etcd/"), "{found}");
    let mut database = Vec::new();
    for name in ["state.db", "state.db-wal"] {
        let copy = dir.join(name);
        debugfs(&format!("dump /kine/{name} {}", copy.display()));
        database.extend(fs::read(&copy).unwrap_or_default());
    }
    assert!(database.starts_with(b"SQLite format 3\0"));
    assert!(database.windows(9).any(|w| w == b"in-sqlite"), "the object is not in the database");
}
