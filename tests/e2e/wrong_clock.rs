//! A machine whose clock is years off becomes a cluster, follows a time server that comes late, and lives through steps
//! past the end of its certificates and back. One node, two boots of its disk.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use e2e::lab::Lab;
use e2e::node::{Node, wait};
use e2e::time_server::{self, TimeServer};
use e2e::{image, tool};
use serde_json::Value;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// Longer than the certificates of components live.
const PAST_THEIR_END: u64 = 400 * DAY;

/// Shows it.
pub fn show(lab: &mut Lab) {
    let Some(server) = TimeServer::start() else { return };
    let dir = lab.dir().join("clock");
    let clock = Clock { node: lab.other_node("clock"), credentials: dir.display().to_string() };
    let config = config(&clock.node, &dir);
    let boot = |rtc| clock.node.run_at(&image::qcow2(), &["--user-data", &config], rtc);

    // The cluster answers this host, whose clock is right: its certificates are of the present.
    boot("2045-01-01T00:00:00");
    let time = clock.time();
    assert_eq!(time["trust"], "wrong", "{time}");
    assert!(off(&time) < 2 * HOUR, "{time}");
    assert!(time["machineEpochSecs"].as_u64().unwrap() > 2_366_841_600, "{time}");
    let _ = clock.node.kubectl(&["create", "configmap", "of-2045", "--from-literal=a=b"]);

    server.answer(i64::try_from(PAST_THEIR_END).unwrap());
    let before = clock.pid("kube-apiserver");
    wait("the clock follows the server", || clock.time()["trust"] == "one-server");
    clock.is_healed(before, now() + PAST_THEIR_END);

    server.answer(0);
    let before = clock.pid("kube-apiserver");
    let accepted = clock.ask(&["time", "accept"]);
    assert_eq!((accepted["trust"].as_str(), off(&accepted) < 60), (Some("confirmed"), true), "{accepted}");
    clock.is_healed(before, now());
    // This host has verified the API server's certificate.
    let _ = clock.node.kubectl(&["get", "configmap", "of-2045"]);

    server.silence();
    let _ = clock.ask(&["shutdown"]);
    wait("QEMU is gone", || !clock.node.is_running());
    boot("2020-01-01T00:00:00");
    let time = clock.time();
    assert_eq!((&time["trust"], &time["earliestBy"]), (&"wrong".into(), &"confirmed".into()), "{time}");
    // Where it was when it went down; the boot itself is no error.
    assert!(off(&time) < HOUR, "{time}");
    let _ = clock.node.kubectl(&["get", "configmap", "of-2045"]);
}

/// Makes the config that `ironhull config init` makes, with the time server.
fn config(node: &Node, dir: &Path) -> String {
    let output = tool::output(node.ironhull().args(["config", "init", "--hostname", "n1"]).arg(dir));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = dir.join("node.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let address = time_server::ADDRESS;
    let changed = text.replace("\napi:\n", &format!("\ntime: {{ servers: [{address}] }}\napi:\n"));
    assert_ne!(text, changed, "the config has a place for the time");
    fs::write(&file, changed).unwrap();
    file.display().to_string()
}

/// A node and its clock.
struct Clock {
    node: Node,
    credentials: String,
}

impl Clock {
    fn ask(&self, words: &[&str]) -> Value {
        self.node.ask(&[&["--credentials", &self.credentials], words].concat())
    }

    fn time(&self) -> Value {
        self.ask(&["time"])
    }

    fn pid(&self, service: &str) -> Option<u64> {
        let services = self.ask(&["services"]);
        let found = services["services"].as_array().unwrap().iter().find(|s| s["name"] == service);
        found.and_then(|s| s["pid"].as_u64())
    }

    /// Waits until all certificates are valid at `now`, and for as long as new ones are, and the cluster has been
    /// restarted with them.
    fn is_healed(&self, before: Option<u64>, now: u64) {
        wait("the API server was restarted", || {
            self.pid("kube-apiserver").is_some_and(|p| Some(p) != before)
        });
        let status = self.ask(&["status"]);
        for certificate in status["certificates"].as_array().unwrap() {
            let ends = certificate["notAfterEpochSecs"].as_u64().unwrap();
            let years = if certificate["name"].as_str().unwrap().starts_with("ca/") { 10 } else { 1 };
            let life = years * 365 * DAY;
            assert!((now + life / 2..now + life + DAY).contains(&ends), "at {now}: {certificate}");
        }
        wait("the node is Ready again", || {
            let status = self.ask(&["status"]);
            let conditions = status["conditions"].as_array().unwrap();
            ["ServicesReady", "NodeReady"]
                .iter()
                .all(|kind| conditions.iter().any(|c| c["type"] == **kind && c["status"] == "True"))
        });
    }
}

/// Returns how far a node's clock is off.
fn off(time: &Value) -> u64 {
    time["nowEpochSecs"].as_u64().unwrap().abs_diff(now())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
