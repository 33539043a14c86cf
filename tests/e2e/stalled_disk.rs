//! A disk that stalls for longer than the watchdogs wait resets nothing: PID 1 waits for no disk.

use std::thread;
use std::time::Duration;

use e2e::lab::Lab;
use e2e::node::{Node, wait};
use e2e::qmp;

/// How long the disk stalls: the watchdogs reset the machine after 60 s without PID 1.
const STALL: Duration = Duration::from_secs(100);

/// Shows it.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let before = boots(node);
    let throttle = |bytes| qmp::throttle(&node.file("qmp.sock"), bytes).unwrap();
    // A byte a second: the next request takes an hour.
    throttle(1);
    thread::sleep(STALL);
    throttle(0);
    wait("the node answers again", || std::panic::catch_unwind(|| boots(node)).is_ok());
    assert_eq!(boots(node), before, "the machine was reset:\n{}", node.serial());
    let _ = node.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=240s"]);
}

/// Returns how often the boot loader ran.
fn boots(node: &Node) -> u64 {
    node.ask(&["status"])["boot"]["boots"].as_u64().unwrap()
}
