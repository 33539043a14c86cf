//! A second network port without a cable or a DHCP server holds nothing up: the generation is blessed, and the status
//! says what the port lacks.

use e2e::image;
use e2e::lab::Lab;
use e2e::node::wait;
use serde_json::Value;

/// A port that is plugged in nowhere.
const SPARE: &str = "-netdev hubport,id=spare,hubid=9 -device virtio-net-pci,netdev=spare";

/// Shows it.
pub fn show(lab: &mut Lab) {
    lab.discard_node();
    let node = lab.other_node("spare-nic");
    // Probes of the accelerator are asked for no machine.
    let change = format!("case \"$*\" in *virtio-net-pci*) set -- \"$@\" {SPARE};; esac");
    node.run_changed(&image::qcow2(), &[], &change);

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
