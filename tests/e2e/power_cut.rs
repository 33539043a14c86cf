//! What the API server has acknowledged survives an immediate power cut.

use e2e::image;
use e2e::lab::Lab;
use e2e::node::After;

/// The test.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let _ = node.kubectl(&["create", "configmap", "before-power-cut", "--from-literal=a=b"]);
    node.cut_power();
    node.check_file_systems(After::PowerCut);
    node.run(&image::qcow2(), &[]);
    let _ = node.kubectl(&["get", "configmap", "before-power-cut"]);
}
