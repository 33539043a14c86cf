//! The cluster keeps its objects over a reboot, and the pod answers again.

use e2e::lab::Lab;
use e2e::node::wait;

use crate::node_ready::get;

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let _ = node.kubectl(&["create", "configmap", "before-reboot", "--from-literal=a=b"]);
    let boot_id = "jsonpath={.items[0].status.nodeInfo.bootID}";
    let before = node.kubectl(&["get", "nodes", "-o", boot_id]);
    let _ = node.ask(&["reboot"]);
    wait("the node is Ready in another boot", || {
        node.try_kubectl(&["get", "nodes", "-o", boot_id]).is_ok_and(|id| !id.is_empty() && id != before)
    });
    let _ = node.kubectl(&["get", "configmap", "before-reboot"]);
    let ready = ["wait", "--for=condition=Ready", "pod", "--all", "--timeout=240s"];
    let _ = node.kubectl(&ready);
    wait("the pod answers", || {
        std::panic::catch_unwind(|| get(node.port(30080))).is_ok_and(|a| a.contains("hello from"))
    });
}
