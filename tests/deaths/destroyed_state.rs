//! A state partition of which all superblocks are lost: no check repairs it, and the node is no mute box. It says what
//! is wrong, takes orders from whoever reads its console, changes nothing unasked, and takes a config after a wipe.

use e2e::bare::last_code;
use e2e::lab::Lab;
use e2e::node::wait;
use serde_json::Value;
use slots::Partition;

use crate::disk::Disk;
use crate::machine::{ANSWERS, Machine, Running};
use crate::operator::Operator;

/// Printed by `init` when it makes the state's file system.
const MADE: &str = "making the file system of state";

/// The test.
pub fn show(lab: &Lab) -> String {
    let operator = Operator::without_control_plane(lab, "destroyed-state");
    let disk = Disk::new(lab, "destroyed-state");
    operator.machine().start(&disk).wait_for(ANSWERS);
    disk.destroy(Partition::State);
    let before = disk.begin(Partition::State);

    // Without user-data: the config was on the state.
    let mut running = Machine { user_data: None, ..operator.machine() }.start(&disk);
    let code = code(&mut running, "hint: ironhull node 10.0.2.15 state --code ");
    let took = running.wait_for("waits for an operator: its state partition can't be used");
    let ask = |words: &[&str]| operator.pair(&code, words);
    let status = succeeded(ask(&["status"]), &running);
    assert_eq!((&status["reason"], &status["wrongCodes"]), (&"state-unusable".into(), &0.into()));
    let state = &status["partitions"][0];
    assert_eq!((&state["name"], &status["partitions"][1]), (&"state".into(), &Value::Null), "{status}");
    assert!(state["problem"].as_str().unwrap().starts_with("mounting "), "{state}");
    assert!(state["device"].as_str().unwrap().starts_with("/dev/"), "{state}");
    let refused = ask(&["apply", &operator.config()]).output().unwrap();
    assert!(!refused.status.success(), "there is nowhere to keep a config");

    let checked = ask(&["state", "check"]).output().unwrap();
    let result: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&result["check"]["repair"], checked.status.success()), (&false.into(), false), "{result}");
    assert_eq!(result["check"]["result"], "failed", "{result}");
    let shown = succeeded(ask(&["state", "wipe"]), &running);
    assert!(shown["lost"].to_string().contains("certificate authorities"), "{shown}");
    assert!(disk.begin(Partition::State) == before, "nothing was changed unasked");
    assert!(!running.serial().contains(MADE));

    succeeded(ask(&["state", "wipe", "--yes", "--reboot"]), &running);
    running.wait_for(MADE);
    let new = self::code(&mut running, "hint: ironhull node 10.0.2.15 apply node.yaml --code ");
    assert_ne!(new, code);
    succeeded(operator.pair(&new, &["apply", &operator.config()]), &running);
    running.wait_for(ANSWERS);
    wait("the node has its config", || {
        let answered = operator.order(&["status"]).output().unwrap();
        let status: Value = serde_json::from_slice(&answered.stdout).unwrap_or_default();
        status["config"]["source"] == "api"
    });
    assert_eq!(disk.record().slots.a.tries_left, slots::BLESSED_TRIES, "{}", disk.record());
    format!("maintenance {:.0} s after power-on, configured again after a wipe", took.as_secs_f32())
}

/// Waits until the node shows how to reach it, and returns its code.
fn code(running: &mut Running, hint: &str) -> String {
    running.wait_for(hint);
    last_code(&running.serial())
}

fn succeeded(mut command: std::process::Command, running: &Running) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}\n{}", running.serial());
    serde_json::from_slice(&output.stdout).unwrap()
}
