//! A second network port without a cable or a DHCP server holds nothing up: the generation is blessed, and the status
//! says what the port lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use e2e::lab::Lab;
use e2e::node::wait;
use e2e::{image, tool};
use serde_json::Value;

/// A port that is plugged in nowhere.
const SPARE: &str = "-netdev hubport,id=spare,hubid=9 -device virtio-net-pci,netdev=spare";

/// Shows it.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let node = lab.other_node("spare-nic");
    // The first QEMU in PATH is ours: the real one with the port added.
    let programs = lab.dir().join("qemu-with-a-spare-nic");
    fs::create_dir_all(&programs).unwrap();
    let real = tool::run("sh", &["-c", "command -v qemu-system-x86_64"]);
    let wrapper = programs.join("qemu-system-x86_64");
    // Probes of the accelerator are asked for no machine.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *virtio-net-pci*) set -- \"$@\" {SPARE};; esac\nexec {} \"$@\"\n",
        real.trim()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = node.ironhull();
    command.env("PATH", format!("{}:{path}", programs.display()));
    command.arg("run").arg(image::qcow2()).args(["--name", "spare-nic", "--detach"]);
    let output = tool::output(&mut command);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), node.serial());

    wait("the generation is blessed", || {
        let status = node.ask(&["status"]);
        status["boot"]["slots"][0]["flags"].as_array().is_some_and(|f| f.contains(&Value::from("blessed")))
    });
    let status = node.ask(&["status"]);
    let network =
        status["conditions"].as_array().and_then(|all| all.iter().find(|c| c["type"] == "NetworkReady"));
    let message = network.and_then(|c| c["message"].as_str()).unwrap_or_default();
    assert!(
        message.starts_with("link eth") && message.contains("DHCP"),
        "the spare port is told of: {status}"
    );
    assert_eq!(status["addresses"].as_array().map(Vec::len), Some(1), "{status}");
}
