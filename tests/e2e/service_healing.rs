//! Each service killed with SIGKILL is restarted and becomes ready without intervention.

use e2e::lab::Lab;
use e2e::node::{Node, wait};
use e2e::tool;
use serde_json::Value;

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let services = node.ask(&["services"]);
    let running: Vec<&Value> = list(&services).iter().filter(|s| s["state"] == "ready").collect();
    assert!(running.len() >= 7, "{services:#}");
    for service in running.into_iter().filter(|s| s["pid"].is_u64()) {
        let name = service["name"].as_str().unwrap();
        // If noded was killed, it can't respond; whether the signal was sent is checked below.
        let mut kill = node.ironhull();
        kill.args(["node", "e2e", "signal", name, "KILL"]);
        let _ = tool::output(&mut kill);
        wait(&format!("{name} is ready again"), || {
            state_of(node, name).is_some_and(|now| now["state"] == "ready" && now["pid"] != service["pid"])
        });
    }
    let _ = node.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=240s"]);
}

/// Returns the services in a response.
fn list(answer: &Value) -> &Vec<Value> {
    answer["services"].as_array().or(answer.as_array()).unwrap()
}

/// Returns the current state of a service; `None` while the node does not respond.
fn state_of(node: &Node, name: &str) -> Option<Value> {
    let answer = std::panic::catch_unwind(|| node.ask(&["services"])).ok()?;
    list(&answer).iter().find(|s| s["name"] == name).cloned()
}
