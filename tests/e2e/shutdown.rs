//! `ironhull node … shutdown` shuts a node down in order.

use e2e::lab::Lab;
use e2e::node::{After, wait};

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let _ = node.ask(&["shutdown"]);
    wait("the machine is off", || !node.is_running());
    node.check_file_systems(After::Shutdown);
}
