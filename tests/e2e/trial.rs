//! A generation that gets healthy is blessed by the node itself.

use e2e::lab::Lab;
use e2e::node::wait;
use e2e::tool;
use serde_json::Value;

/// Shows it.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    wait("generation 1 is blessed", || slot(&node.ask(&["status"]), 0)["flags"][1] == "blessed");
    let status = node.ask(&["status"]);
    assert_eq!(slot(&status, 0)["triesLeft"], 9, "{status:#}");
    assert_eq!(status["boot"]["why"], "has-tries", "{status:#}");
    assert!(status["boot"]["trial"].is_null(), "{status:#}");

    // The negative: there is nothing to go back to.
    let mut rollback = node.ironhull();
    let refused = tool::output(rollback.args(["node", "e2e", "rollback"]));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("slot b holds no whole generation"), "{told}");
    assert!(told.contains("\nhint: "), "{told}");
}

/// Returns a slot out of a status.
fn slot(status: &Value, index: usize) -> &Value {
    &status["boot"]["slots"][index]
}
