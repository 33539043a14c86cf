//! A config that is wrong starts nothing; each error is on the console, with line and caret.

use std::fs;

use e2e::image;
use e2e::lab::Lab;
use e2e::node::wait;

/// Two errors, in two lines.
const CONFIG: &str = "\
apiVersion: ironhull.dev/v1
kind: NodeConfig
hostnam: x
network: { ethernets: { eth0: { dhcp4: maybe } } }
";

/// Shows it.
pub fn show(lab: &mut Lab) {
    let node = lab.other_node("badconfig");
    let file = lab.dir().join("bad.yaml");
    fs::write(&file, CONFIG).unwrap();
    let mut run = node.ironhull();
    run.arg("run").arg(image::qcow2()).args(["--name", "badconfig", "--user-data"]).arg(&file);
    let mut run = run.stderr(std::process::Stdio::null()).spawn().unwrap();
    // The command itself may refuse what the node would refuse.
    wait("both errors are told", || {
        let serial = node.serial();
        (serial.contains("hostnam") && serial.contains("dhcp4") && serial.contains('^'))
            || run.try_wait().is_ok_and(|s| s.is_some())
    });
    assert!(!node.serial().contains("stage network"), "the node went on:\n{}", node.serial());
    node.cut_power();
    assert!(!run.wait().unwrap().success());
}
