//! A data partition that can't be mounted: the node keeps its config and its API, says what is wrong to its operator,
//! and is whole again after a wipe.

use e2e::lab::Lab;
use e2e::node::wait;
use serde_json::Value;
use slots::Partition;

use crate::disk::Disk;
use crate::machine::ANSWERS;
use crate::operator::Operator;

/// The test.
pub fn show(lab: &Lab) -> String {
    let operator = Operator::without_control_plane(lab, "destroyed-data");
    let (machine, disk) = (operator.machine(), Disk::new(lab, "destroyed-data"));
    machine.start(&disk).wait_for(ANSWERS);
    disk.destroy(Partition::Data);

    let mut running = machine.start(&disk);
    let took = running.wait_for(ANSWERS);
    let ask = |words: &[&str]| -> Value {
        let output = operator.order(words).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    };
    let usable = || {
        let status = ask(&["status"]);
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.iter().find(|c| c["type"] == "DataUsable").cloned();
        (!conditions.is_empty()).then_some(found)
    };
    wait("the node says that its data can't be used", || {
        usable().flatten().is_some_and(|c| {
            c["status"] == "False" && c["message"].as_str().unwrap().starts_with("data (/dev/")
        })
    });
    assert_eq!(ask(&["data", "check"])["check"]["result"], "failed");
    let refused = operator.order(&["state", "wipe", "--yes"]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("the partition state is in use"), "{told}");
    assert!(!ask(&["data", "wipe", "--yes", "--reboot"])["lost"].is_null());
    running.wait_for("making the file system of data");
    wait("the data can be used", || usable().is_some_and(|found| found.is_none()));
    format!("the node API answered {:.0} s after power-on without data", took.as_secs_f32())
}
