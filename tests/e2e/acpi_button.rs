//! The power button shuts a node down in order: `ironhull stop` presses it.

use e2e::lab::Lab;
use e2e::node::After;
use e2e::tool;

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let mut stop = node.ironhull();
    stop.args(["stop", "e2e"]);
    let output = tool::output(&mut stop);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!node.is_running());
    let serial = node.serial();
    assert!(
        serial.contains("ower down") || serial.contains("ower off"),
        "no power off on the console:\n{serial}"
    );
    node.check_file_systems(After::Shutdown);
}
